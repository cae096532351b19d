"""A reply's text as it grows, read as partial values of the output's twin type, or as the finished elements of a list.

Text in, values out; the agent's streams feed and read it, and so may anyone who has deltas of text.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import cached_property
from typing import Any, Final

from pydantic import PydanticUserError, TypeAdapter, ValidationError
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
_NAME: Final = re.compile(  # one that is longer is not FIELD
    r'\{\s*("(?:[^"\\]|\\.){0,50}+)(?:("\s*:\s*)(?=\S)|[^"\\]|\\.)', re.DOTALL
)
_FENCED_LIST: Final = re.compile(r"```\w*\s*(?=\[)")
_OBJECT: Final = re.compile(r'\{(?=\s*["}])')  # other braces are words


class _Growing:
    """The JSON in a text that grows, found among words and fences, and out of its wrapping."""

    def __init__(self, *, wrapped: bool) -> None:
        self._wrapped = wrapped
        self._pieces: list[str] = []  # joined when they are looked at, which of a long text is seldom
        self.text = ""
        self._size = self._seen = 0
        self.scan: Scan | None = None

    def feed(self, text: str) -> None:
        self._pieces.append(text)
        self._size += len(text)

    @property
    def is_due(self) -> bool:
        """Tell whether so much came since the last look that one more, at all of it, keeps the cost near linear."""
        return self._size > self._seen and (self._size <= _FREELY or self._size >= self._seen * _GROWTH)

    def join(self) -> str:
        """Give all that came."""
        self._seen = self._size
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

    def settle(self, found: str | None) -> Scan | None:
        """Look at the JSON that the whole text was read as, where it was; words may have hidden it, or it another."""
        if found is None:
            return self.go_on()
        self.text = f"{found}\n"  # a number is whole where something stands after it
        self.scan = Scan((self._root() if found.lstrip().startswith("{") else None) or 0)
        return self.go_on()

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
        return named.end() if named[2] and decoded(f'{named[1]}"') == FIELD else start


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
        self._last: str | None = None
        if cleared:
            self._shown: bytes | None = None

    def feed(self, text: str) -> None:
        """Take a piece of the reply's text, or of the arguments of the output's tool."""
        self._growing.feed(text)

    def read(self, *, ended: bool = False) -> list[Any]:
        """Give the value as it is now, if it is another than the last one; nothing otherwise.

        Above 64 KB of text one is given for each 2 % of growth, so that the cost stays near linear. Where the text has
        `ended`, it is that of the JSON that the text is read as, wherever that stood.
        """
        if not (ended or self._growing.is_due):
            return []
        if self._plan.is_text:
            text = self._growing.join()
            return self._changed(text) if text else []
        scan = self._growing.settle(_located(self._plan, self._growing)) if ended else self._growing.go_on()
        document = "" if scan is None else _closed(scan, self._made[0], self._growing.text)
        if not document or document == self._last:
            return []
        self._last = document
        try:
            value = self._validated(document)
        except Exception:  # noqa: BLE001 # not of the type, or a validator raised: the end will tell, and raise it
            return []
        return self._changed(value)

    def _validated(self, document: str) -> Any:
        adapter = self._made[1]
        try:
            return adapter.validate_json(document)
        except ValidationError:
            return adapter.validate_python(json.loads(document, strict=False))  # bare line breaks in strings

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
    def _made(self) -> tuple[Twin, TypeAdapter[Any]]:
        type_ = self._plan.spec.type
        twin = twin_of(Any if is_map(type_) or self._plan.is_function else type_)
        with suppress(PydanticUserError, TypeError):
            adapter = TypeAdapter[Any](twin.type)
            if adapter.pydantic_complete:
                return twin, adapter
        whole = Twin(type_)  # pydantic cannot read the twin: the value is shown when it is whole
        return whole, TypeAdapter(whole.type)


class ElementReader:
    """Reads the elements of a list while its text grows, each once, when it is finished, validated in full.

    Args:
        output: As for an agent; a list, a set, a tuple of any length, or a JSON Schema of an array.

    Raises:
        ConfigurationError: The output is no list.
    """

    def __init__(self, output: Any) -> None:
        self._plan = OutputPlan.of(output)
        type_ = self._plan.spec.type
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

    def read(self, *, ended: bool = False) -> list[Any]:
        """Give the elements that were finished since, without those that are not valid.

        Where the text has `ended`, those of the list that it is read as, wherever in the text it stood.
        """
        growing = self._growing
        if ended:
            scan, self._taken = growing.settle(_located(self._plan, growing)), 0
        else:
            scan = growing.go_on() if growing.scan or growing.is_due else None
        values: list[Any] = []
        for start, end in scan.elements[self._taken :] if scan else ():
            text = growing.text[start:end]
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


def _located(plan: OutputPlan[Any], growing: _Growing) -> str | None:
    try:
        return plan.locate(growing.join())
    except Exception:  # noqa: BLE001 # a validator raised: the run reads the same, and raises it
        return None


def _closed(scan: Scan, twin: Twin, text: str) -> str:
    """Give the JSON so far, closed, without what may not be shown half."""
    inner: Twin | None = twin
    for depth, frame in enumerate(scan.frames):
        opened = inner and inner.opened(frame, text)
        if opened is None:
            return scan.closed(text, depth)
        inner = opened.part(frame.key)
    return scan.closed_in_text(text) if scan.in_text and inner and inner.is_text else scan.closed(text)
