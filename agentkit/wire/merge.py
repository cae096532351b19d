"""Chunks of a stream joined to a whole reply, pure; the agent's stream and `merge` use it.

Which call a piece belongs to follows what servers do: by `index` where one is sent, a new call at each new id or
name where none is, a new call too where an index is used again with another id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

from agentkit.errors import InvalidResponseError
from agentkit.wire.chunk import ChatCompletionChunk, ChunkChoice, Delta, ToolCallDelta
from agentkit.wire.repair import MOST_CALLS, groq_usage, json_text, new_call_id, too_many_calls
from agentkit.wire.response import ChatCompletion, Choice, ResponseMessage, Usage
from agentkit.wire.think import ThinkSplitter
from agentkit.wire.value import is_array, is_object

__all__ = ["Merger", "OpenCall", "merge"]

_ENVELOPE = ("id", "created", "model", "system_fingerprint", "service_tier")
_TEXTS = ("refusal", "reasoning_text", "reasoning_content")
_TEXT_ONLY = frozenset(("role", "content"))
_PADDING = {"obfuscation": ""}  # OpenAI's, so that the sizes of chunks tell nothing
_UNDONE = ("length", "content_filter")
_READ = ("custom", "name", "arguments", "input")


class OpenCall:
    """A call that is still coming; its pieces are joined once, at the end."""

    __slots__ = ("arguments", "extra", "id", "index", "name", "position", "type")

    def __init__(self, position: int, index: int | None) -> None:
        self.position = position
        self.index = index
        self.id = ""
        self.type = "function"
        self.name = ""
        self.arguments: list[str] = []
        self.extra: dict[str, Any] = {}

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
        self.say(name, arguments)

    def say(self, name: str, arguments: str) -> None:
        """Take a piece of the function."""
        if name and name != self.name:  # repeated whole: some proxies; in pieces: a few servers
            self.name += name
        if arguments:
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
        arguments = "".join(self.arguments)
        call = {"id": self.id, "type": self.type, "function": {"name": self.name, "arguments": arguments}}
        if self.type == "custom":
            call["custom"] = {"name": self.name, "input": arguments}
        return self.extra | call


_Added = list[tuple[str, str, OpenCall | None]]


class _OpenChoice:
    """A choice that is still coming; `think` is None where reasoning has a field of its own."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}
        self.calls: list[OpenCall] = []
        self.legacy: OpenCall | None = None
        self.details: list[Any] = []
        self.annotations: list[Any] = []
        self.audio: dict[str, Any] = {}
        self.logprobs: dict[str, list[Any]] = {}
        self.message_extra: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.finish_reason: str | None = None
        self.think: ThinkSplitter | None = ThinkSplitter()

    @property
    def is_plain(self) -> bool:
        """Tell whether text that comes now is said, and not thought."""
        return "content" in self.fields and (self.think is None or self.think.is_over)


class Merger:
    """Join chunks as they come.

    Attributes:
        usage: The last usage that was sent, never a sum over chunks.
        finished: Whether choice 0 has said why it ended.
        started: Whether any chunk came.
    """

    __slots__ = ("_choices", "_envelope", "finished", "started", "usage")

    def __init__(self) -> None:
        self._choices: dict[int, _OpenChoice] = {}
        self._envelope: dict[str, Any] = {}
        self.usage: Usage | None = None
        self.finished = False
        self.started = False

    def add(self, chunk: ChatCompletionChunk) -> _Added:
        """Take a chunk; give what it adds to choice 0: ("text" | "reasoning" | "call", piece, call).

        Raises:
            InvalidResponseError: The calls of a choice are more than any real reply makes.
        """
        if (text := self._plain(chunk)) is not None:
            return [("text", text, None)]
        usage = chunk.usage
        if usage is None and chunk.model_extra and (counts := groq_usage(chunk.model_extra)):
            usage = Usage.model_validate(counts)
        if usage is not None and (self.usage is None or usage.total_tokens or usage.prompt_tokens):
            self.usage = usage
        if not self.started or not self._envelope.get("id") or usage is not None:
            self._envelope |= {k: v for k in _ENVELOPE if (v := getattr(chunk, k)) and not self._envelope.get(k)}
        self.started = True
        if chunk.model_extra:
            self._envelope |= {k: v for k, v in chunk.model_extra.items() if v is not None}
        added: _Added = []
        for piece in chunk.choices:
            choice = self._choices.get(piece.index)
            if choice is None:
                choice = self._choices[piece.index] = _OpenChoice()
            pieces = _add(choice, piece)
            if piece.index == 0:
                added += pieces
                self.finished = self.finished or bool(piece.finish_reason)
        return added

    def _plain(self, chunk: ChatCompletionChunk) -> str | None:
        """Take a chunk that only goes on with the text of choice 0, as nearly all of them do; None of any other."""
        if (
            len(chunk.choices) != 1
            or chunk.usage is not None
            or (chunk.model_extra or _PADDING).keys() != _PADDING.keys()
        ):
            return None
        (piece,) = chunk.choices
        choice = self._choices.get(0)
        if choice is None or not choice.is_plain or piece.index or piece.finish_reason or piece.logprobs is not None:
            return None
        delta = piece.delta
        if not delta.content or not delta.model_fields_set <= _TEXT_ONLY or piece.model_extra:
            return None
        choice.fields["content"].append(delta.content)
        return delta.content

    def completion(self) -> ChatCompletion:
        """Give the reply as far as it came; call it once, at the end."""
        choices = [_choice(index, choice) for index, choice in sorted(self._choices.items())]
        if not choices:
            choices = [Choice(index=0, message=ResponseMessage())]
        known = {"object": "chat.completion", "choices": choices, "usage": self.usage}
        return ChatCompletion.model_validate(self._envelope | known)


