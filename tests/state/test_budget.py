"""A budget: who spends from it, and what it shows."""

import asyncio
import contextvars
import threading

import pytest

from agentkit import Budget
from agentkit.errors import ConfigurationError
from agentkit.model import ledgers
from agentkit.state import Spent
from agentkit.state.ledger import Ledger, count


def spend(spent):
    count((Ledger(), *ledgers.get()), spent)


def test_what_is_begun_inside_spends_from_it_and_what_comes_after_does_not():
    with Budget(tokens=100, cost=1.0) as budget:
        spend(Spent(1, 0, 10, 5, 0.25))
    spend(Spent(1, 0, 10, 5, 0.25))
    assert budget.spent == Spent(1, 0, 10, 5, 0.25)
    assert budget.left == {"tokens": 85, "cost": 0.75}
    with budget:
        spend(Spent(1))
    assert budget.spent.requests == 2


def test_a_budget_inside_another_spends_from_both_and_within_itself_only_once():
    with Budget() as outer, Budget() as inner, outer:
        count((Ledger(), *dict.fromkeys(ledgers.get())), Spent(1))
    assert (outer.spent.requests, inner.spent.requests) == (1, 1)
    assert ledgers.get() == ()


def test_tasks_and_threads_inherit_it_and_several_may_enter_it():
    budget = Budget()

    async def branch():
        with budget:
            await asyncio.sleep(0)
            spend(Spent(1))

    async def main():
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(branch())
        with budget:
            await asyncio.create_task(asyncio.to_thread(spend, Spent(1)))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.spent.requests == 18


def test_it_may_be_left_in_another_context_than_it_was_entered_in():
    budget = Budget(tokens=100)
    contextvars.copy_context().run(budget.__enter__)
    budget.__exit__(None, None, None)
    assert ledgers.get() == ()


def test_it_is_shown_with_its_bounds():
    assert repr(Budget(cost=5.0, requests=10)) == "Budget(requests=10, cost=5.0, output_floor=256)"
    assert Budget().left == {}


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        ({"cost": -1}, "Budget: cost=-1 is no bound. Give 0 or more, or None."),
        ({"tokens": float("inf")}, "Budget: tokens=inf is no bound. Give 0 or more, or None."),
        ({"output_floor": 0}, "Budget: output_floor=0 is no bound. Give 1 or more."),
    ],
)
def test_what_is_no_bound_is_refused(bound, text):
    with pytest.raises(ConfigurationError) as caught:
        Budget(**bound)
    assert str(caught.value) == text
