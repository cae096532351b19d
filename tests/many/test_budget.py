"""A budget of a whole map: what counts, and what is no bound of it."""

import pytest

from agentkit.errors import ConfigurationError
from agentkit.many.budget import Budget
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState
from agentkit.wire.response import Usage


def state(requests=1, tokens=10, calls=0):
    usage = Usage(prompt_tokens=tokens, completion_tokens=0)
    return RunState(usages=(usage,) * requests, usage=usage, tool_calls=calls)


def test_without_a_budget_nothing_is_reached():
    budget = Budget(None)
    budget.add(state(1000, 10**9, 1000))
    assert budget.reached([state()], 10**9, 0, stored=False) is None


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        (RunLimits(requests=4), "requests=4 (spent: 4)"),
        (RunLimits(tokens=30), "tokens=30 (spent: 35)"),
        (RunLimits(tool_calls=3), "tool_calls=3 (spent: 3)"),
        (RunLimits(seconds=9.5), "seconds=9.5 (spent: 10.0)"),
        (RunLimits(requests=5, tokens=36, tool_calls=4, seconds=10.1), None),
    ],
)
def test_finished_and_running_runs_count(limits, reached):
    budget = Budget(limits)
    budget.add(state(2, 20, 1))
    error = budget.reached([state(1, 15, 2), RunState()], 10.0, 3, stored=False)  # the last is on its first request
    assert (reached in str(error)) if reached else (error is None)


def test_the_default_limits_of_one_run_do_not_bound_a_map():
    budget = Budget(RunLimits(tokens=10**6))
    for _ in range(100):
        budget.add(state())
    assert budget.reached([], 0, 0, stored=False) is None


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (
            RunLimits(turns=100),
            (
                "budget=RunLimits(turns=100) bounds one run, and a budget is of the whole map. Write "
                "`limits=RunLimits(turns=...)` for each run, and requests, tool_calls, tokens or seconds for the map."
            ),
        ),
        (
            RunLimits(concurrency=4),
            (
                "budget=RunLimits(concurrency=4) bounds one run, and a budget is of the whole map. Write "
                "`concurrency=...` for each run, and requests, tool_calls, tokens or seconds for the map."
            ),
        ),
    ],
)
def test_what_bounds_one_run_is_refused(limits, text):
    with pytest.raises(ConfigurationError) as refused:
        Budget(limits)
    assert str(refused.value) == text


def test_a_budget_that_is_none_is_refused():
    with pytest.raises(ConfigurationError) as refused:
        Budget(5000)
    assert str(refused.value) == (
        "budget=5000 does not say of what. Write budget=RunLimits(tokens=...), or requests, tool_calls "
        "or seconds in the place of tokens."
    )


@pytest.mark.parametrize(
    ("stored", "again"),
    [
        (
            True,
            (
                "Call it again with the same store: what is finished costs nothing then, "
                "and as much is spent on the others."
            ),
        ),
        (
            False,
            "Call it again with a higher budget=RunLimits(tokens=...), or in parts; with `store=...` it goes on.",
        ),
    ],
)
def test_the_error_tells_how_to_go_on(stored, again):
    budget = Budget(RunLimits(tokens=1000))
    budget.add(state(tokens=1005))
    error = budget.reached([], 0.0, 17, stored=stored)
    assert error.limit == "tokens"
    assert str(error) == (
        "The map reached its budget tokens=1000 (spent: 1005) before input 17, which was not begun, nor any after it. "
        f"{again}"
    )
