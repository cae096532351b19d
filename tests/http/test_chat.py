"""What `ChatModel` sends, what it refuses at once, and that a key is never seen."""

import asyncio
import json
import traceback

import pytest

from agentkit.errors import APIError, AuthenticationError, ConfigurationError, InvalidRequestError
from agentkit.http import ChatModel, Profile, Retry
from agentkit.model import Model
from agentkit.price import Price
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.fault import Fault
from agentkit.wire import ChatRequest, Settings

MESSAGES = {"messages": [{"role": "user", "content": "hello"}]}
REQUEST = ChatRequest.parse(MESSAGES)
SECRET = "sk-very-secret-6"


def sent(request=REQUEST, *, stream=False, **options):
    """Give the request as the endpoint saw it."""

    async def main(endpoint):
        async with ChatModel("m-1", base_url=endpoint.base_url, **options) as model:
            if stream:
                assert [chunk async for chunk in model.stream(request)]
            else:
                await model.complete(request)

    with FakeEndpoint() as endpoint:
        asyncio.run(main(endpoint))
    return endpoint.requests[0]


def test_a_plain_request_is_the_contracts():
    request = sent()
    assert request.body == {"model": "m-1", **MESSAGES}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "gzip, deflate"
    assert request.headers["user-agent"].startswith("agentkit/")
    assert "authorization" not in request.headers


def test_a_stream_asks_for_its_usage():
    assert sent(stream=True).body == {
        "model": "m-1",
        "stream": True,
        "stream_options": {"include_usage": True},
        **MESSAGES,
    }


def test_a_profile_may_leave_the_usage_unasked():
    assert "stream_options" not in sent(stream=True, profile=Profile(stream_usage=False)).body


def test_the_requests_own_model_and_options_win():
    request = REQUEST.replace(model="m-2", stream_options={"include_usage": False})
    body = sent(request, stream=True).body
    assert (body["model"], body["stream_options"]) == ("m-2", {"include_usage": False})


