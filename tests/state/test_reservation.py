"""Reservations: all or nothing over a chain, lowered to what is left, in order, across loops and threads."""

import asyncio
import gc
import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import LimitExceededError
from agentkit.state import RunLimits, Spent
from agentkit.state.ledger import Ledger, Need
from agentkit.state.reservation import reserve


def ledger(**limits):
    return Ledger(RunLimits(**limits))


def need(given=10, output=100, least=20, **more):
    return Need(input_tokens=given, output_tokens=output, least=least, **more)


def settled(*ledgers):
    """Tell that nothing is held, and nobody waits."""
    return all((one.reserved, one.holders, len(one.line)) == (Spent(), 0, 0) for one in ledgers)


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_was_not_taken_is_given_back():
    async def main():
        one = ledger(tokens=200)
        first = await reserve((one,), need())
        assert (first.output, one.left["tokens"]) == (100, 90)
        first.settle(Spent(1, 0, 8, 5))
        first.cut()  # a second end is none
        first.release()
        assert (one.spent, one.left["tokens"]) == (Spent(1, 0, 8, 5), 187)
        (await reserve((one,), need())).release()
        assert settled(one)
        assert one.spent.requests == 1

    asyncio.run(main())


def test_a_request_that_was_cut_counts_all_that_was_reserved():
    async def main():
        one = ledger(tokens=200)
        (await reserve((one,), need())).cut()
        assert (one.spent, one.guessed) == (Spent(1, 0, 10, 100), Spent(1, 0, 10, 100))

    asyncio.run(main())


def test_a_guess_of_tokens_is_of_a_request_that_was_answered():
    async def main():
        one = ledger(tokens=200)
        (await reserve((one,), need())).settle(Spent(1, 0, 10, 30, 0.5), guessed=True)
        assert (one.spent, one.guessed) == (Spent(1, 0, 10, 30, 0.5), Spent(0, 0, 10, 30, 0.5))

    asyncio.run(main())


def test_the_reply_is_bounded_by_what_is_left_but_not_below_the_least():
    async def main():
        one = ledger(tokens=60)
        lowered = await reserve((one,), need())
        assert lowered.output == 50
        lowered.settle(Spent(1, 0, 10, 21))
        with pytest.raises(LimitExceededError) as caught:
            await reserve((one,), need())  # 29 are left, 10 of them for the prompt
        assert caught.value.ledger is one
        assert settled(one)

    asyncio.run(main())


def test_dollars_bound_the_reply_as_tokens_do():
    async def main():
        one = ledger(cost=0.06)
        granted = await reserve((one,), need(cost=0.01, rate=0.001))
        assert granted.output == 50
        granted.settle(Spent(1, 0, 10, 50, 0.06))
        with pytest.raises(LimitExceededError):
            await reserve((one,), need(cost=0.0, rate=0.001))

    asyncio.run(main())


def test_where_one_ledger_has_too_little_nothing_is_held_in_the_others():
    async def main():
        wide, narrow = ledger(tokens=1000), ledger(tokens=20)
        with pytest.raises(LimitExceededError) as caught:
            await reserve((wide, narrow), need())
        assert caught.value.ledger is narrow
        assert settled(wide, narrow)

    asyncio.run(main())


def test_who_comes_later_waits_for_what_may_be_given_back_and_gets_it_in_order():
    async def main():
        one, seen = ledger(tokens=110), []

        async def ask(name, output):
            granted = await reserve((one,), need(output=output))
            seen.append((name, granted.output))
            await turns()
            granted.settle(Spent(1, 0, 5, 5))

        async with asyncio.TaskGroup() as group:
            for name, output in (("first", 100), ("second", 90), ("small", 20), ("third", 60)):
                group.create_task(ask(name, output))
        assert settled(one)
        return seen

    assert asyncio.run(main()) == [("first", 100), ("second", 90), ("small", 20), ("third", 60)]


def test_where_nothing_bounds_the_reply_what_is_left_is_shared():
    async def main():
        one = ledger(tokens=60_000)
        given = [await reserve((one,), need(given=0, output=None)) for _ in range(3)]
        alone = await reserve((ledger(tokens=600),), need(given=0, output=None))
        assert alone.output == 600
        return [granted.output for granted in given]

    assert asyncio.run(main()) == [32_768, 13_616, 4538]


def test_who_holds_a_reservation_does_not_wait():
    async def main():
        one = ledger(tokens=150)
        held = await reserve((one,), need())
        inner = await reserve((one,), need(), wait=False)
        assert inner.output == 30
        with pytest.raises(LimitExceededError):
            await reserve((one,), need(), wait=False)
        inner.release()
        held.release()
        assert settled(one)

    asyncio.run(main())


def test_nobody_waits_for_one_whose_reader_has_stopped():
    async def main():
        one, gate = ledger(tokens=150), asyncio.Event()
        held = await reserve((one,), need())
        waiting = asyncio.ensure_future(reserve((one,), need()))
        await turns()
        assert not waiting.done()
        reader = asyncio.ensure_future(held.aside(gate.wait()))
        await turns()
        granted = await waiting
        assert granted.output == 30
        gate.set()
        await reader
        assert one.holders == 2
        held.release()
        granted.release()
        assert settled(one)

    asyncio.run(main())


