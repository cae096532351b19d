"""Runs that crash again and again, by chance, before a record is written or after it, with calls on their way."""

import asyncio
import random

import pytest

from agentkit.agent.conversation import finish
from agentkit.durable import past_of
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest
from tests.durable.cut import SCENES, Memory, World, decide, part, to_the_end


class Crash(BaseException):
    """The process is gone."""


class Mortal(Memory):
    """A book that writes so many records more and then ends the process, before or after it wrote the last."""

    def __init__(self, records, most, *, writes_last):
        super().__init__(records)
        self.most, self.writes_last = most, writes_last

    async def note(self, record, *, sure=False):
        if self.most < 0:
            raise Crash
        self.most -= 1
        if self.most < 0:
            if self.writes_last:
                await super().note(record, sure=sure)
            raise Crash
        await super().note(record, sure=sure)


def decided(pending):
    """Decide as ever, but say of doubtful calls what they did, so that none runs twice."""
    return decide(pending) | {one.id: one.give("it was done") for one in pending if one.unknown}


async def through(scene, world, chance):
    """Crash and go on until there is an output."""
    records, crashes = [], 0
    while True:
        book = Mortal(records, chance.randint(0, 7), writes_last=chance.random() < 0.5)
        past = past_of(records) if records else None
        decisions = decided(past.state.held) if past and past.ended and past.ended.kind == "paused" else None
        try:
            result = await finish(part(scene(world), book, decisions))
        except Crash:
            crashes += 1
        else:
            if not result.pending:
                return result, book.records, crashes
        records = book.records


def shape(result):
    """Show who says what to which call; what the user says may be lost with the call in which it was said."""
    return [(one.role, getattr(one, "tool_call_id", "")) for one in result.messages if one.role != "user"]


@pytest.mark.parametrize("seed", range(30))
def test_nothing_that_is_finished_is_repeated_however_often_it_crashes(seed):
    chance = random.Random(seed)  # not for secrets
    scene = chance.choice(SCENES)
    plain = asyncio.run(to_the_end(scene(World()), Memory()))[0]
    world = World()
    result, records, crashes = asyncio.run(through(scene, world, chance))
    assert result.output == plain.output
    assert result.turns == plain.turns
    assert shape(result) == shape(plain)
    check_request(ChatRequest(messages=result.messages))
    idempotent = {r.content["idempotency_key"] for r in records if r.kind == "calling" and r.content["name"] == "fetch"}
    assert all(times == 1 for key, times in world.done.items() if key not in idempotent)
    replies = sum(record.kind == "replied" for record in records)
    assert replies <= world.asked <= replies + crashes * 3  # as many runs at once had asked and not written the reply
    assert past_of(records).state.messages == result.messages
