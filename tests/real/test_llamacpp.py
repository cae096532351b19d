"""Against a real llama.cpp server: plain, streamed with usage, tools by choice, calls in pieces, typed output."""

import asyncio
import json
from typing import Literal

import pytest
from pydantic import BaseModel

from agentkit import Agent, ChatModel, RunLimits, Settings, errors, tool
from agentkit.agent import Middleware
from agentkit.http import Profile
from agentkit.wire import ChatRequest, merge

pytestmark = pytest.mark.real

BEGIN = "11"  # the token that begins a call in the server's template, see llamacpp.py
END_OF_TURN = "106"
CALL = {BEGIN: 40, END_OF_TURN: 100}  # a call, and then the end, which the model does not always find
SHORT = {"max_tokens": 80, "temperature": 0, "cache_prompt": False}  # without its cache the same comes out twice
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


def request(text, **fields):
    return ChatRequest.parse({"messages": [{"role": "user", "content": text}], **SHORT, **fields})


def run(llamacpp, act):
    async def main():
        async with ChatModel("gemma3-270m", base_url=llamacpp) as model:
            return await act(model)

    return asyncio.run(main())


def test_a_plain_reply_has_text_and_usage(llamacpp):
    reply = run(llamacpp, lambda model: model.complete(request("Say hello.", max_tokens=8)))
    assert reply.message.content
    assert reply.choices[0].finish_reason in ("length", "stop")
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 8
    assert reply.timings["predicted_n"] == reply.usage.completion_tokens  # a field of its own, kept


def test_a_stream_is_the_same_reply_in_pieces_with_its_usage(llamacpp):
    asked = request("Count: one, two,", max_tokens=12)

    async def both(model):
        return await model.complete(asked), [chunk async for chunk in model.stream(asked)]

    whole, chunks = run(llamacpp, both)
    streamed = merge(chunks)
    assert len(chunks) > 5
    assert streamed.message.content == whole.message.content
    assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason
    assert streamed.usage.completion_tokens == whole.usage.completion_tokens
    assert streamed.usage.prompt_tokens == whole.usage.prompt_tokens


def test_a_required_call_comes_whole(llamacpp):
    asked = request("What is 1 + 2?", tools=[ADD], tool_choice="required", logit_bias=CALL)
    reply = run(llamacpp, lambda model: model.complete(asked))
    call = reply.message.tool_calls[0]
    assert call.id
    assert call.function.name == "add"
    assert set(json.loads(call.function.arguments)) == {"a", "b"}
    assert reply.choices[0].finish_reason in ("tool_calls", "length")


def test_a_streamed_call_is_the_same_call(llamacpp):
    asked = request("What is 1 + 2?", tools=[ADD], tool_choice="required", logit_bias=CALL)

    async def both(model):
        return await model.complete(asked), [chunk async for chunk in model.stream(asked)]

    whole, chunks = run(llamacpp, both)
    streamed = merge(chunks)
    assert sum(bool(choice.delta.tool_calls) for chunk in chunks for choice in chunk.choices) > 1
    assert [call.function for call in streamed.message.tool_calls] == [
        call.function for call in whole.message.tool_calls
    ]
    assert streamed.message.tool_calls[0].id
    assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason


def test_a_free_choice_may_be_text_or_calls(llamacpp):
    talk = run(llamacpp, lambda model: model.complete(request("Hello.", tools=[ADD], tool_choice="auto", max_tokens=8)))
    assert talk.message.content
    assert not talk.message.tool_calls
    asked = request("What is 1 + 2?", tools=[ADD], tool_choice="auto", logit_bias={BEGIN: 100})
    acts = run(llamacpp, lambda model: model.complete(asked))
    assert acts.message.tool_calls[0].function.name == "add"


class CallsOnce(Middleware):
    """Ask for a call until there is a result, and then for text."""

    async def ask(self, request, run, next):  # noqa: A002  # as in starlette
        answered = any(message.role == "tool" for message in request.messages)
        wanted = {} if answered else {"logit_bias": CALL, "tool_choice": "required"}
        return await next(request.replace(**wanted))


@pytest.mark.parametrize("streamed", [False, True])
def test_an_agent_runs_the_call_and_goes_on(llamacpp, streamed):
    seen = []

    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        seen.append((a, b))
        return a + b

    agent = Agent(
        ChatModel("gemma3-270m", base_url=llamacpp),
        tools=[add],
        settings=Settings(max_completion_tokens=40, temperature=0),
        middleware=[CallsOnce()],
        limits=RunLimits(turns=4),
    )
    if streamed:
        with agent.stream_sync("What is 1 + 2?") as stream:
            kinds = [event.type for event in stream]
        result = stream.result
        assert {"tool_call_started", "tool_call_delta", "tool_call_ready", "tool_result", "text_delta"} <= set(kinds)
    else:
        result = agent.run_sync("What is 1 + 2?")
    calls = result.messages[1].tool_calls
    whole = [call.id for call in calls if call.function.arguments.endswith("}")]
    assert whole
    assert [answer.message.tool_call_id for answer in result.answers if answer.status == "ok"] == whole
    assert len(seen) == len(whole)
    assert [message.role for message in result.messages] == ["user", "assistant", *["tool"] * len(calls), "assistant"]
    assert result.messages[2].content == str(sum(seen[0]))
    assert result.turns == 2
    assert result.usage.prompt_tokens > 0


def test_a_cut_call_is_never_run(llamacpp):
    """With no end in sight the server is stopped within a call, says `length`, and gives the half call all the same."""
    ran = []

    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        ran.append((a, b))
        return a + b

    agent = Agent(
        ChatModel("gemma3-270m", base_url=llamacpp),
        tools=[add],
        settings=Settings(max_completion_tokens=12, temperature=0, logit_bias={BEGIN: 100}, tool_choice="required"),
        limits=RunLimits(turns=2),
    )
    with pytest.raises(errors.AgentkitError) as caught:
        agent.run_sync("What is 1 + 2?")
    assert ran == []
    assert caught.value.state.open_calls == ()


class City(BaseModel):
    name: Literal["Oslo", "Bergen"]
    is_capital: bool


def test_a_typed_output_comes_by_the_schema(llamacpp):
    profile = Profile(output_mode="native")
    agent = Agent(
        ChatModel("gemma3-270m", base_url=llamacpp, profile=profile),
        output=City,
        settings=Settings(max_completion_tokens=100, temperature=0),
    )
    city = agent.run_sync("Oslo is the capital of Norway. Give the name, and whether it is the capital.").output
    assert isinstance(city, City)


def test_leaving_a_stream_frees_the_server(llamacpp):
    """The server has one slot: were the left request still running, the next one would wait for its 20,000 tokens."""

    async def leave(model):
        chunks = model.stream(request("Tell a long story.", max_tokens=20_000, logit_bias={END_OF_TURN: -100}))
        async for _ in chunks:
            break
        await chunks.aclose()
        return await asyncio.wait_for(model.complete(request("Hello.", max_tokens=4)), 60)

    assert run(llamacpp, leave).message.content


def test_a_refusal_of_the_server_is_an_error_with_its_words(llamacpp):
    with pytest.raises(errors.BadRequestError, match="response_format"):
        run(llamacpp, lambda model: model.complete(request("Hello.", response_format={"type": "nonsense"})))


def test_a_wrong_path_is_named(llamacpp):
    with pytest.raises(errors.NotFoundError, match="base_url"):
        run(llamacpp + "/nowhere", lambda model: model.complete(request("Hello.")))
