"""Maps over workers."""

import asyncio

import pytest

from agentkit import RunLimits
from agentkit.errors import ConfigurationError, LimitExceededError
from agentkit.testing import FakeEndpoint, ScriptedModel


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
