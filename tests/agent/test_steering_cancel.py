"""A run cancelled by its own `cancel`: at every event, from everywhere; the history is valid and nothing is left."""

import asyncio
import threading

import pytest

from agentkit.agent import Agent, Middleware, Progress
from agentkit.errors import RunCancelledError, RunError
from agentkit.http import ChatModel
from agentkit.session import SqliteStore
from agentkit.state import RunLimits, RunState
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest

TEXT = "The run was cancelled. Its history so far is in `error.state`; `agent.resume(error.state)` goes on."


@tool
async def add(context: Context, a: int, b: int) -> int:
    context.emit("adding")
    await asyncio.sleep(0.001)
    return a + b


@tool
def look(context: Context) -> str:
    context.emit("looking")
    return "seen"


REPLIES = [
    calls(call("add", {"a": 1, "b": 2}, id="a"), call("look", id="l"), content="Let me see."),
    calls(call("look", id="l2"), call("add", {"a": 3, "b": 4}, id="a2")),
    "It is 3, and 7.",
]


def by_state(request):
    """Answer by what was said so far, so that a resumed run gets what is missing."""
    return REPLIES[sum(message["role"] == "assistant" for message in request["messages"])]


async def by_the_reader(stream):
    stream.cancel()


async def by_another_task(stream):
    await asyncio.create_task(asyncio.sleep(0, stream.cancel()))


async def by_a_thread(stream):
    thread = threading.Thread(target=stream.cancel)
    thread.start()
    thread.join()


async def often(stream):
    for _ in range(3):
        stream.cancel()
        await by_a_thread(stream)


EVENTS = 60
"""More than such a run has."""


def check(state):
    """See that the history is one that every endpoint takes, and that the state can be saved."""
    check_request(ChatRequest(messages=state.messages))
    assert state.open_calls == ()
    assert RunState.from_json(state.to_json()) == state


@pytest.mark.parametrize(("cancel", "every"), [(by_the_reader, 1), (by_a_thread, 1), (by_another_task, 5), (often, 5)])
def test_at_every_event_the_run_ends_its_connection_closes_and_it_can_go_on(cancel, every):
    async def one(agent, place):
        events, error = [], None
        async with agent.stream("x") as stream:
            try:
                async for event in stream:
                    events.append(event)
                    if len(events) == place:
                        await cancel(stream)
            except RunCancelledError as caught:
                error = caught
        assert [one.get_name() for one in asyncio.all_tasks() if one.get_name().startswith("agentkit")] == []
        check(stream.state)
        if error is None:
            assert stream.result.output == REPLIES[-1]
            return len(events), False
        assert str(error) == TEXT
        assert events[-1].type == "run_failed"
        assert events[-1].error == f"RunCancelledError: {TEXT}"
        assert error.state is stream.state
        with pytest.raises(RunCancelledError):
            _ = stream.result
        assert (await agent.resume(stream.state)).output == REPLIES[-1]
        return len(events), True

    async def main():
        async with (
            FakeEndpoint(replies=by_state, chunk_delay=0.001, chunks=2) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
        ):
            agent = Agent(model, tools=[add, look])
            outcomes = [(place, *await one(agent, place)) for place in range(1, EVENTS, every)]
            while endpoint.open_connections > 1:  # noqa: ASYNC110  # it counts; nothing tells
                await asyncio.sleep(0)
            assert endpoint.refusals == []
            return outcomes

    outcomes = asyncio.run(asyncio.wait_for(main(), 60))
    whole = outcomes[-1][1]
    assert 40 < whole < EVENTS - every
    assert all(cancelled for place, _, cancelled in outcomes if place < whole - 10)
    assert not any(cancelled for place, _, cancelled in outcomes if place >= whole)


class AtEvent(Middleware):
    """Cancels the run from inside, at the moment at which an event is shown."""

    def __init__(self, place):
        self._place = place

    async def run(self, state, run, step, /):
        count, emit = 1, run.watcher  # the first event was shown before

        def watch(event):
            nonlocal count
            count += 1
            if count == self._place:
                run.cancel()
            emit(event)

        run.watcher = watch
        return await step(state)


