"""Maps over workers."""

import asyncio
import threading
from collections import Counter

import pytest

from agentkit import Agent, RunLimits, tool
from agentkit.errors import ConfigurationError, JournalError, LimitExceededError, PendingCallsError, RunError
from agentkit.testing import FakeEndpoint, ScriptedModel
from agentkit.testing.reply import call


def test_inputs_are_spread_and_outcomes_and_summary_are_those_of_a_map(make):
    durable = make(calls=1)
    seen = []

    async def main():
        durable.serve()
        return await durable.agent.map(["a", "b", "a"], durable=durable, progress=seen.append)

    found = asyncio.run(main())
    assert found.outputs == ["done 1"] * 3
    assert (found.summary.done, found.summary.total, seen[-1].done) == (3, 3, 3)
    assert found.summary.usage.total_tokens > 0


def test_a_map_of_the_same_name_goes_on_with_the_runs_of_the_one_before(make):
    done = []
    durable = make(lambda number: done.append(number) or "did", calls=1)

    async def main(*inputs):
        durable.serve()
        return await durable.agent.map(inputs, durable=durable.spread("may"))

    assert asyncio.run(main("a", "b")).outputs == ["done 1"] * 2
    assert asyncio.run(main("a", "b", "c", "a")).outputs == ["done 1"] * 4
    assert len(done) == 4  # the second "a" is an input of its own


def test_failures_and_runs_that_wait_are_outcomes(make):
    durable = make(calls=2, approval=True)
    found = durable.agent.map_sync(["a", None], durable=(durable.serve(), durable)[1]).result()
    assert [type(outcome.error).__name__ for outcome in found] == ["PendingCallsError", "InvalidRequestError"]
    assert found[0].error.state.held


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_what_would_hold_in_this_process_alone_is_refused(make):
    durable = make()
    with pytest.raises(ConfigurationError) as caught:
        durable.agent.map(["a"], durable=durable, deps="mine")
    assert str(caught.value) == (
        "A map over workers takes no `deps`: it would hold in this process alone. Give the durable agent a function, "
        "DurableAgent(agent, deps=...), which gives what tools get by the id of a run."
    )
    with pytest.raises(ConfigurationError) as caught:
        durable.agent.map(["a"], durable=durable, model=ScriptedModel([]))
    assert str(caught.value) == (
        "The model of a run that goes through a database is a ScriptedModel, an object of this process alone. Give its "
        'name, model="openai:gpt-4o-mini", or give it to the agent, at the workers.'
    )
    with pytest.raises(ConfigurationError) as caught:
        durable.agent.replace().map(["a"], durable=durable)
    assert str(caught.value) == (
        "The map is of another agent than the durable one 'demo', whose runs the workers know. Write "
        "`durable.agent.map(inputs, durable=durable)`."
    )


def budgeted(durable, inputs, concurrency=4, name="may", **bounds):
    """Map within a budget, and give the outcomes, the error that ended it, and the summary."""
    outcomes = []

    async def main():
        many = durable.agent.map(
            inputs, durable=durable.spread(name), budget=RunLimits(**bounds), concurrency=concurrency, ordered=False
        )
        try:
            async for outcome in many:
                outcomes.append(outcome)
        except LimitExceededError as error:
            return error, many.summary
        return None, many.summary

    return outcomes, *asyncio.run(main())


def test_a_budget_bounds_the_runs_at_the_workers_and_ends_the_map(make):
    durable = make(calls=1)  # two requests each
    durable.serve()
    outcomes, error, summary = budgeted(durable, [str(number) for number in range(30)], requests=13)
    assert error.limit == "requests"
    assert str(error).startswith("The map reached its budget requests=13 (spent: ")
    assert summary.spent == {"requests": 13}
    assert (summary.done, summary.done + summary.failed.get("LimitExceededError", 0)) == (6, len(outcomes))
    for outcome in outcomes:
        if outcome.error is not None:
            assert str(outcome.error) == (
                "The map's budget reached its limit requests=13 (spent: 13); the next request was not sent. Call the "
                "map again with a higher budget=RunLimits(requests=...)."
            )
            assert outcome.error.limit == "requests"


