"""The text of a reply becomes the value that it holds, whole and unambiguous, or a rejection that says what is wrong.

`plan` uses it; it knows two shapes, and nothing of how they were asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from agentkit.kind import is_array, is_object
from agentkit.output.parse import Rejected, decode, find_json, python_in
from agentkit.output.shape import FIELD, Shape
from agentkit.wire.think import split_think

__all__ = ["Reading"]

_WRAPPERS: Final = ("response", "result", "output", "answer", "arguments", "parameters")
_CALLS: Final = ("arguments", "parameters", "args", "input")
_BESIDE: Final = frozenset({"name", "type", "id"})
_MARKS: Final = re.compile(r"[^a-z0-9]")
_THOUGHT: Final = "</think>"
_BOM: Final = "\ufeff"


class Reading:
    """How texts are read as values of one output.

    Whole JSON counts, wrapped or bare, or written as a JSON string; else the one object or array in the text that
    fits, whatever words or fences stand around it, or thoughts before it. A value that stands alone in an object under
    the output's name, or as the arguments of a call of it, is taken out of that. Nothing that was cut is completed.

    Args:
        shape: Of the whole output.
        typed: Of the output without the text that may stand in its place.
        names: What the model knows the output by: its name and its tool's.
    """

    def __init__(self, shape: Shape, typed: Shape, names: Iterable[str]) -> None:
        self._shape, self._typed = shape, typed
        self._allows_text = shape is not typed
        self._callees = frozenset(map(_fold, names))
        self._wrappers = self._callees | {_fold(name) for name in _WRAPPERS}

    def read(self, text: str) -> Any:
        """Read a text that is not blank.

        Raises:
            Rejected: It holds no valid value, or several.
        """
        text = split_think(text)[0].strip().removeprefix(_BOM).lstrip()
        if not text:
            raise Rejected.nothing()
        try:
            whole = decode(text)
        except json.JSONDecodeError:
            return self._found(text)
        except ValueError as error:
            raise Rejected.broken(str(error)) from error
        return self._fitting(text, whole)

    def _found(self, text: str) -> Any:
        """Read the one JSON value of a text that fits, or a bare word where the type is one."""
        _, closed, rest = text.rpartition(_THOUGHT)  # some templates leave the opening tag out
        try:
            found = find_json(text)
        except Rejected:
            if closed:
                return self.read(rest)
            raise
        if closed and not any(_THOUGHT in piece for piece in found):
            return self.read(rest)
        if not found:
            return self._word(text)
        values: list[Any] = []
        refused: list[Rejected] = []
        for piece in found:
            try:
                value = self._fitting(piece, decode(piece))
            except ValueError as error:
                refused.append(Rejected.broken(str(error)))
            except Rejected as rejected:
                refused.append(rejected)
            else:
                values += [value] if value not in values else []
        if len(values) > 1:
            raise Rejected.several(len(values))
        if not values:
            raise refused[-1]
        return values[0]

    def _fitting(self, text: str, whole: Any) -> Any:
        """Read whole JSON as it is, or what it wraps where only that fits, or where all else would be read over."""
        if isinstance(whole, str) and (written := _json_in(whole)) is not None:
            text, whole = whole, written
        held = self._held(whole)
        if held is None:
            return self._plain(text, whole)
        inner = json.dumps(held), held
        if self._shape.drops_unknown:
            return self._plain(*inner)
        first, second = (inner, (text, whole)) if _is_call(whole) else ((text, whole), inner)
        try:
            return self._plain(*first)
        except Rejected as rejected:
            try:
                return self._plain(*second)
            except Rejected as again:
                raise min(rejected, again, key=lambda one: len(one.mistakes)) from rejected

    def _plain(self, text: str, whole: Any) -> Any:
        """Read whole JSON, in its field `response` or bare."""
        if not self._shape.wrapped:
            return self._shape.read(text)
        if not (is_object(whole) and whole.keys() == {FIELD}):
            return self._typed.read(text, bare=True)
        try:
            return self._shape.read(text)
        except Rejected:
            inner = whole[FIELD]
            if isinstance(inner, str) and _json_in(inner) is not None:
                return self._typed.read(inner, bare=True)
            raise

    def _held(self, whole: Any) -> Any:
        """Give the value that an object plainly wraps, if it does: under one name of its own, or in a call."""
        if not is_object(whole) or not whole:
            return None
        known = () if self._shape.wrapped and whole.keys() != {FIELD} else self._shape.names
        if _is_call(whole) and _fold(whole.get("name", "")) in self._callees:
            key = next(key for key in whole if key in _CALLS)
        elif len(whole) == 1 and _fold(next(iter(whole))) in self._wrappers:
            (key,) = whole
        else:
            return None
        held: Any = whole[key]
        if isinstance(held, str) and (written := _json_in(held)) is not None:
            held = written
        scalar = not (is_object(held) or is_array(held))
        return None if key in known or (scalar and (self._allows_text or not self._shape.wrapped)) else held

    def _word(self, text: str) -> Any:
        """Read a text without JSON where the type itself is a word: a Literal, an Enum, a date."""
        wrong = python_in(text)
        refused = Rejected.no_json() if wrong is None else Rejected.broken(wrong)
        if self._allows_text or not self._shape.wrapped:
            raise refused
        try:
            return self._shape.read(json.dumps(text), bare=True)
        except Rejected as rejected:
            raise refused from rejected


def _json_in(text: str) -> dict[str, Any] | list[Any] | None:
    """Give the object or list that a text is the JSON of; None where it is of neither."""
    try:
        value = decode(text)
    except ValueError:
        return None
    return value if is_object(value) or is_array(value) else None


def _is_call(whole: Any) -> bool:
    """Tell whether an object looks like a call of a function that was written as text."""
    payload = [key for key in whole if key in _CALLS] if is_object(whole) else []
    return len(payload) == 1 and whole.keys() - {payload[0]} <= _BESIDE and "name" in whole


def _fold(name: Any) -> str:
    return _MARKS.sub("", str(name).lower())
