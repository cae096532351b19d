"""The gate before effects."""

import asyncio

import pytest

from agentkit.durable.gate import Gate


def test_nothing_is_let_in_while_the_lease_may_be_anothers():
    sure = []
    gate = Gate(lambda: bool(sure))

    async def main():
        waiting = [asyncio.ensure_future(one()) for one in (gate.admit, gate.make_sure)]
        await asyncio.wait(waiting, timeout=0.05)
        assert not any(one.done() for one in waiting)
        sure.append(1)
        await asyncio.wait_for(asyncio.gather(*waiting), 5)

    asyncio.run(main())


def test_a_worker_that_drains_lets_nothing_new_in_and_what_is_on_its_way_go_on():
    gate = Gate(lambda: True)
    gate.drains = True

    async def main():
        await gate.make_sure()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gate.admit(), 0.05)

    asyncio.run(main())


def test_effects_under_way_are_counted_whatever_becomes_of_them():
    gate = Gate(lambda: True)
    with pytest.raises(ZeroDivisionError), gate.effect():
        assert gate.under_way == 1
        _ = 1 / 0
    assert gate.under_way == 0
