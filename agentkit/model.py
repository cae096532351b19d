"""The one seam between a run and what answers it: a `Model` has two methods; HTTP, embedded, scripted are peers.

What happens below the loop is told through `report`, and reserved through `attempt_again`; a run sets both, and
sub-agents inherit them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, cast, runtime_checkable

from pydantic_core import to_json, to_jsonable_python

from agentkit.kind import is_object
from agentkit.price import Price
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion
from agentkit.wire.value import well_formed

__all__ = [
    "Fingerprinted",
    "Model",
    "ModelFellBack",
    "ProfileLearned",
    "ReplyCached",
    "Report",
    "RequestRetried",
    "RequestSent",
    "RequestWaited",
    "attempt_again",
    "ledgers",
    "listener",
    "meter",
    "report",
]

_DEEPEST = 100  # what is nested deeper is shown by its text


@runtime_checkable
class Model(Protocol):
    """Anything that answers a request of the contract.

    `stream` is an async generator; leaving it early (`aclose`) ends the exchange at once.
    """

    @property
    def name(self) -> str:
        """The model's name, as requests and records show it."""
        ...

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Answer with the whole reply."""
        ...

    def stream(self, request: ChatRequest, /) -> AsyncIterator[ChatCompletionChunk]:
        """Answer with the reply in pieces, as they come."""
        ...


class Fingerprinted(Protocol):
    """A model that can name a request so that equal names mean equal replies; a cache goes round such a one only.

    A model around others has `fingerprint` where those have it, so ask `getattr(model, "fingerprint", None)`.
    """

    async def fingerprint(self, request: ChatRequest, /) -> str:
        """Give a digest of all that the reply depends on: the address, the key (never the key itself), the body."""
        ...


class Report:
    """What a run tells its watcher; every event is one, a frozen dataclass with a `type`."""

    __slots__ = ()

    def to_json(self) -> str:
        """Encode as one JSON object, `type` first; what has no JSON is shown by its text."""
        values = {one.name: getattr(self, one.name) for one in fields(cast("Any", self)) if one.repr}
        kind = values.pop("type")
        event = {"type": kind, **values}
        try:
            return to_json(event, fallback=_text, exclude_none=True, inf_nan_mode="strings").decode()
        except ValueError:  # bytes that are no text, half of a surrogate pair, a value that holds itself
            return to_json(_plain(event), inf_nan_mode="strings").decode()


@dataclass(frozen=True, slots=True)
class RequestSent(Report):
    """One request went out.

    Attributes:
        endpoint: The URL asked, or the name of a model without one.
        model: The model's name in the request.
        attempt: 1 for the first, more for a retry.
        bytes_sent: The size of the body; 0 where there is none.
        price: What the model costs, where that was given with it; not in the JSON.
    """

    endpoint: str
    model: str
    attempt: int = 1
    bytes_sent: int = 0
    price: Price | None = field(default=None, repr=False, compare=False)
    type: Literal["request_sent"] = "request_sent"


@dataclass(frozen=True, slots=True)
class RequestRetried(Report):
    """One attempt failed and the request is sent again.

    Attributes:
        attempt: The attempt that failed, from 1.
        error: The class and text of its error.
        wait: Seconds until the next attempt.
    """

    attempt: int
    error: str
    wait: float
    type: Literal["request_retried"] = "request_retried"


@dataclass(frozen=True, slots=True)
class RequestWaited(Report):
    """A request was held back by a limit of our own before it was sent.

    Attributes:
        model: The model's name.
        seconds: How long it will wait, or waited where that is not known beforehand.
        reason: Which limit: requests, tokens, concurrency.
    """

    model: str
    seconds: float
    reason: str
    type: Literal["request_waited"] = "request_waited"


@dataclass(frozen=True, slots=True)
class ModelFellBack(Report):
    """A model failed, or its reply was refused, and the next one is asked.

    Attributes:
        model: The model that failed.
        next_model: The one that is asked now.
        error: The class and text of the error, or why the reply was refused.
    """

    model: str
    next_model: str
    error: str
    type: Literal["model_fell_back"] = "model_fell_back"


@dataclass(frozen=True, slots=True)
class ReplyCached(Report):
    """A reply came from a cache; nothing was sent or spent.

    Attributes:
        model: The model's name.
        fingerprint: What the reply is kept under.
    """

    model: str
    fingerprint: str
    type: Literal["reply_cached"] = "reply_cached"


@dataclass(frozen=True, slots=True)
class ProfileLearned(Report):
    """An endpoint said by a refusal what it does not take; all later requests are as it wants them.

    The same request is sent again at once, unless it would mean something else otherwise.

    Attributes:
        endpoint: The URL asked.
        field: The field of `Profile` that changed.
        value: Its new value; the one before again, where the request was refused all the same.
        reason: What the endpoint said.
    """

    endpoint: str
    field: str
    value: str
    reason: str
    type: Literal["profile_learned"] = "profile_learned"


def _plain(value: Any, above: tuple[int, ...] = ()) -> Any:
    """Give a value as JSON has it, and by its text only that of it which has none."""
    if isinstance(value, str):
        return well_formed(value)
    if len(above) < _DEEPEST and id(value) not in above:
        inside = (*above, id(value))
        if is_object(value):
            return {_plain(_text(key)): _plain(one, inside) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [_plain(one, inside) for one in cast("Iterable[Any]", value)]
    try:
        read = to_jsonable_python(value, fallback=_text, exclude_none=True)
    except ValueError:
        read = _text(value)
    return read if isinstance(read, int | float | None) else _plain(read)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 # of a user's class; an event must not fail for what it shows
        return f"<{type(value).__name__}>"


listener: ContextVar[Callable[[Report], None] | None] = ContextVar("agentkit_listener", default=None)

ledgers: ContextVar[tuple[Any, ...]] = ContextVar("agentkit_ledgers", default=())
"""The accounts that runs begun here spend from, the nearest first: those of budgets, and of the run that is on."""

meter: ContextVar[Callable[[Exception], Awaitable[None]] | None] = ContextVar("agentkit_meter", default=None)
"""Reserves another attempt of the request that is on; set where a limit bounds it."""


async def attempt_again(error: Exception) -> None:
    """Have another attempt reserved before it is made, for the one that failed may have been billed all the same.

    A model around models, or one that tries again itself, awaits this before each attempt but the first.

    Raises:
        LimitExceededError: There is not enough left for it.
    """
    reserve = meter.get()
    if reserve is not None:
        await reserve(error)


def report(event: Report) -> None:
    """Tell the run that is on, if any, what happened below it."""
    tell = listener.get()
    if tell is not None:
        tell(event)