def test_at_the_very_moment_of_every_event_it_ends_or_had_ended():
    async def main():
        ended = []
        for place in range(1, EVENTS):
            model = ScriptedModel([*REPLIES])
            async with Agent(model, tools=[add, look], middleware=[AtEvent(place)]).stream("x") as stream:
                try:
                    events = [event.type async for event in stream]
                except RunCancelledError:
                    ended.append(place)
                else:
                    assert stream.result.output == REPLIES[-1]
            check(stream.state)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return ended, events

    ended, events = asyncio.run(main())
    last = max(place for place, kind in enumerate(events, 1) if kind == "usage")
    assert ended == [*range(2, last + 1)]


@pytest.mark.parametrize("streamed", [True, False])
def test_a_tool_of_the_run_cancels_it_and_what_it_gives_then_is_no_output(streamed):
    async def main():
        found = []

        class Find(Middleware):
            async def run(self, state, run, step, /):
                found.append(run)
                return await step(state)

        @tool
        async def stop() -> str:
            found[-1].cancel()
            return "stopped"

        @tool
        def stop_in_thread() -> str:
            found[-1].cancel()
            return "stopped"

        states = []
        for batch in (call("stop"), call("stop_in_thread"), calls(call("stop"), call("add", {"a": 1, "b": 2}))):
            model = ScriptedModel([batch, "never"])
            agent = Agent(model, tools=[stop, stop_in_thread, add], middleware=[Find()])
            with pytest.raises(RunCancelledError) as caught:
                if streamed:
                    async with agent.stream("x") as stream:
                        _ = [event async for event in stream]
                else:
                    await agent.run("x")
            task = asyncio.current_task()
            assert task.cancelling() == 0
            await asyncio.sleep(0)  # a cancellation that was left over would be raised here
            check(caught.value.state)
            assert len(model.requests) == 1
            states.append(caught.value.state)
        return states

    states = asyncio.run(main())
    assert [message.role for message in states[0].messages] == ["user", "assistant", "tool"]


def test_a_sync_stream_is_cancelled_from_another_thread():
    begun = threading.Event()

    @tool
    async def hang(context: Context) -> str:
        begun.set()
        await asyncio.Event().wait()

    events = []
    with Agent(ScriptedModel([call("hang")]), tools=[hang]).stream_sync("x") as stream:
        thread = threading.Thread(target=lambda: begun.wait(10) and stream.cancel())
        thread.start()
        with pytest.raises(RunCancelledError) as caught:
            events += [event.type for event in stream]
        thread.join()
    check(caught.value.state)
    assert stream.state == caught.value.state
    assert stream.state.messages[-1].content.startswith("Not finished: the run ended before this call did.")


def test_before_it_begins_nothing_is_sent():
    async def main():
        model = ScriptedModel(["never"])
        stream = Agent(model).stream("x")
        stream.cancel()
        async with stream:
            with pytest.raises(RunCancelledError) as caught:
                _ = [event async for event in stream]
        assert model.requests == []
        assert [message.content for message in caught.value.state.messages] == ["x"]

    asyncio.run(main())


def test_after_the_end_it_does_nothing():
    async def main():
        async with Agent(ScriptedModel(["done"])).stream("x") as stream:
            _ = [event async for event in stream]
            stream.cancel()
        stream.cancel()
        await asyncio.to_thread(stream.cancel)
        await asyncio.sleep(0)
        return stream

    stream = asyncio.run(main())
    stream.cancel()  # its loop is closed
    assert stream.result.output == "done"


def test_cancelled_and_left_at_once_it_was_left():
    async def main():
        async with Agent(ScriptedModel([call("add", {"a": 1, "b": 2})]), tools=[add]).stream("x") as stream:
            async for event in stream:
                if isinstance(event, Progress):
                    break
            stream.cancel()
        with pytest.raises(RunError) as caught:
            _ = stream.result
        assert not isinstance(caught.value, RunCancelledError)
        check(stream.state)

    asyncio.run(main())


