"""Requests as bytes over sockets: `Transport` sends them over its own connections, or by a client of the user's.

What an HTTP client does besides is done here: content codings, redirects (refused by `exchange`), clocks, and the pool.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

from agentkit.errors import APIConnectionError, APITimeoutError, ConfigurationError
from agentkit.http.clock import Expired, Timeout, Watchdog
from agentkit.http.coding import Inflater
from agentkit.http.connection import Connection, Fields, Headers, connections
from agentkit.http.pool import Pool
from agentkit.secret import remember_header

__all__ = ["Client", "Headers", "Outgoing", "Reply", "Tap", "Transport", "taps"]


class Client(Protocol):
    """What is used of a client given as `http_client`: an `httpx.AsyncClient`, or an httpx2 one."""

    def build_request(self, method: str, url: str, **options: Any) -> Any:
        """Make a request."""
        ...

    async def send(self, request: Any, **options: Any) -> Any:
        """Send a request and give its response."""
        ...


@dataclass(slots=True)
class _Sent:
    """An answer whose head has come: how the rest of it is read, and what is done at its end, be it brought there."""

    status: int
    headers: Mapping[str, str]
    parts: AsyncGenerator[bytes]
    close: Callable[[], Awaitable[None]]
    release: Callable[[bool], Awaitable[None]] | None = None


@dataclass(slots=True, kw_only=True)
class Outgoing:
    """One request on its way, as a tap sees it; the headers hold the key.

    Attributes:
        url: The whole URL.
        headers: All headers but Host and Content-Length.
        body: The encoded request.
        where: The URL as errors may show it.
    """

    url: str
    headers: Headers
    body: bytes
    where: str


class Reply(Protocol):
    """One answer whose head has come; its body is read in pieces, each wait bounded.

    Attributes:
        status: The HTTP status.
        headers: The headers, by name in any case.
    """

    status: int
    headers: Mapping[str, str]

    async def read(self, seconds: float | None) -> bytes:
        """Give what comes next of the body, its content coding undone; b"" at its end.

        Args:
            seconds: The longest wait; None for what is left of the total.

        Raises:
            APITimeoutError: Nothing came for so long, or the request's total time is over.
            APIConnectionError: The connection broke.
            InvalidResponseError: The body grows beyond its bound or is damaged.
        """
        ...

    async def aclose(self) -> None:
        """Give the connection back, or close it at once where the body was not read to its end."""
        ...


Tap = Callable[[Outgoing, Callable[[], Awaitable[Reply]]], Awaitable[Reply]]
"""Stands between models and the network: given a request and what sends it, it gives that reply or one of its own."""

taps: list[Tap] = []
"""Every tap that is on, the last one outermost. They see what all models of the process send, wherever they were built:
a context variable would not reach threads that others started."""


class _Received:
    """A reply that comes over a connection."""

    __slots__ = ("_clock", "_closed", "_inflater", "_sent", "_where", "headers", "status")

    def __init__(self, sent: _Sent, clock: Watchdog, where: str) -> None:
        self._sent = sent
        self._clock = clock
        self._where = where
        self._inflater: Inflater | None = None
        self._closed = False
        self.status = sent.status
        self.headers = sent.headers

    async def read(self, seconds: float | None) -> bytes:
        if self._inflater is None:
            self._inflater = Inflater(self.headers.get("content-encoding"))
        while True:
            try:
                part = await self._clock.wait(anext(self._sent.parts), seconds)
                if data := self._inflater.feed(part):
                    return data
            except StopAsyncIteration:
                return b""
            except Exception as error:  # noqa: BLE001  # what is no network error is raised again as it is
                failed = error
                break
        raise _network_error(failed, self._where, None)  # type: ignore[possibly-undefined] # the loop ends by it only

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._clock.close()
        sent, done = self._sent, False
        try:
            await sent.parts.aclose()
            await sent.close()
            done = True
        finally:
            if sent.release is not None:
                await sent.release(done)


class Transport:
    """The connections of one model; each event loop has its own, closed when the loop ends or by `aclose`.

    Args:
        origin: Scheme, host and port, as a URL begins.
        client: A client that sends instead of our own connections; it is never closed here.

    Raises:
        ConfigurationError: The client's `send` is not async, as that of a plain `httpx.Client`.
    """

    def __init__(self, origin: str, client: Client | None = None) -> None:
        if client is not None and not inspect.iscoroutinefunction(getattr(client, "send", None)):
            raise ConfigurationError(
                f"http_client is a {type(client).__name__}, which has no async `send`. Give an httpx.AsyncClient."
            )
        self._origin = origin
        self._client = client
        # Weak both ways: an open pool is kept by `pool` itself, and holds its loop.
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Pool[Connection]]] = WeakKeyDictionary()
        self._lock = threading.Lock()  # loops of several threads share one model

    async def send(
        self, url: str, headers: Headers, body: bytes, *, clocks: Timeout, first: float | None, where: str
    ) -> Reply:
        """Send a POST and wait for the head of its answer.

        Args:
            url: The whole URL.
            headers: All headers but Host and Content-Length.
            body: The encoded request.
            clocks: How long it may take.
            first: Seconds until the head; None for the total.
            where: The URL as errors may show it.

        Raises:
            APITimeoutError: A clock ran out.
            APIConnectionError: No connection, or it broke.
        """
        request = Outgoing(url=url, headers=headers, body=body, where=where)
        go_on: Callable[[], Awaitable[Reply]] = functools.partial(self._over_network, request, clocks, first)
        for tap in tuple(taps):
            go_on = functools.partial(tap, request, go_on)
        return await go_on()

    async def _over_network(self, request: Outgoing, clocks: Timeout, first: float | None) -> Reply:
        way = self._by_pool if self._client is None else self._by_client
        clock = Watchdog(clocks.total)
        try:
            sent = await clock.wait(way(request.url, request.headers, request.body, clocks), first)
            return _Received(sent, clock, request.where)
        except BaseException as error:
            clock.close()
            if not isinstance(error, Exception):
                raise
            failed = error
        raise _network_error(failed, request.where, clocks)  # outside: what was raised holds the key

    async def _by_client(self, url: str, headers: Headers, body: bytes, clocks: Timeout) -> _Sent:
        assert self._client is not None
        own = (clocks.connect, None, None, None)  # ours do the rest
        request = self._client.build_request("POST", url, headers=headers, content=body, timeout=own)
        response = await self._client.send(request, stream=True, follow_redirects=False)
        for name, value in request.headers.items():  # the client's own too, its `auth` by now among them
            remember_header(name, value)
        return _Sent(response.status_code, response.headers, response.aiter_raw(), response.aclose)

    async def _by_pool(self, url: str, headers: Headers, body: bytes, clocks: Timeout) -> _Sent:
        pool = self._pool()
        connection = await pool.lend()
        try:
            response = await connection.post(url, headers, body, clocks.connect)
        except BaseException:
            await pool.discard(connection)
            raise
        stream = cast("Any", response.stream)
        parts: AsyncGenerator[bytes] = aiter(stream)
        give_back = functools.partial(_give_back, pool, connection)
        return _Sent(response.status, Fields(response.headers), parts, stream.aclose, give_back)

    def _pool(self) -> Pool[Connection]:
        loop = asyncio.get_running_loop()
        known = self._pools.get(loop)
        pool = known() if known is not None else None
        if pool is None or pool.is_closed:
            pool = Pool(self, connections(self._origin))
            with self._lock:
                self._pools[loop] = weakref.ref(pool)
        return pool

    async def aclose(self) -> None:
        """Close the connections of the loop that runs; those of other loops are closed with their loops."""
        known = self._pools.pop(asyncio.get_running_loop(), None)
        pool = known() if known is not None else None
        if pool is not None:
            await pool.aclose()


async def _give_back(pool: Pool[Connection], connection: Connection, done: bool) -> None:
    """Keep a connection whose exchange was brought to its end; one where a cancellation broke that off is closed."""
    await (pool.take_back if done else pool.discard)(connection)


def _network_error(error: Exception, where: str, clocks: Timeout | None) -> Exception:
    """Make our error of one of httpcore's, httpx's or httpx2's, by its class's name, for these are the same."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, Expired):
        what = "did not answer whole" if error.clock == "total" else "sent nothing"
        text = f"{where} {what} within {error.seconds:g} s. Give more time by timeout=Timeout({error.clock}=...)."
        return APITimeoutError(text, endpoint=where)
    if "ConnectTimeout" in names and clocks is not None:
        text = f"No connection to {where} within {clocks.connect:g} s. Check host and port, or give more time by "
        return _unsent(APITimeoutError(text + "timeout=Timeout(connect=...).", endpoint=where))
    if "TimeoutException" in names:
        return APITimeoutError(f"{where}: a clock of the http_client ran out ({type(error).__name__}).", endpoint=where)
    if "LocalProtocolError" in names:  # its text may hold a header
        text = f"The request to {where} is no legal HTTP. Check the headers given."
        return _unsent(APIConnectionError(text, endpoint=where))
    reason = str(error) or type(error).__name__
    if "ProxyError" in names:
        return _unsent(APIConnectionError(f"The proxy on the way to {where} refused: {reason}.", endpoint=where))
    if "ConnectError" in names:
        text = f"No connection to {where}: {reason}. Check base_url, and that the server runs and can be reached."
        return _unsent(APIConnectionError(text, endpoint=where))
    if names & {"TransportError", "NetworkError", "ProtocolError"}:
        text = f"The connection to {where} broke before the answer was whole: {reason.rstrip('.')}."
        return APIConnectionError(text, endpoint=where)
    return error


def _unsent(error: APIConnectionError) -> APIConnectionError:
    error.sent = False
    return error
