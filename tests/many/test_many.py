"""The face of a map: awaited, iterated, entered, left and cancelled."""

import asyncio

import pytest

from agentkit.errors import RunError
from agentkit.many import Many, Terms


def many_of(work, inputs):
    return Many(work, inputs, Terms(concurrency=4, on_error="keep", ordered=True))


async def settle():
    for _ in range(50):
        await asyncio.sleep(0)


def no_task_is_left():
    return asyncio.all_tasks() == {asyncio.current_task()}


def test_leaving_a_loop_early_cancels_what_runs(work_of):
    async def go():
        work = work_of(held=set(range(1, 100)))
        async with many_of(work, range(100)) as many:
            async for _ in many:
                break
            await settle()
        assert no_task_is_left()
        return sorted(work.cancelled), work.running

    assert asyncio.run(go()) == ([1, 2, 3, 4], 0)


def test_leaving_closes_the_inputs(work_of):
    ended = []

    def inputs():
        try:
            yield from range(100)
        finally:
            ended.append("ended")

    async def go():
        async with many_of(work_of(), inputs()) as many:
            async for _ in many:
                break
            assert ended == []

    asyncio.run(go())
    assert ended == ["ended"]


def test_leaving_a_loop_that_nothing_holds_cancels_too(work_of):
    async def go():
        work = work_of(held=set(range(1, 100)))
        async for _ in many_of(work, range(100)):
            break
        await settle()
        assert no_task_is_left()
        return work.running

    assert asyncio.run(go()) == 0


def test_inside_its_block_a_map_can_be_read_in_several_loops(work_of):
    async def go():
        seen = []
        async with many_of(work_of(), range(10)) as many:
            async for outcome in many:
                seen.append(outcome.index)
                if outcome.index == 3:
                    break
            seen += [outcome.index async for outcome in many]
        return seen

    assert asyncio.run(go()) == list(range(10))


@pytest.mark.parametrize("how", ["await", "loop", "block"])
def test_cancellation_reaches_what_runs(work_of, how):
    async def use(many):
        if how == "await":
            await many
        elif how == "loop":
            async for _ in many:
                pass
        else:
            async with many:
                await asyncio.Event().wait()

    async def go():
        work = work_of(held=None)
        using = asyncio.create_task(use(many_of(work, range(100))))
        await settle()
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
        assert no_task_is_left()
        return sorted(work.cancelled)

    assert asyncio.run(go()) == [0, 1, 2, 3]


def test_a_map_is_begun_once(work_of):
    async def go():
        many = many_of(work_of(), range(3))
        await many
        with pytest.raises(RunError) as raised:
            await many
        return str(raised.value)

    assert asyncio.run(go()) == (
        "The map was begun before, and its outcomes are given once. Make another one, `agent.map(...)`."
    )


def test_the_summary_is_right_at_every_moment(work_of):
    async def go():
        many = many_of(work_of(), range(10))
        assert (many.summary.done, many.summary.total, many.summary.seconds) == (0, 10, 0)
        async for outcome in many:
            assert outcome.index < many.summary.done <= 10
        ended = many.summary
        assert ended == many.summary
        return ended

    assert asyncio.run(go()).usage.total_tokens == 150


def test_the_total_is_not_known_of_a_generator(work_of):
    assert many_of(work_of(), (number for number in range(3))).summary.total is None


def test_reading_a_map_that_was_left_is_an_error(work_of):
    async def go():
        async with many_of(work_of(held={5}), range(10)) as many:
            async for _ in many:
                break
            await many.aclose()
            async for _ in many:
                pass

    with pytest.raises(RunError) as raised:
        asyncio.run(go())
    assert str(raised.value) == (
        "The map was left before its end, so there is no more to read of it. Make another one, `agent.map(...)`; "
        "with `store=...` it goes on where this one stopped."
    )


def test_reading_on_after_the_end_gives_nothing(work_of):
    async def go():
        async with many_of(work_of(), range(3)) as many:
            return [[outcome.index async for outcome in many] for _ in range(2)]

    assert asyncio.run(go()) == [[0, 1, 2], []]


def test_closing_again_is_no_error(work_of):
    async def go():
        many = many_of(work_of(), range(3))
        await many.aclose()
        async with many:
            await many.aclose()
        await many.aclose()

    asyncio.run(go())