def test_a_map_of_the_same_name_keeps_what_was_spent_and_goes_on_with_a_higher_budget(make):
    durable = make(calls=1)
    durable.serve()
    inputs = [str(number) for number in range(6)]
    budgeted(durable, inputs, requests=7, concurrency=1)
    outcomes, error, summary = budgeted(durable, inputs, requests=7, concurrency=1)
    assert ([outcome.output for outcome in outcomes], summary.spent) == (["done 1"] * 3, {"requests": 7})
    assert str(error).startswith("The map reached its budget requests=7 (spent: 7) before input 3, ")
    outcomes, error, summary = budgeted(durable, inputs, requests=12)
    assert error is None
    assert ([outcome.output for outcome in outcomes], summary.spent) == (["done 1"] * 6, {"requests": 12})


def test_a_run_of_the_map_that_goes_on_later_still_spends_from_its_budget(make):
    durable = make(calls=1, approval=True)
    durable.serve()
    outcomes, error, _ = budgeted(durable, ["a"], requests=1)
    (pending,) = outcomes[0].error.state.held
    assert error is None

    async def main():
        await durable.decide(pending.run_id, {pending.id: True})
        await durable.result(pending.run_id)

    with pytest.raises(LimitExceededError) as caught:
        asyncio.run(main())
    assert str(caught.value).startswith("The map's budget reached its limit requests=1 (spent: 1); ")


def test_a_call_that_was_decided_on_when_nothing_is_left_is_made_once_and_waits_for_a_higher_budget(make):
    done = []
    durable = make(lambda number: done.append(number) or "did", calls=1, approval=True)
    durable.serve()
    outcomes, _, _ = budgeted(durable, ["a", "b"], tool_calls=1)
    assert [type(outcome.error) for outcome in outcomes] == [PendingCallsError] * 2

    async def decide(outcome):
        (pending,) = outcome.error.state.held
        await durable.decide(pending.run_id, {pending.id: True})
        return await durable.result(pending.run_id)

    assert asyncio.run(decide(outcomes[0])).output == "done 1"
    with pytest.raises(LimitExceededError) as caught:
        asyncio.run(decide(outcomes[1]))
    assert str(caught.value) == (
        "The map's budget reached its limit tool_calls=1 (spent: 1); the reply asks for 1 more and none of them was "
        "run. Call the map again with a higher budget=RunLimits(tool_calls=...)."
    )
    assert done == [0]
    outcomes, error, summary = budgeted(durable, ["a", "b"], tool_calls=3)
    assert (error, [outcome.output for outcome in outcomes]) == (None, ["done 1"] * 2)
    assert (done, summary.spent) == ([0, 0], {"tool_calls": 2})


