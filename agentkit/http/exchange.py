"""One request and its answer: `Exchange` sends it, once for each attempt, and reads a whole reply or a stream's chunks.

`ChatModel` prepares it and the `Route` that it goes; errors are ours only, and none leads back to what httpx raised.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from agentkit.errors import APIConnectionError, APIError, APITimeoutError, InvalidResponseError
from agentkit.http.clock import Timeout
from agentkit.http.key import Key
from agentkit.http.status import Asked, inner_error, redirect_error, status_error
from agentkit.http.stream import ChunkDecoder, is_events, one_chunk
from agentkit.http.transport import Headers, Reply, Transport
from agentkit.model import RequestSent, report
from agentkit.price import Price
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.merge import merge
from agentkit.wire.response import ChatCompletion

__all__ = ["Exchange", "Incoming", "Route"]

_MOST_ERROR = 1024 * 1024
_AFTER_DONE = 1.0  # seconds that the end of a body may come after its [DONE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where requests go, and how.

    Attributes:
        transport: What sends them.
        timeout: Their clocks.
        asked: Where they go, for errors.
        url: The whole URL.
        headers: All headers but the key's.
        key: The key, read anew for each attempt.
        key_header: The header that it goes in; `authorization` has "Bearer" before it.
        price: What the model costs, where that was given with it.
    """

    transport: Transport
    timeout: Timeout
    asked: Asked
    url: str
    headers: Headers
    key: Key | None
    key_header: str
    price: Price | None = None


class Exchange:
    """A request on its way.

    Args:
        route: The way.
        body: The encoded request.
    """

    __slots__ = ("body", "route")

    def __init__(self, route: Route, body: bytes) -> None:
        self.route, self.body = route, body

    async def completion(self, attempt: int) -> ChatCompletion:
        """Send the request and read the whole reply.

        Raises:
            APIError: There is none; the classes are those of the contract's statuses.
        """
        reply = await self._open(attempt, first=None)
        try:
            return await Incoming(reply, self.route).whole()
        finally:
            await reply.aclose()

    async def start(self, attempt: int) -> Incoming:
        """Send the request and wait for the first chunk of the reply.

        Raises:
            APIError: There is none.
        """
        incoming = Incoming(await self._open(attempt, first=self.route.timeout.read), self.route)
        try:
            await incoming.begin()
        except BaseException:
            await incoming.aclose()
            raise
        incoming.attempts = attempt
        return incoming

    async def _open(self, attempt: int, first: float | None) -> Reply:
        route = self.route
        headers, asked, name = route.headers, route.asked, route.key_header
        if route.key is not None and (key := route.key.fixed or await route.key.read()):
            headers = [*headers, (name, f"Bearer {key}" if name == "authorization" else key)]
        report(RequestSent(asked.endpoint, asked.model, attempt, len(self.body), route.price))
        reply = await route.transport.send(
            route.url, headers, self.body, clocks=route.timeout, first=first, where=asked.endpoint
        )
        if 200 <= reply.status < 300:
            return reply
        try:
            if reply.status < 400:
                raise redirect_error(reply.status, reply.headers, asked)
            raise status_error(reply.status, reply.headers, await self._error_body(reply), asked)
        finally:
            await reply.aclose()

    async def _error_body(self, reply: Reply) -> bytes:
        body = b""
        with suppress(APIError):  # an error's body that breaks off still says what it says
            while len(body) < _MOST_ERROR and (data := await reply.read(self.route.timeout.read)):
                body += data
        return body


class Incoming:
    """The chunks of one answer, as they come.

    Args:
        reply: The answer, its head read.
        route: Where it comes from.

    Attributes:
        attempts: How many requests it took.
    """

    __slots__ = ("_asked", "_decoder", "_ended", "_first", "_over", "_read", "_reply", "attempts")

    _decoder: ChunkDecoder  # there once it is certain, or asked for, that the answer is a stream

    def __init__(self, reply: Reply, route: Route) -> None:
        self._reply = reply
        self._asked = route.asked
        self._read = route.timeout.read
        self._first: list[ChatCompletionChunk] = []
        self._ended = False
        self._over: float | None = None
        self.attempts = 1

    async def begin(self) -> None:
        """Wait for the first chunks that say something, whichever of the two forms the answer has.

        What breaks before that can be asked again, for nobody has seen anything of it.
        """
        head, self._decoder = b"", ChunkDecoder()
        while (events := is_events(head)) is None:
            data = await self._receive()
            if not data:
                break
            head += data
        if events is not False:
            self._first = self._decoder.feed(head)
            while not any(chunk.says_something for chunk in self._first) and (more := await self._next()):
                self._first += more
            return
        self._ended = self._decoder.done = True
        self._first = [one_chunk(await self._document(head))]

    async def whole(self) -> ChatCompletion:
        """Give the whole reply; some servers send it as the events of a stream, unasked.

        Raises:
            StreamCutError: The events end before the reply does.
            APIError: There is no reply, or the connection or a clock failed.
        """
        head = await self._piece(None)
        while (events := is_events(head)) is None and (data := await self._piece(self._read)):
            head += data
        if not events:
            return await self._document(head)
        self._decoder = ChunkDecoder()
        chunks = self._decoder.feed(head)
        while more := await self._next():
            chunks += more
        return merge(chunks)

    async def _document(self, head: bytes) -> ChatCompletion:
        """Read the rest of a body that is one JSON document."""
        parts = [head]
        try:
            while parts[-1]:
                parts.append(await self._reply.read(self._read))
            return ChatCompletion.parse(b"".join(parts))
        except InvalidResponseError as error:
            failed = inner_error(error, self._reply.headers, self._asked)
        raise failed

    async def _piece(self, seconds: float | None) -> bytes:
        try:
            return await self._reply.read(seconds)
        except InvalidResponseError as error:
            failed = inner_error(error, self._reply.headers, self._asked)
        raise failed

    async def read(self) -> list[ChatCompletionChunk]:
        """Give the chunks that came with the next network read, none at the end.

        Raises:
            StreamCutError: The stream ended before the reply did.
            APIError: An error stood in the place of a chunk, or the connection or a clock failed.
        """
        if self._first:
            chunks, self._first = self._first, []
            return chunks
        return await self._next()

    async def _next(self) -> list[ChatCompletionChunk]:
        decoder = self._decoder
        while decoder.failure is None:
            if self._ended:
                if decoder.whole:
                    return []
                raise decoder.cut(decoder.lack, self._asked.endpoint)
            data = await self._receive()
            chunks = decoder.feed(data) if data else decoder.end()
            self._ended = not data
            if chunks:
                return chunks
        raise inner_error(decoder.failure, self._reply.headers, self._asked)

    async def _receive(self) -> bytes:
        decoder = self._decoder
        seconds = self._read
        if decoder.done:
            now = asyncio.get_running_loop().time()
            self._over = self._over or now + _AFTER_DONE
            seconds = max(0.0, self._over - now)
        try:
            return await self._piece(seconds)
        except (APIConnectionError, InvalidResponseError) as error:
            if decoder.done:
                return b""
            failed: APIError = error
        if isinstance(failed, APIConnectionError) and not isinstance(failed, APITimeoutError):
            failed = decoder.cut(str(failed).rstrip("."), self._asked.endpoint)
        raise failed

    async def aclose(self) -> None:
        """Let the connection go; at once, where the answer was not read to its end."""
        await self._reply.aclose()
