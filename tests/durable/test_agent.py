"""Durable agents: run, submit, decide, cancel, watch; by SQLite, and by Postgres."""

import asyncio
import threading

import pytest

from agentkit import Agent, Settings, tool
from agentkit.errors import (
    ConfigurationError,
    LimitExceededError,
    RunCancelledError,
    RunError,
    RunMismatchError,
    StateError,
)
from agentkit.state.limit import RunLimits
from agentkit.testing import FakeEndpoint, ScriptedModel
from agentkit.testing.reply import call

sqlite_is_enough = pytest.mark.parametrize("db", ["sqlite"], indirect=True)


def test_a_run_gives_its_output_and_the_same_call_gives_it_again(make):
    done = []
    durable = make(lambda number: done.append(number) or f"did {number}", calls=2)

    first = durable.run_sync("go", run_id="order-1")
    again = durable.run_sync("go", run_id="order-1")

    assert (first.output, first.run_id, first.turns, len(first.messages)) == ("done 2", "order-1", 3, 6)
    assert (again.output, again.messages, again.usage) == (first.output, first.messages, first.usage)
    assert done == [0, 1]


@sqlite_is_enough
def test_another_prompt_for_a_run_that_there_is_is_refused(make):
    durable = make(calls=0)
    durable.run_sync("go", run_id="order-1")
    with pytest.raises(RunMismatchError) as caught:
        durable.run_sync("stop", run_id="order-1")
    assert str(caught.value) == (
        'Run \'order-1\' began with another prompt: then {"role": "user", "content": "go"}, now {"role": "user", '
        '"content": "stop"}. Give what it began with, so that it goes on, or another id to begin a run of its own.'
    )


def test_a_run_that_waits_goes_on_with_each_decision_and_waits_nowhere_meanwhile(make):
    durable = make(calls=2, approval=True)

    async def main():
        result = await durable.run("go", run_id="order-1")
        assert [call.id for call in result.pending] == ["call_0"]
        status = await durable.status("order-1")
        assert (status.standing, status.part) == ("paused", 1)
        assert durable.serve().runs == 0
        with pytest.raises(StateError):
            await durable.decide("order-1", {"call_9": True})
        await durable.decide("order-1", {"call_0": True})
        result = await durable.result("order-1")
        await durable.decide("order-1", [result.pending[0].deny("Too dear.")])
        return await durable.result("order-1"), await durable.status("order-1")

    result, status = asyncio.run(main())
    assert (result.output, status.standing, status.part) == ("done 2", "finished", 3)
    assert [message.content for message in result.messages if message.role == "tool"] == [
        "did 0",
        result.messages[4].content,
    ]
    assert "Too dear." in result.messages[4].content


@sqlite_is_enough
def test_what_has_finished_cannot_be_resumed(make):
    durable = make(calls=0)
    durable.run_sync("go", run_id="order-1")
    with pytest.raises(RunError) as caught:
        asyncio.run(durable.resume("order-1"))
    assert str(caught.value) == (
        "The run 'order-1' has finished, so there is nothing to resume. `result` gives what comes of it."
    )


@sqlite_is_enough
def test_only_the_agent_of_a_run_decides_on_it_and_goes_on_with_it(make):
    durable, other = make(approval=True), make(name="other")
    result = durable.run_sync("go", run_id="order-1")

    async def refused(act):
        with pytest.raises(ConfigurationError) as caught:
            await act
        return str(caught.value)

    async def main():
        decisions = [result.pending[0].approve()]
        said = {await refused(other.decide("order-1", decisions)), await refused(other.resume("order-1"))}
        assert (await durable.status("order-1")).part == 1
        await durable.decide("order-1", decisions)
        return said, (await durable.result("order-1")).output

    assert asyncio.run(main()) == (
        {"The run 'order-1' is of the agent 'demo', and 'other' is named. Name the one that it is of."},
        "done 1",
    )


@sqlite_is_enough
def test_an_unknown_run_is_told_of(make):
    durable = make()
    with pytest.raises(RunError) as caught:
        asyncio.run(durable.status("order-9"))
    assert str(caught.value) == (
        f"There is no run 'order-9' in the database {durable.engine.place!r}. Submit it first."
    )


def test_an_error_comes_back_as_its_class_and_the_run_goes_on_after_it(make):
    durable = make(calls=2)
    with pytest.raises(LimitExceededError) as caught:
        durable.run_sync("go", run_id="order-1", limits=RunLimits(turns=1))
    assert caught.value.state.turns == 1
    assert asyncio.run(durable.status("order-1")).standing == "failed"
    with pytest.raises(LimitExceededError):
        durable.run_sync("go", run_id="order-1", limits=RunLimits(turns=1))
    assert asyncio.run(durable.status("order-1")).part == 2


