"""The line: first come first served, over tasks, threads and loops, and nobody in it who has left."""

import asyncio
import math
import threading

import pytest

from agentkit.around.line import Line


class Places:
    """So many places, entered and left by number."""

    def __init__(self, free):
        self.free = free
        self.line = Line()
        self.order = []

    def take(self):
        if not self.free:
            return math.inf
        self.free -= 1
        return 0.0

    def leave(self):
        def act():
            self.free += 1

        self.line.change(act)

    async def visit(self, number, most=None):
        waited = await self.line.enter(self.take, lambda _: None, most)
        self.order.append(number)
        await asyncio.sleep(0)
        self.leave()
        return waited


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


def test_whoever_comes_first_goes_first():
    places = Places(2)

    async def main():
        waited = await asyncio.gather(*(places.visit(number) for number in range(20)))
        assert waited[:2] == [None, None]
        assert all(seconds is not None for seconds in waited[2:])

    asyncio.run(main())
    assert places.order == list(range(20))
    assert places.free == 2


def test_one_who_comes_when_a_place_is_free_but_others_wait_does_not_pass_them():
    places = Places(1)

    async def main():
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(places.visit(number))
            await asyncio.sleep(0)
            group.create_task(places.visit(3))

    asyncio.run(main())
    assert places.order == [0, 1, 2, 3]


@pytest.mark.parametrize("gone", [0, 1])
def test_one_who_is_cancelled_while_waiting_leaves_the_line_to_the_others(gone):
    places = Places(0)

    async def main():
        tasks = [asyncio.create_task(places.visit(number)) for number in range(3)]
        await settled()
        tasks[gone].cancel()
        await settled()
        places.leave()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert places.order == [number for number in range(3) if number != gone]
    assert places.free == 1


def test_one_who_is_cancelled_in_the_moment_of_being_called_holds_no_place():
    places = Places(0)

    async def main():
        tasks = [asyncio.create_task(places.visit(number)) for number in range(2)]
        await settled()
        places.leave()
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert (places.order, places.free) == ([1], 1)


def test_a_wait_has_an_end(clock):
    places = Places(0)

    async def main():
        with pytest.raises(TimeoutError):
            await places.visit(0, most=5)

    clock.run(main())
    assert clock.passed == 5


def test_a_wait_that_is_known_is_told_once_and_not_given_again(clock):
    told = []

    async def main():
        waits = iter([3.0, 0.5, 0.0])
        assert await Line().enter(lambda: next(waits), told.append) is None

    clock.run(main())
    assert told == [3.0]
    assert clock.passed == 3.5


def test_threads_with_loops_of_their_own_stand_in_one_line():
    places, at_once, most = Places(3), [], []

    async def visits():
        for _ in range(20):
            await places.line.enter(places.take, lambda _: None)
            at_once.append(1)
            most.append(len(at_once))
            await asyncio.sleep(0)
            at_once.pop()
            places.leave()

    threads = [threading.Thread(target=lambda: asyncio.run(visits())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert len(most) == 160
    assert max(most) <= 3
    assert places.free == 3


def test_one_whose_loop_was_closed_keeps_nobody_waiting():
    places = Places(0)
    loop = asyncio.new_event_loop()
    task = loop.create_task(places.visit("lost"))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

    async def main():
        waiting = asyncio.create_task(places.visit("next"))
        await settled()
        places.leave()
        await waiting

    asyncio.run(main())
    assert places.order == ["next"]
    task._log_destroy_pending = False