def _add(choice: _OpenChoice, piece: ChunkChoice) -> _Added:
    delta = piece.delta
    added: _Added = []
    if delta.reasoning_text or delta.reasoning_content or delta.reasoning_details:
        added.append(("reasoning", delta.reasoning or "", None))
        if choice.think and not choice.think.started:
            choice.think = None  # tags in the text then are the model's own words
    for name in _TEXTS:
        if text := getattr(delta, name):
            choice.fields.setdefault(name, []).append(text)
    if delta.content:
        added += _say(choice, *(choice.think.feed(delta.content) if choice.think else (delta.content, "")))
    if delta.tool_calls:
        named: list[OpenCall] = []
        added += [_add_call(choice.calls, call, named) for call in delta.tool_calls]
    if piece.finish_reason and choice.finish_reason not in _UNDONE:
        choice.finish_reason = piece.finish_reason
    if delta.model_extra or delta.audio or delta.reasoning_details or delta.annotations or delta.function_call:
        _add_rare(choice, delta)
    if is_object(piece.logprobs):
        for name, tokens in piece.logprobs.items():
            choice.logprobs.setdefault(name, []).extend(tokens if is_array(tokens) else ())
    if piece.model_extra:
        choice.extra |= {k: v for k, v in piece.model_extra.items() if v is not None}
    return [step for step in added if step[1] or step[2]]


def _say(choice: _OpenChoice, said: str, thought: str) -> _Added:
    if said:
        choice.fields.setdefault("content", []).append(said)
    if thought:
        choice.fields.setdefault("reasoning_content", []).append(thought)
    return [("text", said, None), ("reasoning", thought, None)]


def _add_call(calls: list[OpenCall], piece: ToolCallDelta, named: list[OpenCall]) -> tuple[str, str, OpenCall]:
    name, arguments = _function_of(piece)
    call = _call_of(calls, piece)
    if call is None or _begins_another(call, piece, call in named):
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


def _call_of(calls: list[OpenCall], piece: ToolCallDelta) -> OpenCall | None:
    """Find the open call that a piece names by its index or id, or goes on with for want of both."""
    last = calls[-1] if calls else None
    same_id = next((call for call in reversed(calls) if call.id == piece.id), None) if piece.id else None
    if piece.index is None:
        if not piece.id or same_id:
            return same_id or last
        return last if last and not last.id else None  # an id that comes after its name
    found = next((call for call in reversed(calls) if call.index == piece.index), None)
    if found is None:
        if same_id and (same_id.index is None or not _function_of(piece)[0]):
            return same_id  # an index that comes late, or counts the pieces
        return last if last and last.index is None and not piece.id and not _function_of(piece)[0] else None
    if piece.id and found.id and piece.id != found.id:
        return same_id  # an index used again
    return found


def _begins_another(call: OpenCall, piece: ToolCallDelta, named_beside: bool) -> bool:
    """Tell whether a piece is another call's though it has this one's index or id, or neither.

    Only a name begins a call. Index and id together, or either with no arguments yet, may repeat it or give it in
    pieces; a name beside another in the same chunk, or after whole arguments, is another call's.
    """
    name, arguments = _function_of(piece)
    if not name or not call.name:
        return False
    has_id = bool(piece.id) and piece.id == call.id
    if name != call.name:
        return bool(call.arguments) or (not has_id and (piece.index is None or named_beside))
    if has_id and piece.index is not None:
        return False
    return (named_beside and not has_id) or (bool(arguments.strip()) and call.is_whole())


def _add_rare(choice: _OpenChoice, delta: Delta) -> None:
    if delta.reasoning_details:
        choice.details.extend(delta.reasoning_details)
    if delta.annotations:
        choice.annotations.extend(delta.annotations)
    if is_object(delta.audio):
        for name, value in delta.audio.items():
            before = choice.audio.get(name, "")
            joined = name in ("data", "transcript") and isinstance(value, str) and isinstance(before, str)
            choice.audio[name] = f"{before}{value}" if joined else value
    if delta.function_call and (delta.function_call.name or delta.function_call.arguments):
        choice.legacy = choice.legacy or OpenCall(0, None)
        choice.legacy.say(delta.function_call.name or "", delta.function_call.arguments or "")
    if delta.model_extra:
        choice.message_extra.update(delta.model_extra)


def _choice(index: int, choice: _OpenChoice) -> Choice:
    if choice.think:
        _say(choice, *choice.think.end())
    fields: dict[str, Any] = {name: "".join(pieces) for name, pieces in choice.fields.items()}
    if "reasoning_text" in fields:
        fields["reasoning"] = fields.pop("reasoning_text")
    message = ResponseMessage.model_validate(
        {
            **choice.message_extra,
            **fields,
            "tool_calls": _calls(choice.calls),
            "function_call": choice.legacy and choice.legacy.to_dict()["function"],
            "reasoning_details": choice.details or None,
            "annotations": choice.annotations or None,
            "audio": choice.audio or None,
        }
    )
    known = {
        "index": index,
        "message": message,  # over the whole message so far that Perplexity puts beside its deltas
        "finish_reason": choice.finish_reason,
        "logprobs": choice.logprobs or None,
    }
    return Choice.model_validate(choice.extra | known)


def _calls(calls: list[OpenCall]) -> list[dict[str, Any]]:
    seen: set[str] = set()
    for call in calls:
        if call.id in seen:  # the same id on several calls
            call.id = ""
        seen.add(call.id)
    return [call.to_dict() for call in calls]


def merge(chunks: Iterable[ChatCompletionChunk]) -> ChatCompletion:
    """Join the chunks of one stream to the reply that they are pieces of."""
    merger = Merger()
    for chunk in chunks:
        merger.add(chunk)
    return merger.completion()
