"""The wire as it is: `Wiretap` keeps what came for one patient, byte for byte, before anything is put right.

It holds the bound on requests, too, so that nothing above can send one more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from agentkit.errors import APIError
from agentkit.http.transport import Outgoing, Reply, taps

__all__ = ["Heard", "TooManyRequestsError", "Wiretap"]


class TooManyRequestsError(APIError):
    """The bound on requests is reached; nothing was sent."""


@dataclass(slots=True)
class Heard:
    """One answer as it came.

    Attributes:
        request: The body that was sent.
        status: The HTTP status.
        headers: By name in small letters.
        body: What was read of it so far, its content coding undone.
    """

    request: bytes
    status: int
    headers: Mapping[str, str]
    body: bytearray = field(default_factory=bytearray)


class Wiretap:
    """A tap of `agentkit.http.transport` that hears what is sent inside `with`, by the task that is in it.

    Args:
        most: How many requests it lets pass.

    Attributes:
        sent: How many it has let pass.
        heard: The last answer; None before there is one.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.sent = 0
        self.heard: Heard | None = None

    def __enter__(self) -> None:
        taps.append(self)
        self._before = _on.set(self)

    def __exit__(self, *_: object) -> None:
        _on.reset(self._before)
        taps.remove(self)

    async def __call__(self, request: Outgoing, send: Callable[[], Awaitable[Reply]], /) -> Reply:
        """Let a request pass and keep its answer while it is read.

        Raises:
            TooManyRequestsError: The bound is reached.
        """
        if _on.get() is not self:  # another model's, which has nothing to do with us
            return await send()
        self.heard = None
        if self.sent >= self.most:
            raise TooManyRequestsError(
                f"The bound of {self.most} requests is reached; no more is sent.", endpoint=request.where
            )
        self.sent += 1
        reply = await send()
        self.heard = Heard(request.body, reply.status, {name.lower(): value for name, value in reply.headers.items()})
        return _Overheard(reply, self.heard)


_on: ContextVar[Wiretap | None] = ContextVar("agentkit_wiretap", default=None)


class _Overheard:
    """A reply that is kept while it is read."""

    def __init__(self, reply: Reply, heard: Heard) -> None:
        self._reply = reply
        self._heard = heard
        self.status = reply.status
        self.headers = reply.headers

    async def read(self, seconds: float | None) -> bytes:
        data = await self._reply.read(seconds)
        self._heard.body += data
        return data

    async def aclose(self) -> None:
        await self._reply.aclose()
