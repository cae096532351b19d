"""One recorded run gone through again: what is asked of the code of today, and what is not."""

import asyncio

import pytest

from agentkit import Agent, tool
from agentkit.agent import Middleware
from agentkit.durable.double import Silent
from agentkit.durable.rerun import Diverged, Rerun
from agentkit.testing import call
from tests.durable.cut import SCENES, Memory, World, to_the_end


def records_of(scene):
    book = Memory()
    asyncio.run(to_the_end(scene(World()), book))
    return book.records


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_of_the_world_is_touched(scene):
    world = World()
    rerun = Rerun(records_of(scene), scene(world).recipe_for, Silent(), None)
    asyncio.run(rerun.go())
    assert (world.asked, world.done) == (0, {})


@pytest.mark.parametrize("scene", SCENES)
def test_records_that_end_anywhere_are_gone_through(scene):
    records = records_of(scene)
    for place in range(1, len(records)):
        asyncio.run(Rerun(records[:place], scene(World()).recipe_for, Silent(), None).go())


def test_the_first_difference_ends_it():
    asked = []

    def scene(world, said):
        @tool
        def look() -> str:
            """Look."""
            return "seen"

        def told(context):
            asked.append((said, context.turn))
            return said if context.turn == 1 else "Be brief."

        return Agent(world.model(call("look", id="a"), call("look", id="b"), "done"), tools=[look], instructions=told)

    book = Memory()
    asyncio.run(to_the_end(scene(World(), "Be brief."), book))
    asked.clear()
    rerun = Rerun(book.records, scene(World(), "Be kind.").recipe_for, Silent(), None)
    with pytest.raises(Diverged) as caught:
        asyncio.run(rerun.go())
    assert caught.value.divergence.turn == 2
    assert str(caught.value) == "Turn 2: the instructions differ.\n  recorded: Be brief.\n  today:    Be kind."
    assert asked == [("Be kind.", 0), ("Be kind.", 1)]
    assert (rerun.turns, rerun.calls) == (1, 1)


def test_no_middleware_is_entered():
    class Loud(Middleware):
        async def run(self, state, run, step):
            raise AssertionError

        async def ask(self, request, run, step):
            raise AssertionError

        async def call(self, call, run, step):
            raise AssertionError

    agent = SCENES[0](World()).replace(middleware=[Loud()])
    asyncio.run(Rerun(records_of(SCENES[0]), agent.recipe_for, Silent(), None).go())
