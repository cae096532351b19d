"""A run that is watched: events in order, slow readers, early leavers, and what comes at the end."""

import asyncio
import json
import threading

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent, AttemptFailed, Middleware, Progress, RunEnded, TextDelta
from agentkit.errors import ConfigurationError, LimitExceededError, RateLimitError, RunError, StreamCutError
from agentkit.http import ChatModel
from agentkit.model import ModelFellBack, RequestSent, report
from agentkit.output import OutputSpec
from agentkit.state import RunLimits, RunState
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
    calling = [kind for kind in kinds if kind.startswith("tool_call") or kind in ("tool_result", "reply", "usage")]
    assert calling[0] == "tool_call_started"
    assert set(calling[1 : calling.index("reply")]) == {"tool_call_started", "tool_call_delta"}
    assert calling[calling.index("reply") :] == [
        *("reply", "usage", "tool_result", "tool_call_ready", "tool_result", "reply", "usage")
    ]
    assert kinds[-4:] == ["reply", "usage", "output", "run_ended"]
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
        assert seen[-2:] == ["tool_result", "run_failed"]
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


async def leave_by_break(stream, _):
    async for _event in stream.text():
        break


async def leave_by_exception(stream, _):
    async for _event in stream.text():
        raise KeyError


async def leave_by_aclose(stream, _):
    await anext(stream.text())
    await stream.aclose()
    await stream.aclose()


async def leave_by_cancellation(stream, me):
    await anext(stream.text())
    me.cancel()
    await asyncio.Event().wait()


async def leave_by_timeout(stream, _):
    await anext(stream.text())
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


LEAVING = [leave_by_break, leave_by_exception, leave_by_aclose, leave_by_cancellation, leave_by_timeout]


@pytest.mark.parametrize("leave", LEAVING, ids=lambda one: one.__name__)
def test_however_a_stream_is_left_its_connection_closes_and_its_history_and_usage_hold(leave):
    async def inside(stream):
        async with stream:
            await leave(stream, asyncio.current_task())

    async def main():
        replies = [call("add", {"a": 1, "b": 2}, id="c"), "word " * 400]
        async with (
            FakeEndpoint(replies=replies, chunk_delay=0.001) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
        ):
            stream = Agent(model, tools=[add]).stream("x")
            task = asyncio.create_task(inside(stream))
            await asyncio.wait([task])
            if not task.cancelled():
                assert isinstance(task.exception(), KeyError | TimeoutError | None)
            while endpoint.open_connections:  # noqa: ASYNC110  # it counts; nothing tells
                await asyncio.sleep(0)
            assert [one.get_name() for one in asyncio.all_tasks() if one.get_name().startswith("agentkit")] == []
            return stream

    stream = asyncio.run(asyncio.wait_for(main(), 30))
    check_request(ChatRequest(messages=stream.state.messages))
    assert [m.role for m in stream.state.messages] == ["user", "assistant", "tool"]
    assert stream.usage == stream.state.usages[0]
    assert stream.cut_usage.estimated
    assert stream.cut_usage.prompt_tokens > stream.usage.prompt_tokens  # the history grew by a call and its result
    assert 0 < stream.cut_usage.completion_tokens < 200
    assert stream.cut_usage.total_tokens not in (0, stream.usage.total_tokens)
    assert RunState.from_json(stream.state.to_json()) == stream.state


def test_what_is_read_after_leaving_says_so():
    @tool
    async def hang() -> str:
        await asyncio.Event().wait()

    async def main():
        async with Agent(ScriptedModel([call("hang")]), tools=[hang]).stream("x") as stream:
            await anext(aiter(stream))
        with pytest.raises(RunError) as caught:
            _ = stream.result
        assert str(caught.value) == (
            "The stream was left, or its run cancelled, before its end. Its history so far is `stream.state`; "
            "`agent.resume(stream.state)` goes on."
        )
        assert caught.value.state == stream.state
        seen = []
        with pytest.raises(RunError, match="was left"):
            async for event in stream:
                seen.append(event.type)
        assert seen[-1] == "run_failed"

    asyncio.run(main())


def test_two_loops_at_once_are_a_clear_error():
    async def main():
        gate = asyncio.Event()

        @tool
        async def wait() -> str:
            await gate.wait()
            return "waited"

        async with Agent(ScriptedModel([call("wait"), "done"]), tools=[wait]).stream("x") as stream:
            first = asyncio.create_task(collect(stream))
            await asyncio.sleep(0)
            while not stream._waiting:  # noqa: ASYNC110  # a flag of the stream's own; nothing tells
                await asyncio.sleep(0)
            with pytest.raises(RunError) as caught:
                await collect(stream.text())
            assert str(caught.value) == (
                "Two loops read one stream at once. Read in one, and pass on what the other needs."
            )
            gate.set()
            return (await first)[-1].type, stream.result.output

    assert asyncio.run(main()) == ("run_ended", "done")


