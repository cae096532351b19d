"""What the runs of a map over workers spend together."""

import asyncio

import pytest

from agentkit import RunLimits
from agentkit.durable.record import Record
from agentkit.errors import ConfigurationError, JournalError, LimitExceededError
from agentkit.model import ledgers
from agentkit.state.ledger import Ledger, count, count_calls
from agentkit.state.spent import NOTHING, Spent

ONCE = Spent(1, 0, 10, 5, 0.25)


@pytest.fixture
def engine(db):
    pytest.importorskip("dbos")
    from agentkit.durable.engine import Engine

    engine = Engine(db)
    yield engine
    engine.close()


def opened(engine, limits, name="demo/may"):
    """Give a map's purse."""
    from agentkit.durable.purse import Purse

    async def main():
        purse = Purse(engine, name, Ledger(limits, owner="map"))
        await purse.open(limits)
        return purse

    return asyncio.run(main())


class Kept:
    """A book that keeps nothing but whether the purse was asked before."""

    async def note(self, record, *, sure=False):
        pass

    async def act(self, name, body):
        return await body()


async def ask(book, spent=ONCE):
    """Spend as a request does."""

    async def body():
        count(ledgers.get(), spent)
        return Record("run", "replied", 1)

    await book.note(Record("run", "asking", 0))
    await book.act("ask 1", body)


def spend(engine, run_id, *, requests=1, spent=NOTHING, calls=0, name="demo/may"):
    """Have a run spend, of which so much is on record, on an event loop of its own, as at a worker; give its ledger."""
    from agentkit.durable.purse import spending

    async def main():
        async with spending(Kept(), engine, name, run_id, spent) as book:
            for _ in range(requests):
                await ask(book)
            count_calls(ledgers.get(), calls)
            return ledgers.get()[0]

    return asyncio.run(main())


def test_workers_know_what_the_others_have_spent_and_the_map_does_too(engine):
    purse = opened(engine, RunLimits(requests=9, tool_calls=4))
    assert spend(engine, "a", requests=2).spent == ONCE + ONCE
    assert spend(engine, "b", requests=3, calls=3).left == {"requests": 4, "tool_calls": 1}
    asyncio.run(purse.settle())
    assert purse.ledger.spent == Spent(5, 3, 50, 25, 1.25)


def test_bounds_hold_for_a_run_from_its_start_and_its_calls(engine):
    opened(engine, RunLimits(tool_calls=4))
    spend(engine, "a", requests=0, calls=3)
    with pytest.raises(LimitExceededError) as caught:
        spend(engine, "b", requests=0, calls=2)
    assert str(caught.value) == (
        "The map's budget reached its limit tool_calls=4 (spent: 3); the reply asks for 2 more and none of them was "
        "run. Call the map again with a higher budget=RunLimits(tool_calls=...)."
    )


def test_a_run_that_is_taken_over_counts_once_and_what_is_on_record_is_not_lost(engine):
    purse = opened(engine, RunLimits(requests=9))
    spend(engine, "a", requests=2)
    spend(engine, "a", requests=1, spent=ONCE + ONCE + ONCE)  # the third was on record, and its worker was killed then
    asyncio.run(purse.settle())
    assert purse.ledger.spent == Spent(4, 0, 40, 20, 1.0)


def test_a_worker_that_was_frozen_takes_nothing_back(engine):
    purse = opened(engine, RunLimits(requests=9))
    spend(engine, "a", requests=3)
    spend(engine, "a", requests=1)
    asyncio.run(purse.settle())
    assert purse.ledger.spent.requests == 3


def test_other_bounds_hold_at_once_and_what_was_spent_stays(engine):
    from agentkit.durable.purse import spending

    opened(engine, RunLimits(requests=1))

    async def main():
        async with spending(Kept(), engine, "demo/may", "a", NOTHING) as book:
            ledger = ledgers.get()[0]
            await ask(book)
            before = ledger.left
            await asyncio.to_thread(opened, engine, RunLimits(requests=5, cost=1.0))
            await ask(book)
            return before, ledger.left

    assert asyncio.run(main()) == ({"requests": 0}, {"requests": 3, "cost": 0.5})


def test_purses_of_other_maps_are_apart_and_a_run_without_one_asks_nothing(engine, monkeypatch):
    from agentkit.durable.purse import spending

    opened(engine, RunLimits(requests=9))
    june = opened(engine, RunLimits(requests=9), "demo/june")
    spend(engine, "a")
    asyncio.run(june.settle())
    assert june.ledger.spent == NOTHING
    monkeypatch.setattr(engine, "execute", None)

    async def main():
        book = Kept()
        async with spending(book, engine, "", "a", NOTHING) as kept:
            return kept is book, ledgers.get()

    assert asyncio.run(main()) == (True, ())


