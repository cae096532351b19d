"""Answers read by llhttp as httpcore would read them, and who says which of the two reads."""

import asyncio
import contextlib
import ssl
import sys
from pathlib import Path

import httpcore
import pytest

from agentkit.errors import APIConnectionError, ConfigurationError, MissingExtraError
from agentkit.http import ChatModel, Retry, Timeout, connection
from agentkit.http.fast import FastLine, fast_line
from agentkit.http.line import Line
from agentkit.http.transport import Transport
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.wire import ChatRequest

CERTIFICATE = Path(__file__).parent / "certificate"
REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "hello"}]})
CLOCKS = Timeout(connect=5, read=5, total=5)
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"


@pytest.fixture
def _fast(monkeypatch):
    pytest.importorskip("httptools")
    monkeypatch.setenv("AGENTKIT_TRANSPORT", "fast")


fast = pytest.mark.usefixtures("_fast")


class Server:
    """Answers each request with the same pieces, and counts its connections."""

    def __init__(self, *pieces, close=False, **options):
        self.connections = self.open = 0
        self._pieces, self._close, self._options = pieces, close, options

    async def _serve(self, reader, writer):
        self.connections += 1
        self.open += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
                for piece in self._pieces:
                    writer.write(piece)
                    await writer.drain()
                    if len(self._pieces) > 1:
                        for _ in range(3):
                            await asyncio.sleep(0)
                if self._close:
                    break
        writer.close()
        self.open -= 1

    async def __aenter__(self):
        self._running = await asyncio.start_server(self._serve, "127.0.0.1", 0, **self._options)
        scheme = "https" if "ssl" in self._options else "http"
        self.origin = f"{scheme}://127.0.0.1:{self._running.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._running.close()
        while self.open:  # noqa: ASYNC110  # the streams have no event for it
            await asyncio.sleep(0)


async def ask(transport, origin):
    """Give all that is seen of one answer."""
    seen, body, reply = [], b"", None
    try:
        reply = await transport.send(f"{origin}/x", [("A", "b")], b"{}", clocks=CLOCKS, first=None, where="W")
        seen.append((reply.status, dict(reply.headers)))
        while data := await reply.read(5):
            body += data
    except APIConnectionError as error:
        seen.append((type(error), str(error)))
    finally:
        if reply is not None:
            await reply.aclose()
    return [*seen, body]


def answers(monkeypatch, over, pieces, close):
    """Ask twice; give what came, and over how many connections."""
    monkeypatch.setenv("AGENTKIT_TRANSPORT", over)

    async def main():
        async with Server(*pieces, close=close) as server:
            transport = Transport(server.origin)
            found = [await ask(transport, server.origin) for _ in range(2)]
            await transport.aclose()
            return found, server.connections

    return asyncio.run(main())


def head(*lines, body=b"ab", status=b"HTTP/1.1 200 OK", length=b"Content-Length: 2"):
    return b"\r\n".join([status, *lines, *([length] if length else []), b"", b""]) + body


def chunked(body):
    return head(length=b"Transfer-Encoding: chunked", body=body)


