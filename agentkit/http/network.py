"""Sockets under httpcore by asyncio's own protocols: `Network`, at half the cost of httpcore's usual way to them.

`connection` gives it to httpcore. It knows bytes and TLS, not HTTP; what fails leaves as httpcore's errors.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import httpcore

__all__ = ["Network"]

_T = TypeVar("_T")

_MOST_HELD = 256 * 1024  # bytes that wait to be read, before the peer is held back; asyncio may add one read of as much
_ONE_READ = 64 * 1024
_SMALL = 4096  # bytes of a read that is not worth waking up for
_SOON = 0.004  # seconds between two reads of a stream that is faster than anyone reads
_IN_A_ROW = 8  # such reads, before they are let come together
_TOGETHER = 1 / 30  # seconds that such pieces may wait for each other: less than a film shows a picture
_HEAD_START = 0.25  # seconds for one address, before the next is tried beside it (RFC 8305, 5)
_KNOWN_AS = {"socket": "socket", "client_addr": "sockname", "server_addr": "peername"}


class Network(httpcore.AsyncNetworkBackend):
    """Opens the socket of one connection, on the event loop that runs, and closes it, whatever became of it."""

    def __init__(self) -> None:
        self._stream: _Plain | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the address of a host that answers first.

        Raises:
            httpcore.ConnectTimeout: None did in time.
            httpcore.ConnectError: None does, or the host has none.
        """
        loop = asyncio.get_running_loop()
        given: dict[str, Any] = {"local_addr": (local_address, 0)} if local_address else {}
        if isinstance(loop, asyncio.BaseEventLoop) and not _is_address(host):  # other loops go through them in turn
            given["happy_eyeballs_delay"] = _HEAD_START
        clock = asyncio.timeout(timeout)
        try:
            async with clock:
                opening = loop.create_connection(_Plain, host, port, **given)
                # not in the context of the run that asks, which the loop would keep as long as the connection
                opened = loop.create_task(opening, context=contextvars.Context())
                try:
                    transport, stream = await opened
                except asyncio.CancelledError:
                    if opened.done() and not opened.cancelled() and opened.exception() is None:
                        opened.result()[0].abort()
                    raise
        except OSError as error:
            if clock.expired():
                raise httpcore.ConnectTimeout from error
            said = str(error) if isinstance(error, socket.gaierror) else "All connection attempts failed"
            raise httpcore.ConnectError(said) from error
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        self._stream = stream
        return stream

    async def sleep(self, seconds: float) -> None:
        """Wait before another attempt."""
        await asyncio.sleep(seconds)

    async def aclose(self) -> None:
        """Close the socket, if it was opened."""
        if self._stream is not None:
            await self._stream.aclose()


def _is_address(host: str) -> bool:
    return ":" in host or host.rpartition(".")[2].isdecimal()


