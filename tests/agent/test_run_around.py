"""Middleware round a whole run."""

import asyncio
import dataclasses

import pytest

from agentkit import RunLimits, errors
from agentkit.agent import Agent, Middleware, RunFailed
from agentkit.agent.effect import Finished, Paused
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.message import AssistantMessage, UserMessage


class Around(Middleware):
    """Writes how a run began and ended, by the outermost first."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    async def run(self, state, run, step, /):
        self.log.append(f"{self.name} begins with {len(state.messages)}")
        end = await step(state)
        self.log.append(f"{self.name} ends {type(end).__name__} with {len(end.state.messages)}")
        return end


@tool(approval=True)
def pay() -> str:
    """Pay."""
    return "paid"


def test_the_first_middleware_is_the_outermost_around_a_run():
    log = []
    Agent(ScriptedModel(["Hi."]), middleware=[Around("a", log), Around("b", log)]).run_sync("Hi.")
    assert log == ["a begins with 1", "b begins with 1", "b ends Finished with 2", "a ends Finished with 2"]


def test_each_part_of_a_run_passes():
    log = []
    agent = Agent(ScriptedModel([call("pay", id="c1"), "Paid."]), tools=[pay], middleware=[Around("a", log)])

    paused = agent.run_sync("Pay.")
    agent.resume_sync(paused.state, decisions={"c1": True})

    assert log == ["a begins with 1", "a ends Paused with 2", "a begins with 2", "a ends Finished with 4"]


def test_a_middleware_may_change_what_a_run_begins_with():
    class Louder(Middleware):
        async def run(self, state, run, step, /):
            return await step(state.replace(messages=(UserMessage(content="HI."),)))

    model = ScriptedModel(["Hello."])
    result = Agent(model, middleware=[Louder()]).run_sync("hi.")

    assert [message.content for message in model.requests[0].messages] == ["HI."]
    assert [message.content for message in result.new_messages] == ["HI.", "Hello."]


def test_a_middleware_may_change_what_a_run_ends_with():
    class Shorter(Middleware):
        async def run(self, state, run, step, /):
            end = await step(state)
            *before, last = end.state.messages
            changed = end.state.replace(messages=(*before, last.replace(content="H")))
            return dataclasses.replace(end, state=changed, output="H")

    result = Agent(ScriptedModel(["Hello."]), middleware=[Shorter()]).run_sync("hi.")

    assert (result.output, result.messages[-1].content) == ("H", "H")


def test_a_middleware_may_end_a_run_without_a_request():
    class Known(Middleware):
        async def run(self, state, run, step, /):
            reply = AssistantMessage(content="42")
            return Finished(state.replace(messages=(*state.messages, reply)), "42")

    model = ScriptedModel([])
    result = Agent(model, middleware=[Known()]).run_sync("Which number?")

    assert (result.output, result.turns, len(result.messages)) == ("42", 0, 2)
    assert result.reply is None


def test_an_error_of_a_middleware_carries_the_state_and_is_told():
    class Refusing(Middleware):
        async def run(self, state, run, step, /):
            raise errors.RunError("No.")

    async def read():
        seen = []
        async with Agent(ScriptedModel([]), middleware=[Refusing()]).stream("Hi.") as stream:
            with pytest.raises(errors.RunError) as caught:
                async for event in stream:
                    seen.append(event)
        return seen, caught.value

    seen, error = asyncio.run(read())
    assert [message.content for message in error.state.messages] == ["Hi."]
    assert isinstance(seen[-1], RunFailed)


def test_an_error_of_the_run_leaves_with_all_that_came():
    class Watching(Middleware):
        async def run(self, state, run, step, /):
            try:
                return await step(state)
            finally:
                seen.append(len(run.state.messages))

    @tool
    def now() -> str:
        return "noon"

    seen = []
    agent = Agent(ScriptedModel([call("now"), "Noon."]), tools=[now], middleware=[Watching()])

    with pytest.raises(errors.LimitExceededError) as caught:
        agent.run_sync("Time?", limits=RunLimits(turns=1))

    assert seen == [3]
    assert agent.resume_sync(caught.value.state, limits=RunLimits(turns=2)).output == "Noon."


def test_a_middleware_may_hold_a_run_that_has_ended():
    class Holding(Middleware):
        async def run(self, state, run, step, /):
            return Paused((await step(state)).state)

    result = Agent(ScriptedModel(["Hi."]), middleware=[Holding()]).run_sync("Hi.")
    with pytest.raises(errors.PendingCallsError):
        _ = result.output