@pytest.mark.parametrize("given", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("wanted", ["max_tokens", "max_completion_tokens"])
def test_the_token_limit_is_spelled_as_the_endpoint_wants(given, wanted):
    body = sent(REQUEST.replace(**{given: 5}), profile=Profile(max_tokens_field=wanted)).body
    assert {name: body.get(name) for name in ("max_tokens", "max_completion_tokens")} == {
        "max_tokens": None,
        "max_completion_tokens": None,
        wanted: 5,
    }


def test_settings_of_the_model_lie_under_those_of_the_request():
    settings = Settings(temperature=0.5, seed=1, max_tokens=9, extra_body={"a": 1, "b": 1}, custom_field="x")
    request = REQUEST.replace(seed=2, max_completion_tokens=7, extra_body={"b": 2})
    body = sent(request, settings=settings).body
    assert body == {
        "model": "m-1",
        **MESSAGES,
        "temperature": 0.5,
        "seed": 2,
        "max_tokens": 7,
        "a": 1,
        "b": 2,
        "custom_field": "x",
    }


def test_a_request_may_switch_off_what_the_model_set():
    settings = Settings(temperature=0.5, seed=1, max_tokens=9, extra_body={"a": 1})
    request = ChatRequest.parse({**MESSAGES, "seed": None, "max_completion_tokens": None})
    assert sent(request, settings=settings).body == {"model": "m-1", **MESSAGES, "temperature": 0.5, "a": 1}


@pytest.mark.parametrize(
    ("given", "begin"),
    [
        ({"settings": {"seed": 1}}, "Settings are given as {'seed': 1}, a dict."),
        ({"retry": 3}, "retry is 3, of type int."),
        ({"timeout": "5"}, "timeout is '5', of type str."),
        ({"headers": {"Host": "a"}}, "Header 'Host' says how a request is sent"),
    ],
)
def test_what_cannot_work_is_refused_where_the_model_is_made(given, begin):
    with pytest.raises(ConfigurationError) as caught:
        ChatModel("m", **given)
    assert str(caught.value).startswith(begin)


def test_headers_of_model_and_request_are_sent_and_the_nearer_wins():
    request = REQUEST.replace(extra_headers={"X-B": "2"})
    headers = sent(request, headers={"x-a": "1", "x-b": "1", "User-Agent": "mine"}).headers
    assert (headers["x-a"], headers["x-b"], headers["user-agent"]) == ("1", "2", "mine")


def test_a_key_is_sent_as_bearer_and_read_anew_each_time():
    keys = iter(["k-1", "k-2\n"])

    async def main(endpoint):
        async with ChatModel("m", base_url=endpoint.base_url, api_key=lambda: next(keys)) as model:
            await model.complete(REQUEST)
            await model.complete(REQUEST)

    with FakeEndpoint() as endpoint:
        asyncio.run(main(endpoint))
    assert [request.headers["authorization"] for request in endpoint.requests] == ["Bearer k-1", "Bearer k-2"]


def test_a_profile_may_send_the_key_in_another_header():
    headers = sent(api_key="k-1", profile=Profile(key_header="api-key")).headers
    assert headers["api-key"] == "k-1"
    assert "authorization" not in headers


def test_a_header_of_the_users_takes_the_place_of_the_key():
    assert sent(api_key="k-1", headers={"Authorization": "Basic x"}).headers["authorization"] == "Basic x"


def test_a_request_that_breaks_the_contract_is_not_sent():
    with FakeEndpoint() as endpoint, pytest.raises(InvalidRequestError):
        asyncio.run(ChatModel("m", base_url=endpoint.base_url).complete(REQUEST.replace(temperature=3)))
    assert endpoint.requests == []


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(
            401, body={"error": {"message": f"Incorrect API key provided: {SECRET}", "code": "invalid_api_key"}}
        ),
        Fault.status(500, body=f"crashed with Authorization: Bearer {SECRET}"),
        Fault.status(200, body=f"debug: {SECRET}"),
        Fault.status(200, body={"error": {"message": SECRET, "code": 400}}),
        Fault.redirect(f"http://127.0.0.1:9/?key={SECRET}"),
        Fault.disconnect(),
        Fault.stall(),
    ],
)
def test_a_key_is_in_no_error_whatever_happens(stream, fault):
    async def main(endpoint):
        model = ChatModel("m", base_url=endpoint.base_url, api_key=SECRET, retry=Retry(attempts=1), timeout=0.1)
        if stream:
            assert [chunk async for chunk in model.stream(REQUEST)]
        await model.complete(REQUEST)

    with FakeEndpoint(faults=[fault]) as endpoint, pytest.raises(APIError) as caught:
        asyncio.run(main(endpoint))
    for error in chain(caught.value):
        shown = f"{error} {error!r} {vars(error)} {getattr(error, 'request', '')}"
        assert SECRET not in shown + "".join(traceback.format_exception(error))


def test_a_key_in_a_header_is_in_no_error_either():
    fault = Fault.status(401, body=f"Incorrect API key provided: {SECRET}-h", headers={"x-request-id": f"{SECRET}-h"})
    with FakeEndpoint(faults=[fault]) as endpoint, pytest.raises(AuthenticationError) as caught:
        model = ChatModel("m", base_url=endpoint.base_url, headers={"Authorization": f"Bearer {SECRET}-h"})
        asyncio.run(model.complete(REQUEST))
    assert f"{SECRET}-h" not in f"{caught.value} {vars(caught.value)}"


def test_a_refused_key_is_named_by_its_source():
    async def main(endpoint):
        await ChatModel("m", base_url=endpoint.base_url, api_key="k-2").complete(REQUEST)

    with FakeEndpoint(api_key="k-1") as endpoint, pytest.raises(AuthenticationError) as caught:
        asyncio.run(main(endpoint))
    assert str(caught.value) == (
        f"{endpoint.base_url}/chat/completions answered 401 (invalid_api_key): Incorrect API key provided. "
        "The key came from the argument api_key; check that it is whole, valid and of this endpoint."
    )


def test_a_model_shows_no_key():
    model = ChatModel("m", base_url="https://api.test/v1/", api_key=SECRET, headers={"x-team": SECRET})
    assert repr(model) == "ChatModel('m', base_url='https://api.test/v1')"
    assert SECRET not in repr(
        {name: value for name, value in vars(model).items() if name not in ("_given", "_headers")}
    )
    assert isinstance(model, Model)
    assert (model.name, model.base_url) == ("m", "https://api.test/v1")


