"""The workloads by hand on asyncio's sockets, with as little HTTP as the endpoint needs: what cannot be gone below."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from floor import Loop, tools_json
from task import Task

__all__ = ["CANNOT", "DISTRIBUTION", "STATEMENT", "Program", "tools_json"]

STATEMENT = "import asyncio, json"
DISTRIBUTION = ""
CANNOT = {"import": "nothing is installed", "functions": "the same as with httpx"}


class _Line(asyncio.Protocol):
    """One connection, whose replies are whole or come in pieces."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._waiting: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.ended = False  # whether the last chunk was read
        self.transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(None)

    async def _more(self) -> None:
        self._waiting = self._loop.create_future()
        await self._waiting

    async def _head(self) -> int:
        """Read a head; give the length of what follows, -1 where it comes in chunks."""
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            await self._more()
        head = bytes(self._data[:end]).lower()
        del self._data[: end + 4]
        assert head.startswith(b"http/1.1 200 "), head
        if b"\r\ntransfer-encoding: chunked" in head:
            return -1
        return int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])

    async def whole(self) -> bytes:
        """Read a reply of known length."""
        size = await self._head()
        while len(self._data) < size:
            await self._more()
        body = bytes(self._data)
        self._data.clear()
        return body

    async def chunks(self) -> list[bytes]:
        """Read the chunks that are there; none is the end."""
        while True:
            data, found, place = bytes(self._data), [], 0
            while (line := data.find(b"\r\n", place)) >= 0:
                size = int(data[place:line], 16)
                if len(data) < line + 4 + size:
                    break
                place = line + 4 + size
                if not size:
                    self.ended = True
                    break
                found.append(data[line + 2 : line + 2 + size])
            del self._data[:place]
            if found or self.ended:
                return found
            await self._more()

    async def begin(self) -> None:
        """Read the head of a reply that comes in chunks."""
        self.ended = False
        assert await self._head() == -1


class Program(Loop):
    """Ask by sockets, each used again."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname, parts.port
        self._start = (
            f"POST {parts.path}/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer sk-bench\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        self._free: list[_Line] = []

    async def _sent(self, body: dict[str, Any]) -> _Line:
        if self._free:
            line = self._free.pop()
        else:
            _, line = await asyncio.get_running_loop().create_connection(_Line, *self._place)
        written = json.dumps(body).encode()
        line.transport.write(f"{self._start}{len(written)}\r\n\r\n".encode() + written)
        return line

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request, read its reply."""
        line = await self._sent(body)
        told = await line.whole()
        self._free.append(line)
        return json.loads(told)["choices"][0]["message"]

    def stream(self, task: Task) -> Callable[[], Awaitable[Any]]:
        """Read a stream, of which each chunk is an event."""
        body = {"model": "bench", "messages": [{"role": "user", "content": task.prompt}], "stream": True}
        body |= {"stream_options": {"include_usage": True}}

        async def run() -> tuple[int, str]:
            pieces: list[str] = []
            line = await self._sent(body)
            await line.begin()
            while not line.ended:
                for event in await line.chunks():
                    if event == b"data: [DONE]\n\n":
                        continue
                    for choice in json.loads(event[6:])["choices"]:
                        if text := choice["delta"].get("content"):
                            pieces.append(text)
            self._free.append(line)
            return len(pieces), "".join(pieces)

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        for line in self._free:
            line.transport.close()
        await asyncio.sleep(0)
