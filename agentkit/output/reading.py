"""The text of a reply becomes the value that it holds, whole and unambiguous, or a rejection that says what is wrong.

`plan` uses it; it knows two shapes, and nothing of how they were asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from agentkit.kind import is_array, is_object
from agentkit.output.parse import Mistake, Rejected, decode, find_json, python_in, shorten
from agentkit.output.shape import FIELD, Shape
from agentkit.wire.think import split_think

__all__ = ["Reading"]

_WRAPPERS: Final = ("response", "result", "output", "answer", "arguments", "parameters")
_CALLS: Final = ("arguments", "parameters", "args", "input")
_BESIDE: Final = frozenset({"name", "type", "id"})
_MARKS: Final = re.compile(r"[^a-z0-9]")
_THOUGHT: Final = "</think>"
_PIECES: Final = 1_000  # of JSON in one text, each of which is tried; more would keep the event loop busy for seconds
_BOM: Final = "\ufeff"
_CITED: Final = re.compile(r"\w[ \t]?(\[\d+\])")  # after a word it names a source, or a place
_NOTHING: Final = object()
_SAYS_TYPE: Final = ("type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const")


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
        return self.locate(text)[0]

    def locate(self, text: str) -> tuple[Any, str]:
        """Read a text as `read` does; give the value and the JSON that it was read from.

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

    def _found(self, text: str) -> tuple[Any, str]:
        """Read the one JSON value of a text that fits, or a bare word where the type is one."""
        _, closed, rest = text.rpartition(_THOUGHT)  # some templates leave the opening tag out
        try:
            found = find_json(text)
        except Rejected:
            if closed:
                return self.locate(rest)
            raise
        if closed and not any(_THOUGHT in piece for piece in found):
            return self.locate(rest)
        cited = _CITED.findall(text)
        found = [piece for piece in found if piece not in cited]
        if not found:
            return self._word(text)
        if len(found) > _PIECES:
            raise Rejected.scattered(len(found))
        located: list[tuple[Any, str]] = []
        refused: list[Rejected] = []
        for piece in found:
            try:
                value, source = self._fitting(piece, decode(piece))
            except ValueError as error:
                refused.append(Rejected.broken(str(error)))
            except Rejected as rejected:
                refused.append(rejected)
            else:
                located += [] if any(value == other for other, _ in located) else [(value, source)]
        if len(located) > 1:
            raise Rejected.several(len(located))
        if not located:
            raise refused[-1]
        return located[0]

    def _fitting(self, text: str, whole: Any) -> tuple[Any, str]:
        """Read whole JSON as it is, or what it wraps where only that fits, or where all else would be read over."""
        if isinstance(whole, str) and (written := _json_in(whole)) is not None:
            text, whole = whole, written
        held: Any = _NOTHING
        if is_object(whole):
            self._refuse_echo(whole)
            held = self._held(whole)
        if held is _NOTHING:
            return self._plain(text, whole)
        inner = json.dumps(held), held
        if self._shape.drops_unknown:
            return self._fitting(*inner)
        first, second = (self._fitting, inner), (self._plain, (text, whole))
        if not _is_call(whole):
            first, second = second, first
        try:
            return first[0](*first[1])
        except Rejected as rejected:
            try:
                return second[0](*second[1])
            except Rejected as again:
                raise min(rejected, again, key=lambda one: len(one.mistakes)) from rejected

    def _plain(self, text: str, whole: Any) -> tuple[Any, str]:
        """Read whole JSON, in its field `response` or bare."""
        if not self._shape.wrapped:
            value = self._shape.read(text)
            self._refuse_unread(whole, value)
            return value, text
        if not (is_object(whole) and whole.keys() == {FIELD}):
            return self._typed.read(text, bare=True), text
        inner = whole[FIELD]
        written = isinstance(inner, str) and _json_in(inner) is not None
        try:
            value = self._shape.read(text)
        except Rejected:
            if written:
                return self._typed.read(inner, bare=True), inner
            raise
        return value, inner if written and not isinstance(value, str | bytes) else text

    def _refuse_unread(self, whole: Any, value: Any) -> None:
        """Refuse an object of which nothing was read, for the value would be made of defaults alone."""
        if getattr(value, "model_fields_set", ()) or not (whole and is_object(whole) and self._shape.drops_unknown):
            return
        if (names := self._shape.names) and whole.keys().isdisjoint(names):
            keys = ", ".join(self._shape.schema["properties"])
            raise Rejected.unfit([Mistake("", f"should have some of the keys {keys}", shorten(whole))])

    def _refuse_echo(self, whole: dict[str, Any]) -> None:
        """Refuse the schema in place of a value."""
        told: Any = whole.get("properties")
        for shape in (self._shape, self._typed) if told and is_object(told) else ():
            wanted = shape.schema.get("properties", {})
            are_schemas = all(is_object(one) and any(key in one for key in _SAYS_TYPE) for one in told.values())
            if told.keys() == wanted.keys() and are_schemas and "properties" not in wanted:
                raise Rejected.echo(wanted)

    def _held(self, whole: dict[str, Any]) -> Any:
        """Give the value that an object plainly wraps, if it does: under one name of its own, or in a call."""
        if len(whole) == 1 and _fold(next(iter(whole))) in self._wrappers:
            (key,) = whole
        elif "name" in whole and _is_call(whole) and _fold(whole["name"]) in self._callees:
            key = next(key for key in whole if key in _CALLS)
        else:
            return _NOTHING
        known = () if self._shape.wrapped and whole.keys() != {FIELD} else self._shape.names
        held: Any = whole[key]
        if isinstance(held, str) and (written := _json_in(held)) is not None:
            held = written
        is_word = self._allows_text and not (is_object(held) or is_array(held))
        return _NOTHING if key in known or is_word else held

    def _word(self, text: str) -> tuple[Any, str]:
        """Read a text without JSON where the type itself is a word: a Literal, an Enum, a date."""
        wrong = python_in(text)
        refused = Rejected.no_json() if wrong is None else Rejected.broken(wrong)
        if self._allows_text or not self._shape.wrapped:
            raise refused
        try:
            return self._shape.read(json.dumps(text), bare=True), json.dumps(text)
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
