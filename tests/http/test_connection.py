"""Connections straight and by proxies, with TLS or without, that are used again only where that can go well."""

import asyncio
import base64
import contextlib
import importlib.util
import json
import ssl
from pathlib import Path

import pytest

from agentkit.errors import APIConnectionError, APIStatusError, APITimeoutError
from agentkit.http import ChatModel, Retry, Timeout, connection
from agentkit.http.connection import Fields
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.wire import ChatRequest, merge

CERTIFICATE = Path(__file__).parent / "certificate"
REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "hello"}]})
ONCE = Retry(attempts=1)
SAID = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(SAID), SAID)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE / "authority.pem"))
    connection._tls.cache_clear()
    yield monkeypatch
    connection._tls.cache_clear()


def serving():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE / "server.pem")
    return context


class Served:
    """A server of the test's own.

    Attributes:
        heads: The head of each request.
        connections: How many were opened.
        open: How many still are.
    """

    def __init__(self, answer):
        self.answer = answer
        self.heads = []
        self.connections = self.open = 0
        self.writers = []

    async def __call__(self, reader, writer):
        self.connections += 1
        self.open += 1
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            await self.answer(self, reader, writer)
        self.open -= 1
        writer.close()

    async def request(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        return await reader.readexactly(int(fields.get("content-length", "0")))

    async def gone(self):
        while self.open:  # noqa: ASYNC110 # a socket has no event for it
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def server(answer, host="127.0.0.1", **options):
    served = Served(answer)
    running = await asyncio.start_server(served, host, 0, **options)
    served.port = running.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        running.close()
        for writer in served.writers:
            if not writer.is_closing():  # asyncio's transports may fail on it where they are closed
                writer.transport.abort()
        await asyncio.sleep(0)


async def say(served, reader, writer):
    while True:
        await served.request(reader)
        writer.write(ANSWER)


def tunnel(port):
    async def answer(served, reader, writer):
        """Pass bytes on to a port, as a proxy does that is asked to CONNECT."""
        served.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def copy(source, target):
            while data := await source.read(65536):
                target.write(data)

        sides = [asyncio.create_task(copy(reader, back)), asyncio.create_task(copy(there, writer))]
        await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        back.close()
        for side in sides:
            side.cancel()

    return answer


def run(main):
    return asyncio.run(asyncio.wait_for(main, 30))


def test_headers_are_found_in_any_case_and_read_as_they_were_meant():
    fields = Fields([(b"X-One", b"1"), (b"x-two", b"\xc3\xa9"), (b"X-THREE", b"\xe9"), (b"x-one", b"again")])
    assert dict(fields) == {"x-one": "1, again", "x-two": "é", "x-three": "é"}
    assert (fields["X-ONE"], fields.get("X-Two"), fields.get("x-four"), len(fields)) == ("1, again", "é", None, 3)


def test_a_server_is_spoken_to_by_tls():
    async def main():
        async with (
            server(say, ssl=serving()) as served,
            ChatModel("m", base_url=f"https://localhost:{served.port}/v1", api_key="k", retry=ONCE) as model,
        ):
            for _ in range(2):
                assert (await model.complete(REQUEST)).message.content == "hi"
            assert served.connections == 1
            assert f"host: localhost:{served.port}\r\n" in served.heads[0].lower()

    run(main())


def test_a_server_that_nobody_vouches_for_gets_nothing(environment):
    environment.delenv("SSL_CERT_FILE")

    async def main():
        async with server(say, ssl=serving()) as served:
            url = f"https://127.0.0.1:{served.port}/v1"
            with pytest.raises(APIConnectionError) as caught:
                await ChatModel("m", base_url=url, api_key="k", retry=ONCE).complete(REQUEST)
            text = str(caught.value)
            assert text.startswith(f"No connection to {url}/chat/completions: [SSL: CERTIFICATE_VERIFY_FAILED]")
            assert text.endswith("Check base_url, and that the server runs and can be reached.")
            assert not served.heads

    run(main())


def test_a_handshake_that_does_not_come_is_a_connection_that_does_not():
    async def main():
        async with server(lambda _, reader, __: reader.read()) as served:
            url = f"https://127.0.0.1:{served.port}/v1"
            model = ChatModel("m", base_url=url, retry=ONCE, timeout=Timeout(connect=0.05))
            with pytest.raises(APITimeoutError) as caught:
                await model.complete(REQUEST)
            assert str(caught.value).startswith(f"No connection to {url}/chat/completions within 0.05 s.")
            await served.gone()

    run(main())


def test_an_address_of_version_6_is_asked():
    async def main():
        try:
            async with server(say, "::1") as served:
                model = ChatModel("m", base_url=f"http://[::1]:{served.port}/v1", api_key="k", retry=ONCE)
                assert (await model.complete(REQUEST)).message.content == "hi"
                assert f"host: [::1]:{served.port}\r\n" in served.heads[0].lower()
                await model.aclose()
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_connects_to_a_server_that_is_spoken_to_by_tls(environment, scheme):
    async def main():
        own = {"ssl": serving()} if scheme == "https" else {}
        async with server(say, ssl=serving()) as served, server(tunnel(served.port), **own) as proxy:
            environment.setenv("HTTPS_PROXY", f"{scheme}://us%40er:pass@localhost:{proxy.port}")
            async with ChatModel("m", base_url="https://localhost:44444/v1", api_key="secret-k", retry=ONCE) as model:
                for _ in range(2):
                    assert (await model.complete(REQUEST)).message.content == "hi"
            assert (proxy.connections, served.connections, len(served.heads)) == (1, 1, 2)
            (head,) = proxy.heads
            assert head.startswith("CONNECT localhost:44444 HTTP/1.1\r\n")
            assert f"Proxy-Authorization: Basic {base64.b64encode(b'us@er:pass').decode()}\r\n" in head
            assert "secret-k" not in head
            assert "proxy-authorization" not in served.heads[0].lower()
            await served.gone()

    run(main())


def test_a_proxy_is_asked_for_what_is_not_secret(environment):
    async def main():
        async with server(say) as proxy:
            environment.setenv("HTTP_PROXY", f"http://user:pass@127.0.0.1:{proxy.port}")
            async with ChatModel("m", base_url="http://nowhere.invalid/v1", retry=ONCE) as model:
                for _ in range(2):
                    assert (await model.complete(REQUEST)).message.content == "hi"
            assert proxy.connections == 1
            assert proxy.heads[0].startswith("POST http://nowhere.invalid/v1/chat/completions HTTP/1.1\r\n")
            assert "proxy-authorization: basic " in proxy.heads[0].lower()

    run(main())


def test_hosts_on_the_list_are_asked_without_the_proxy(environment):
    async def main():
        async with server(say, ssl=serving()) as served:
            environment.setenv("HTTPS_PROXY", "http://192.0.2.1:3128")
            environment.setenv("NO_PROXY", "localhost")
            async with ChatModel("m", base_url=f"https://localhost:{served.port}/v1", retry=ONCE) as model:
                assert (await model.complete(REQUEST)).message.content == "hi"

    run(main())


@pytest.mark.skipif(importlib.util.find_spec("socksio") is None, reason="httpx[socks] is not installed")
@pytest.mark.parametrize("breaks", [False, True])
def test_a_socks_proxy_leads_there(environment, breaks):
    async def answer(proxy, reader, writer):
        hello = await reader.readexactly(2)
        await reader.readexactly(hello[1])
        writer.write(b"\x05\x00")
        asked = await reader.readexactly(5)
        host = await reader.readexactly(asked[4])
        await reader.readexactly(2)
        proxy.heads.append(host.decode())
        if breaks:
            await reader.read()
            return
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await say(proxy, reader, writer)

    async def main():
        async with server(answer) as proxy:
            environment.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
            model = ChatModel("m", base_url="http://nowhere.invalid/v1", retry=ONCE, timeout=0.2 if breaks else 10)
            if breaks:
                with pytest.raises(APITimeoutError):
                    await model.complete(REQUEST)
                await proxy.gone()
            else:
                assert (await model.complete(REQUEST)).message.content == "hi"
            assert proxy.heads[0] == "nowhere.invalid"
            await model.aclose()

    run(main())


def test_a_connection_that_the_server_left_meanwhile_is_not_used_again():
    async def once(served, reader, writer):
        await served.request(reader)
        writer.write(ANSWER)
        writer.write_eof()
        await reader.read()

    async def main():
        async with (
            server(once) as served,
            ChatModel("m", base_url=f"http://127.0.0.1:{served.port}/v1", retry=ONCE) as model,
        ):
            for _ in range(3):
                assert (await model.complete(REQUEST)).message.content == "hi"
                await served.gone()  # the half that was closed is seen, and the other closed too
            assert served.connections == 3

    run(main())


def test_a_server_that_says_it_closes_is_asked_over_another_connection():
    async def once(served, reader, writer):
        await served.request(reader)
        writer.write(ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        await reader.read()

    async def main():
        async with (
            server(once) as served,
            ChatModel("m", base_url=f"http://127.0.0.1:{served.port}/v1", retry=ONCE) as model,
        ):
            for _ in range(2):
                assert (await model.complete(REQUEST)).message.content == "hi"
                await served.gone()
            assert served.connections == 2

    run(main())


def test_an_answer_is_seen_that_comes_before_the_request_was_taken():
    async def refuse(served, reader, writer):
        served.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")
        await asyncio.Event().wait()  # and reads no more

    async def main():
        async with server(refuse) as served:
            large = ChatRequest.parse({"messages": [{"role": "user", "content": "x" * 20_000_000}]})
            model = ChatModel("m", base_url=f"http://127.0.0.1:{served.port}/v1", retry=ONCE, timeout=20)
            with pytest.raises(APIStatusError) as caught:
                await model.complete(large)
            assert caught.value.status_code == 413
            await model.aclose()

    run(main())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_request_that_is_cancelled_anywhere_leaves_nothing_open(scheme):
    async def slow(served, reader, writer):
        while True:
            await served.request(reader)
            for place in range(0, len(ANSWER), 40):
                writer.write(ANSWER[place : place + 40])
                await asyncio.sleep(0)

    async def main():
        async with server(slow, **({"ssl": serving()} if scheme == "https" else {})) as served:
            model = ChatModel("m", base_url=f"{scheme}://127.0.0.1:{served.port}/v1", retry=ONCE)
            turns, finished = 0, False
            while not finished:
                asking = asyncio.create_task(model.complete(REQUEST))
                for _ in range(turns):
                    await asyncio.sleep(0)
                finished = asking.done()
                asking.cancel()
                await asyncio.wait([asking])
                assert asking.cancelled() or asking.result().message.content == "hi"
                assert (await model.complete(REQUEST)).message.content == "hi"
                assert served.open <= 2
                turns += 1
            await model.aclose()
            await served.gone()
            assert turns > 10

    run(main())


def test_a_stream_that_is_left_anywhere_leaves_nothing_open():
    async def main():
        async with FakeEndpoint() as endpoint:
            model = ChatModel("m", base_url=endpoint.base_url, retry=ONCE)
            for most in range(4):
                chunks = model.stream(REQUEST)
                taken = []
                async for chunk in chunks:
                    taken.append(chunk)
                    if len(taken) > most:
                        break
                await chunks.aclose()
                whole = merge([chunk async for chunk in model.stream(REQUEST)])
                assert whole.message.content == "You said: hello"
            await model.aclose()
            while endpoint.open_connections:  # noqa: ASYNC110 # the endpoint has no event for it
                await asyncio.sleep(0)

    run(main())
