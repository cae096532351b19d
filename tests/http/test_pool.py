"""Lending connections, and closing them when owner or loop goes."""

import asyncio
import gc

from agentkit.http import pool as module
from agentkit.http.pool import Pool


class Owner:
    """Something to be dropped."""


class Connection:
    def __init__(self):
        self.closed = False
        self.is_usable = True

    async def aclose(self):
        await asyncio.sleep(0)
        self.closed = True


def made():
    connections = []

    def make():
        connections.append(Connection())
        return connections[-1]

    return connections, make


def test_the_connection_used_last_is_lent_first():
    async def main():
        connections, make = made()
        owner = Owner()
        pool = Pool(owner, make)
        first, second = await pool.lend(), await pool.lend()
        await pool.take_back(first)
        await pool.take_back(second)
        assert [await pool.lend(), await pool.lend()] == [second, first]
        assert len(connections) == 2

    asyncio.run(main())


def test_a_connection_that_is_discarded_is_closed_and_lent_to_nobody():
    async def main():
        connections, make = made()
        owner = Owner()
        pool = Pool(owner, make)
        first = await pool.lend()
        await pool.discard(first)
        assert first.closed
        assert await pool.lend() is not first
        assert len(connections) == 2

    asyncio.run(main())


def test_a_connection_that_is_no_longer_good_is_closed_and_lent_to_nobody():
    async def main():
        connections, make = made()
        owner = Owner()
        pool = Pool(owner, make)
        first, second, third = await pool.lend(), await pool.lend(), await pool.lend()
        await pool.take_back(first)
        await pool.take_back(second)
        second.is_usable = False  # its server left while it was kept
        assert await pool.lend() is first
        third.is_usable = False  # its server said that it would close it
        await pool.take_back(third)
        assert [connection.closed for connection in connections] == [False, True, True]
        assert await pool.lend() not in connections[:3]

    asyncio.run(main())


def test_a_connection_whose_discarding_is_cancelled_is_closed_with_the_pool():
    async def main():
        _, make = made()
        owner = Owner()
        pool = Pool(owner, make)
        first = await pool.lend()
        task = asyncio.create_task(pool.discard(first))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert not first.closed
        await pool.aclose()
        assert first.closed

    asyncio.run(main())


def test_a_connection_that_nobody_asked_for_in_a_while_is_closed():
    async def main():
        loop = asyncio.get_running_loop()
        connections, make = made()
        owner = Owner()
        pool = Pool(owner, make)
        old, new = await pool.lend(), await pool.lend()
        await pool.take_back(old)
        now = loop.time()
        loop.time = lambda: now + 31
        await pool.take_back(new)
        assert [connection.closed for connection in connections] == [True, False]
        del loop.time

    asyncio.run(main())


def test_the_end_of_the_loop_closes_what_is_lent_too():
    known = set(module._POOLS)  # those of the portal's loop live on
    connections, make = made()
    owner = Owner()

    async def main():
        pool = Pool(owner, make)
        await pool.take_back(await pool.lend())
        await pool.lend()
        await pool.lend()

    asyncio.run(main())
    assert [connection.closed for connection in connections] == [True, True]
    assert not module._POOLS - known


def test_an_owner_dropped_at_the_last_moment_leaves_nothing_open():
    known = set(module._POOLS)
    connections, make = made()

    async def main(turns):
        pool = Pool(Owner(), make)
        for _ in range(5):
            await pool.lend()
        gc.collect(1)  # what was just made, and not all that other tests left: twelve times
        for _ in range(turns):
            await asyncio.sleep(0)

    for turns in range(12):  # however far the closing came when the loop cancels its tasks
        asyncio.run(main(turns))
        assert all(connection.closed for connection in connections)
        assert not module._POOLS - known


def test_a_closed_pool_says_so_and_may_be_closed_again():
    async def main():
        connections, make = made()
        owner = Owner()
        pool = Pool(owner, make)
        await pool.lend()
        assert not pool.is_closed
        await pool.aclose()
        await pool.aclose()
        assert pool.is_closed
        assert connections[0].closed

    asyncio.run(main())
