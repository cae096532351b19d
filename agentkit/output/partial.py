"""A reply's text as it grows, read as partial values of the output's twin type, or as the finished elements of a list.

Text in, values out; the agent's streams feed and read it, and so may anyone who has deltas of text.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any, Final

from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_json

from agentkit.errors import ConfigurationError
from agentkit.kind import is_map
from agentkit.output.part import element_of
from agentkit.output.plan import OutputPlan
from agentkit.output.scan import Scan, decoded
from agentkit.output.shape import FIELD, SchemaShape, Shape, TypeShape
from agentkit.output.twin import Twin, twin_of

__all__ = ["ElementReader", "PartialReader"]

_FREELY: Final = 64 * 1024
_GROWTH: Final = 1.02
_NAME: Final = re.compile(r'\{\s*("(?:[^"\\]|\\.)*")\s*:\s*(?=\S)', re.DOTALL)
_FENCED_LIST: Final = re.compile(r"```\w*\s*(?=\[)")
_OBJECT: Final = re.compile(r'\{(?=\s*["}])')  # other braces are words


class _Growing:
    """The JSON in a text that grows, found among words and fences, and out of its wrapping."""

    def __init__(self, *, wrapped: bool) -> None:
        self._wrapped = wrapped
        self._pieces: list[str] = []  # joined when they are looked at, which of a long text is seldom
        self.text = ""
        self.size = 0
        self.scan: Scan | None = None

    def feed(self, text: str) -> None:
        self._pieces.append(text)
        self.size += len(text)

    def join(self) -> str:
        """Give all that came."""
        whole, self.text = self.text, ""  # held once only, a text grows in its place
        whole += "".join(self._pieces)
        self._pieces.clear()
        self.text = whole
        return whole

    def go_on(self) -> Scan | None:
        """Look at what came; None while no JSON has begun."""
        self.join()
        if self.scan is None:
            root = self._root()
            if root is None:
                return None
            self.scan = Scan(root)
        self.scan.go_on(self.text)
        return self.scan

    def _root(self) -> int | None:
        text = self.text
        start = len(text) - len(text.lstrip())
        if not text.startswith("[", start):
            listed = None if text.startswith("{", start) else _FENCED_LIST.search(text)
            found = _OBJECT.search(text, start)
            start = listed.end() if listed else found.start() if found else -1
        if start < 0 or not self._wrapped or text[start : start + 1] != "{":
            return start if 0 <= start < len(text) else None
        named = _NAME.match(text, start)
        if named is None:
            return None
        return named.end() if decoded(named[1]) == FIELD else start


class PartialReader:
    """Reads the values of an output while its text grows.

    Each is of the type's twin, in which everything is optional: what has not come, or is not valid yet, is None (in a
    TypedDict, map or list it is left out). Strings are shown as far as they came; numbers, Literals, enums, dates and
    the like only once they are whole; a union once its kind is known. Each value is a new one, yours to change.

    Args:
        output: As for an agent: a type, an `OutputSpec`, a JSON Schema or a function; of the last two, the JSON so far.
    """

    def __init__(self, output: Any) -> None:
        self._plan = OutputPlan.of(output)
        self.restart(cleared=True)

    def restart(self, *, cleared: bool = False) -> None:
        """Forget what came, for another attempt begins.

        Args:
            cleared: Whether what was shown was taken away, so that a value that equals the last one is given too.
        """
        self._growing = _Growing(wrapped=self._plan.is_wrapped)
        self._read_size = 0
        self._last: str | None = None
        if cleared:
            self._shown: bytes | None = None

    def feed(self, text: str) -> None:
        """Take a piece of the reply's text, or of the arguments of the output's tool."""
        self._growing.feed(text)

    def read(self, *, ended: bool = False) -> list[Any]:
        """Give the value as it is now, if it is another than the last one; nothing otherwise.

        Above 64 KB of text one is given for each 2 % of growth, so that the cost stays near linear, and where the text
        has `ended`.
        """
        size = self._growing.size
        if not ended and (size == self._read_size or (size > _FREELY and size < self._read_size * _GROWTH)):
            return []
        self._read_size = size
        if self._plan.is_text:
            return self._changed(self._growing.join()) if size else []
        scan = self._growing.go_on()
        document = "" if scan is None else _closed(scan, self._twin, self._growing.text)
        if not document or document == self._last:
            return []
        self._last = document
        try:
            value = self._validated(document)
        except Exception:  # noqa: BLE001 # not of the type, or a validator raised: the end will tell, and raise it
            return []
        return self._changed(value)

    def _validated(self, document: str) -> Any:
        try:
            return self._adapter.validate_json(document)
        except ValidationError:
            return self._adapter.validate_python(json.loads(document, strict=False))  # bare line breaks in strings

    def _changed(self, value: Any) -> list[Any]:
        try:
            shown = to_json(value, fallback=repr, inf_nan_mode="strings", bytes_mode="base64")
        except ValueError:  # half of a surrogate pair
            shown = repr(value).encode("utf-8", "backslashreplace")
        if shown == self._shown:
            return []
        self._shown = shown
        return [value]

    @cached_property
    def _twin(self) -> Twin:
        type_ = self._plan.spec.type
        return twin_of(Any if is_map(type_) or self._plan.is_function else type_)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        try:
            return TypeAdapter(self._twin.type)
        except (PydanticSchemaGenerationError, PydanticUserError, TypeError):  # a type whose twin pydantic cannot read
            self._twin = Twin(self._plan.spec.type)
            return TypeAdapter(self._twin.type)


class ElementReader:
    """Reads the elements of a list while its text grows, each once, when it is finished, validated in full.

    Args:
        output: As for an agent; a list, a set, a tuple of any length, or a JSON Schema of an array.

    Raises:
        ConfigurationError: The output is no list.
    """

    def __init__(self, output: Any) -> None:
        type_ = OutputPlan.of(output).spec.type
        if is_map(type_):
            items: Any = type_.get("items", {}) if type_.get("type") == "array" else None
            kept = {name: type_[name] for name in ("$defs", "definitions") if name in type_}
            shape: Shape | None = SchemaShape({**kept, **items}) if is_map(items) else None
        else:
            element = element_of(type_)
            shape = None if element is None else TypeShape(element)
        if shape is None:
            raise ConfigurationError(
                f"Elements were asked for of {getattr(type_, '__name__', type_)}, which is no list. "
                "Give the agent `output=list[...]`, or read `stream.partials()`."
            )
        self._shape = shape
        self.restart(cleared=True)

    def restart(self, *, cleared: bool = False) -> None:
        """Forget what came, for another attempt begins; an element that it repeats at its place is not given again.

        Args:
            cleared: Whether what was given was taken away, so that all are given.
        """
        self._growing = _Growing(wrapped=True)
        self._taken = 0
        if cleared:
            self._given: dict[int, str] = {}

    def feed(self, text: str) -> None:
        """Take a piece of the reply's text, or of the arguments of the output's tool."""
        self._growing.feed(text)

    def read(self, *, ended: bool = False) -> list[Any]:  # noqa: ARG002 # an element is finished or not, whatever ends
        """Give the elements that were finished since, without those that are not valid."""
        scan = self._growing.go_on()
        values: list[Any] = []
        for start, end in scan.elements[self._taken :] if scan else ():
            text = self._growing.text[start:end]
            if self._given.get(self._taken) != text:
                self._given[self._taken] = text
                values += self._element(text)
            self._taken += 1
        return values

    def _element(self, text: str) -> list[Any]:
        try:
            return [self._shape.read(text, bare=True)]
        except Exception:  # noqa: BLE001 # not valid, or a validator raised: the end will tell, and raise it
            return []


def _closed(scan: Scan, twin: Twin, text: str) -> str:
    """Give the JSON so far, closed, without what may not be shown half."""
    inner: Twin | None = twin
    for depth, frame in enumerate(scan.frames):
        opened = inner and inner.opened(frame, text)
        if opened is None:
            return scan.closed(text, depth)
        inner = opened.part(frame.key)
    return scan.closed_in_text(text) if scan.in_text and inner and inner.is_text else scan.closed(text)