def test_a_key_over_plain_http_to_another_machine_is_refused():
    for options in ({"api_key": "k"}, {"headers": {"Authorization": "Basic x"}}, {"api_key": lambda: "k"}):
        with pytest.raises(ConfigurationError) as caught:
            ChatModel("m", base_url="http://10.0.0.5:8000/v1", **options)
        assert str(caught.value) == (
            "A key would go to http://10.0.0.5:8000 over plain http, where anyone on the way can read it. "
            "Use https, or say allow_plain_http=True if the network is your own."
        )
        ChatModel("m", base_url="http://10.0.0.5:8000/v1", allow_plain_http=True, **options)
    model = ChatModel("m", base_url="http://10.0.0.5:8000/v1")
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(model.complete(REQUEST.replace(extra_headers={"X-Api-Key": "k"})))
    assert str(caught.value).startswith("A key would go to http://10.0.0.5:8000 over plain http, ")
    ChatModel("m", base_url="http://localhost:8000/v1", api_key="k")


def test_a_model_does_not_change_but_gives_copies():
    model = ChatModel("m", base_url="https://api.test/v1", api_key="k", retry=Retry(attempts=2))
    with pytest.raises(AttributeError) as caught:
        model.name = "n"
    assert str(caught.value) == "A ChatModel does not change. Make another: model.replace(name=...)."
    copy = model.replace(name="n")
    assert (copy.name, copy.base_url, model.name) == ("n", "https://api.test/v1", "m")
    assert (copy._retry, copy._key) == (model._retry, model._key)


def test_a_key_does_not_follow_to_another_host():
    model = ChatModel("m", base_url="https://api.test/v1", api_key="k")
    assert model.replace(base_url="https://other.test/v1")._key is None
    assert model.replace(base_url="https://api.test/v2")._key is not None
    assert model.replace(base_url="https://other.test/v1", api_key="k2")._key is not None


def test_headers_that_hold_a_key_do_not_follow_to_another_host():
    model = ChatModel("m", base_url="https://api.test/v1", headers={"X-Api-Key": "k-1", "X-Team": "t"})
    assert "x-api-key" in model.replace(name="n")._headers
    moved = model.replace(base_url="https://other.test/v1")
    assert ("x-api-key" in moved._headers, moved._headers["x-team"]) == (False, ("X-Team", "t"))


def test_an_illegal_header_is_refused_at_once():
    with pytest.raises(ConfigurationError):
        ChatModel("m", headers={"x": "a\nb"})


def test_deployments_of_azure_are_reached_by_path_query_and_header():
    async def converse(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head.decode())
        body = json.dumps({"choices": [{"index": 0, "message": {"content": "Hi"}}]}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await reader.read()
        writer.close()
        await writer.wait_closed()
        done.set()

    async def main():
        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        profile = Profile(
            path="/openai/deployments/{model}/chat/completions",
            query=(("api-version", "2024-10-21"),),
            key_header="api-key",
        )
        async with ChatModel("gpt", base_url=url, api_key="k-1", profile=profile) as model:
            assert (await model.complete(REQUEST)).message.content == "Hi"
        await done.wait()
        server.close()
        await server.wait_closed()

    seen, done = [], asyncio.Event()
    asyncio.run(main())
    assert seen[0].startswith("POST /openai/deployments/gpt/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n")
    assert "api-key: k-1" in seen[0]


def test_a_price_is_that_which_was_given_else_the_list_price_of_the_provider():
    own = Price(input=1, output=2)
    model = ChatModel("gpt-4o-mini", price=own, settings=Settings(max_tokens=5))
    assert (model.price, model.settings) == (own, Settings(max_tokens=5))
    assert model.replace(name="x").price == own
    assert ChatModel("gpt-4o-mini", base_url="http://127.0.0.1:9/v1").price is None
    with pytest.raises(ConfigurationError) as caught:
        ChatModel("m", price=0.5)
    assert str(caught.value) == (
        "price=0.5 does not say of what. Write price=Price(input=2.5, output=10), in dollars for a million tokens."
    )


def test_the_list_price_is_known_with_the_extra():
    pytest.importorskip("genai_prices")
    assert ChatModel("gpt-4o-mini").price.output == 0.6
