"""A run that is watched: events in order, slow readers, early leavers, and what comes at the end."""

import asyncio
import json
import threading

import pytest

from agentkit.agent import Agent, AttemptFailed, Progress, RunEnded, TextDelta
from agentkit.errors import RateLimitError, RunError
from agentkit.http import ChatModel
from agentkit.state import RunState
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, tool
from agentkit.wire.check import check_request
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest


@tool
async def add(a: int, b: int) -> int:
    return a + b


def agent(*replies, **options):
    return Agent(ScriptedModel(replies), tools=[add], **options)


async def all_events(stream):
    async with stream:
        return [event async for event in stream]


def test_events_come_in_order_and_each_has_json():
    batch = calls(call("add", {"a": 1, "b": 2}, id="c1"), call("nope", id="c2"), content="Let me see.")
    stream = agent(batch, {"content": "It is 3.", "reasoning_content": "Easy."}).stream("x")
    events = asyncio.run(all_events(stream))
    kinds = [event.type for event in events]
    assert kinds[:4] == ["run_started", "text_delta", "text_delta", "text_delta"]
    calling = [kind for kind in kinds if kind.startswith("tool_call") or kind in ("tool_result", "reply")]
    assert calling[0] == "tool_call_started"
    assert set(calling[1 : calling.index("reply")]) == {"tool_call_started", "tool_call_delta"}
    assert calling[calling.index("reply") :] == ["reply", "tool_result", "tool_call_ready", "tool_result", "reply"]
    assert kinds[-3:] == ["reply", "output", "run_ended"]
    assert "".join(e.text for e in events if e.type == "text_delta") == "Let me see.It is 3."
    assert "".join(e.text for e in events if e.type == "reasoning_delta") == "Easy."
    written = "".join(e.arguments for e in events if e.type == "tool_call_delta" and e.index == 0)
    assert json.loads(written) == {"a": 1, "b": 2}
    for event in events:
        assert json.loads(event.to_json())["type"] == event.type
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.turns, ended.finish_reason, ended.pending) == (2, "stop", 0)
    assert ended.usage == stream.result.usage


def test_a_stream_gives_the_same_as_a_run():
    batch = calls(call("add", {"a": 1, "b": 2}, id="c1"), call("nope", id="c2"), content="Let me see.")

    async def main():
        stream = agent(batch, "It is 3.").stream("x")
        await all_events(stream)
        return stream.result, await agent(batch, "It is 3.").run("x")

    streamed, whole = asyncio.run(main())
    assert (streamed.output, streamed.messages, streamed.usage) == (whole.output, whole.messages, whole.usage)


def test_the_text_alone_comes_by_text():
    async def main():
        async with agent(call("add", {"a": 1, "b": 2}), "It is 3.").stream("x") as stream:
            pieces = [piece async for piece in stream.text()]
            return pieces, stream.result.output

    pieces, output = asyncio.run(main())
    assert "".join(pieces) == output == "It is 3."
    assert len(pieces) > 1


def test_a_loop_that_was_left_goes_on_where_it_was():
    async def main():
        texts = []
        async with agent("one two three four").stream("x") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    texts.append(event.text)
                    break
            async for piece in stream.text():
                texts.append(piece)
                break
            texts += [piece async for piece in stream.text()]
            return texts, stream.result.output

    texts, output = asyncio.run(main())
    assert "".join(texts) == output


def test_the_result_before_the_end_is_an_error():
    async def main():
        async with agent("done").stream("x") as stream:
            with pytest.raises(RunError) as caught:
                _ = stream.result
            assert str(caught.value) == ("The run has no result yet. Read `stream.result` after its events have ended.")

    asyncio.run(main())


def test_a_stream_that_was_not_entered_is_an_error():
    async def main():
        stream = agent("done").stream("x")
        for read in (stream.batch, stream.text().__anext__, stream.__aiter__().__anext__):
            with pytest.raises(RunError) as caught:
                await read()
            assert str(caught.value) == (
                "The stream was not entered. Write `async with agent.stream(...) as stream:`, "
                "or `with agent.stream_sync(...) as stream:`."
            )

    asyncio.run(main())


def test_a_stream_is_entered_once():
    async def main():
        stream = agent("done").stream("x")
        await all_events(stream)
        with pytest.raises(RunError) as caught:
            await all_events(stream)
        assert str(caught.value) == "The stream was entered before. Make another one, `agent.stream(...)`."

    asyncio.run(main())


def test_an_error_of_the_run_is_raised_where_the_events_end():
    async def main():
        seen = []
        async with agent(call("add", {"a": 1, "b": 2}), RateLimitError("slow down")).stream("x") as stream:
            with pytest.raises(RateLimitError) as caught:
                async for event in stream:
                    seen.append(event.type)
            with pytest.raises(RateLimitError):
                _ = stream.result
        assert seen[-1] == "tool_result"
        assert stream.state == caught.value.state
        return stream.state

    assert [m.role for m in asyncio.run(main()).messages] == ["user", "assistant", "tool"]