def test_a_run_is_cancelled_while_a_tool_goes_on_and_the_call_is_in_doubt_then(make):
    began = threading.Event()

    async def wait(number):
        began.set()
        await asyncio.sleep(60)

    durable = make(wait, calls=1)

    async def main():
        durable.serve()
        await durable.submit("go", run_id="order-1")
        await asyncio.to_thread(began.wait)
        await durable.cancel("order-1")
        with pytest.raises(RunCancelledError) as caught:
            await durable.result("order-1")
        assert str(caught.value) == "The run 'order-1' was cancelled. `resume` goes on with it."
        assert (await durable.status("order-1")).standing == "cancelled"
        await durable.resume("order-1")
        return await durable.result("order-1")

    assert [bool(call.unknown) for call in asyncio.run(main()).pending] == [True]


def test_a_run_that_waits_is_cancelled_too_and_waits_again_where_it_is_resumed(make):
    durable = make(calls=1, approval=True)

    async def main():
        waits = await durable.run("go", run_id="order-1")
        await durable.cancel("order-1")
        assert (await durable.status("order-1")).standing == "cancelled"
        await durable.resume("order-1")
        again = await durable.result("order-1")
        assert [one.id for one in again.pending] == [one.id for one in waits.pending]
        await durable.decide("order-1", [again.pending[0].approve()])
        output = (await durable.result("order-1")).output
        await durable.cancel("order-1")
        return output, (await durable.status("order-1")).standing

    assert asyncio.run(main()) == ("done 1", "finished")


def test_events_of_a_run_come_to_whoever_watches_elsewhere(make):
    durable = make(calls=1)

    async def main():
        durable.serve()
        await durable.submit("go", run_id="order-1", streamed=True)
        return [event async for event in durable.events("order-1")]

    events = asyncio.run(main())
    kinds = [event.type for event in events]
    assert kinds[0] == "run_started"
    assert kinds[-2:] == ["output", "run_ended"]
    assert "".join(event.text for event in events if event.type == "text_delta") == "done 1"
    assert kinds.count("tool_result") == 1


def test_events_of_an_agent_that_a_call_began_come_too(make):
    durable = make(below=True)

    async def main():
        durable.serve()
        await durable.submit("go", run_id="order-1", streamed=True)
        return [event async for event in durable.events("order-1")]

    events = asyncio.run(main())
    below = [event.event.type for event in events if event.type == "sub_run"]
    assert (below[0], below[-1], below.count("tool_result")) == ("run_started", "run_ended", 1)
    assert [event.type for event in events if event.type != "sub_run"][-2:] == ["output", "run_ended"]


@sqlite_is_enough
def test_watching_a_run_that_writes_no_events_is_refused(make):
    durable = make(calls=0)
    durable.run_sync("go", run_id="order-1")

    async def main():
        return [event async for event in durable.events("order-1")]

    with pytest.raises(RunError) as caught:
        asyncio.run(main())
    assert str(caught.value) == (
        "The run 'order-1' writes no events. Submit it with `streamed=True`; `result` waits for its end."
    )


@sqlite_is_enough
def test_an_output_that_has_no_json_is_told_of_and_not_taken_for_none(make):
    def thing(text: str):
        """Make something that only this process has."""
        return object()

    model = ScriptedModel(['{"text": "x"}'])
    durable = make(agent=Agent(model, output=thing, name="demo"))
    with pytest.raises(RunError) as caught:
        durable.run_sync("go", run_id="order-1")
    assert str(caught.value) == (
        "The run 'order-1' has finished, and its output has no JSON, by which alone it comes from its worker. The last "
        "reply is in `error.state`. Let the output's function give text, numbers, lists, dicts, dataclasses or "
        "pydantic models."
    )
    assert caught.value.state.run_id == "order-1"


@sqlite_is_enough
def test_an_output_of_none_is_one(make):
    durable = make(agent=Agent(ScriptedModel(["null"]), output=int | None, name="demo"))
    result = durable.run_sync("go", run_id="order-1")
    assert (result.output, result.pending) == (None, ())


@sqlite_is_enough
def test_an_output_that_is_none_of_what_the_agent_gives_now_is_told_of(make):
    durable = make(calls=0)
    durable.run_sync("go", run_id="order-1")
    other = make(agent=Agent("openai:gpt", output=int, name="demo"))
    with pytest.raises(RunMismatchError) as caught:
        asyncio.run(other.result("order-1"))
    reason = str(caught.value.__cause__)
    assert str(caught.value) == (
        f"The run 'order-1' has finished, and its output is none of what the agent gives now: {reason}. Ask with an "
        "agent whose output has the old type; `agentkit result` shows the output as it is."
    )
    assert caught.value.state.turns == 1


@sqlite_is_enough
def test_headers_are_refused_for_the_database_keeps_no_keys(make):
    durable = make(calls=0)
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(durable.submit("go", settings=Settings(extra_headers={"Authorization": "Bearer key"})))
    assert str(caught.value) == (
        "The settings of a run that goes through a database have extra_headers, and it keeps no headers, for there may "
        "be keys in them. Give them to the agent or its model, at the workers."
    )