STAYING = {
    "plain": GOOD,
    "spaces around a value": head(b"A:  x  y \t "),
    "no value": head(b"A:", b"B: "),
    "Latin letters in a value": head(b"A: \xe9"),
    "a control character in a value": head(b"A: \x01"),
    "a folded value": head(b"A: b", b" c"),
    "headers of one name": head(b"Set-Cookie: a=b", b"Set-Cookie: c=d"),
    "a space before the colon": head(b"A : b"),
    "no colon": head(b"nothing"),
    "a zero byte": head(b"A: b\x00c"),
    "line feeds alone": GOOD.replace(b"\r", b""),
    "a line before": b"\r\n" + GOOD,
    "no reason": head(status=b"HTTP/1.1 200"),
    "a bad request": head(status=b"HTTP/1.1 400 Bad Request"),
    "no such status": head(status=b"HTTP/1.1 999 No"),
    "another version": head(status=b"HTTP/2.0 200 OK"),
    "the old version": head(b"Connection: keep-alive", status=b"HTTP/1.0 200 OK"),
    "no content": head(status=b"HTTP/1.1 204 No Content", length=None, body=b""),
    "not modified": head(status=b"HTTP/1.1 304 Not Modified", body=b""),
    "an empty body": head(length=b"Content-Length: 0", body=b""),
    "a server that takes its time": b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
    "hints before": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD,
    "another protocol offered": head(b"Upgrade: h2c", b"Connection: Upgrade"),
    "its length twice": head(b"Content-Length: 2"),
    "its length twice in one": head(length=b"Content-Length: 2, 2"),
    "two lengths": head(b"Content-Length: 3"),
    "a last answer": head(b"Connection: Keep-Alive, Close"),
    "a last answer and more": head(b"Connection: close", body=b"abMORE"),
    "a long head": head(b"X: " + b"x" * 70_000),
    "a head without end": head(b"X: " + b"x" * 300_000),
    "chunks": chunked(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
    "chunks in large letters": head(length=b"Transfer-Encoding: CHUNKED", body=b"1\r\na\r\n0\r\n\r\n"),
    "chunks and a length": head(b"Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\n\r\n"),
    "a chunk with a word": chunked(b"1;x=y\r\na\r\n0\r\nTrailer: v\r\n\r\n"),
    "a chunk with spaces": chunked(b"1  \r\na\r\n0 \r\n\r\n"),
    "a chunk's word without end": chunked(b"1;" + b"x" * 600_000),
    "another coding of the way": head(length=b"Transfer-Encoding: gzip, chunked", body=b"1\r\na\r\n0\r\n\r\n"),
}
"""Answers after which the server waits for more."""

ENDING = {
    "nothing": b"",
    "half a status": b"HTTP/1.1 20",
    "half a head": b"HTTP/1.1 200 OK\r\nA: b\r\n",
    "no HTTP": b"GARBAGE\r\n\r\n",
    "another protocol": b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "a body until the end": head(length=None),
    "a body until the end in the old version": head(length=None, status=b"HTTP/1.0 200 OK"),
    "half a body": head(length=b"Content-Length: 9"),
    "half a chunk": chunked(b"5\r\nabc"),
    "no last chunk": chunked(b"1\r\na\r\n"),
    "no length": head(length=b"Content-Length:"),
    "a length below zero": head(length=b"Content-Length: -2"),
    "a length with a sign": head(length=b"Content-Length: +2"),
    "a length beyond all": head(length=b"Content-Length: 99999999999999999999999"),
    "another coding of the way": head(length=b"Transfer-Encoding: gzip"),
    "another protocol instead": head(b"Connection: upgrade", b"Upgrade: x", status=b"HTTP/1.1 101 Switching Protocols"),
}
"""Answers after which the server closes the connection."""


def cuts(answer):
    """Give an answer as it may come: whole, in two, and, where that is not too much, byte by byte."""
    middle = len(answer) * 2 // 3
    yield [answer]
    yield [answer[:middle], answer[middle:]]
    if len(answer) < 300:
        yield [answer[place : place + 1] for place in range(len(answer))]


@pytest.mark.parametrize(
    ("answer", "close"),
    [
        *(pytest.param(answer, False, id=name) for name, answer in STAYING.items()),
        *(pytest.param(answer, True, id=f"{name}, then the end") for name, answer in ENDING.items()),
    ],
)
@fast
def test_an_answer_is_the_same_however_it_is_read(monkeypatch, answer, close):
    for pieces in cuts(answer):
        assert answers(monkeypatch, "fast", pieces, close) == answers(monkeypatch, "httpx", pieces, close)


@pytest.mark.parametrize("body", [b"zz\r\na\r\n0\r\n\r\n", b"1\r\naX\r\n0\r\n\r\n", b"fffffffffffffffff\r\na\r\n"])
@fast
def test_a_damaged_chunk_is_said_to_have_broken_the_answer(monkeypatch, body):
    """Only the words of the two for what they found differ."""
    for over in ("fast", "httpx"):
        for answer in answers(monkeypatch, over, [chunked(body)], close=True)[0]:
            assert answer[0] == (200, {"transfer-encoding": "chunked"})
            kind, text = answer[1]
            assert kind is APIConnectionError
            assert text.startswith("The connection to W broke before the answer was whole: ")


@pytest.mark.parametrize("rest", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"HTTP/1.1 2", b"x"])
@pytest.mark.parametrize("first", [GOOD, chunked(b"2\r\nab\r\n0\r\n\r\n"), GOOD.replace(b"\r", b"")])
def test_what_comes_after_an_answer_is_never_taken_for_the_next(monkeypatch, over, first, rest):
    found, connections = answers(monkeypatch, over, [first + rest], False)
    assert [body for _, body in found] == [b"ab", b"ab"]
    assert connections == 2


