"""The extra `fast`: `fast_line` gives connections whose answers llhttp reads, the parser of Node.js, instead of h11.

`connection` takes them where httptools is installed and no proxy stands between. Sockets, TLS, clocks and the pool are
those of the plain install, and what llhttp does not take at once httpcore reads again: only the cost differs.
"""

from __future__ import annotations

import asyncio
import functools
import os
import ssl
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import httpcore

from agentkit.errors import ConfigurationError, MissingExtraError
from agentkit.http.line import Line
from agentkit.http.pool import IDLE

if TYPE_CHECKING:
    from httptools import HttpResponseParser

__all__ = ["VARIABLE", "FastLine", "fast_line"]

VARIABLE = "AGENTKIT_TRANSPORT"
_ONE_READ = 16 * 1024  # what is read at once is decoded at once: the chunks of a burst take eight times their bytes
_LONGEST_HEAD = 64 * 1024  # what is longer httpcore reads, which has a bound of its own
_FRAMING = (len("content-length"), len("transfer-encoding"))

_Parser = Callable[[object], "HttpResponseParser"]
_Make = Callable[..., "FastLine"]


def fast_line() -> _Make | None:
    """Give what makes a fast connection; None where httptools is not installed or `AGENTKIT_TRANSPORT=httpx` says so.

    Raises:
        MissingExtraError: `AGENTKIT_TRANSPORT=fast` demands it and httptools is not installed.
        ConfigurationError: The variable says something else.
    """
    wish = os.environ.get(VARIABLE, "").strip().lower()
    if wish not in ("", "fast", "httpx"):
        raise ConfigurationError(f"{VARIABLE} is {wish!r}. Set it to 'httpx' or 'fast', or leave it out.")
    if wish == "httpx":
        return None
    try:
        from httptools import (  # noqa: PLC0415 # of an extra
            HttpParserError,
            HttpParserUpgrade,
            HttpResponseParser,
        )
    except ImportError:
        if not wish:
            return None
        raise MissingExtraError(
            f"{VARIABLE} is 'fast', which needs the package httptools, and it is not installed. "
            'Install it: pip install "agentkit-chat[fast]".'
        ) from None
    return functools.partial(FastLine, HttpResponseParser, (HttpParserError, HttpParserUpgrade))