def test_a_stream_left_early_leaves_a_valid_history():
    started = []

    @tool
    async def hang(context: Context) -> str:
        started.append(1)
        context.emit("begun")
        await asyncio.Event().wait()

    async def main():
        model = ScriptedModel([calls(call("hang"), call("add", {"a": 1, "b": 2})), "done"])
        one = Agent(model, tools=[hang, add])
        async with one.stream("x") as stream:
            async for event in stream:
                if isinstance(event, Progress):
                    break
        assert asyncio.all_tasks() == {asyncio.current_task()}
        with pytest.raises(RunError):
            _ = stream.result
        check_request(ChatRequest(messages=stream.state.messages))
        assert RunState.from_json(stream.state.to_json()) == stream.state
        assert next(m.content for m in stream.state.messages if m.role == "tool").startswith("Not finished")
        return await one.resume(stream.state)

    assert asyncio.run(main()).output == "done"


def test_a_reader_that_fails_cancels_the_run_and_keeps_its_own_error():
    async def main():
        with pytest.raises(KeyError):
            async with agent("one two three").stream("x") as stream:
                async for _event in stream:
                    raise KeyError
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_leaving_early_closes_the_connection_at_once():
    async def main():
        async with FakeEndpoint(replies=["word " * 5000]) as endpoint:
            before = asyncio.all_tasks()
            async with ChatModel("m", base_url=endpoint.base_url) as model:
                async with Agent(model).stream("x") as stream:
                    async for _ in stream.text():
                        break
                while endpoint.open_connections:  # noqa: ASYNC110  # it counts; nothing tells
                    await asyncio.sleep(0)
                assert asyncio.all_tasks() == before

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_slow_reader_slows_the_reading_of_the_endpoint():
    given = []

    class Fast(ScriptedModel):
        async def stream(self, request, /):
            for number in range(5000):
                given.append(number)
                yield ChatCompletionChunk.parse(
                    {
                        "choices": [
                            {"index": 0, "delta": {"content": "x"}, "finish_reason": None if number < 4999 else "stop"}
                        ]
                    }
                )

    async def main():
        read = 0
        async with Agent(Fast([])).stream("x") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    read += 1
                    for _ in range(3):
                        await asyncio.sleep(0)
                    assert len(given) - read <= 1010
            return read, stream.result.output

    read, output = asyncio.run(main())
    assert (read, len(output)) == (5000, 5000)


def test_progress_that_a_slow_reader_has_no_room_for_is_dropped_and_nothing_else():
    @tool
    async def tell(context: Context) -> str:
        for number in range(5000):
            context.emit(number)
        return "told"

    events = asyncio.run(all_events(Agent(ScriptedModel([call("tell"), "done"]), tools=[tell]).stream("x")))
    progress = [event.value for event in events if event.type == "progress"]
    assert progress == list(range(len(progress)))
    assert 900 < len(progress) < 1001
    assert [event.type for event in events][-1] == "run_ended"
    assert "tool_result" in {event.type for event in events}


def test_progress_from_a_thread_that_outlives_its_loop_is_no_error():
    gate, outcome = threading.Event(), []
    ended = threading.Event()

    @tool
    def hang(context: Context) -> str:
        context.emit("begun")
        gate.wait(10)
        try:
            context.emit("late")
            outcome.append("ok")
        finally:
            ended.set()

    async def main():
        async with Agent(ScriptedModel([call("hang")]), tools=[hang]).stream("x") as stream:
            async for event in stream:
                if isinstance(event, Progress):
                    break

    asyncio.run(main())
    gate.set()
    assert ended.wait(10)
    assert outcome == ["ok"]


def test_a_failed_attempt_is_shown_before_the_next_one():
    async def main():
        stream = Agent(ScriptedModel(['{"a": ', '{"a": 1}']), output=dict[str, int]).stream("x")
        events = await all_events(stream)
        assert stream.result.output == {"a": 1}
        return [event for event in events if event.type in ("reply", "attempt_failed", "output")]

    events = asyncio.run(main())
    assert [event.type for event in events] == ["reply", "attempt_failed", "reply", "output"]
    assert isinstance(events[1], AttemptFailed)
    assert events[1].text == '{"a": '


def test_a_paused_run_ends_its_events_with_what_waits():
    @tool(approval=True)
    def pay() -> str:
        return "paid"

    async def main():
        stream = Agent(ScriptedModel([call("pay", id="p")]), tools=[pay]).stream("x")
        events = await all_events(stream)
        return events, stream.result

    events, result = asyncio.run(main())
    assert (events[-1].type, events[-1].pending) == ("run_ended", 1)
    assert "output" not in {event.type for event in events}
    assert [one.id for one in result.pending] == ["p"]


def test_waiting_for_events_can_be_given_up_and_taken_up_again():
    async def main():
        gate = asyncio.Event()

        @tool
        async def wait() -> str:
            await gate.wait()
            return "waited"

        async with Agent(ScriptedModel([call("wait"), "done"]), tools=[wait]).stream("x") as stream:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    _ = [event async for event in stream]
            gate.set()
            events = [event.type async for event in stream]
            return events, stream.result.output

    events, output = asyncio.run(main())
    assert (events[0], events[-1], output) == ("tool_result", "run_ended", "done")