@fast
def test_most_answers_are_read_by_llhttp(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("httpcore reads it")

    monkeypatch.setattr(httpcore, "AsyncHTTP11Connection", refuse)
    for answer in (GOOD, chunked(b"2\r\nab\r\n0\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD):
        assert [body for _, body in answers(monkeypatch, "fast", [answer], False)[0]] == [b"ab", b"ab"]


@fast
def test_a_header_that_would_be_two_is_not_sent():
    async def main():
        line = fast_line()(
            httpcore.Origin(b"http", b"127.0.0.1", 1), None, httpcore.AnyIOBackend(), gate=asyncio.Semaphore()
        )
        line._stream = httpcore.AsyncMockStream([GOOD])
        with pytest.raises(httpcore.LocalProtocolError):
            await line.handle_async_request(
                httpcore.Request(b"POST", "http://127.0.0.1:1/", headers=[(b"A", b"b\r\nC: d")], content=b"")
            )

    asyncio.run(main())


@fast
def test_an_exchange_given_up_at_any_moment_leaves_no_connection_open():
    async def main():
        pieces = [chunked(b"2\r\nab\r\n"), b"2\r\ncd\r\n", b"0\r\n\r\n"]
        async with Server(*pieces) as server:
            transport = Transport(server.origin)
            for turns in range(40):
                task = asyncio.create_task(ask(transport, server.origin))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            assert (await ask(transport, server.origin))[-1] == b"abcd"
            await transport.aclose()

    asyncio.run(asyncio.wait_for(main(), 30))  # the server waits until all its connections are closed


@pytest.mark.parametrize("how", ["trusted", "by SSL_CERT_FILE", "unknown"])
def test_a_server_is_spoken_to_by_tls_where_its_certificate_is_trusted(monkeypatch, over, how):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE / "server.pem")
    if how == "by SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE / "authority.pem"))
        monkeypatch.setattr(connection, "_tls", connection._tls.__wrapped__)
    trusting = ssl.create_default_context(cafile=CERTIFICATE / "authority.pem" if how == "trusted" else None)
    if how != "by SSL_CERT_FILE":
        monkeypatch.setattr(connection, "_tls", lambda: trusting)

    async def main():
        async with Server(GOOD, ssl=context) as server:
            transport = Transport(server.origin)
            found = [await ask(transport, server.origin) for _ in range(2)]
            await transport.aclose()
            return found, server.connections

    found, connections = asyncio.run(main())
    if how == "unknown":
        kind, text = found[0][0]
        assert kind is APIConnectionError
        assert text.startswith("No connection to W: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ")
        return
    assert found == [[(200, {"content-length": "2"}), b"ab"]] * 2
    assert connections == 1


@fast
def test_a_connection_that_rested_too_long_is_not_used_again(monkeypatch):
    async def main():
        async with Server(GOOD) as server:
            transport = Transport(server.origin)
            await ask(transport, server.origin)
            loop = asyncio.get_running_loop()
            then = loop.time
            loop.time = lambda: then() + 31
            await ask(transport, server.origin)
            del loop.time
            await transport.aclose()
            return server.connections

    assert asyncio.run(main()) == 2


def line_of(model):
    """Ask once, and give what the connection is."""

    async def main():
        await model.complete(REQUEST)
        (pool,) = model._transport._pools.values()
        (one,) = pool()._open
        return type(one._line)

    return asyncio.run(main())


def test_it_is_taken_where_httptools_is_installed(monkeypatch):
    pytest.importorskip("httptools")
    for name in ("AGENTKIT_TRANSPORT", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FakeEndpoint() as endpoint:
        assert line_of(ChatModel("m", base_url=endpoint.base_url)) is FastLine


def test_httpx_may_be_demanded(monkeypatch):
    monkeypatch.setenv("AGENTKIT_TRANSPORT", "HTTPX")
    with FakeEndpoint() as endpoint:
        assert line_of(ChatModel("m", base_url=endpoint.base_url)) is Line


def test_without_httptools_nothing_changes(monkeypatch):
    monkeypatch.delenv("AGENTKIT_TRANSPORT", raising=False)
    monkeypatch.setitem(sys.modules, "httptools", None)
    assert fast_line() is None


def test_demanding_it_without_httptools_is_refused(monkeypatch):
    monkeypatch.setenv("AGENTKIT_TRANSPORT", "fast")
    monkeypatch.setitem(sys.modules, "httptools", None)
    with pytest.raises(MissingExtraError) as caught:
        asyncio.run(ChatModel("m", base_url="http://127.0.0.1:1/v1", retry=Retry(attempts=1)).complete(REQUEST))
    assert str(caught.value) == (
        "AGENTKIT_TRANSPORT is 'fast', which needs the package httptools, and it is not installed. "
        'Install it: pip install "agentkit-chat[fast]".'
    )


def test_another_transport_is_refused(monkeypatch):
    monkeypatch.setenv("AGENTKIT_TRANSPORT", "curl")
    with pytest.raises(ConfigurationError) as caught:
        fast_line()
    assert str(caught.value) == "AGENTKIT_TRANSPORT is 'curl'. Set it to 'httpx' or 'fast', or leave it out."


@fast
def test_a_proxy_is_spoken_to_by_httpcore(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FakeEndpoint() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert line_of(ChatModel("m", base_url="http://nowhere.invalid/v1")) is not FastLine
