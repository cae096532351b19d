"""The official SDK against the endpoint, so that the fake is honest."""

import asyncio
import json

import httpx
import pytest

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.fault import Fault
from agentkit.testing.reply import call, calls

pytestmark = pytest.mark.real

HELLO = [{"role": "user", "content": "Hello there"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
    for name in ("weather", "time")
]


@pytest.fixture
def openai():
    return pytest.importorskip("openai")


def client_of(openai, endpoint, **options):
    return openai.OpenAI(base_url=endpoint.base_url, api_key="k", **{"max_retries": 0, **options})


def test_a_plain_answer_is_read_whole(openai):
    with FakeEndpoint(api_key="k") as endpoint, client_of(openai, endpoint) as client:
        completion = client.chat.completions.create(model="m", messages=HELLO)
    assert completion.choices[0].message.content == "You said: Hello there"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion._request_id == "req_1"
    openai.types.chat.ChatCompletion.model_validate(completion.model_dump(), strict=True)


def test_every_chunk_of_a_stream_is_a_chunk_of_the_sdk_s_own_types(openai):
    with FakeEndpoint() as endpoint, client_of(openai, endpoint) as client:
        options = {"include_usage": True}
        stream = client.chat.completions.create(model="m", messages=HELLO, stream=True, stream_options=options)
        chunks = list(stream)
    for chunk in chunks:
        openai.types.chat.ChatCompletionChunk.model_validate(chunk.model_dump(), strict=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said: Hello there"
    assert chunks[-1].usage.completion_tokens == 5


def test_the_async_client_reuses_its_connection_for_streams_and_plain_answers(openai):
    async def run():
        async with FakeEndpoint() as endpoint:
            async with openai.AsyncOpenAI(base_url=endpoint.base_url, api_key="k") as client:
                for _ in range(3):
                    await client.chat.completions.create(model="m", messages=HELLO)
                    async with await client.chat.completions.create(model="m", messages=HELLO, stream=True) as stream:
                        async for _ in stream:
                            pass
            return endpoint.connections, len(endpoint.requests)

    assert asyncio.run(run()) == (1, 6)


def test_parallel_calls_are_made_answered_and_quoted(openai):
    messages = [{"role": "user", "content": "Ask weather and time."}]
    with FakeEndpoint() as endpoint, client_of(openai, endpoint) as client:
        first = client.chat.completions.create(model="m", messages=messages, tools=TOOLS).choices[0]
        assert first.finish_reason == "tool_calls"
        assert [c.function.name for c in first.message.tool_calls] == ["weather", "time"]
        messages.append(first.message.model_dump(exclude_none=True))
        for made, result in zip(first.message.tool_calls, ("sunny", "noon"), strict=True):
            assert json.loads(made.function.arguments) == {"city": "example"}
            messages.append({"role": "tool", "tool_call_id": made.id, "content": result})
        last = client.chat.completions.create(model="m", messages=messages, tools=TOOLS).choices[0]
    assert last.message.content == "The tools say: sunny; noon"
    assert endpoint.refusals == []


def test_streamed_calls_add_up_in_the_sdk_s_own_accumulator(openai):
    script = [calls(call("weather", {"city": "Öslö"}), call("time", {"city": "東京"}), content="Let me see.")]
    with (
        FakeEndpoint(replies=script) as endpoint,
        client_of(openai, endpoint) as client,
        client.chat.completions.stream(model="m", messages=HELLO, tools=TOOLS) as stream,
    ):
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert message.content == "Let me see."
    assert [c.function.parsed_arguments for c in message.tool_calls] == [{"city": "Öslö"}, {"city": "東京"}]
    assert [c.id for c in message.tool_calls] == ["call_1_0_0", "call_1_0_1"]


def test_parallel_tool_calls_false_gives_one_call_a_turn(openai):
    messages = [{"role": "user", "content": "All tools, please."}]
    with FakeEndpoint() as endpoint, client_of(openai, endpoint) as client:
        made = client.chat.completions.create(model="m", messages=messages, tools=TOOLS, parallel_tool_calls=False)
    assert len(made.choices[0].message.tool_calls) == 1


def test_parse_gives_a_typed_value(openai):
    import pydantic

    class Line(pydantic.BaseModel):
        text: str
        count: int

    class Invoice(pydantic.BaseModel):
        lines: list[Line]
        total: float
        paid: bool | None

    with FakeEndpoint() as endpoint, client_of(openai, endpoint) as client:
        parsed = client.chat.completions.parse(model="m", messages=HELLO, response_format=Invoice)
    line = Line(text="example", count=1)
    assert parsed.choices[0].message.parsed == Invoice(lines=[line], total=1.5, paid=True)


def test_several_choices_are_read_plain_and_streamed(openai):
    with FakeEndpoint() as endpoint, client_of(openai, endpoint) as client:
        assert len(client.chat.completions.create(model="m", messages=HELLO, n=2).choices) == 2
        with client.chat.completions.stream(model="m", messages=HELLO, n=2) as stream:
            choices = stream.get_final_completion().choices
    assert [choice.message.content for choice in choices] == ["You said: Hello there"] * 2


def test_refused_requests_are_bad_request_errors_with_their_fields(openai):
    orphan = [*HELLO, {"role": "tool", "tool_call_id": "x", "content": "1"}]
    with (
        FakeEndpoint() as endpoint,
        client_of(openai, endpoint) as client,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        client.chat.completions.create(model="m", messages=orphan)
    assert caught.value.param == "messages.[1].role"
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id == "req_1"


def test_a_wrong_key_and_a_wrong_path_have_their_own_errors(openai):
    with FakeEndpoint(api_key="other") as endpoint:
        with client_of(openai, endpoint) as client, pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model="m", messages=HELLO)
        assert caught.value.code == "invalid_api_key"
        url = endpoint.base_url.removesuffix("/v1")
        with client_of(openai, endpoint).with_options(base_url=url) as client, pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="m", messages=HELLO)


def test_retry_after_is_honoured_and_the_script_does_not_move(openai):
    limited = Fault.rate_limit(0.05, times=2)
    with (
        FakeEndpoint(replies=["Done."], faults=[limited]) as endpoint,
        client_of(openai, endpoint, max_retries=2) as client,
    ):
        completion = client.chat.completions.create(model="m", messages=HELLO)
    assert completion.choices[0].message.content == "Done."
    first, second, third = (request.at for request in endpoint.requests)
    assert second - first >= 0.05
    assert third - second >= 0.05
    endpoint.assert_complete()


def test_a_rate_limit_without_retries_is_a_rate_limit_error(openai):
    with (
        FakeEndpoint(faults=["rate_limit"]) as endpoint,
        client_of(openai, endpoint) as client,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        client.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "1"
    assert caught.value.code == "rate_limit_exceeded"


def test_a_used_up_script_is_not_asked_again(openai):
    with (
        FakeEndpoint(replies=[]) as endpoint,
        client_of(openai, endpoint, max_retries=3) as client,
        pytest.raises(openai.InternalServerError, match="the script is used up"),
    ):
        client.chat.completions.create(model="m", messages=HELLO)
    assert len(endpoint.requests) == 1


def test_a_broken_connection_and_a_silent_one_are_connection_errors(openai):
    with FakeEndpoint(faults=["disconnect", "stall"]) as endpoint:
        with client_of(openai, endpoint) as client, pytest.raises(openai.APIConnectionError):
            client.chat.completions.create(model="m", messages=HELLO)
        with client_of(openai, endpoint, timeout=0.1) as client, pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(model="m", messages=HELLO)


def test_an_error_in_a_stream_is_an_api_error(openai):
    with (
        FakeEndpoint(quirks=["error_mid_stream"]) as endpoint,
        client_of(openai, endpoint) as client,
        pytest.raises(openai.APIError, match="The server is overloaded"),
    ):
        list(client.chat.completions.create(model="m", messages=HELLO, stream=True))


@pytest.mark.parametrize("quirk", ["comments", "crlf", "split_utf8", "several_data_lines", "other_fields", "no_done"])
def test_framings_that_the_sdk_knows_are_read_by_it(openai, quirk):
    with FakeEndpoint(replies=["Größe 東京"], quirks=[quirk]) as endpoint, client_of(openai, endpoint) as client:
        chunks = list(client.chat.completions.create(model="m", messages=HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Größe 東京"


def test_compressed_answers_are_read(openai):
    with FakeEndpoint(faults=[Fault.gzip(times=2)]) as endpoint, client_of(openai, endpoint) as client:
        assert client.chat.completions.create(model="m", messages=HELLO).choices[0].message.content
        assert len(list(client.chat.completions.create(model="m", messages=HELLO, stream=True))) == 7


def test_redirects_are_followed_by_the_sdk_and_end_at_the_other_endpoint(openai):
    with FakeEndpoint(replies=["Here."]) as other:
        target = f"{other.base_url}/chat/completions"
        with FakeEndpoint(faults=[Fault.redirect(target)]) as endpoint, client_of(openai, endpoint) as client:
            completion = client.chat.completions.create(model="m", messages=HELLO)
    assert completion.choices[0].message.content == "Here."


def test_a_custom_tool_is_called_with_free_text(openai):
    tool = {"type": "custom", "custom": {"name": "shell"}}
    with FakeEndpoint() as endpoint, client_of(openai, endpoint) as client:
        completion = client.chat.completions.create(model="m", messages=HELLO, tools=[tool])
        streamed = list(client.chat.completions.create(model="m", messages=HELLO, tools=[tool], stream=True))
    (made,) = completion.choices[0].message.tool_calls
    assert (made.type, made.custom.input) == ("custom", "Hello there")
    assert len(streamed) == 5


def test_the_endpoint_serves_as_a_proxy_too():
    with FakeEndpoint() as endpoint, httpx.Client(proxy=endpoint.base_url.removesuffix("/v1")) as client:
        answer = client.post("http://chat.example/v1/chat/completions", json={"model": "m", "messages": HELLO})
    assert answer.status_code == 200
    assert endpoint.requests[0].headers["host"] == "chat.example"
