"""A budget of a whole map: what counts, and what is no bound of it."""

import contextvars

import pytest

from agentkit.errors import ConfigurationError, LimitExceededError
from agentkit.many.budget import Budget
from agentkit.model import ledgers
from agentkit.state import Budget as Shared
from agentkit.state.ledger import Ledger, count
from agentkit.state.limit import RunLimits
from agentkit.state.spent import Spent


def spend(budget, spent):
    """Spend as a run does that is made within the budget."""

    def run():
        with budget:
            count((Ledger(), *ledgers.get()), spent)

    contextvars.copy_context().run(run)


def test_without_a_budget_nothing_is_reached_and_runs_share_no_ledger():
    budget = Budget(None)
    spend(budget, Spent(1000, 1000, 10**9))
    assert budget.reached(1, 10**9, 0, "anew") is None
    with budget:
        assert ledgers.get() == ()


@pytest.mark.parametrize(
    ("limits", "reached"),
    [
        (RunLimits(requests=4), "requests=4 (spent: 3, and 1 are due)"),
        (RunLimits(tokens=30), "tokens=30 (spent: 35)"),
        (RunLimits(tool_calls=3), "tool_calls=3 (spent: 3)"),
        (RunLimits(cost=0.5), "cost=0.5 (spent: 0.5)"),
        (RunLimits(seconds=9.5), "seconds=9.5 (spent: 10)"),
        (RunLimits(requests=5, tokens=36, tool_calls=4, seconds=10.1, cost=0.51), None),
    ],
)
def test_what_was_spent_counts_and_the_first_request_of_each_run(limits, reached):
    budget = Budget(limits)
    spend(budget, Spent(2, 1, 20, 0, 0.25))
    spend(budget, Spent(1, 2, 10, 5, 0.25))
    error = budget.reached(1, 10.0, 3, "anew")
    assert (reached in str(error)) if reached else (error is None)


def test_the_default_limits_of_one_run_do_not_bound_a_map():
    budget = Budget(RunLimits(tokens=10**6))
    for _ in range(100):
        spend(budget, Spent(1, 1, 10))
    assert budget.reached(0, 0, 0, "anew") is None


def test_a_run_that_came_to_its_end_ends_the_map_though_something_is_left():
    budget = Budget(RunLimits(tokens=1000))

    def run():
        with budget:
            error = LimitExceededError("x")
            error.limit, error.ledger = "tokens", ledgers.get()[0]
            budget.hear(ValueError("of another kind"))
            budget.hear(error)

    spend(budget, Spent(1, 0, 900))
    assert budget.reached(0, 0, 3, "stored") is None
    contextvars.copy_context().run(run)
    assert str(budget.reached(0, 0, 3, "stored")).startswith(
        "The map reached its budget tokens=1000 (spent: 900) before input 3, "
    )


def test_the_end_of_a_budget_around_the_map_ends_it_by_the_same_error():
    budget, error = Budget(None), LimitExceededError("x")

    def run():
        with Shared(tokens=5), budget:
            error.ledger = ledgers.get()[0]
            budget.hear(error)

    contextvars.copy_context().run(run)
    assert budget.reached(0, 0, 0, "anew") is error


def test_a_limit_of_the_run_itself_is_none_of_the_map():
    budget, error = Budget(RunLimits(tokens=10)), LimitExceededError("x")
    error.limit, error.ledger = "tokens", Ledger()
    budget.hear(error)
    assert budget.reached(0, 0, 0, "anew") is None


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (
            RunLimits(turns=100),
            (
                "budget=RunLimits(turns=100) bounds one run, and a budget is of the whole map. Write "
                "`limits=RunLimits(turns=...)` for each run, and cost, tokens, requests, tool_calls or seconds for the "
                "map."
            ),
        ),
        (
            RunLimits(concurrency=4),
            (
                "budget=RunLimits(concurrency=4) bounds one run, and a budget is of the whole map. Write "
                "`concurrency=...` for each run, and cost, tokens, requests, tool_calls or seconds for the map."
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
        "budget=5000 does not say of what. Write budget=RunLimits(tokens=...), or cost, requests, tool_calls "
        "or seconds in the place of tokens."
    )


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (
            "stored",
            (
                "Call it again with the same store: what is finished costs nothing then, "
                "and as much is spent on the others."
            ),
        ),
        (
            "anew",
            "Call it again with a higher budget=RunLimits(tokens=...), or in parts; with `store=...` it goes on.",
        ),
        (
            "named",
            (
                "Call it again by the same name, with a higher budget=RunLimits(tokens=...): what was spent stays "
                "spent, and nothing that is finished is done again."
            ),
        ),
    ],
)
def test_the_error_tells_how_to_go_on(again, told):
    budget = Budget(RunLimits(tokens=1000))
    spend(budget, Spent(1, 0, 1005))
    error = budget.reached(0, 0.0, 17, again)
    assert error.limit == "tokens"
    assert str(error) == (
        "The map reached its budget tokens=1000 (spent: 1005) before input 17, which was not begun, nor any after it. "
        f"{told}"
    )


def test_of_time_a_map_with_a_name_has_as_much_again():
    assert str(Budget(RunLimits(seconds=5)).reached(0, 6.0, 17, "named")) == (
        "The map reached its budget seconds=5 (spent: 6) before input 17, which was not begun, nor any after it. "
        "Call it again by the same name: nothing that is finished is done again, and the time begins anew."
    )


def test_bounds_that_another_map_of_the_name_gave_hold_and_are_told():
    budget = Budget(RunLimits(tokens=1000, seconds=60))
    spend(budget, Spent(2, 0, 50))
    budget.ledger.bind(RunLimits(requests=2))
    assert budget.spent == {"requests": 2}
    assert str(budget.reached(0, 0.0, 17, "named")).startswith("The map reached its budget requests=2 (spent: 2) ")
    assert budget.reached(0, 61.0, 0, "named").limit == "requests"
    budget.ledger.bind(RunLimits(requests=3))
    assert budget.reached(0, 61.0, 0, "named").limit == "seconds"