async def collect(iterator):
    return [one async for one in iterator]


def test_a_stream_that_is_cut_by_the_endpoint_leaves_an_estimate_and_what_came():
    async def main():
        async with (
            FakeEndpoint(replies=["word " * 100], faults=["truncate"]) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
            Agent(model).stream("x") as stream,
        ):
            events = []
            with pytest.raises(StreamCutError) as caught:
                async for event in stream:
                    events.append(event)
            return caught.value, events

    error, events = asyncio.run(main())
    assert [event.type for event in events][-2:] == ["usage", "run_failed"]
    assert events[-2].estimated
    assert events[-2].usage == error.state.cut_usage
    assert events[-2].total == error.state.usage
    assert error.state.usages == ()
    assert error.partial.message.content is not None


def test_a_run_that_is_not_streamed_and_cancelled_leaves_an_estimate_of_its_prompt():
    async def main():
        async with (
            FakeEndpoint(replies=["never"], latency=60) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
        ):
            task = asyncio.create_task(Agent(model).run("x" * 400))
            while not endpoint.requests:  # noqa: ASYNC110  # it records; nothing tells
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            return caught.value.state

    state = asyncio.run(asyncio.wait_for(main(), 20))
    assert 100 < state.cut_usage.prompt_tokens < 140
    assert state.cut_usage.completion_tokens == 0
    assert state.usage.total_tokens == 0


def test_the_runs_clock_that_cuts_a_request_leaves_an_estimate_and_limits_do_not_count_it():
    async def main():
        async with (
            FakeEndpoint(replies=["word " * 1000, "done"], chunk_delay=0.005) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
        ):
            one = Agent(model)
            async with one.stream("x", limits=RunLimits(seconds=0.3)) as stream:
                with pytest.raises(LimitExceededError):
                    await collect(stream)
            limits = RunLimits(tokens=stream.cut_usage.total_tokens, output_floor=1)
            return stream, await one.resume(stream.state, limits=limits)

    stream, result = asyncio.run(asyncio.wait_for(main(), 30))
    assert stream.cut_usage.completion_tokens > 0
    assert result.output == "done"
    assert result.cut_usage == stream.cut_usage
    assert result.usage == result.usages[0]


def test_estimates_of_several_cut_requests_add_up_and_keep_their_mark():
    class Again(Middleware):
        async def ask(self, request, run, step, /):
            for _ in range(2):
                try:
                    return await step(request)
                except StreamCutError:
                    continue
            return await step(request)

    async def main():
        async with (
            FakeEndpoint(replies=["one two three four"] * 3, faults=["truncate", "truncate"]) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
            Agent(model, middleware=[Again()]).stream("x") as stream,
        ):
            events = await collect(stream)
            return events, stream.result

    events, result = asyncio.run(main())
    cut = [event for event in events if event.type == "usage"]
    assert [event.estimated for event in cut] == [True, True, False]
    assert result.cut_usage.total_tokens == sum(event.usage.total_tokens for event in cut[:2])
    assert result.cut_usage.estimated
    assert cut[2].total == result.usage == cut[2].usage


def test_nothing_that_was_not_sent_is_estimated():
    async def main():
        gate = asyncio.Event()

        class Waiting(Middleware):
            async def ask(self, request, run, step, /):
                await gate.wait()

        async with agent("done", middleware=[Waiting()]).stream("x") as stream:
            async for _event in stream:
                break
        assert stream.cut_usage is None
        refused = agent(RateLimitError("slow down")).stream("x")
        with pytest.raises(RateLimitError):
            await all_events(refused)
        return refused.cut_usage

    assert asyncio.run(main()) is None


class Row(BaseModel):
    name: str
    size: int


ROWS = '{"response": [{"name": "a", "size": 1}, {"name": "b", "size": 22}]}'


@pytest.mark.parametrize("mode", ["native", "json", "prompted", "tool"])
def test_partials_grow_in_every_mode_and_the_result_is_validated(mode):
    reply = call("final_result", json.loads(ROWS)) if mode == "tool" else ROWS

    async def main():
        async with agent(reply, output=OutputSpec(list[Row], mode=mode)).stream("x") as stream:
            return await collect(stream.partials()), stream.result.output

    partials, output = asyncio.run(main())
    assert output == [Row(name="a", size=1), Row(name="b", size=22)]
    assert [row.model_dump() for row in partials[-1]] == [row.model_dump() for row in output]
    assert all(row.size in (None, 1, 22) for rows in partials for row in rows)


def test_a_partial_comes_for_each_network_read():
    async def main():
        replies = ['{"name": "' + "word " * 20 + '", "size": 1}']
        async with (
            FakeEndpoint(replies=replies, chunk_delay=0.01) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
            Agent(model, output=OutputSpec(Row, mode="prompted")).stream("x") as stream,
        ):
            return await collect(stream.partials()), stream.result.output

    partials, output = asyncio.run(main())
    assert len(partials) > 10
    assert all(output.name.startswith(one.name or "") for one in partials)