def test_what_agents_spend_that_calls_began_counts_once_also_where_they_wait_for_a_decision(make):
    @tool(approval=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    helper = Agent(ScriptedModel([call("pay", {}, id="call_1"), "helped"]), tools=[pay], name="helper")
    model = ScriptedModel([call("helper", {"prompt": "Help."}, id="call_0"), "done"])
    durable = make(agent=Agent(model, tools=[helper.as_tool()], name="demo"))
    durable.serve()
    outcomes, _, summary = budgeted(durable, ["a"], requests=9, tool_calls=9)
    assert summary.spent == {"requests": 2, "tool_calls": 1}  # the helper's call has not begun
    (pending,) = outcomes[0].error.state.pending

    async def main():
        await durable.decide(outcomes[0].error.state.run_id, [pending.approve()])
        return await durable.result(outcomes[0].error.state.run_id)

    assert asyncio.run(main()).output == "done"
    _, _, summary = budgeted(durable, ["a"], requests=9, tool_calls=9)
    assert summary.spent == {"requests": 4, "tool_calls": 2}


def test_a_limit_of_a_run_fails_its_input_alone_and_is_told_before_that_of_the_map(make):
    durable = make(calls=1)
    durable.serve()

    async def main():
        many = durable.agent.map(
            ["a", "b", "c"],
            durable=durable.spread("may"),
            limits=RunLimits(requests=1),
            budget=RunLimits(requests=2),
            concurrency=1,
        )
        outcomes = []
        with pytest.raises(LimitExceededError, match=r"^The map reached its budget requests=2 \(spent: 2\) "):
            async for outcome in many:
                outcomes.append(outcome)
        return outcomes

    errors = [outcome.error for outcome in asyncio.run(main())]
    assert len(errors) == 2
    for error in errors:
        assert str(error) == (
            "The run reached its limit requests=1 (spent: 1); the next request was not sent. Go on with "
            f"`durable.resume('{error.state.run_id}', limits=RunLimits(requests=...))`."
        )


def test_a_budget_of_time_alone_is_kept_by_the_map(make):
    durable = make(calls=0)
    durable.serve()
    _, error, summary = budgeted(durable, ["a"], seconds=0)
    assert (error.limit, summary.spent) == ("seconds", {})


def test_a_model_is_asked_by_its_name(make, monkeypatch):
    with FakeEndpoint(replies=["mapped"]) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        durable = make(calls=0)
        durable.serve()
        (outcome,) = durable.agent.map_sync(["a"], durable=durable, model="openai:fake").result()
    assert (outcome.output, outcome.model) == ("mapped", "openai:fake")


def test_a_map_of_the_same_name_without_a_budget_lets_all_go_on(make):
    durable = make(calls=1)
    durable.serve()
    budgeted(durable, ["a", "b"], requests=1, concurrency=1)
    outcomes, error, _ = budgeted(durable, ["a", "b"], concurrency=1)
    assert (error, [outcome.output for outcome in outcomes]) == (None, ["done 1"] * 2)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_budget_that_is_just_enough_for_all_inputs_ends_no_map(make, concurrency):
    durable = make(calls=0)
    durable.serve()
    for name in ("may", "june", "july"):
        inputs = [str(number) for number in range(20)]
        outcomes, error, summary = budgeted(durable, inputs, concurrency, name, requests=20)
        assert (error, len(outcomes), summary.done, summary.spent) == (None, 20, 20, {"requests": 20})


def test_the_error_of_a_map_with_a_name_says_that_it_goes_on(make):
    _, error, _ = budgeted(make(calls=0), ["a"], requests=0)
    assert str(error) == (
        "The map reached its budget requests=0 (spent: 0) before input 0, which was not begun, nor any after it. Call "
        "it again by the same name, with a higher budget=RunLimits(requests=...): what was spent stays spent, and "
        "nothing that is finished is done again."
    )


def test_leaving_a_map_without_a_name_cancels_also_what_is_just_being_submitted(make):
    durable = make()
    submit, begun, let_go = durable._archive.submit, threading.Event(), threading.Event()

    def late(part):
        begun.set()
        let_go.wait(30)
        return submit(part)

    durable._archive.submit = late

    async def main():
        async with durable.agent.map(["a", "b"], durable=durable, concurrency=2):
            await asyncio.to_thread(begun.wait, 30)
            asyncio.get_running_loop().call_soon(let_go.set)

    asyncio.run(main())
    assert Counter(entry.status for entry in durable.engine.entries()) == {"CANCELLED": 2}


async def left_after_the_first(durable, where):
    """Leave a map as soon as its first input is submitted."""
    submit, submitted = durable.submit, asyncio.Event()

    async def told(*given, **named):
        await submit(*given, **named)
        submitted.set()

    durable.submit = told
    async with durable.agent.map(["a", "b"], durable=where, concurrency=1):
        await submitted.wait()


def test_leaving_a_map_with_a_name_leaves_its_runs_to_the_workers(make):
    durable = make()

    asyncio.run(left_after_the_first(durable, durable.spread("may")))
    assert Counter(entry.status for entry in durable.engine.entries()) == {"ENQUEUED": 1}


def away(ask, *, times, error=None):
    """Have something fail so often, as where the database is away, before it is done."""
    left = [error or JournalError("It is away.")] * times

    async def asked(*given, **named):
        if left:
            raise left.pop() from OSError()
        return await ask(*given, **named)

    return asked


def test_a_map_waits_for_a_database_that_is_away_and_tells_it_once(make, monkeypatch, caplog):
    from agentkit.durable import spread

    monkeypatch.setattr(spread, "_AGAIN", 0.0)
    durable = make(calls=0)
    durable.serve()
    durable.submit, durable.result = away(durable.submit, times=3), away(durable.result, times=2)
    durable.status = away(durable.status, times=2)
    outcomes, _, _ = budgeted(durable, ["a", "b"], requests=1, concurrency=1)
    assert [outcome.output for outcome in outcomes] == ["done 0"]
    assert caplog.text.count("The map waits for its database: It is away.") == 3  # as it was away three times


def test_a_map_whose_database_is_not_there_at_its_start_says_so(make, monkeypatch):
    durable = make()

    def refuse(*_, **__):
        raise JournalError("It is away.") from OSError()

    monkeypatch.setattr(durable.engine, "execute", refuse)
    with pytest.raises(JournalError, match=r"^It is away\.$"):
        durable.agent.map_sync(["a"], durable=durable).result()


def test_a_run_that_cannot_be_cancelled_while_the_database_is_away_is_told_of(make, caplog):
    durable = make()
    durable.cancel = away(durable.cancel, times=1)

    asyncio.run(left_after_the_first(durable, durable))
    (entry,) = durable.engine.entries()
    assert f"The run {entry.id} of a map that was left could not be cancelled, and goes on: It is away." in caplog.text


def test_an_error_of_a_journal_that_a_run_ended_with_is_an_outcome_and_not_waited_for(make):
    durable = make(model=ScriptedModel([JournalError("Another journal is away.")]))
    durable.serve()
    (outcome,) = durable.agent.map_sync(["a"], durable=durable.spread("may")).result()
    assert (type(outcome.error), str(outcome.error)) == (JournalError, "Another journal is away.")


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_what_every_run_would_end_with_at_its_worker_ends_the_map(make, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    durable = make(model="openai:gpt-4o-mini")
    durable.serve()
    with pytest.raises(ConfigurationError) as caught:
        durable.agent.map_sync(["a", "b", "c"], durable=durable.spread("may"), concurrency=1).result()
    (entry,) = durable.engine.entries()
    assert str(caught.value) == (
        f"The run {entry.id!r} ended at its worker as every run of the map would: MissingKeyError: No key for "
        "'openai': set OPENAI_API_KEY. Keys are made at the provider, see "
        "https://platform.openai.com/docs/api-reference/chat/create. Without any key 'local' runs the embedded model. "
        "Mend that at the workers, and call the map again."
    )
    assert caught.value.__notes__ == ["It ended the map, at input 0."]
    with FakeEndpoint(replies=lambda request: request["messages"][-1]["content"]) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        found = durable.agent.map_sync(["a", "b", "c"], durable=durable.spread("may")).result()
    assert found.outputs == ["a", "b", "c"]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["", "a/b", "a\n", "x" * 171, 5])
def test_a_name_that_no_id_can_begin_with_is_refused(make, name):
    with pytest.raises(ConfigurationError) as caught:
        make().spread(name)
    assert str(caught.value) == (
        f"A map over workers cannot be called {name!r:.100}, for the ids of its runs begin with that. Give a text of 1 "
        "to 170 characters, none of them a slash, a control character or half of one."
    )


def rows(durable):
    """Count what the database has of runs and budgets."""
    counts = ("SELECT COUNT(*) FROM agentkit_spent", "SELECT COUNT(*) FROM agentkit_purse")
    return len(durable.engine.entries()), *(durable.engine.execute(count)[0][0] for count in counts)


def test_a_map_that_was_deleted_begins_anew_and_others_stay(make):
    durable = make(calls=0)
    durable.serve()
    for name in ("may", "may-2", "MAY"):
        budgeted(durable, ["a", "b"], name=name, requests=2)
    assert rows(durable) == (6, 6, 3)
    asyncio.run(durable.spread("may").delete())
    assert rows(durable) == (4, 4, 2)
    asyncio.run(durable.spread("may").delete())  # again is no error
    outcomes, error, summary = budgeted(durable, ["a", "b"], requests=2)
    assert (error, [outcome.output for outcome in outcomes]) == (None, ["done 0"] * 2)
    assert summary.spent == {"requests": 2}


def test_a_map_whose_runs_go_on_is_not_deleted_and_one_whose_runs_wait_or_failed_is(make):
    durable = make(calls=1, approval=True)
    asyncio.run(left_after_the_first(durable, durable.spread("may")))
    with pytest.raises(RunError) as caught:
        asyncio.run(durable.spread("may").delete())
    assert str(caught.value) == (
        "Runs of the map 'may' are queued or go on (1), so nothing of it is deleted. Wait for their end, or cancel "
        "them first: `durable.cancel(run_id)`."
    )
    durable.serve()
    budgeted(durable, ["a", "b"], requests=1, concurrency=1)
    asyncio.run(durable.spread("may").delete())
    assert rows(durable) == (0, 0, 0)


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_a_map_without_a_name_cannot_be_deleted(make):
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(make().spread().delete())
    assert str(caught.value) == (
        "A map without a name cannot be deleted, for its runs have no name in common. Name the one that you made: "
        "`durable.spread(name).delete()`; or delete run by run, `durable.delete(run_id)`."
    )
