"""Connections reused and closed with their loop, proxies, and what a broken one says without leading to the key."""

import asyncio
import gc
import socket
import threading
import weakref

import httpx
import pytest

from agentkit.errors import APIConnectionError, APITimeoutError, ConfigurationError, InvalidResponseError
from agentkit.http import ChatModel, Retry, Timeout
from agentkit.http.transport import Transport
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.fault import Fault
from agentkit.wire import ChatRequest, merge

REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "hello"}]})
ONCE = Retry(attempts=1)


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def failure(model, request=REQUEST):
    """Give the error that a plain request ends with."""
    with pytest.raises((APIConnectionError, InvalidResponseError, ConfigurationError)) as caught:
        asyncio.run(model.complete(request))
    return caught.value


def test_requests_one_after_another_share_a_connection():
    async def main(endpoint):
        model = ChatModel("m", base_url=endpoint.base_url)
        for _ in range(3):
            await model.complete(REQUEST)
            assert merge([chunk async for chunk in model.stream(REQUEST)]).message.content == "You said: hello"

    with FakeEndpoint() as endpoint:
        asyncio.run(main(endpoint))
        assert endpoint.connections == 1


def test_many_at_once_have_a_connection_each_and_keep_it():
    async def main(endpoint):
        model = ChatModel("m", base_url=endpoint.base_url)
        for _ in range(2):
            await asyncio.gather(*(model.complete(REQUEST) for _ in range(40)))

    with FakeEndpoint() as endpoint:
        asyncio.run(main(endpoint))
        assert endpoint.connections == 40


def test_connections_end_with_their_loop_and_nothing_is_left_behind():
    with FakeEndpoint() as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        loops = []

        async def main():
            loops.append(weakref.ref(asyncio.get_running_loop()))
            await model.complete(REQUEST)

        for _ in range(3):
            asyncio.run(main())
        gc.collect()
        assert [loop() for loop in loops] == [None, None, None]
        assert len(model._transport._pools) == 0
        assert endpoint.connections == 3


def test_a_model_that_is_dropped_lets_its_connections_go():
    async def main():
        async with FakeEndpoint() as endpoint:
            await ChatModel("m", base_url=endpoint.base_url).complete(REQUEST)
            gc.collect()
            while endpoint.open_connections:  # noqa: ASYNC110  # the endpoint has no event for it
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_loop_closed_by_hand_is_forgotten_at_the_next_one():
    with FakeEndpoint() as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(model.complete(REQUEST))
        loop.run_until_complete(model.aclose())
        loop.close()
        asyncio.run(model.complete(REQUEST))
        assert len(model._transport._pools) == 0


def test_threads_with_loops_of_their_own_share_one_model():
    with FakeEndpoint() as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        found = []

        def run():
            found.append(asyncio.run(model.complete(REQUEST)).message.content)

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["You said: hello"] * 8


def test_a_closed_model_opens_new_connections_when_asked_again():
    async def main(endpoint):
        async with ChatModel("m", base_url=endpoint.base_url) as model:
            await model.complete(REQUEST)
        await model.complete(REQUEST)
        await model.aclose()
        await model.aclose()

    with FakeEndpoint() as endpoint:
        asyncio.run(main(endpoint))
        assert endpoint.connections == 2


def test_no_server_is_said_to_be_none():
    url = f"http://127.0.0.1:{closed_port()}/v1"
    error = failure(ChatModel("m", base_url=url, retry=ONCE))
    assert type(error) is APIConnectionError
    assert str(error) == (
        f"No connection to {url}/chat/completions: All connection attempts failed. Check base_url, and that the server "
        "runs and can be reached."
    )
    assert error.endpoint == f"{url}/chat/completions"


def test_a_connection_that_breaks_is_said_to_have_broken():
    with FakeEndpoint(faults=[Fault.disconnect()]) as endpoint:
        error = failure(ChatModel("m", base_url=endpoint.base_url, retry=ONCE))
        assert type(error) is APIConnectionError
        assert str(error) == (
            f"The connection to {endpoint.base_url}/chat/completions broke before the answer was whole: Server "
            "disconnected without sending a response."
        )


def test_a_body_that_breaks_off_is_no_reply():
    with FakeEndpoint(faults=[Fault.disconnect(after=1)]) as endpoint:
        error = failure(ChatModel("m", base_url=endpoint.base_url, retry=ONCE))
        assert type(error) is APIConnectionError
        assert "broke before the answer was whole" in str(error)


