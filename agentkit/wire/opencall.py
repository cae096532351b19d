"""Calls that are still coming, pure: `add_piece` finds the call that a delta is of; `merge` uses it.

Which call that is follows what servers do: by `index` where one is sent, a new call at each new id or name where none
is, a new call too where an index is used again with another id and name. Only a name begins a call for certain.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pydantic_core import from_json

from agentkit.errors import InvalidResponseError
from agentkit.kind import is_object
from agentkit.wire.chunk import ToolCallDelta
from agentkit.wire.reading import json_text, new_call_id
from agentkit.wire.repair import MOST_CALLS, too_many_calls

__all__ = ["OpenCall", "add_piece"]

_PLACEHOLDER = "{}"  # before the arguments: LiteLLM's older streams of Anthropic's models
_READ = ("custom", "name", "arguments", "input")


class OpenCall:
    """A call that is still coming; its pieces are joined once, at the end."""

    __slots__ = ("arguments", "extra", "function_extra", "id", "index", "name", "position", "type")

    def __init__(self, position: int, index: int | None) -> None:
        self.position = position
        self.index = index
        self.id = ""
        self.type = "function"
        self.name = ""
        self.arguments: list[str] = []
        self.extra: dict[str, Any] = {}
        self.function_extra: dict[str, Any] = {}

    def add(self, piece: ToolCallDelta, name: str, arguments: str) -> None:
        """Take a piece, whose name and arguments were read already."""
        if piece.id and not self.id:
            self.id = piece.id
        if piece.index is not None and self.index is None:
            self.index = piece.index
        if piece.type:
            self.type = piece.type
        if piece.model_extra:
            self.extra.update((k, v) for k, v in piece.model_extra.items() if k not in _READ)
        if piece.function is not None and piece.function.model_extra:
            self.function_extra |= piece.function.model_extra
        self.say(name, arguments)

    def say(self, name: str, arguments: str) -> None:
        """Take a piece of the function."""
        if name and name != self.name:  # repeated whole: some proxies; in pieces: a few servers
            self.name += name
        if arguments:
            if self.arguments == [_PLACEHOLDER] and not arguments.isspace():
                self.arguments.clear()
            self.arguments.append(arguments)

    def is_whole(self) -> bool:
        """Tell whether the arguments so far are a JSON object, so that more of them would be another call's."""
        last = next((piece for piece in reversed(self.arguments) if not piece.isspace()), "")
        if not last.rstrip().endswith("}"):
            return False
        try:
            from_json("".join(self.arguments))
        except ValueError:
            return False
        return True

    def to_dict(self) -> dict[str, Any]:
        """Give the call in the contract's JSON form; one without an id gets one."""
        self.id = self.id or new_call_id()
        arguments = "".join(self.arguments) if self.type == "custom" else _told_once(self.arguments)
        function = self.function_extra | {"name": self.name, "arguments": arguments}
        call = {"id": self.id, "type": self.type, "function": function}
        if self.type == "custom":
            call["custom"] = {"name": self.name, "input": arguments}
        return self.extra | call


def add_piece(calls: list[OpenCall], piece: ToolCallDelta, named: list[OpenCall]) -> tuple[str, str, OpenCall] | None:
    """Add a piece to the call that it is of, or begin another with it; give the kind, its arguments, and the call.

    A piece that begins one without id, name or arguments is a placeholder (`"tool_calls": [{}]`), and gives None.

    Args:
        calls: Those of the choice so far, in their order.
        piece: What came.
        named: Those that were named in the same chunk; it is kept up here.

    Raises:
        InvalidResponseError: The calls are more than any real reply makes.
    """
    name, arguments = _function_of(piece)
    call = _call_of(calls, piece, name, arguments)
    if call is not None:
        if arguments[:1] == "{" and arguments[-1] == "}" and _repeats(call, piece, name, arguments):
            arguments = ""
        elif name and call.name and _begins_another(call, piece, name, arguments, named_beside=call in named):
            call = None
    if call is None:
        if not (name or arguments or piece.id):
            return None
        if len(calls) == MOST_CALLS:
            raise InvalidResponseError(too_many_calls())
        call = OpenCall(len(calls), piece.index)
        calls.append(call)
    call.add(piece, name, arguments)
    if name:
        named.append(call)
    return ("call", arguments, call)


