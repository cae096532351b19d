"""A connection straight to a server as httpcore reads it, and what it holds of an answer too many."""

import asyncio
import contextlib

import httpcore
import pytest

from agentkit.http import Timeout
from agentkit.http import line as module
from agentkit.http.line import Line, has_rest
from agentkit.http.network import Network
from agentkit.http.transport import Transport

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
CLOCKS = Timeout(connect=5, read=5, total=5)


@contextlib.asynccontextmanager
async def server(answer):
    """Give the port of a server that answers all with the same, and the list of its connections."""
    connections = []

    async def serve(reader, writer):
        connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as running:
        yield running.sockets[0].getsockname()[1], connections
        for writer in connections:
            await writer.wait_closed()


def request(port):
    return httpcore.Request(
        b"POST", f"http://127.0.0.1:{port}/", headers=[(b"Host", b"x"), (b"Content-Length", b"2")], content=b"{}"
    )


async def ask(line, port):
    response = await line.handle_async_request(request(port))
    body = await response.aread()
    await response.aclose()
    return body


def test_one_connection_serves_requests_one_after_another_until_it_is_closed():
    async def main():
        async with server(GOOD) as (port, connections):
            line = Line(httpcore.Origin(b"http", b"127.0.0.1", port), None, Network(), gate=asyncio.Semaphore())
            assert not line.is_available()
            assert not line.has_expired()
            assert [await ask(line, port) for _ in range(2)] == [b"ab", b"ab"]
            assert line.is_available()
            assert not line.has_expired()
            assert not has_rest(line)
            await line.aclose()
            assert not line.is_available()
            assert len(connections) == 1

    asyncio.run(main())


def test_one_that_was_never_opened_is_closed_without_a_word():
    asyncio.run(Line(httpcore.Origin(b"http", b"127.0.0.1", 1), None, Network(), gate=asyncio.Semaphore()).aclose())


@pytest.mark.parametrize("rest", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"HTTP/1.1 2", b"\r\n"])
def test_bytes_after_the_end_of_an_answer_are_seen(rest):
    async def main():
        async with server(GOOD + rest) as (port, _):
            line = Line(httpcore.Origin(b"http", b"127.0.0.1", port), None, Network(), gate=asyncio.Semaphore())
            assert await ask(line, port) == b"ab"
            assert line.is_available()
            assert has_rest(line)
            await line.aclose()

    asyncio.run(main())


def test_no_more_are_opened_at_a_time_than_the_gate_lets_through():
    class Slow(httpcore.AsyncNetworkBackend):
        opening, most = 0, 0

        async def connect_tcp(self, *_, **__):
            self.opening += 1
            self.most = max(self.most, self.opening)
            for _ in range(3):
                await asyncio.sleep(0)
            self.opening -= 1
            return httpcore.AsyncMockStream([GOOD])

    async def main():
        network, gate, origin = Slow(), asyncio.Semaphore(2), httpcore.Origin(b"http", b"127.0.0.1", 80)
        lines = [Line(origin, None, network, gate=gate) for _ in range(5)]
        assert await asyncio.gather(*[ask(line, 80) for line in lines]) == [b"ab"] * 5
        assert network.most == 2

    asyncio.run(main())


class Answering(httpcore.AsyncNetworkBackend):
    """Opens at once so many connections as ask for one together."""

    def __init__(self, together):
        self._barrier = asyncio.Barrier(together)

    async def connect_tcp(self, *_, **__):
        await self._barrier.wait()
        return httpcore.AsyncMockStream([GOOD])


def test_one_whose_server_does_not_answer_holds_up_nobody_for_long(monkeypatch):
    monkeypatch.setattr(module, "_TURN", 0)

    async def main():
        network, gate, origin = Answering(3), asyncio.Semaphore(1), httpcore.Origin(b"http", b"127.0.0.1", 80)
        lines = [Line(origin, None, network, gate=gate) for _ in range(3)]
        assert await asyncio.gather(*[ask(line, 80) for line in lines]) == [b"ab"] * 3
        await gate.acquire()
        assert gate.locked()  # each gave its place back once

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.parametrize("turn", [0, 5])
def test_a_request_given_up_at_any_moment_leaves_its_place_at_the_gate(monkeypatch, turn):
    monkeypatch.setattr(module, "_TURN", turn)

    async def main():
        gate, origin = asyncio.Semaphore(1), httpcore.Origin(b"http", b"127.0.0.1", 80)
        for turns in range(12):
            lines = [Line(origin, None, Answering(1), gate=gate) for _ in range(3)]
            tasks = [asyncio.create_task(ask(line, 80)) for line in lines]
            for _ in range(turns):
                await asyncio.sleep(0)
            tasks[turns % 3].cancel()
            await asyncio.wait(tasks)
            assert not gate.locked()
            await gate.acquire()
            assert gate.locked()
            gate.release()

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_proxy_whose_answer_goes_on_is_asked_over_another_connection(monkeypatch):
    for name in ("http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def main():
        async with server(GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil") as (port, connections):
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
            transport = Transport("http://nowhere.invalid")
            for _ in range(2):
                reply = await transport.send(
                    "http://nowhere.invalid/x", [], b"{}", clocks=CLOCKS, first=None, where="W"
                )
                assert await reply.read(5) == b"ab"
                assert await reply.read(5) == b""
                await reply.aclose()
            await transport.aclose()
            assert len(connections) == 2

    asyncio.run(main())