def test_the_total_clock_is_named_with_its_seconds():
    with FakeEndpoint(faults=[Fault.stall()]) as endpoint:
        error = failure(ChatModel("m", base_url=endpoint.base_url, retry=ONCE, timeout=0.05))
        assert type(error) is APITimeoutError
        assert str(error) == (
            f"{endpoint.base_url}/chat/completions did not answer whole within 0.05 s. "
            "Give more time by timeout=Timeout(total=...)."
        )
        assert isinstance(error, TimeoutError)


def test_the_clock_between_reads_is_named_with_its_seconds():
    with FakeEndpoint(faults=[Fault.stall(after=1)]) as endpoint:
        error = failure(ChatModel("m", base_url=endpoint.base_url, retry=ONCE, timeout=Timeout(read=0.05)))
        assert type(error) is APITimeoutError
        assert str(error) == (
            f"{endpoint.base_url}/chat/completions sent nothing within 0.05 s. "
            "Give more time by timeout=Timeout(read=...)."
        )


def test_a_connection_that_does_not_come_is_named_with_its_seconds():
    with socket.socket() as deaf:  # its backlog is full, so nobody gets in
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        url = f"http://127.0.0.1:{port}/v1"
        error = failure(ChatModel("m", base_url=url, retry=ONCE, timeout=Timeout(connect=0.05)))
        for filler in fillers:
            filler.close()
    assert type(error) is APITimeoutError
    assert str(error) == (
        f"No connection to {url}/chat/completions within 0.05 s. Check host and port, or give more time by "
        "timeout=Timeout(connect=...)."
    )


def test_a_compressed_answer_is_read():
    with FakeEndpoint(faults=[Fault.gzip(), Fault.gzip()]) as endpoint:

        async def main():
            model = ChatModel("m", base_url=endpoint.base_url)
            assert (await model.complete(REQUEST)).message.content == "You said: hello"
            assert merge([chunk async for chunk in model.stream(REQUEST)]).message.content == "You said: hello"

        asyncio.run(main())
        assert endpoint.requests[0].headers["accept-encoding"] == "gzip, deflate"


def test_an_answer_without_end_is_left():
    with FakeEndpoint(faults=[Fault.huge(70_000_000)]) as endpoint:
        error = failure(ChatModel("m", base_url=endpoint.base_url, retry=ONCE))
        assert type(error) is InvalidResponseError
        assert str(error) == (
            "The answer is larger than 67108864 bytes; it was left. No reply of the contract is so large."
        )


def test_a_client_of_the_users_sends_and_stays_open():
    class Client(httpx.AsyncClient):
        sent = 0

        async def send(self, request, **options):
            Client.sent += 1
            return await super().send(request, **options)

    async def main(endpoint):
        async with Client(headers={"x-team": "blue"}) as client:
            async with ChatModel("m", base_url=endpoint.base_url, api_key="k-1", http_client=client) as model:
                await model.complete(REQUEST)
                assert merge([chunk async for chunk in model.stream(REQUEST)]).message.content == "You said: hello"
            assert not client.is_closed

    with FakeEndpoint(api_key="k-1") as endpoint:
        asyncio.run(main(endpoint))
        assert Client.sent == 2
        assert endpoint.requests[0].headers["x-team"] == "blue"


@pytest.mark.real
def test_a_client_of_httpx2_is_one_too():
    import httpx2

    async def main(endpoint):
        async with httpx2.AsyncClient() as client:
            model = ChatModel("m", base_url=endpoint.base_url, http_client=client, retry=ONCE)
            await model.complete(REQUEST)
            assert merge([chunk async for chunk in model.stream(REQUEST)]).message.content == "You said: hello"
            await model.complete(REQUEST)

    with FakeEndpoint(faults=[None, None, Fault.disconnect()]) as endpoint:
        with pytest.raises(APIConnectionError) as caught:
            asyncio.run(main(endpoint))
        assert "broke before the answer was whole" in str(caught.value)


def test_a_client_of_the_users_follows_no_redirect_and_leaks_no_key():
    secret = "sk-very-secret-5"

    async def main(endpoint):
        async with httpx.AsyncClient(follow_redirects=True) as client:
            model = ChatModel("m", base_url=endpoint.base_url, api_key=secret, http_client=client, retry=ONCE)
            found = []
            for _ in range(2):
                try:
                    await model.complete(REQUEST)
                except Exception as error:  # whichever it is, its chain is looked at
                    found.append(error)
            return found

    with FakeEndpoint(faults=[Fault.redirect(), Fault.disconnect()]) as endpoint:
        redirected, broken = asyncio.run(main(endpoint))
    assert type(redirected).__name__ == "RedirectError"
    assert type(broken) is APIConnectionError
    for error in (redirected, broken):
        assert (error.__cause__, error.__context__) == (None, None)
        assert secret not in f"{error!r} {vars(error)}"


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (httpx.ReadTimeout("slow"), APITimeoutError, "{}: a clock of the http_client ran out (ReadTimeout)."),
        (
            httpx.LocalProtocolError("Illegal header value b'sk-1'"),
            APIConnectionError,
            "The request to {} is no legal HTTP. Check the headers given.",
        ),
        (httpx.ProxyError(""), APIConnectionError, "The proxy on the way to {} refused: ProxyError."),
    ],
    ids=["clock", "illegal header", "proxy"],
)
def test_what_fails_in_a_client_of_the_users_is_said_in_our_words(raised, kind, text):
    class Client(httpx.AsyncClient):
        async def send(self, request, **options):
            raise raised

    error = failure(ChatModel("m", base_url="http://127.0.0.1:1/v1", http_client=Client(), retry=ONCE))
    assert (type(error), str(error)) == (kind, text.format("http://127.0.0.1:1/v1/chat/completions"))


