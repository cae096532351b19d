"""One connection straight to a server is a `Line`: it opens the socket, and httpcore reads the answers.

`connection` takes it where no proxy stands between, `fast` builds on it. httpcore's own kind of it takes a lock and a
turn of the event loop more for each request.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import ExitStack
from typing import Any

import httpcore

from agentkit.http.pool import IDLE

__all__ = ["Line", "has_rest"]

_TURN = 1.0  # seconds at the gate: the kernel asks again after one where nobody answers (RFC 6298, 2)


class Line(httpcore.AsyncConnectionInterface):
    """One connection straight to a server, opened by its first request; one request at a time.

    Args:
        origin: The server.
        tls: The context for one that is spoken to by TLS.
        network: What opens sockets.
        gate: Lets so many be opened at a time as it has room for. The others wait before their clock begins: else, of
            thousands that are opened at once, the last would find no time in theirs. One that takes long counts no
            more, or a server that does not answer would cost the others a whole clock each time the gate is full.
    """

    def __init__(
        self,
        origin: httpcore.Origin,
        tls: ssl.SSLContext | None,
        network: httpcore.AsyncNetworkBackend,
        *,
        gate: asyncio.Semaphore,
    ) -> None:
        self._origin = origin
        self._tls = tls
        self._network = network
        self._gate = gate
        self._connection: httpcore.AsyncHTTP11Connection | None = None  # named as in httpcore, for `has_rest`

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request and wait for the head of its answer.

        Raises:
            httpcore.NetworkError: No connection, or it broke.
            httpcore.ConnectTimeout: The connection did not come in time.
            httpcore.ProtocolError: The headers, or the answer, are no HTTP.
        """
        if self._connection is None:
            self._connection = httpcore.AsyncHTTP11Connection(self._origin, await self.open(request), IDLE)
        return await self._connection.handle_async_request(request)

    async def open(self, request: httpcore.Request) -> httpcore.AsyncNetworkStream:
        """Open the socket, and TLS over it, within what the request gives for it."""
        extensions: Any = getattr(request, "extensions")  # noqa: B009 # typed as any mapping
        seconds = extensions.get("timeout", {}).get("connect")
        host = self._origin.host.decode("ascii")
        await self._gate.acquire()
        with ExitStack() as turn:
            turn.callback(self._gate.release)
            turn.callback(asyncio.get_running_loop().call_later(_TURN, turn.close).cancel)
            stream = await self._network.connect_tcp(host, self._origin.port, seconds)
            if self._tls is not None:
                self._tls.set_alpn_protocols(["http/1.1"])
                stream = await stream.start_tls(self._tls, host, seconds)
            return stream

    async def aclose(self) -> None:
        """Close it, whatever is under way."""
        if self._connection is not None:
            await self._connection.aclose()

    def is_available(self) -> bool:
        """Tell whether the last request is over."""
        return self._connection is not None and self._connection.is_available()

    def has_expired(self) -> bool:
        """Tell whether it rested too long, or the server has gone."""
        return self._connection is not None and self._connection.has_expired()


def has_rest(line: Any) -> bool:
    """Tell whether httpcore holds bytes that came after the end of an answer; it would take them for the next one.

    They are in the buffer of h11, at the bottom of what a connection by a proxy is made of; httpcore shows neither.
    """
    while (inner := getattr(line, "_connection", None)) is not None:
        line = inner
    http: Any = getattr(line, "_h11_state", None)
    return http is not None and bool(http.trailing_data[0])