def _function_of(piece: ToolCallDelta) -> tuple[str, str]:
    """Read name and arguments: of the function, of a custom tool's call, or flat beside the id."""
    if piece.function is not None:
        return piece.function.name or "", piece.function.arguments or ""
    extra = piece.model_extra or {}
    source = extra["custom"] if is_object(extra.get("custom")) else extra
    name = source.get("name")
    return name if isinstance(name, str) else "", json_text(source.get("arguments", source.get("input")))


def _call_of(calls: list[OpenCall], piece: ToolCallDelta, name: str, arguments: str) -> OpenCall | None:
    """Find the open call that a piece names by its index or id, or goes on with for want of both."""
    if not calls:
        return None
    last, given = calls[-1], piece.id
    if piece.index == last.index and not given:  # nearly all pieces
        return last
    if piece.index is None:
        if not given:
            return last
        same_id = _with_id(calls, given)
        return same_id or (last if not last.id or _goes_on(last, name, arguments) else None)
    found = next((call for call in reversed(calls) if call.index == piece.index), None)
    if found is not None:
        if not given or not found.id or given == found.id:
            return found
        return _with_id(calls, given) or (found if _goes_on(found, name, arguments) else None)  # an index used again
    if given:
        same_id = _with_id(calls, given)
        return same_id if same_id and (same_id.index is None or not name) else None  # it comes late, or counts pieces
    comes_late = last.index is None and not name
    return last if comes_late or (arguments.strip() and _goes_on(last, name, arguments)) else None


def _with_id(calls: list[OpenCall], given: str) -> OpenCall | None:
    return next((call for call in reversed(calls) if call.id == given), None)


def _goes_on(call: OpenCall, name: str, arguments: str) -> bool:
    """Tell whether a piece with an id or index that nobody has goes on with a call: vLLM gave each piece a new id."""
    return not name and not (arguments.strip() and call.is_whole())


def _repeats(call: OpenCall, piece: ToolCallDelta, name: str, arguments: str) -> bool:
    """Tell whether a piece gives whole arguments a second time: some proxies close a call with all of them again.

    One that names the function must have the call's index and id too, or it is another call of the same tool.
    """
    same = not name or (name == call.name and piece.index is not None and piece.id and piece.id == call.id)
    if not same or not call.is_whole():
        return False
    joined = "".join(call.arguments)
    return arguments == joined or _object(arguments) == _object(joined)


def _begins_another(call: OpenCall, piece: ToolCallDelta, name: str, arguments: str, *, named_beside: bool) -> bool:
    """Tell whether a piece with a name is another call's though it has this one's index or id, or neither.

    Index and id together, or either with no arguments yet, may repeat the name or give it in pieces; a name beside
    another in the same chunk, or after whole arguments, is another call's.
    """
    has_id = bool(piece.id) and piece.id == call.id
    if name != call.name:
        return bool(call.arguments) or (not has_id and (piece.index is None or named_beside))
    if has_id and piece.index is not None:
        return arguments[:1] == "{" and call.is_whole()
    return (named_beside and not has_id) or (bool(arguments.strip()) and call.is_whole())


def _told_once(pieces: list[str]) -> str:
    """Join the arguments of a call; where that is no JSON, see whether they were told more than once.

    Each piece may hold all that came before it (proxies of Baidu's and DeepSeek's models), or the last the whole again,
    as JSON text too (LiteLLM).
    """
    joined = "".join(pieces)
    if len(pieces) == 1 or _object(joined) is not None:
        return joined
    *before, last = pieces or [""]
    whole = _object(last)
    if whole is None:
        return joined
    if len(before[-1]) > 1 and all(longer.startswith(shorter) for shorter, longer in pairwise(pieces)):
        return last
    first = "".join(before)
    return first if _object(first) == whole else joined


def _object(text: str) -> dict[str, Any] | None:
    """Read an object, also one that is written as JSON text; None for anything else."""
    try:
        read = from_json(text)
        read = from_json(read) if isinstance(read, str) else read
    except ValueError:
        return None
    return read if is_object(read) else None
