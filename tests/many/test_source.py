"""Inputs of every kind of iterable, read one at a time."""

import asyncio

import pytest

from agentkit.errors import ConfigurationError
from agentkit.many.source import Feed, source_of


async def drained(source):
    taken = []
    while True:
        try:
            taken.append(await anext(source))
        except StopAsyncIteration:
            return taken


async def numbers():
    for number in range(3):
        await asyncio.sleep(0)
        yield number


async def held(ended):
    try:
        async for number in numbers():
            yield number
    finally:
        await asyncio.sleep(0)
        ended.append("ended")


def held_sync(ended):
    try:
        yield from range(3)
    finally:
        ended.append("ended")


@pytest.mark.parametrize("inputs", [[0, 1, 2], (0, 1, 2), range(3), (n for n in range(3)), numbers()], ids=repr)
def test_every_iterable_is_read_to_its_end(inputs):
    assert asyncio.run(drained(source_of(inputs))) == [0, 1, 2]


def test_nothing_is_read_before_it_is_taken():
    read = []
    source = source_of(read.append(n) or n for n in range(3))
    assert read == []
    assert asyncio.run(anext(source)) == 0
    assert read == [0]


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (
            "a text",
            (
                "inputs is one str, and a map wants many prompts. "
                "Write `agent.map([prompt])`, or `agent.run(prompt)` for one."
            ),
        ),
        (
            {"type": "text"},
            (
                "inputs is one dict, and a map wants many prompts. "
                "Write `agent.map([prompt])`, or `agent.run(prompt)` for one."
            ),
        ),
        (
            7,
            (
                "inputs is of type int, which cannot be iterated. "
                "Give a list, a generator, an async generator, or any other iterable of prompts."
            ),
        ),
    ],
)
@pytest.mark.parametrize("make", [source_of, Feed])
def test_what_holds_no_inputs_is_refused(make, inputs, text):
    with pytest.raises(ConfigurationError) as refused:
        make(inputs)
    assert str(refused.value) == text


def test_a_feed_asks_for_inputs_when_it_has_none():
    async def go():
        woken = []
        feed = Feed(range(3))
        feed.wake = lambda: woken.append(feed.hungry)
        taking = asyncio.ensure_future(anext(feed))
        await asyncio.sleep(0)
        assert woken == [True]
        feed.hand_over(*feed.read(2))
        assert (await taking, feed.hungry, feed.waiting, feed.ended) == (0, False, 1, False)
        feed.hand_over(*feed.read(2))
        assert (feed.waiting, feed.ended) == (2, True)
        return await drained(feed)

    assert asyncio.run(go()) == [1, 2]


def test_a_feed_raises_the_error_of_its_iterable_after_what_came_before():
    def broken():
        yield 0
        raise OSError("gone")

    async def go():
        feed = Feed(broken())
        feed.hand_over(*feed.read(5))
        assert await anext(feed) == 0
        await anext(feed)

    with pytest.raises(OSError, match="gone"):
        asyncio.run(go())


def test_a_feed_lets_an_interrupt_of_the_reader_through():
    def interrupted():
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        Feed(interrupted()).read(1)


@pytest.mark.parametrize("make", [held, held_sync], ids=["async", "sync"])
def test_closing_a_source_ends_a_generator(make):
    async def go():
        ended = []
        source = source_of(make(ended))
        assert await anext(source) == 0
        assert ended == []
        await source.aclose()
        return ended

    assert asyncio.run(go()) == ["ended"]


def test_closing_a_source_leaves_what_is_no_generator_open(tmp_path):
    (tmp_path / "lines").write_text("a\nb\n")

    async def go():
        with (tmp_path / "lines").open() as lines:
            source = source_of(lines)
            assert await anext(source) == "a\n"
            await source.aclose()
            return lines.read()

    assert asyncio.run(go()) == "b\n"


def test_closing_a_feed_ends_a_generator():
    ended = []
    feed = Feed(held_sync(ended))
    feed.close()
    assert ended == []
    feed.read(1)
    feed.close()
    assert ended == ["ended"]
