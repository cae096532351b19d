"""The driver: every error leaves with the state, a cancelled run leaves a valid history, the run's clock."""

import asyncio
import gc
import re
import threading
from dataclasses import replace

import pytest

from agentkit.agent import Agent, Middleware, SubRunEvent
from agentkit.errors import APIConnectionError, LimitExceededError, RateLimitError, ScriptError
from agentkit.http import ChatModel
from agentkit.model import RequestSent, listener, report
from agentkit.state import RunLimits
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest

ENDED = "Not finished: the run ended before this call did. Its effect may or may not have happened."


@tool
def now() -> str:
    return "noon"


def check(messages):
    """Hold the contract's rules on a history."""
    check_request(ChatRequest(messages=messages))


def told(messages):
    """What the model was told, in call order."""
    return [message.content for message in messages if message.role == "tool"]


class Waiting:
    """Tools that wait until they are cancelled, and one that ends."""

    def __init__(self):
        self.started = asyncio.Event()
        self.closed = []

    @tool
    async def hang(self) -> str:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.closed.append("hang")

    @tool
    async def quick(self) -> str:
        return "quick"


async def cancelled(task):
    """Wait for a cancelled task and give its CancelledError."""
    try:
        await task
    except asyncio.CancelledError as error:
        return error
    raise AssertionError("not cancelled")


@pytest.mark.parametrize("batch", [["hang"], ["hang", "quick"], ["quick", "hang", "hang"]])
def test_a_cancelled_run_drains_its_calls_and_leaves_a_valid_history(batch):
    async def main():
        tools = Waiting()
        model = ScriptedModel([calls(*map(call, batch)), "done"])
        agent = Agent(model, tools=[tools.hang, tools.quick])
        task = asyncio.create_task(agent.run("x"))
        await tools.started.wait()
        await asyncio.sleep(0)
        task.cancel()
        error = await cancelled(task)
        assert tools.closed == ["hang"] * batch.count("hang")
        assert asyncio.all_tasks() == {asyncio.current_task()}
        check(error.state.messages)
        assert told(error.state.messages) == ["quick" if name == "quick" else ENDED for name in batch]
        assert error.state.open_calls == ()
        return await agent.resume(error.state)

    result = asyncio.run(main())
    assert result.output == "done"
    check(result.messages)


def test_calls_that_had_not_started_when_the_run_was_cancelled_are_answered_too():
    async def main():
        tools = Waiting()
        wall = tools.hang.replace(sequential=True)
        task = asyncio.create_task(
            Agent(ScriptedModel([calls(call("hang"), call("quick"))]), tools=[wall, tools.quick]).run("x")
        )
        await tools.started.wait()
        task.cancel()
        return (await cancelled(task)).state

    state = asyncio.run(main())
    assert told(state.messages) == [ENDED, ENDED]


@pytest.mark.parametrize("beside", [0, 1])
def test_a_tool_that_keeps_a_cancellation_for_itself_does_not_keep_the_run_going(beside):
    async def main():
        started = asyncio.Event()

        @tool
        async def stubborn() -> str:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "I go on"

        model = ScriptedModel([calls(call("stubborn"), *[call("now")] * beside), "never"])
        task = asyncio.create_task(Agent(model, tools=[stubborn, now]).run("x"))
        await started.wait()
        task.cancel()
        error = await cancelled(task)
        assert len(model.requests) == 1
        return error.state

    state = asyncio.run(main())
    assert told(state.messages)[0] == "I go on"
    check(state.messages)


def test_a_run_can_be_made_while_the_task_is_being_cancelled():
    async def main():
        try:
            await asyncio.Event().wait()
        finally:
            results.append(await Agent(ScriptedModel([call("now"), "cleaned up"]), tools=[now]).run("x"))

    async def cancel():
        task = asyncio.create_task(main())
        await asyncio.sleep(0)
        task.cancel()
        await cancelled(task)

    results = []
    asyncio.run(cancel())
    assert results[0].output == "cleaned up"


def test_a_run_cancelled_while_the_model_is_asked_keeps_its_history():
    async def main():
        asked = asyncio.Event()

        class Slow(Middleware):
            async def ask(self, request, run, step, /):
                if run.state.turns:
                    asked.set()
                    await asyncio.Event().wait()
                return await step(request)

        agent = Agent(ScriptedModel([call("now"), "done"]), tools=[now], middleware=[Slow()])
        task = asyncio.create_task(agent.run("x"))
        await asked.wait()
        task.cancel()
        state = (await cancelled(task)).state
        assert [m.role for m in state.messages] == ["user", "assistant", "tool"]
        return await agent.replace(middleware=()).resume(state)

    assert asyncio.run(main()).output == "done"


