"""Maps over workers."""

import asyncio

import pytest

from agentkit import RunLimits
from agentkit.errors import ConfigurationError


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
        durable.agent.map(["a"], durable=durable, budget=RunLimits(requests=3))
    assert str(caught.value) == (
        "A map over workers takes no `budget`: it would hold in this process alone. Give model and deps to the durable "
        "agent, and bounds to each run by `limits`."
    )
    with pytest.raises(ConfigurationError) as caught:
        durable.agent.replace().map(["a"], durable=durable)
    assert str(caught.value) == (
        "The map is of another agent than the durable one 'demo', whose runs the workers know. Write "
        "`durable.agent.map(inputs, durable=durable)`."
    )
