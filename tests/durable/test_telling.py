"""The events of a run on their way."""

import asyncio
import json

import pytest

from agentkit.agent.event import RunStarted, TextDelta, event_of
from agentkit.durable import telling as module
from agentkit.durable.telling import Telling


@pytest.fixture
def told(monkeypatch):
    """What is written in each step, without an engine."""
    steps = []

    async def step(name, body):
        steps.append((name, []))
        return await body()

    async def tell(text):
        steps[-1][1].append([event_of(one) for one in json.loads(text)])

    monkeypatch.setattr(module, "step", step)
    monkeypatch.setattr(module, "tell", tell)
    return steps


def test_events_are_written_in_one_step_and_pieces_of_a_text_together(told, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE", 0.001)

    async def main():
        async with (telling := Telling()):
            telling.take(RunStarted(run_id="order-1"))
            telling.take(TextDelta("a"))
            telling.take(TextDelta("b"))
            while not told or not told[0][1]:  # noqa: ASYNC110 # another task writes
                await asyncio.sleep(0)
            telling.take(TextDelta("c"))

    asyncio.run(main())
    first = [RunStarted(run_id="order-1"), TextDelta("ab")]
    assert told == [("tell", [first, [TextDelta("c")]])]


def test_what_is_left_is_written_though_the_run_fails(told):
    async def main():
        async with (telling := Telling()):
            telling.take(TextDelta("a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    assert told == [("tell", [[TextDelta("a")]])]