def test_a_timeout_around_a_run_works_like_any_cancellation():
    async def main():
        tools = Waiting()
        run_out = asyncio.timeout(60)

        @tool
        async def end() -> str:
            await tools.started.wait()
            run_out.reschedule(0)
            return "ended"

        with pytest.raises(TimeoutError) as caught:
            async with run_out:
                await Agent(ScriptedModel([calls(call("hang"), call("end"))]), tools=[tools.hang, end]).run("x")
        assert tools.closed == ["hang"]
        return caught.value.__cause__.state

    assert told(asyncio.run(main()).messages) == [ENDED, "ended"]


def test_the_limit_of_seconds_cancels_what_is_on_its_way():
    async def main():
        tools = Waiting()
        agent = Agent(ScriptedModel([calls(call("hang"), call("quick")), "done"]), tools=[tools.hang, tools.quick])
        with pytest.raises(LimitExceededError) as caught:
            await agent.run("x", limits=RunLimits(seconds=0.2))
        error = caught.value
        assert error.limit == "seconds"
        assert re.fullmatch(
            r"The run reached its limit seconds=0\.2 \(spent: \d+\.\d+\); what was on its way was cancelled\. "
            r"Go on with `agent\.resume\(error\.state, limits=RunLimits\(seconds=\.\.\.\)\)`\.",
            str(error),
        )
        assert tools.closed == ["hang"]
        assert told(error.state.messages) == [ENDED, "quick"]
        assert error.state.seconds >= 0.2
        with pytest.raises(LimitExceededError) as again:  # what was spent stays spent
            await agent.resume(replace(error.state, seconds=1.5), limits=RunLimits(seconds=1.5))
        assert str(again.value) == (
            "The run reached its limit seconds=1.5 (spent: 1.5); the next step was not begun. "
            "Go on with `agent.resume(error.state, limits=RunLimits(seconds=...))`."
        )
        return await agent.resume(error.state, limits=RunLimits(seconds=60))

    result = asyncio.run(main())
    assert result.output == "done"
    assert result.state.seconds >= 0.2


def test_time_between_making_a_stream_and_entering_it_is_not_the_runs():
    async def main():
        stream = Agent(ScriptedModel(["done"]), limits=RunLimits(seconds=60)).stream("x")
        stream._run.started -= 100
        async with stream:
            _ = [event async for event in stream]
        return stream.result

    assert asyncio.run(main()).state.seconds < 50


@pytest.mark.parametrize(
    "error", [RateLimitError("slow down"), APIConnectionError("no route"), ValueError("a user's own")]
)
def test_every_error_carries_the_state_and_resume_goes_on(error):
    model = ScriptedModel([call("now"), error, "done"])
    agent = Agent(model, tools=[now])
    with pytest.raises(type(error)) as caught:
        agent.run_sync("x")
    assert told(caught.value.state.messages) == ["noon"]
    assert agent.resume_sync(caught.value.state.to_json()).output == "done"
    model.assert_complete()


def test_an_error_with_a_state_of_its_own_is_raised_as_it_is():
    class Odd(Exception):
        @property
        def state(self):
            return "its own"

    with pytest.raises(Odd) as caught:
        Agent(ScriptedModel([Odd()])).run_sync("x")
    assert caught.value.state == "its own"


def test_an_error_of_middleware_and_of_instructions_carries_the_state():
    class Broken(Middleware):
        async def call(self, call, run, step, /):
            raise KeyError("broken")

    def instruct(context):
        raise KeyError("no text")

    with pytest.raises(KeyError) as caught:
        Agent(ScriptedModel([call("now")]), tools=[now], middleware=[Broken()]).run_sync("x")
    assert len(caught.value.state.open_calls) == 1
    with pytest.raises(KeyError) as caught:
        Agent(ScriptedModel([]), instructions=instruct).run_sync("x")
    assert [m.content for m in caught.value.state.messages] == ["x"]