def test_waiting_ends_and_the_run_goes_on(make):
    durable = make(calls=0)

    async def main():
        await durable.submit("go", run_id="order-1")  # there is no worker yet
        with pytest.raises(TimeoutError):
            await durable.result("order-1", timeout=0.2)
        assert (await durable.status("order-1")).standing == "queued"
        durable.serve()
        return await durable.result("order-1")

    assert asyncio.run(main()).output == "done 0"


@sqlite_is_enough
def test_deps_are_made_in_the_worker_by_the_id_of_the_run(make):
    from agentkit import Context
    from agentkit.testing import ScriptedModel
    from agentkit.testing.reply import call

    @tool
    def who(context: Context[str]) -> str:
        """Tell who."""
        return context.deps

    agent = Agent[str, str](ScriptedModel([call("who"), "done"]), tools=[who], name="demo")
    durable = make(agent=agent, deps=lambda run_id: f"deps of {run_id}")
    result = durable.run_sync("go", run_id="order-1")
    assert [message.content for message in result.messages if message.role == "tool"] == ["deps of order-1"]


@sqlite_is_enough
def test_an_agent_without_a_name_and_an_unknown_choice_are_refused(make):
    with pytest.raises(ConfigurationError) as caught:
        make(name=None)
    assert str(caught.value) == (
        "A durable agent has no name, by which workers know whose a run is. Give one: DurableAgent(agent, "
        'name="orders").'
    )
    with pytest.raises(ConfigurationError) as caught:
        make(on_unknown="guess")
    assert str(caught.value) == 'on_unknown is \'guess\', which is unknown. Give "ask", "fail" or "retry".'


def test_a_model_that_is_named_is_asked_by_the_worker_in_each_part_and_status_shows_it(make, monkeypatch):
    with FakeEndpoint(replies=[call("act", {"number": 7}), "named"]) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        durable = make(approval=True)
        result = durable.run_sync("go", run_id="order-1", model="openai:fake")
        asyncio.run(durable.decide("order-1", [result.pending[0].approve()]))
        assert asyncio.run(durable.result("order-1")).output == "named"
        assert asyncio.run(durable.status("order-1")).model == "openai:fake"


def test_a_run_that_failed_goes_on_by_what_is_given_with_the_same_call(make):
    durable = make(calls=1)
    with pytest.raises(LimitExceededError):
        durable.run_sync("go", run_id="order-1", limits=RunLimits(requests=1))
    assert durable.run_sync("go", run_id="order-1", limits=RunLimits(requests=2)).output == "done 1"


def test_a_run_that_failed_is_resumed_by_other_terms_and_keeps_those_that_are_not_given(make):
    model = ScriptedModel([call("act", {"number": 0}), call("act", {"number": 1}), "done"])
    durable = make(model=model)

    async def main():
        with pytest.raises(LimitExceededError):
            await durable.run("go", run_id="order-1", limits=RunLimits(requests=1), settings=Settings(temperature=0.5))
        with pytest.raises(ConfigurationError):
            await durable.resume("order-1", model=model)
        standing = await durable.status("order-1")
        await durable.resume("order-1", limits=RunLimits(requests=2))
        with pytest.raises(LimitExceededError) as caught:
            await durable.result("order-1")
        await durable.resume("order-1", limits=RunLimits(requests=3))
        return standing.part, caught.value.state.turns, await durable.result("order-1")

    part, turns, result = asyncio.run(main())
    assert (part, turns, result.output, result.state.turns) == (1, 2, "done", 3)
    assert [request.temperature for request in model.requests] == [0.5] * 3


def test_a_run_that_was_deleted_begins_anew_with_another_prompt(make):
    done = []
    durable = make(lambda number: done.append(number) or "did", approval=True)

    async def main():
        await durable.submit("go", run_id="order-1")
        with pytest.raises(RunError) as caught:
            await durable.delete("order-1")
        await asyncio.to_thread(durable.serve)
        (pending,) = (await durable.result("order-1")).pending
        await durable.decide("order-1", [pending.approve()])
        assert (await durable.result("order-1")).output == "done 1"
        await durable.delete("order-1")
        assert durable.engine.entries() == []
        assert (await durable.run("go on", run_id="order-1")).pending
        await durable.delete("order-1")
        with pytest.raises(RunError, match=r"^There is no run 'order-1' "):
            await durable.delete("order-1")
        return str(caught.value)

    assert asyncio.run(main()) == (
        "The run 'order-1' is queued or goes on, so it is not deleted. Cancel it first, or wait for its end."
    )
    assert done == [0]


def test_a_run_that_was_cancelled_or_failed_before_a_worker_began_it_goes_on_with_what_it_was_given(make):
    durable = make(calls=0)

    async def main():
        await durable.submit("go", run_id="order-1", history=[{"role": "user", "content": "before"}])
        await durable.cancel("order-1")
        await durable.resume("order-1")
        await durable.cancel("order-1")
        await durable.resume("order-1")
        await asyncio.to_thread(durable.serve)
        return await durable.result("order-1")

    assert [message.content for message in asyncio.run(main()).messages] == ["before", "go", "done 0"]