def test_a_client_that_is_not_async_is_refused():
    with httpx.Client() as client, pytest.raises(ConfigurationError) as caught:
        ChatModel("m", http_client=client)
    assert str(caught.value) == "http_client is a Client, which has no async `send`. Give an httpx.AsyncClient."


@pytest.fixture
def proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_used(proxies, variable):
    with FakeEndpoint() as proxy:
        proxies.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        model = ChatModel("m", base_url="http://nowhere.invalid/v1")
        assert asyncio.run(model.complete(REQUEST)).message.content == "You said: hello"
        assert proxy.requests[0].headers["host"] == "nowhere.invalid"


def test_no_proxy_is_used_for_hosts_on_the_list(proxies):
    proxies.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
    proxies.setenv("NO_PROXY", "localhost,127.0.0.1")
    with FakeEndpoint() as endpoint:
        asyncio.run(ChatModel("m", base_url=endpoint.base_url).complete(REQUEST))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_server_of_this_machine_is_not_asked_for_on_another(proxies, variable):
    proxies.setenv(variable, "http://192.0.2.1:3128")  # of TEST-NET-1: nothing is there
    with FakeEndpoint() as endpoint:
        asyncio.run(ChatModel("m", base_url=endpoint.base_url, api_key="k", retry=ONCE, timeout=2).complete(REQUEST))
        with FakeEndpoint() as proxy:
            proxies.setenv(variable, f"http://127.0.0.1:{proxy.port}")
            asyncio.run(ChatModel("m", base_url=endpoint.base_url).complete(REQUEST))
    assert (len(endpoint.requests), len(proxy.requests)) == (1, 1)


@pytest.mark.parametrize("address", ["gopher://user:pw-77@127.0.0.1:1", "socks5://user:pw-77@127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_said_without_its_password(proxies, address):
    proxies.setenv("ALL_PROXY", address)
    error = failure(ChatModel("m", base_url="http://nowhere.invalid/v1", retry=ONCE))
    assert str(error) == (
        "The proxy that the environment names for http://nowhere.invalid cannot be used. Write http://host:port in "
        "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or list the host in NO_PROXY; for socks5:// run "
        "`pip install 'httpx[socks]'`."
    )
    assert (error.__cause__, error.__context__) == (None, None)


def test_a_proxy_that_refuses_is_named_as_the_one(proxies):
    with FakeEndpoint() as proxy:  # knows no CONNECT
        proxies.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        error = failure(ChatModel("m", base_url="https://nowhere.invalid/v1", retry=ONCE))
    assert type(error) is APIConnectionError
    assert str(error) == ("The proxy on the way to https://nowhere.invalid/v1/chat/completions refused: 404 Not Found.")


def test_one_tls_context_serves_all_models():
    from agentkit.http import connection

    assert connection._tls() is connection._tls()


def test_a_transport_that_never_sent_closes_quietly():
    asyncio.run(Transport("http://127.0.0.1:1").aclose())


def test_taps_see_what_is_sent_the_last_one_outermost(monkeypatch):
    seen = []

    async def inner(request, send):
        seen.append(("inner", request.url, request.where, dict(request.headers)["authorization"], request.body))
        return await send()

    async def outer(request, send):
        seen.append("outer")
        reply = await send()
        seen.append(reply.status)
        return reply

    with FakeEndpoint() as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, api_key="secret-key")
        monkeypatch.setattr("agentkit.http.transport.taps", [inner, outer])
        assert asyncio.run(model.complete(REQUEST)).message.content == "You said: hello"
        body = endpoint.requests[0].raw
        monkeypatch.setattr("agentkit.http.transport.taps", [])
    url = f"{endpoint.base_url}/chat/completions"
    assert seen == ["outer", ("inner", url, url, "Bearer secret-key", body), 200]