@pytest.mark.parametrize(
    ("limits", "more", "spent"),
    [
        (RunLimits(turns=1), RunLimits(turns=3), "turns=1 (spent: 1)"),
        (RunLimits(requests=1), RunLimits(requests=3), "requests=1 (spent: 1)"),
        (RunLimits(tokens=1), RunLimits(tokens=10_000), "tokens=1 (spent: "),
        (RunLimits(tool_calls=0), RunLimits(tool_calls=1), "tool_calls=0 (spent: 0)"),
    ],
)
def test_a_run_goes_on_from_each_limit_with_more(limits, more, spent):
    model = ScriptedModel([call("now"), "done"])
    agent = Agent(model, tools=[now])
    with pytest.raises(LimitExceededError) as caught:
        agent.run_sync("x", limits=limits)
    assert str(caught.value).startswith(f"The run reached its limit {spent}")
    result = agent.resume_sync(caught.value.state, limits=more)
    assert (result.output, result.turns) == ("done", 2)
    model.assert_complete()


def test_fifty_turns_are_the_default():
    model = ScriptedModel([call("now")] * 51)
    with pytest.raises(LimitExceededError) as caught:
        Agent(model, tools=[now]).run_sync("x")
    assert caught.value.state.turns == 50
    assert len(model.requests) == 50


def test_what_happens_below_the_loop_is_told_to_the_watcher_of_the_run_and_of_its_parent():
    class Telling(ScriptedModel):
        async def complete(self, request, /):
            report(RequestSent("here", self.name))
            return await super().complete(request)

        async def stream(self, request, /):
            report(RequestSent("here", self.name))
            async for chunk in super().stream(request):
                yield chunk

    inner = Agent(Telling(["inner"], name="inner"))

    @tool
    async def ask() -> str:
        return (await inner.run("y")).output

    async def main():
        seen = []
        async with Agent(Telling([call("ask", id="c"), "done"], name="outer"), tools=[ask]).stream("x") as stream:
            async for event in stream:
                if isinstance(event, SubRunEvent):
                    assert event.run_id == f"{stream.state.run_id}/c"
                    seen.append((event.event.type, getattr(event.event, "model", None)))
                elif isinstance(event, RequestSent):
                    seen.append(event.model)
        assert listener.get() is None
        return seen

    assert asyncio.run(main()) == [
        "outer",
        ("run_started", None),
        ("request_sent", "inner"),
        ("reply", None),
        ("usage", None),
        ("output", None),
        ("run_ended", None),
        "outer",
    ]


def test_events_of_a_sub_agents_sub_agent_are_wrapped_once_and_the_failure_of_one_is_told():
    leaf = Agent(ScriptedModel([RateLimitError("slow down")]))

    @tool
    async def deeper() -> str:
        return (await leaf.run("z")).output

    branch = Agent(ScriptedModel([call("deeper", id="b"), "branch"]), tools=[deeper])

    @tool
    def deep() -> str:
        return branch.run_sync("y").output

    async def main():
        async with Agent(ScriptedModel([call("deep", id="a"), "done"]), tools=[deep]).stream("x") as stream:
            run_id = stream.state.run_id
            events = [event async for event in stream]
        return [(e.run_id.removeprefix(run_id), e.event) for e in events if isinstance(e, SubRunEvent)]

    seen = asyncio.run(main())
    assert [event.type for path, event in seen if path == "/a/b"] == ["run_started", "run_failed"]
    assert next(event.error for _, event in seen if event.type == "run_failed") == "RateLimitError: slow down"
    assert [event.type for path, event in seen if path == "/a"] == [
        *("run_started", "reply", "usage", "tool_call_ready", "tool_result", "reply", "usage", "output", "run_ended")
    ]


def test_a_sub_agent_that_its_tool_watches_is_not_shown_to_its_parent():
    inner = Agent(ScriptedModel(["inner"]))

    @tool
    async def ask() -> str:
        async with inner.stream("y") as stream:
            return "".join([piece async for piece in stream.text()])

    async def main():
        async with Agent(ScriptedModel([call("ask"), "done"]), tools=[ask]).stream("x") as stream:
            return [event.type async for event in stream], stream.result.answers[0].message.content

    kinds, told = asyncio.run(main())
    assert told == "inner"
    assert "sub_run" not in kinds


def test_nothing_is_left_behind():
    async def main():
        agent = Agent(ScriptedModel([calls(call("now"), call("now")), "done"] * 20), tools=[now])
        for _ in range(10):
            await agent.run("x")
        for _ in range(10):
            async with agent.stream("x") as stream:
                async for _event in stream:
                    break
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    before = threading.active_count()
    asyncio.run(main())
    assert threading.active_count() <= before + 2  # tools' threads of the second round, kept for the next call