def test_partials_of_text_are_the_text_so_far_of_the_reply():
    async def main():
        batch = calls(call("add", {"a": 1, "b": 2}), content="Let me see.")
        async with agent(batch, "It is 3.").stream("x") as stream:
            return await collect(stream.partials())

    partials = asyncio.run(main())
    assert partials[-1] == "It is 3."
    assert "Let me see." in partials


def test_a_failed_attempt_begins_partials_anew_and_repeats_no_items():
    bad = '{"response": [{"name": "a", "size": 1}, {"name": "b", "size": "no"}]}'

    async def main(how):
        spec = OutputSpec(list[Row], mode="native")
        async with agent(bad, ROWS, output=spec).stream("x") as stream:
            return await collect(getattr(stream, how)()), stream.result

    items, result = asyncio.run(main("items"))
    assert items == result.output
    partials, _ = asyncio.run(main("partials"))
    assert [row.model_dump() for row in partials[-1]] == [row.model_dump() for row in result.output]


def test_items_of_no_list_are_an_error_and_the_stream_can_still_be_read():
    async def main():
        async with agent("done").stream("x") as stream:
            with pytest.raises(ConfigurationError):
                await collect(stream.items())
            return "".join(await collect(stream.text()))

    assert asyncio.run(main()) == "done"


class Person(BaseModel):
    name: str = ""
    child: "Person | None" = None


PERSON = '{"name": "the outer one", "child": {"name": "the inner one"}}'


@pytest.mark.parametrize("before", ["text", "partials", "events"])
def test_partials_after_a_loop_that_was_left_show_nothing_that_the_result_contradicts(before):
    async def main():
        async with Agent(ScriptedModel([PERSON]), output=Person).stream("x") as stream:
            ways = {"text": stream.text, "partials": stream.partials, "events": stream.__aiter__}
            async for one in ways[before]():
                if before != "events" or isinstance(one, TextDelta):
                    break
            return [partial async for partial in stream.partials()], stream.result.output

    seen, output = asyncio.run(main())
    assert {partial.name for partial in seen} <= {"the outer one"}
    assert before == "partials" or seen[-1].model_dump(exclude_none=True) == output.model_dump(exclude_none=True)


def test_items_after_a_loop_that_was_left_go_on_where_it_was():
    async def main():
        seen = []
        async with Agent(ScriptedModel(["[1, 2, 3, 4]"]), output=list[int]).stream("x") as stream:
            for _ in range(2):
                async for item in stream.items():
                    seen.append(item)
                    break
            return seen + [item async for item in stream.items()]

    assert asyncio.run(main()) == [1, 2, 3, 4]


def test_progress_of_a_sub_agent_that_a_slow_reader_has_no_room_for_is_dropped_too():
    @tool
    async def tell(context: Context) -> str:
        for number in range(5000):
            context.emit(number)
        return "told"

    inner = Agent(ScriptedModel([call("tell"), "done"]), tools=[tell])

    @tool
    async def ask() -> str:
        return (await inner.run("y")).output

    events = asyncio.run(all_events(Agent(ScriptedModel([call("ask"), "done"]), tools=[ask]).stream("x")))
    assert 900 < sum(event.type == "sub_run" for event in events) < 1010


def test_what_an_abandoned_thread_tells_is_shown_to_nobody():
    gate, ended = threading.Event(), threading.Event()
    inner = Agent(ScriptedModel(["inner"]))

    @tool(timeout=0.01)
    def slow(context: Context) -> str:
        gate.wait(60)
        context.emit("late")
        inner.run_sync("y")
        context.emit("later")
        ended.set()
        return "never seen"

    async def main():
        kinds = []
        async with Agent(ScriptedModel([call("slow"), "done"]), tools=[slow]).stream("x") as stream:
            async for event in stream:
                kinds.append(event.type)
                if event.type == "tool_result":
                    gate.set()
                    ended.wait(60)
        return kinds

    kinds = asyncio.run(main())
    assert kinds[-1] == "run_ended"
    assert not {"progress", "sub_run"} & {*kinds}


def test_a_request_that_waits_for_its_turn_after_a_fallback_is_not_estimated():
    class Waiting(ScriptedModel):
        async def stream(self, request, /):
            report(RequestSent("here", self.name))
            report(ModelFellBack(self.name, "other", "InternalServerError"))
            await asyncio.Event().wait()
            yield

    async def main():
        async with Agent(Waiting([])).stream("x") as stream:
            async for event in stream:
                if event.type == "model_fell_back":
                    break
        return stream.cut_usage

    assert asyncio.run(main()) is None
