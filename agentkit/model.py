"""The one seam between a run and what answers it: a `Model` has two methods; HTTP, embedded, scripted are peers.

What happens below the loop is told through `report`, which a run sets and sub-agents inherit.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, cast, runtime_checkable

from pydantic_core import to_json

from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion
from agentkit.wire.value import well_formed

__all__ = ["Model", "Report", "RequestRetried", "RequestSent", "listener", "report"]


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


class Report:
    """What a run tells its watcher; every event is one, a frozen dataclass with a `type`."""

    __slots__ = ()

    def to_json(self) -> str:
        """Encode as one JSON object, `type` first; what has no JSON is shown by its text."""
        values = {field.name: getattr(self, field.name) for field in fields(cast("Any", self))}
        kind = values.pop("type")
        event = {"type": kind, **values}
        try:
            return to_json(event, fallback=str, exclude_none=True, inf_nan_mode="strings").decode()
        except ValueError:  # bytes that are no text, half of a surrogate pair, a value that holds itself
            shown = {name: str(value) for name, value in event.items()}
            return well_formed(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class RequestSent(Report):
    """One request went out.

    Attributes:
        endpoint: The URL asked, or the name of a model without one.
        model: The model's name in the request.
        attempt: 1 for the first, more for a retry.
        bytes_sent: The size of the body; 0 where there is none.
    """

    endpoint: str
    model: str
    attempt: int = 1
    bytes_sent: int = 0
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


listener: ContextVar[Callable[[Report], None] | None] = ContextVar("agentkit_listener", default=None)


def report(event: Report) -> None:
    """Tell the run that is on, if any, what happened below it."""
    tell = listener.get()
    if tell is not None:
        tell(event)