def test_a_run_that_ended_is_not_kept_alive():
    import weakref

    class Deps:
        pass

    async def main():
        deps = Deps()
        gone = weakref.ref(deps)
        agent = Agent(ScriptedModel([call("now"), "done"]), tools=[now])
        await agent.run("x", deps=deps)
        del deps
        gc.collect()
        return gone

    assert asyncio.run(main())() is None


def test_concurrent_runs_of_one_agent_are_apart():
    @tool
    async def echo(word: str) -> str:
        await asyncio.sleep(0)
        return word

    def answer(request):
        word = request.messages[0].content
        results = [m.content for m in request.messages if m.role == "tool"]
        return " ".join(results) if len(results) == 3 else call("echo", {"word": word})

    agent = Agent(ScriptedModel([answer] * 200), tools=[echo])

    async def main():
        return await asyncio.gather(*(agent.run(f"w{number}") for number in range(50)))

    results = asyncio.run(main())
    assert [result.output for result in results] == [" ".join([f"w{number}"] * 3) for number in range(50)]
    assert len({result.run_id for result in results}) == 50


def test_a_script_that_is_used_up_is_an_error_with_the_state():
    with pytest.raises(ScriptError) as caught:
        Agent(ScriptedModel([call("now")]), tools=[now]).run_sync("x")
    assert told(caught.value.state.messages) == ["noon"]


def test_an_endpoint_that_checks_every_request_takes_each_history_of_a_troubled_run():
    @tool
    def picture() -> bytes:
        return b"\x89PNG\r\n\x1a\n"

    @tool(approval=True)
    def pay(amount: int) -> str:
        return f"paid {amount}"

    async def main():
        tools = Waiting()
        first = calls(call("picture"), call("nope"), call("pay", '{"amount": "x"}'), call("now", '{"a'))
        second = calls(call("picture"), call("pay", {"amount": 1}, id="p"), call("now"))
        third = calls(call("hang"), call("quick"))
        with FakeEndpoint(replies=[first, second, third, "done", "again"]) as endpoint:
            async with ChatModel("m", base_url=endpoint.base_url) as model:
                agent = Agent(model, tools=[picture, pay, now, tools.hang, tools.quick])
                waiting = await agent.run("x")
                task = asyncio.create_task(agent.resume(waiting.state.to_json(), decisions={"p": True}))
                await tools.started.wait()
                task.cancel()
                result = await agent.resume((await cancelled(task)).state.to_json())
                assert result.output == "done"
                assert (await agent.run("y", history=result.messages)).output == "again"
            endpoint.assert_complete()
            assert endpoint.refusals == []
        return result

    result = asyncio.run(main())
    assert [m.role for m in result.messages].count("user") == 3
    check(result.messages)


def test_a_message_is_encoded_once_over_a_run():
    model = ScriptedModel([call("now")] * 5 + ["done"])
    Agent(model, tools=[now], instructions="Be brief.").run_sync("x")
    first, last = model.requests[1].messages, model.requests[-1].messages
    assert [a is b for a, b in zip(first, last, strict=False)] == [True] * len(first)
    assert len({id(message.encoded) for message in last}) == len(last)


@pytest.mark.parametrize("place", ["middleware", "instructions"])
def test_a_run_that_a_run_starts_outside_its_tools_is_told_apart_from_it(place):
    inner = Agent(ScriptedModel(["inner"] * 2))

    class Asking(Middleware):
        async def ask(self, request, run, step, /):
            await inner.run("y")
            return await step(request)

    async def told(_context):
        return (await inner.run("y")).output

    options = {"middleware": [Asking()]} if place == "middleware" else {"instructions": told}

    async def main():
        async with Agent(ScriptedModel(["outer"]), **options).stream("x") as stream:
            return stream.state.run_id, [event async for event in stream]

    run_id, events = asyncio.run(main())
    own = [event.type for event in events if not isinstance(event, SubRunEvent)]
    assert own == ["run_started", "text_delta", "reply", "usage", "output", "run_ended"]
    inside = [event for event in events if isinstance(event, SubRunEvent)]
    assert [event.event.type for event in inside] == ["run_started", "reply", "usage", "output", "run_ended"]
    assert {event.run_id for event in inside} == {inside[0].event.run_id} != {run_id}
