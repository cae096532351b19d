"""Reservations: all or nothing over a chain, lowered to what is left, in order, across loops and threads."""

import asyncio
import gc
import os
import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import LimitExceededError
from agentkit.state import RunLimits, Spent
from agentkit.state.ledger import Ledger, Need
from agentkit.state.reservation import leave, reserve


def ledger(**limits):
    return Ledger(RunLimits(**limits))


def need(given=10, output=100, least=20, **more):
    return Need(input_tokens=given, output_tokens=output, least=least, **more)


def settled(*ledgers):
    """Tell that nothing is held, and nobody waits."""
    return all((one.reserved, one.holders, len(one.order.line)) == (Spent(), 0, 0) for one in ledgers)


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


def test_another_attempt_of_a_request_that_has_ended_reserves_nothing():
    async def main():
        one = ledger(tokens=1000)
        granted = await reserve((one,), need())
        granted.settle(Spent(1, 0, 10, 5))
        await granted.again(lost=True)  # of a task that the model left behind
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

        tasks, held = {}, []

        def take_in():
            for task, granted in [*tasks.items()]:
                if task.done():
                    del tasks[task]
                    failed = task.cancelled() or task.exception() is not None
                    if not failed:
                        held.append(granted or task.result())
                    elif granted is not None:
                        granted.release()  # as a request does whose further attempt is refused

        for act, which, given_, output, level in acts:
            wanted = need(given=given_, output=None if output % 7 == 0 else output, least=min(20, output), rate=0.001)
            if act == "reserve":
                tasks[asyncio.ensure_future(reserve(tuple(ledgers[level:]), wanted))] = None
            elif act == "cancel" and tasks:
                [*tasks][which % len(tasks)].cancel()
            elif held and act != "cancel":
                granted = held.pop(which % len(held))
                if act == "again":
                    tasks[asyncio.ensure_future(granted.again(lost=bool(given_ % 2)))] = granted
                else:
                    took = Spent(1, 0, granted.need.input_tokens, min(output, granted.output), 0.0)
                    granted.settle(took) if act == "settle" else getattr(granted, act)()
            await turns(3)
            check()
            take_in()
        for _ in range(50):  # all give back, so all that wait are served
            while held:
                held.pop().release()
            await turns()
            check()
            take_in()
        return [*tasks, *(one for one in ledgers if not settled(one))]

    assert asyncio.run(main()) == []


async def request(chance, chain):
    granted = await reserve(chain, need(given=chance.randint(1, 60), output=chance.choice((60, 100, None))))
    try:
        await turns(chance.randint(0, 3))
        if chance.random() < 0.2:
            await granted.again(lost=chance.random() < 0.5)
        if chance.random() < 0.3:
            return chance.choice((granted.cut, granted.release))()
        granted.settle(Spent(granted.attempts, 0, granted.need.input_tokens, chance.randint(0, granted.output)))
    except BaseException:
        granted.cut()
        raise


async def run_within(chance, shared, depth=2):
    """Do what a run does: ask, be in tools, which may run others, ask again; end whether there was enough or not."""
    chain = (ledger(tokens=chance.choice((None, 700))), *shared)
    try:
        for _ in range(chance.randint(1, 4)):
            await request(chance, chain)
            await turns(chance.randint(0, 5))
            below = chance.randint(0, 2) if depth else 0
            await asyncio.gather(*(run_within(chance, chain, depth - 1) for _ in range(below)))
    except LimitExceededError:
        return
    finally:
        leave(chain)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_no_run_waits_forever_whatever_budgets_they_are_in_and_in_which_order(seed):
    chance = random.Random(seed)

    async def main():
        shared = [ledger(tokens=3000), ledger(requests=25, output_tokens=2500), ledger(input_tokens=1500)]
        for one in shared:
            one.owner = "budget"
        within = [chance.sample(shared, chance.randint(1, 3)) for _ in range(chance.randint(2, 15))]
        tasks = [asyncio.ensure_future(run_within(chance, one)) for one in within]
        for task in chance.sample(tasks, len(tasks) // 4):
            await turns(chance.randint(0, 9))
            task.cancel()
        _, waiting = await asyncio.wait(tasks, timeout=10)  # less than anything is kept for a run in its tools
        assert not waiting
        assert all(task.cancelled() or task.exception() is None for task in tasks)
        assert settled(*shared)
        assert all(list(one.order.kept) == [0] * 6 for one in shared)

    asyncio.run(main())


def budget(**limits):
    return Ledger(RunLimits(**limits), owner="budget")


def test_who_has_begun_finds_what_its_next_request_needs_at_least_and_others_wait_until_it_has_ended():
    async def main():
        one, first, second = budget(tokens=200), Ledger(), Ledger()
        granted = await reserve((first, one), need())
        late = asyncio.ensure_future(reserve((second, one), need()))
        await turns()
        granted.settle(Spent(1, 0, 10, 50))  # 140 are left, and 80 kept: 60 for the prompt, 20 for the reply
        await turns()
        assert not late.done()
        following = await reserve((first, one), need(given=60))
        assert following.output == 80
        following.settle(Spent(1, 0, 60, 20))
        await turns()
        assert not late.done()
        leave((first, one))
        assert (await late).output == 50
        (await late).release()
        leave((second, one))
        assert settled(one)

    asyncio.run(main())


def test_a_run_that_is_long_in_its_tools_is_no_longer_waited_for(monkeypatch):
    monkeypatch.setattr("agentkit.state.reservation._PATIENCE", 0.01)

    async def main():
        one, first, second = budget(requests=3), Ledger(), Ledger()
        (await reserve((first, one), need())).settle(Spent(1, 0, 10, 10))
        (await reserve((second, one), need())).settle(Spent(1, 0, 10, 10))
        # the tool of the first may be what waits for the second
        (await asyncio.wait_for(reserve((second, one), need()), 20)).release()

    asyncio.run(main())


def test_a_run_within_a_tool_does_not_wait_for_the_run_that_is_in_the_tool():
    async def main():
        one, outer = budget(requests=2), Ledger()
        (await reserve((outer, one), need())).settle(Spent(1, 0, 10, 10))
        await asyncio.wait_for(reserve((Ledger(), outer, one), need()), 10)

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_child_does_not_wait_for_requests_of_its_parent():
    one = budget(tokens=110)

    async def main():
        granted = await asyncio.wait_for(reserve((Ledger(), one), need()), 10)
        return granted.output

    async def parent():
        return await reserve((Ledger(), one), need())

    held = asyncio.run(parent())
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if asyncio.run(main()) == 100 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    held.release()