def test_those_who_ask_at_once_share_one_exchange(engine, monkeypatch):
    purse = opened(engine, RunLimits(requests=9))
    asked, execute = [], engine.execute
    monkeypatch.setattr(engine, "execute", lambda *given, **values: asked.append(1) or execute(*given, **values))

    async def main():
        await asyncio.gather(*(purse.settle() for _ in range(100)))

    asyncio.run(main())
    assert len(asked) == 2  # the first one had begun when the others came


def test_a_request_waits_for_a_database_that_is_away_and_what_is_lost_at_the_end_is_told(engine, monkeypatch, caplog):
    from agentkit.durable import purse as module

    monkeypatch.setattr(module, "_AGAIN", 0.0)
    purse = opened(engine, RunLimits(requests=9))
    away, execute = [1, 2], engine.execute

    def late(*given, **values):
        if away:
            raise JournalError(f"It is away ({away.pop()}).")
        return execute(*given, **values)

    async def main():
        async with module.spending(Kept(), engine, "demo/may", "a", NOTHING) as book:
            monkeypatch.setattr(engine, "execute", late)
            await ask(book)
            away.append(3)

    asyncio.run(main())
    assert caplog.text.count("What is left of a budget could not be read, and is asked again: It is away (2).") == 1
    assert "What the run a spent last could not be written: It is away (3)." in caplog.text
    asyncio.run(purse.settle())
    assert purse.ledger.spent == ONCE


def test_tables_that_somebody_else_makes_at_the_same_time_are_there(engine, monkeypatch):
    refused, execute = [], engine.execute

    def racing(statement, **values):
        if statement.startswith("CREATE") and statement not in refused:
            refused.append(statement)
            raise JournalError("Somebody else makes it.")
        return execute(statement, **values)

    monkeypatch.setattr(engine, "execute", racing)
    assert opened(engine, RunLimits(requests=9)).ledger.left == {"requests": 9}


@pytest.mark.parametrize("others", [False, True])
def test_a_run_that_is_to_spend_from_a_budget_that_is_not_there_says_so(engine, others):
    if others:
        opened(engine, RunLimits(requests=9))
    with pytest.raises(ConfigurationError) as caught:
        spend(engine, "a", name="demo/june")
    assert str(caught.value) == (
        "The database has no budget 'demo/june', from which a run is to spend. Leave `budget` out of `submit`: it is "
        "for maps, which make theirs first."
    )


def test_a_run_that_is_lost_and_taken_up_again_in_one_process_counts_by_what_it_has_spent_now(engine, monkeypatch):
    from agentkit.durable import purse as module

    opened(engine, RunLimits(requests=9))
    exchange, again = module.Purse._exchange, asyncio.Event()

    async def main():
        loop = asyncio.get_running_loop()

        def meanwhile(self, new):
            loop.call_soon_threadsafe(again.set)
            asyncio.run_coroutine_threadsafe(entered.wait(), loop).result()
            return exchange(self, new)

        async def take_up():
            await again.wait()
            monkeypatch.setattr(module.Purse, "_exchange", exchange)
            async with module.spending(Kept(), engine, "demo/may", "a", ONCE):
                return ledgers.get()[0].spent

        entered = asyncio.Event()
        async with module.spending(Kept(), engine, "demo/may", "a", NOTHING) as book:
            for _ in range(3):
                await ask(book)
            purse = module._purses[loop][engine, "demo/may"]
            monkeypatch.setattr(module.Purse, "_exchange", meanwhile)
            other = asyncio.create_task(take_up())
            settling = asyncio.create_task(purse.settle())
            await again.wait()
            await asyncio.sleep(0)  # the other one has its tab now, in the place of this one
            assert purse.tabs["a"].spent == ONCE
            entered.set()
            await settling
            assert purse.ledger.spent.requests == 3
            return await other

    assert asyncio.run(main()).requests == 3


def test_runs_that_have_spent_are_counted_among_many(engine):
    purse = opened(engine, RunLimits(requests=9))
    spend(engine, "a")
    spend(engine, "run 700")
    spend(engine, "b", requests=0)
    assert asyncio.run(purse.count(["a", "b", *(f"run {number}" for number in range(1200))])) == 2
    assert asyncio.run(purse.count([])) == 0
