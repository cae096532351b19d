"""Against CopilotKit's aimock (npm), which breaks its answers where a header asks for it."""

import asyncio
import json
import urllib.request

import pytest

from agentkit import Agent, ChatModel, errors, tool
from agentkit.http import Retry, Timeout
from agentkit.wire import ChatRequest, merge

pytestmark = pytest.mark.real

HELLO = ChatRequest.parse({"messages": [{"role": "user", "content": "Hello."}]})
GREETING = "Hello from a mock, in more than a few words."
ONCE = Retry(attempts=1)


def chaos(kind, rate=1):
    return {f"x-aimock-chaos-{kind}": str(rate)}


def run(aimock, act, **options):
    async def main():
        async with ChatModel("gpt-4o", base_url=aimock, api_key="k", **options) as model:
            return await act(model)

    return asyncio.run(main())


@tool
def get_weather(city: str) -> str:
    """Get the weather.

    Args:
        city: The city's name.
    """
    return f"18 degrees in {city}"


def test_a_reply_whole_and_streamed(aimock):
    async def both(model):
        return await model.complete(HELLO), merge([chunk async for chunk in model.stream(HELLO)])

    whole, streamed = run(aimock, both)
    assert whole.message.content == streamed.message.content == GREETING
    assert whole.usage.total_tokens == streamed.usage.total_tokens > 0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("prompt", "calls"), [("What is the weather?", 1), ("The weather in two cities?", 2)])
def test_an_agent_calls_its_tools(aimock, streamed, prompt, calls):
    agent = Agent(ChatModel("gpt-4o", base_url=aimock, api_key="k"), tools=[get_weather])
    if streamed:
        with agent.stream_sync(prompt) as stream:
            for _ in stream:
                pass
        result = stream.result
    else:
        result = agent.run_sync(prompt)
    assert result.output == "It is 18 degrees in Beijing."
    assert [answer.status for answer in result.answers] == ["ok"] * calls
    assert result.turns == 2


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("drop", errors.InternalServerError),
        ("malformed", errors.InvalidResponseError),
        ("disconnect", errors.APIConnectionError),
        ("ratelimit", errors.RateLimitError),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_each_fault_is_an_error_of_its_class(aimock, kind, error, streamed):
    async def act(model):
        if streamed:
            return merge([chunk async for chunk in model.stream(HELLO)])
        return await model.complete(HELLO)

    with pytest.raises(error) as caught:
        run(aimock, act, retry=ONCE, headers=chaos(kind))
    assert caught.value.endpoint == f"{aimock}/chat/completions"


@pytest.mark.parametrize("kind", ["drop", "disconnect", "ratelimit"])
def test_a_fault_that_passes_is_tried_again(aimock, kind):
    """The server breaks the first attempt only: its chaos is switched off while the client waits to try again."""
    control = aimock.removesuffix("/v1") + "/__aimock/chaos"
    rate = {"drop": "dropRate", "disconnect": "disconnectRate", "ratelimit": "rateLimitRate"}[kind]
    set_chaos(control, {rate: 1})
    retried = []

    async def act(model):
        from agentkit.model import listener

        def heard(event):
            if event.type == "request_retried":
                retried.append(event.error)
                set_chaos(control, {})

        listener.set(heard)
        return await model.complete(HELLO)

    try:
        reply = run(aimock, act, retry=Retry(attempts=3, wait=0.05))
    finally:
        set_chaos(control, {})
    assert reply.message.content == GREETING
    assert len(retried) == 1


def set_chaos(control, rates):
    request = urllib.request.Request(control, json.dumps(rates).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def test_a_slow_server_runs_into_the_clock(aimock):
    with pytest.raises(errors.APITimeoutError):
        run(
            aimock,
            lambda model: model.complete(HELLO),
            retry=ONCE,
            timeout=Timeout(total=0.2),
            headers=chaos("latency", 5000),
        )


def test_an_error_of_its_own_is_told_in_its_words(aimock):
    refused = ChatRequest.parse({"messages": [{"role": "user", "content": "refused"}]})
    with pytest.raises(errors.BadRequestError, match="No"):
        run(aimock, lambda model: model.complete(refused))
