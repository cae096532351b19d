"""One line of what a run did: a `Record`, born in `keeping` and folded by `past`; books only carry it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from agentkit.errors import StateError
from agentkit.kind import is_object
from agentkit.tools.answer import Answer, Status
from agentkit.wire.content import Part
from agentkit.wire.message import ToolMessage
from agentkit.wire.value import well_formed

__all__ = ["Kind", "Record", "answer_of", "line_of", "plain_answer", "read_of"]

Kind = Literal[
    "begin", "decided", "asking", "replied", "calling", "answered", "changed", "paused", "finished", "failed"
]


_NEEDED: Mapping[str, tuple[str, ...]] = {"calling": ("name", "arguments"), "answered": ("answer",)}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("agent", "answer", "change", "completion", "decisions", "fields", "given", "passed"), dict),
    **dict.fromkeys(("arguments", "call_id", "error", "name", "output", "parent"), str),
    "instructions": list,
    "cost": (int, float, str, type(None)),
}


@dataclass(frozen=True, slots=True)
class Record:
    """What happened in a run, or is about to: `asking` and `calling` are written before, the others after.

    Attributes:
        run_id: The run's, or that of one that its calls began, which has its id, a slash and the call's before its own.
        kind: What it tells.
        turn: Replies that the run had taken when it was written.
        call_id: Of `calling` and `answered`, the call.
        data: A JSON object, by kind; each may have `change`, what besides differs in the state since the record before.
        at: Seconds since the epoch, UTC.
    """

    run_id: str
    kind: Kind
    turn: int
    call_id: str = ""
    data: str = "{}"
    at: float = field(default_factory=time.time)

    @property
    def content(self) -> dict[str, Any]:
        """Give the data, read.

        Raises:
            StateError: It is no JSON object, or not that of such a record.
        """
        try:
            read = from_json(self.data)
        except ValueError as error:
            raise StateError(self._broken(str(error))) from error
        if not is_object(read):
            raise StateError(self._broken("it is no JSON object"))
        for name in _NEEDED.get(self.kind, ()):
            if name not in read:
                raise StateError(self._broken(f"it has no `{name}`"))
        for name, value in read.items():
            if not isinstance(value, _TYPES.get(name, object)):
                raise StateError(self._broken(f"its `{name}` is {value!r:.80}"))
        return read

    def to_json(self) -> str:
        """Give the record as one line of JSON: a list of its attributes in their order."""
        return line_of(astuple(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Record:
        """Read what `to_json` gave.

        Raises:
            StateError: It is no record.
        """
        try:
            return _records().validate_python(dict(zip(cls.__slots__, from_json(line), strict=True)))
        except (ValueError, TypeError) as error:
            why = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error
            raise StateError(f"This is no record of a run: {why}. Give what `to_json` gave.") from error

    def _broken(self, why: str) -> str:
        return f"The record {self.kind!r} of the run {self.run_id!r}, turn {self.turn}, cannot be read: {why}."


def line_of(plain: Any) -> str:
    """Write plain JSON values as one compact line."""
    try:
        return to_json(plain, inf_nan_mode="constants").decode()  # 14 times as fast as `json`
    except PydanticSerializationError:  # a lone surrogate, which no UTF-8 can hold
        text = _encode(plain)
    return text if text.isascii() else well_formed(text)


def plain_answer(answer: Answer) -> dict[str, Any]:
    """Give an answer as plain JSON, without what only the program kept of it: its value and its error."""
    plain: dict[str, Any] = {"message": answer.message.to_dict(), "status": answer.status}
    plain |= {"tool_name": answer.tool_name, "seconds": answer.seconds}
    return plain | ({"parts": [part.to_dict() for part in answer.parts]} if answer.parts else {})


def read_of(arguments: str, values: Mapping[str, Any]) -> Any:
    """Give a call's arguments as its tool read them, as plain JSON; None where that is just what the model wrote."""
    try:
        plain = to_jsonable_python(values, fallback=lambda value: type(value).__qualname__, inf_nan_mode="strings")
        return None if plain == from_json(arguments) else plain
    except (ValueError, TypeError, RecursionError):  # no JSON can be made of it, and so nothing compared
        return None


def answer_of(plain: Any) -> Answer:
    """Read what `plain_answer` gave.

    Raises:
        StateError: It is no answer.
    """
    try:
        read = _answers().validate_python(plain)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "answer"
        raise StateError(f"This is no answer of a call on record: {where}: {first['msg']}.") from error
    return Answer(read.message, read.status, read.tool_name, parts=read.parts, seconds=read.seconds)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class _Answer:
    message: ToolMessage
    status: Status
    tool_name: str
    parts: tuple[Part, ...] = ()
    seconds: float = 0.0


@cache
def _records() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


@cache
def _answers() -> TypeAdapter[_Answer]:
    return TypeAdapter(_Answer)
