"""A reply asked for in one piece although its run is watched."""

import asyncio

from agentkit import Agent
from agentkit.agent import Middleware, TextDelta
from agentkit.guard.whole import ask_whole
from agentkit.testing import ScriptedModel, call


class Whole(Middleware):
    async def ask(self, request, run, step, /):
        async def change(reply):
            seen.append(run.room)
            return reply

        before = run.room
        reply = await ask_whole(request, run, step, change)
        assert run.room is before
        return reply


seen = []


def test_a_watched_reply_is_shown_as_one_piece_and_an_unwatched_one_is_not():
    def now() -> str:
        return "noon"

    async def read():
        agent = Agent(ScriptedModel([call("now"), "one two three"]), tools=[now], middleware=[Whole()])
        async with agent.stream("Go.") as stream:
            return [event.text async for event in stream if isinstance(event, TextDelta)]

    seen.clear()
    assert asyncio.run(read()) == ["one two three"]
    assert seen == [None, None]
    assert Agent(ScriptedModel(["Hi."]), middleware=[Whole()]).run_sync("Hi.").output == "Hi."