def test_the_cancellation_of_the_callers_task_stays_one():
    async def main():
        class Stop(Middleware):
            async def ask(self, request, run, step, /):
                run.cancel()
                task.cancel()
                return await step(request)

        task = asyncio.create_task(Agent(ScriptedModel(["never"]), middleware=[Stop()]).run("x"))
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return task, caught.value

    task, error = asyncio.run(main())
    assert task.cancelled()
    assert error.state.run_id


def test_a_run_inside_a_run_is_cancelled_alone_and_its_tool_has_failed():
    class Stop(Middleware):
        async def ask(self, request, run, step, /):
            run.cancel()
            return await step(request)

    inner = Agent(ScriptedModel(["never"]), middleware=[Stop()])

    @tool
    async def ask() -> str:
        return (await inner.run("y")).output

    result = Agent(ScriptedModel([call("ask"), "done"]), tools=[ask]).run_sync("x")
    assert result.output == "done"
    assert TEXT in result.messages[2].content


def test_what_was_put_in_and_not_sent_is_in_the_state():
    async def main():
        begun = asyncio.Event()

        @tool
        async def hang() -> str:
            begun.set()
            await asyncio.Event().wait()

        model = ScriptedModel([call("hang"), "done"])
        agent = Agent(model, tools=[hang])
        async with agent.stream("x") as stream:
            reading = asyncio.create_task(anext(stream.text(), None))
            await begun.wait()
            stream.inject("and?")
            stream.cancel()
            with pytest.raises(RunCancelledError):
                await reading
        with pytest.raises(RunError, match="The run has ended"):
            stream.inject("late")
        assert [message.content for message in stream.state.injected] == ["and?"]
        result = await agent.resume(stream.state)
        return [message.content for message in result.messages if message.role == "user"]

    assert asyncio.run(main()) == ["x", "and?"]


def test_a_run_that_waits_for_its_session_is_cancelled_too(tmp_path):
    async def main():
        store = SqliteStore(tmp_path / "chat.db")
        waiting = Agent(ScriptedModel(["never"])).stream("x", session=store.session("s"))
        async with store.session("s").turn(), waiting as stream:
            stream.inject("and?")
            asyncio.get_running_loop().call_later(0.02, stream.cancel)
            with pytest.raises(RunCancelledError) as caught:
                _ = [event async for event in stream]
        async with store.session("s").turn() as turn:
            assert turn.messages == ()
        await store.aclose()
        return caught.value.state

    assert [message.content for message in asyncio.run(main()).injected] == ["and?"]


def test_a_tool_that_keeps_the_cancellation_for_itself_does_not_stop_it():
    async def main():
        begun = asyncio.Event()

        @tool
        async def stubborn() -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "no"

        model = ScriptedModel([call("stubborn"), "never"])
        async with Agent(model, tools=[stubborn]).stream("x", limits=RunLimits(seconds=60)) as stream:
            reading = asyncio.create_task(anext(stream.text(), None))
            await begun.wait()
            stream.cancel()
            with pytest.raises(RunCancelledError):
                await reading
        assert len(model.requests) == 1
        check(stream.state)

    asyncio.run(main())


def test_a_middleware_that_cancels_before_it_lets_the_run_happen_has_nothing_sent():
    class Early(Middleware):
        async def run(self, state, run, step, /):
            run.cancel()
            return await step(state)

    model = ScriptedModel(["never"])
    with pytest.raises(RunCancelledError):
        Agent(model, middleware=[Early()]).run_sync("x")
    assert model.requests == []


def test_an_outermost_middleware_may_cancel_at_the_very_end():
    class Late(Middleware):
        async def run(self, state, run, step, /):
            end = await step(state)
            run.cancel()
            return end

    async def main():
        with pytest.raises(RunCancelledError):
            await Agent(ScriptedModel(["done"]), middleware=[Late()]).run("x")
        await asyncio.sleep(0)
        assert asyncio.current_task().cancelling() == 0

    asyncio.run(main())