class FastLine(Line):
    """One connection straight to a server whose answers llhttp reads; httpcore does where it cannot at once.

    Args:
        parser: Makes llhttp's for answers.
        refused: What that raises.
        origin: The server.
        tls: The context for one that is spoken to by TLS.
        network: What opens sockets.
        gate: Bounds how many are opened at a time.
    """

    def __init__(
        self,
        parser: _Parser,
        refused: tuple[type[Exception], ...],
        origin: httpcore.Origin,
        tls: ssl.SSLContext | None,
        network: httpcore.AsyncNetworkBackend,
        *,
        gate: asyncio.Semaphore,
    ) -> None:
        super().__init__(origin, tls, network, gate=gate)
        self._parser = parser
        self._refused = refused
        self._stream: httpcore.AsyncNetworkStream | None = None
        self._idle_until: float | None = None

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request and wait for the head of its answer, as `Line` does."""
        if self._connection is not None:  # after an unusual head
            return await self._connection.handle_async_request(request)
        stream = self._stream
        if stream is None:
            stream = self._stream = await self.open(request)
        self._idle_until = None
        head = _head(request)
        with suppress(httpcore.WriteError):  # a server may answer before it took all
            await stream.write(head)
            async for part in cast("AsyncIterable[bytes]", request.stream):
                await stream.write(part)
        answer = _Answer(self, stream, self._parser, self._refused)
        came = await answer.begin()
        if came is None:
            response = httpcore.Response(answer.status, content=answer)
            response.headers = answer.headers  # not as an argument, for those are looked through once more
            return response
        self._connection = httpcore.AsyncHTTP11Connection(self._origin, _Again(stream, came), IDLE)
        return await self._connection.handle_async_request(request)

    def rest(self) -> None:
        """Note that an answer came to its end and the connection can take the next request."""
        self._idle_until = asyncio.get_running_loop().time() + IDLE

    async def aclose(self) -> None:
        """Close it, whatever is under way."""
        self._idle_until = None
        if self._stream is not None:
            await self._stream.aclose()

    def is_available(self) -> bool:
        """Tell whether the last request is over."""
        return self._idle_until is not None if self._connection is None else super().is_available()

    def has_expired(self) -> bool:
        """Tell whether it rested too long, or the server has gone."""
        if self._connection is not None:
            return super().has_expired()
        if self._idle_until is None or self._stream is None:
            return False
        late = asyncio.get_running_loop().time() > self._idle_until
        return late or bool(self._stream.get_extra_info("is_readable"))


def _head(request: httpcore.Request) -> bytes:
    """Write what stands before a body.

    Raises:
        httpcore.LocalProtocolError: A header would end before its line does.
    """
    lines = [b"%b %b HTTP/1.1" % (request.method, request.url.target)]
    lines += [b"%b: %b" % header for header in request.headers]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise httpcore.LocalProtocolError("illegal header")
    return head + b"\r\n\r\n"


class _Answer:
    """An answer as llhttp reads it: head, body by pieces, end.

    Args:
        line: The connection it comes over.
        stream: Its bytes.
        parser: Makes what reads them, which calls the methods that begin with `on_`.
        refused: What that raises.
    """

    def __init__(
        self, line: FastLine, stream: httpcore.AsyncNetworkStream, parser: _Parser, refused: tuple[type[Exception], ...]
    ) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._line: FastLine | None = line
        self._stream = stream
        self._parser: HttpResponseParser | None = parser(self)
        self._refused = refused
        self._length: bytes | None = None
        self._size = self._quiet = 0
        self._parts: list[bytes] = []
        self._failure = ""
        self._begun = self._plain = self._whole = self._kept = False

    async def begin(self) -> bytes | None:
        """Read the head; give what came where it is not as most are, and httpcore is to read it."""
        came = b""
        while not self._begun:
            data = await self._stream.read(_ONE_READ)
            came += data
            if not data or came[:1].isspace():  # llhttp skips it
                break
            self._take(data)
            if self._is_lost(len(came)):
                break
        if self._plain:
            return None
        self._parser = self._line = None
        return came

    def _is_lost(self, size: int) -> bool:
        return not self._begun and (bool(self._failure) or size > _LONGEST_HEAD)

    def _take(self, data: bytes) -> None:
        assert self._parser is not None
        size = self._size
        try:
            self._parser.feed_data(data)
        except self._refused as error:  # what comes after the end is nobody's
            self._failure = "" if self._whole else str(error)
            self._kept = False
        self._quiet = self._quiet + len(data) if self._size == size else 0
        if self._quiet > _LONGEST_HEAD and self._begun and not self._whole:
            self._failure = "Receive buffer too long"

    def on_message_begin(self) -> None:
        """Note that more comes than was asked for."""
        self._kept = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or drop one that stands after the body."""
        if self._begun:
            return
        self.headers.append((name, value))
        if len(name) in _FRAMING:
            self._note(name.lower(), value.strip(b" \t").lower())

    def _note(self, name: bytes, value: bytes) -> None:
        if name in (b"content-length", b"transfer-encoding"):
            self._length = value
            self.headers[-1] = (name, value)

    def on_headers_complete(self) -> None:
        """Look whether it is a head as most are: an answer in HTTP/1.1 that says where its body ends."""
        if self._begun:
            return
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200 and self.status != 101:  # "wait": the answer follows
            self.headers.clear()
            return
        self._begun = True
        framed = self._length is not None and (self._length.isdigit() or self._length == b"chunked")
        self._plain = framed and self.status >= 200 and self._parser.get_http_version() == "1.1"
        self._kept = self._parser.should_keep_alive()
        if self._length == b"chunked":
            self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)  # h11 takes them

    def on_body(self, body: bytes) -> None:
        """Take a piece."""
        if not self._whole:
            self._parts.append(body)
            self._size += len(body)

    def on_message_complete(self) -> None:
        """Note the end."""
        self._whole = self._begun

    def __aiter__(self) -> _Answer:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self._whole:
                raise StopAsyncIteration
            if not self._failure:
                data = await self._stream.read(_ONE_READ)
                if data:
                    self._take(data)
                    continue
                self._failure = self._cut()
            raise httpcore.RemoteProtocolError(self._failure)
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _cut(self) -> str:
        how = "incomplete chunked read"
        if self._length is not None and self._length.isdigit():
            how = f"received {self._size} bytes, expected {int(self._length)}"
        return f"peer closed connection without sending complete message body ({how})"

    async def aclose(self) -> None:
        """Let the connection rest, or close it where it cannot be used again."""
        line, self._line, self._parser = self._line, None, None
        if line is None:
            return
        if self._whole and self._kept:
            line.rest()
        else:
            await line.aclose()


class _Again(httpcore.AsyncNetworkStream):
    """A stream on which a request was sent, and some of its answer read."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, came: bytes) -> None:
        self._stream = stream
        self._came = came
        self._sent = True

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 # httpcore's signature
        self._sent = False
        if not self._came:
            return await self._stream.read(max_bytes, timeout)
        came, self._came = self._came[:max_bytes], self._came[max_bytes:]
        return came

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 # httpcore's signature
        if not self._sent:
            await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
