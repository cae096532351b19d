"""One turn: instructions, forced choices, and replies that are none."""

import asyncio

import pytest

from agentkit.agent import Agent
from agentkit.errors import ContentFilterError, OutputError, RefusalError, StreamCutError, ToolUseFailedError
from agentkit.testing.chunk import chunked
from agentkit.testing.reply import call, calls, completion
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.chunk import ChatCompletionChunk


@tool
def now() -> str:
    return "noon"


@tool
def later() -> str:
    return "evening"


def test_a_text_cut_at_the_token_limit_is_given_with_its_reason():
    result = Agent(ScriptedModel([{"content": "half a", "finish_reason": "length"}])).run_sync("x")
    assert (result.output, result.finish_reason) == ("half a", "length")


@pytest.mark.parametrize(
    "reply",
    [{"content": "so far"}, {"content": None}, calls(call("now"), content="so far"), calls(call("now", '{"a'))],
)
@pytest.mark.parametrize("word", ["content_filter", "sensitive", "content_filter: RECITATION"])
def test_a_filtered_reply_is_an_error_that_is_neither_run_nor_kept(reply, word):
    ran = []

    @tool
    def now() -> str:
        ran.append(1)

    model = ScriptedModel([{**reply, "finish_reason": word}, "done"])
    agent = Agent(model, tools=[now])
    with pytest.raises(ContentFilterError) as caught:
        agent.run_sync("x")
    error = caught.value
    assert str(error) == (
        "The endpoint's content filter stopped the reply. Change the prompt; what came is in `error.partial`."
    )
    assert (error.partial, error.status_code) == (reply.get("content"), 200)
    assert error.reply.choices[0].finish_reason == word
    assert [m.role for m in error.state.messages] == ["user"]
    result = agent.resume_sync(error.state)
    assert (result.output, result.turns, len(result.usages), ran) == ("done", 2, 2, [])
    assert [m.content for m in result.messages] == ["x", "done"]


def test_a_refusal_is_an_error_of_its_own_and_a_resumed_run_asks_again():
    model = ScriptedModel([{"content": None, "refusal": "I cannot help with that."}, "done"])
    agent = Agent(model)
    with pytest.raises(RefusalError) as caught:
        agent.run_sync("x")
    assert str(caught.value) == "The model declined: I cannot help with that."
    assert caught.value.text == caught.value.reply.message.refusal == "I cannot help with that."
    assert [one.reason for one in caught.value.attempts] == ["The model declined."]
    assert agent.resume_sync(caught.value.state).output == "done"


def test_a_refusal_that_came_as_a_stream_is_the_same_error():
    async def main():
        async with Agent(ScriptedModel([{"content": None, "refusal": "I cannot."}])).stream("x") as stream:
            _ = [event async for event in stream]

    with pytest.raises(RefusalError, match=r"^The model declined: I cannot\.$"):
        asyncio.run(main())


def test_an_empty_reply_ends_the_run_with_an_empty_text_and_a_valid_history():
    model = ScriptedModel([{"content": None}, "done"])
    agent = Agent(model)
    result = agent.run_sync("x")
    assert result.output == ""
    agent.run_sync("y", history=result.messages)
    assert b'{"role":"assistant","content":""}' in model.requests[1].encode()


def failed(text):
    error = ToolUseFailedError("Failed to call a function.")
    error.failed_generation = text
    return error


def test_a_call_that_the_endpoint_could_not_read_is_fed_back_to_the_model():
    model = ScriptedModel([failed("<function=now"), call("now"), "done"])
    result = Agent(model, tools=[now]).run_sync("x")
    assert [m.content for m in model.requests[1].messages] == [
        "x",
        "Your last tool call could not be read: Failed to call a function. Call the tool again, exactly by its schema.",
    ]
    assert [m.role for m in result.messages] == ["user", "assistant", "tool", "assistant"]
    assert [attempt.text for attempt in result.attempts] == ["<function=now"]


def test_calls_that_the_endpoint_cannot_read_again_and_again_end_the_run():
    agent = Agent(ScriptedModel([failed("a"), failed("b"), failed("c"), "done"]), tools=[now])
    with pytest.raises(OutputError) as caught:
        agent.run_sync("x")
    assert [attempt.text for attempt in caught.value.attempts] == ["a", "b", "c"]
    assert caught.value.__cause__.failed_generation == "c"
    assert agent.resume_sync(caught.value.state).output == "done"


def test_a_stream_that_is_cut_off_carries_what_came():
    class Cut(ScriptedModel):
        async def stream(self, request, /):
            whole = completion("one two three", {"model": "m"}, number=1, size=4)
            for chunk in chunked(whole)[:3]:
                yield ChatCompletionChunk.parse(chunk)
            raise StreamCutError("The stream ended early.")

    async def main():
        async with Agent(Cut([])).stream("x") as stream:
            _ = [event async for event in stream]

    with pytest.raises(StreamCutError) as caught:
        asyncio.run(main())
    assert caught.value.partial.message.content == "one two"
    assert [m.role for m in caught.value.state.messages] == ["user"]


def test_a_stream_is_closed_when_its_reader_leaves():
    closed = []

    class Endless(ScriptedModel):
        async def stream(self, request, /):
            chunk = ChatCompletionChunk.parse({"choices": [{"index": 0, "delta": {"content": "x"}}]})
            try:
                while True:
                    yield chunk
                    await asyncio.sleep(0)
            finally:
                closed.append(True)

    async def main():
        async with Agent(Endless([])).stream("x") as stream:
            async for event in stream:
                if event.type == "text_delta":
                    break
        assert closed == [True]
        return stream.state

    assert [m.role for m in asyncio.run(main()).messages] == ["user"]


def deltas(*calls_):
    return [{"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]} for one in calls_]


def test_a_call_is_shown_once_its_name_is_whole():
    pieces = [
        *deltas(
            {"index": 0, "id": "c1", "function": {"name": "la"}},
            {"index": 0, "function": {"name": "ter"}},
            {"index": 0, "function": {"arguments": "{"}},
            {"index": 0, "function": {"arguments": "}"}},
            {"index": 1, "id": "c2", "function": {"name": "now"}},
            {"index": 2, "id": "c3", "function": {"name": "now", "arguments": "{}"}},
            {"index": 3, "id": "c4", "function": {"name": "later"}},
        ),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]

    class Pieces(ScriptedModel):
        async def stream(self, request, /):
            if len(self.requests) == 0:
                self._next(request)
                for piece in pieces:
                    yield ChatCompletionChunk.parse(piece)
                return
            async for chunk in super().stream(request):
                yield chunk

    with Agent(Pieces(["unused", "done"]), tools=[now, later]).stream_sync("x") as stream:
        events = [event for event in stream if event.type in ("tool_call_started", "tool_call_delta")]
    assert [(event.index, getattr(event, "name", None) or event.arguments) for event in events] == [
        (0, "later"),
        (0, "{"),
        (0, "}"),
        (1, "now"),
        (2, "now"),
        (2, "{}"),
        (3, "later"),
    ]