class _Plain(httpcore.AsyncNetworkStream, asyncio.Protocol):
    """One socket, its protocol and what reads it in one.

    What is written goes out when an answer is waited for, so that a request is one piece, and an answer is seen that
    comes before all of the request was taken.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._unsent: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._held_back = False
        self._came_at = 0.0
        self._piece = 0  # the size of the last read that was not of several pieces
        self._quick = 0  # reads one after another, each soon after the one before
        self._gathered = False
        self._ended = False
        self._lost = False
        self._error: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, and not derived from it
        self._context = contextvars.copy_context()  # nobody's

    def data_received(self, data: bytes) -> None:
        self._came += data
        if len(self._came) > _MOST_HELD and not self._held_back:
            self._held_back = True
            self._transport.pause_reading()
        else:
            self._pace(len(data))
        self._wake()

    def _pace(self, size: int) -> None:
        """Let what comes in small pieces, and faster than anyone reads, come together: waking up is what costs."""
        now = self._loop.time()
        if self._gathered:
            self._gathered = False
            self._quick = self._quick if 2 * self._piece < size < _ONE_READ else 0
        else:
            self._piece = size
            self._quick = self._quick + 1 if now - self._came_at < _SOON and size < _SMALL else 0
        self._came_at = now
        if self._quick > _IN_A_ROW:
            self._gathered = True
            self._transport.pause_reading()
            self._loop.call_later(_TOGETHER, self._go_on)

    def _go_on(self) -> None:
        if not self._held_back:
            self._resume()

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._context.run(self._transport.resume_reading)

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._error = None if self._ended else exc  # what a peer said before it ended is whole, whatever failed after
        self._ended = self._lost = True
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 # as in httpcore
        if self._unsent:
            self._send()
        if not self._came and timeout is None:
            await self._wait()
        elif not self._came:
            try:
                async with asyncio.timeout(timeout):
                    await self._wait()
            except TimeoutError as error:
                raise httpcore.ReadTimeout from error
        data = bytes(self._came[:max_bytes])
        del self._came[:max_bytes]
        if self._held_back and len(self._came) <= _ONE_READ:
            self._held_back = False
            self._resume()
        return data

    async def _wait(self) -> None:
        """Wait until something came, or nothing more will."""
        while not (self._came or self._ended):
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._error is not None and not self._came:
            raise httpcore.ReadError(str(self._error)) from self._error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 # as in httpcore
        if buffer:
            self._unsent.append(buffer)

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._gathered:
            self._go_on()
        self._quick, self._gathered = 0, False
        if self._transport.is_closing():
            return
        if sum(map(len, unsent)) <= _ONE_READ:
            self._transport.writelines(unsent)
        else:  # one packet more costs less than joining a long history to its head
            for one in unsent:
                self._transport.write(one)

    async def aclose(self) -> None:
        if not self._lost:  # asyncio's transports fail on it, where the last was sent after the peer had ended
            self._transport.abort()  # what was not sent by now is of an exchange that nobody wants any more
        await asyncio.sleep(0)  # the loop closes the socket in its next turn

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 # httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        return await _secured(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # between two requests: the peer has gone, or says what nobody asked for
            return self._ended or bool(self._came)
        return self._transport.get_extra_info(_KNOWN_AS[info]) if info in _KNOWN_AS else None


async def _secured(
    under: httpcore.AsyncNetworkStream,
    context: ssl.SSLContext,
    name: str | None,
    timeout: float | None,  # noqa: ASYNC109 # handed on
) -> _Secure:
    """Put TLS over a stream, which is closed where that fails."""
    clock = asyncio.timeout(timeout)
    try:
        async with clock:
            stream = _Secure(under, context, name)
            await stream.shake_hands()
            return stream
    except BaseException as error:
        await under.aclose()
        if clock.expired() and isinstance(error, TimeoutError):
            raise httpcore.ConnectTimeout from error
        if isinstance(error, (OSError, httpcore.NetworkError)):
            raise httpcore.ConnectError(str(error)) from error
        raise


class _Secure(httpcore.AsyncNetworkStream):
    """TLS over another stream, which may be one itself: a server behind a proxy that is spoken to by TLS.

    asyncio's own TLS fills 256 KiB for each connection.
    """

    def __init__(self, under: httpcore.AsyncNetworkStream, context: ssl.SSLContext, name: str | None) -> None:
        self._under = under
        self._came, self._unsent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._unsent, server_hostname=name)

    async def shake_hands(self) -> None:
        await self._perform(self._tls.do_handshake)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 # as in httpcore
        try:
            return await self._perform(lambda: self._tls.read(max_bytes), timeout)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""  # whether a body was whole then, HTTP tells
        except ssl.SSLError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 # as in httpcore
        if buffer:
            await self._perform(lambda: self._tls.write(buffer), timeout)

    async def _perform(self, act: Callable[[], _T], timeout: float | None = None) -> _T:  # noqa: ASYNC109 # handed on
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                await self._flush()
            else:
                await self._flush()
                return done
            if data := await self._under.read(_ONE_READ, timeout):
                self._came.write(data)
            else:
                self._came.write_eof()

    async def _flush(self) -> None:
        if unsent := self._unsent.read():
            await self._under.write(unsent)

    async def aclose(self) -> None:
        await self._under.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 # httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        return await _secured(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._tls
        return (info == "is_readable" and self._came.pending > 0) or self._under.get_extra_info(info)
