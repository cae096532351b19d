"""Calls that wait, and what was decided on them: run it, run it with other arguments, do not, or it was done elsewhere.

A decision may be bound to its call, so that it fits no other. Both go through JSON, to whoever decides and back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from agentkit.errors import StateError
from agentkit.kind import is_map, is_object
from agentkit.schema.argument import read_object
from agentkit.wire.value import WireValue, well_formed

__all__ = ["Approve", "Decision", "Decisions", "Deny", "Give", "PendingCall", "decision_of"]

_CHANGED = (bytes, bytearray, BaseException, WireValue)  # what JSON would make another thing of
_DECLINED = "The user declined this call."


@dataclass(frozen=True, slots=True)
class Approve:
    """Run the call, with other arguments where some are given; those are validated like the model's.

    `call` is the digest of the one call that this is on; None for a decision that a mapping names the call of.
    """

    arguments: Mapping[str, Any] | None = None
    call: str | None = field(default=None, kw_only=True)

    def to_json(self) -> str:
        """Give it as JSON, for `decision_of`."""
        arguments = None if self.arguments is None else dict(self.arguments)
        return _decision("approve", self.call, {} if arguments is None else {"arguments": arguments})


@dataclass(frozen=True, slots=True)
class Deny:
    """Do not run the call; the model is told the reason. `call` as of `Approve`."""

    reason: str = _DECLINED
    call: str | None = field(default=None, kw_only=True)

    def to_json(self) -> str:
        """Give it as JSON, for `decision_of`."""
        return _decision("deny", self.call, {"reason": self.reason})


@dataclass(frozen=True, slots=True)
class Give:
    """Do not run the call; its result was made elsewhere, of any kind that a tool returns. `call` as of `Approve`."""

    result: Any
    call: str | None = field(default=None, kw_only=True)

    def to_json(self) -> str:
        """Give it as JSON, for `decision_of`.

        Raises:
            StateError: The result would not be the same one when it is read: it is an image, bytes or an exception.
        """
        return _decision("give", self.call, {"result": self.result})


Decision = Approve | Deny | Give | bool
"""True is `Approve()`, False is `Deny()`."""

Decisions = Mapping[str, Decision] | Sequence[Approve | Deny | Give]
"""By the ids of the calls; or several that are bound to theirs."""


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits for a decision; its arguments were validated before anyone is asked.

    Attributes:
        id: The id to decide on.
        name: The tool.
        arguments: As the model wrote them.
        run_id: The run that asks for it.
        turn: Its turn; some endpoints use an id again in a later one.
        external: Whether it is carried out elsewhere, so that a decision gives its result.
        unknown: What is known of it where it was begun before a crash and nothing says how it ended; else empty. To
            approve it is to run it again, to give is to say what it did, to deny is to leave it at that.
    """

    id: str
    name: str
    arguments: str
    run_id: str = ""
    turn: int = 0
    external: bool = False
    unknown: str = ""

    @property
    def digest(self) -> str:
        """Give what a decision is bound to: SHA-256 of run, turn, call, tool and arguments, 64 hexadecimal digits."""
        parts = [self.run_id, self.turn, self.id, self.name, self.arguments]
        return hashlib.sha256(_text(parts).encode()).hexdigest()

    @property
    def parsed_arguments(self) -> dict[str, Any]:
        """Give the arguments as the JSON object that they are, read as for the tool."""
        return read_object(self.arguments)

    def approve(self, arguments: Mapping[str, Any] | None = None) -> Approve:
        """Decide to run this call and no other, with other arguments where some are given."""
        return Approve(arguments, call=self.digest)

    def deny(self, reason: str = _DECLINED) -> Deny:
        """Decide not to run this call; the model is told the reason."""
        return Deny(reason, call=self.digest)

    def give(self, result: Any) -> Give:
        """Give this call's result, made elsewhere."""
        return Give(result, call=self.digest)

    def to_json(self) -> str:
        """Give it as JSON with its digest, for whoever decides."""
        return _text({**asdict(self), "digest": self.digest})

    @classmethod
    def from_json(cls, document: str | bytes) -> PendingCall:
        """Read what `to_json` gave.

        Raises:
            StateError: It is no call, or its digest is another one's.
        """
        given = _object(document, "call that waits", "`to_json` gave")
        digest = given.pop("digest", None)
        try:
            call = _adapter().validate_python(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "document"
            raise StateError(
                f"This is no call that waits: {where}: {first['msg']}. Give what `to_json` gave."
            ) from error
        if digest not in (None, call.digest):
            raise StateError("This is no call that waits: its digest is that of another one. Give what `to_json` gave.")
        return call


_KINDS: dict[str, tuple[Any, str]] = {
    "approve": (Approve, "arguments"),
    "deny": (Deny, "reason"),
    "give": (Give, "result"),
}

_FORMS = (
    'Write {"decision": "approve", "call": digest, "arguments": {...} or nothing}, '
    '{"decision": "deny", "call": digest, "reason": "..."} or {"decision": "give", "call": digest, "result": ...}.'
)


def decision_of(document: str | bytes | Mapping[str, Any]) -> Approve | Deny | Give:
    """Read a decision's JSON, of its `to_json` or written by whoever decided; `call` is its call's digest.

    Raises:
        StateError: It is no decision; the text says how to write one.
    """
    given = dict(document) if is_map(document) else _object(document, "decision", None)
    kind, call = given.pop("decision", None), given.pop("call", None)
    made, name = _KINDS.get(kind, (None, "")) if isinstance(kind, str) else (None, "")
    if made is None:
        raise StateError(f"This is no decision: `decision` is {kind!r:.200}. {_FORMS}")
    if strange := sorted(given.keys() - {name}):
        raise StateError(f"This is no decision: it has `{strange[0]:.200}`, which {kind!r} has not. {_FORMS}")
    if call is not None and not isinstance(call, str):
        raise StateError(f"This is no decision: `call` is {call!r:.200}. {_FORMS}")
    decision: Approve | Deny | Give
    if name not in given and made is not Give:
        decision = made(call=call)
        return decision
    value = given.get(name)
    fits = {"arguments": value is None or is_object(value), "reason": isinstance(value, str), "result": name in given}
    if not fits[name]:
        raise StateError(f"This is no decision: `{name}` is {value!r:.200}. {_FORMS}")
    decision = made(value, call=call)
    return decision


def _decision(kind: str, call: str | None, more: dict[str, Any]) -> str:
    plain: dict[str, Any] = {"decision": kind} if call is None else {"decision": kind, "call": call}
    for name, value in more.items():
        try:
            plain[name] = _plain(value)
        except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
            raise StateError(
                f"A decision's {name} of type {type(value).__name__} cannot be written as JSON: {error!s:.200}. "
                "Give text, numbers, lists, dicts, dataclasses or pydantic models, or decide where the run is resumed."
            ) from error
    return _text(plain)


def _plain(value: Any) -> Any:
    items: Iterable[Any] = cast("Any", value) if isinstance(value, list | tuple) else (value,)
    if any(isinstance(one, _CHANGED) for one in items):
        raise TypeError("it would be told to the model otherwise when it is read")
    return value if isinstance(value, str) else from_json(to_json(value, inf_nan_mode="strings"))


def _text(plain: Any) -> str:
    return well_formed(json.dumps(plain, ensure_ascii=False, separators=(",", ":")))


def _object(document: Any, what: str, gave: str | None) -> dict[str, Any]:
    advice = _FORMS if gave is None else f"Give what {gave}."
    try:
        given = from_json(document)
    except (ValueError, TypeError) as error:
        raise StateError(f"This is no {what}: {error}. {advice}") from error
    if not is_object(given):
        raise StateError(f"This is no {what}: it is no JSON object. {advice}")
    return given


@cache
def _adapter() -> TypeAdapter[PendingCall]:
    return TypeAdapter(PendingCall)