def test_another_attempt_is_reserved_whether_the_one_before_is_told_of_or_not():
    async def main():
        one = ledger(tokens=1000)
        granted = await reserve((one,), need())
        await granted.again(lost=True)
        assert (one.spent.tokens, one.reserved.tokens, granted.attempts) == (110, 110, 1)
        await granted.again(lost=False)
        assert (one.spent.tokens, one.reserved.tokens, granted.attempts) == (110, 220, 2)
        granted.settle(Spent(2, 0, 12, 8))
        assert (one.spent.tokens, one.spent.requests) == (130, 3)
        assert settled(one)

    asyncio.run(main())


def test_another_attempt_that_does_not_fit_is_refused_for_its_bound_was_said():
    async def main():
        one = ledger(tokens=200)
        granted = await reserve((one,), need())
        with pytest.raises(LimitExceededError):
            await granted.again(lost=True)
        granted.release()
        assert one.spent.tokens == 110
        assert settled(one)

    asyncio.run(main())


@pytest.mark.parametrize("granted_first", [False, True])
def test_who_is_cancelled_while_waiting_keeps_nothing(granted_first):
    async def main():
        one = ledger(tokens=110)
        held = await reserve((one,), need())
        waiting = [asyncio.ensure_future(reserve((one,), need())) for _ in range(2)]
        await turns()
        if granted_first:
            held.release()
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        held.release()
        (await asyncio.wait_for(waiting[1], 10)).release()
        assert settled(one)

    asyncio.run(main())


def test_a_loop_that_was_closed_while_its_task_waited_does_not_hold_up_the_others():
    one = ledger(tokens=110)
    granted = []

    async def hold():
        granted.append(await reserve((one,), need()))

    asyncio.run(hold())
    loop = asyncio.new_event_loop()
    task = loop.create_task(reserve((one,), need()))
    loop.run_until_complete(turns())
    loop.close()
    granted[0].release()
    assert settled(one)
    task._log_destroy_pending = False
    del task, loop
    gc.collect()
    asyncio.run(hold())
    assert granted[1].output == 100


def test_threads_with_loops_of_their_own_share_a_ledger_and_never_go_over_it():
    one, over, done = ledger(tokens=20_000), [], []

    async def branch(chance):
        while True:
            try:
                granted = await reserve((one,), need(given=chance.randint(1, 50), output=chance.randint(50, 400)))
            except LimitExceededError:
                return
            over.append(one.spent.tokens + one.reserved.tokens > 20_000)
            await turns(chance.randint(0, 3))
            granted.settle(Spent(1, 0, granted.need.input_tokens, chance.randint(0, granted.output)))

    def thread(seed):
        async def main():
            await asyncio.gather(*(branch(random.Random(seed * 100 + n)) for n in range(10)))

        asyncio.run(asyncio.wait_for(main(), 60))
        done.append(seed)

    threads = [threading.Thread(target=thread, args=(seed,)) for seed in range(4)]
    for one_thread in threads:
        one_thread.start()
    for one_thread in threads:
        one_thread.join(90)
    assert len(done) == 4
    assert not any(over)
    assert settled(one)
    assert 20_000 - 70 < one.spent.tokens <= 20_000  # less is left than any of them needs at least


ACTS = st.tuples(
    st.sampled_from(["reserve", "settle", "cut", "release", "again", "cancel"]),
    st.integers(0, 7),
    st.integers(0, 300),
    st.integers(1, 300),
    st.integers(0, 2),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTS, max_size=40))
def test_spent_and_reserved_never_go_over_a_limit_whatever_happens_in_which_order(acts):
    limits = ({"tokens": 1000, "requests": 6}, {"cost": 0.5, "output_tokens": 700}, {"input_tokens": 900})

    async def main():
        ledgers = [ledger(**one) for one in limits]

        def check():
            for one, bounds in zip(ledgers, limits, strict=True):
                for name, limit in bounds.items():
                    assert getattr(one.spent, name) + getattr(one.reserved, name) <= limit
                assert all(value >= 0 for value in one.left.values())

        tasks, held = [], []
        for act, which, given_, output, level in acts:
            wanted = need(given=given_, output=None if output % 7 == 0 else output, least=min(20, output), rate=0.001)
            if act == "reserve":
                tasks.append(asyncio.ensure_future(reserve(tuple(ledgers[level:]), wanted)))
            elif act == "cancel" and tasks:
                tasks.pop(which % len(tasks)).cancel()
            elif held and act != "cancel":
                granted = held[which % len(held)]
                if act == "again":
                    tasks.append(asyncio.ensure_future(granted.again(lost=bool(given_ % 2))))
                else:
                    held.remove(granted)
                    took = Spent(1, 0, granted.need.input_tokens, min(output, granted.output), 0.0)
                    granted.settle(took) if act == "settle" else getattr(granted, act)()
            await turns(3)
            check()
            for task in [one for one in tasks if one.done()]:
                tasks.remove(task)
                if not task.cancelled() and task.exception() is None and task.result() is not None:
                    held.append(task.result())
        for _ in range(20):  # all give back, so all that wait are served
            while held:
                held.pop().release()
            await turns()
            check()
            for task in [one for one in tasks if one.done()]:
                tasks.remove(task)
                if not task.cancelled() and task.exception() is None and task.result() is not None:
                    held.append(task.result())
        return [one for one in tasks if not one.done()]

    assert asyncio.run(main()) == []
