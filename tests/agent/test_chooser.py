"""How the functions of the context are asked; what comes of it in a run is in `test_prepare_choice`."""

import asyncio

import pytest

from agentkit.agent import Agent
from agentkit.agent.chooser import named
from agentkit.errors import ConfigurationError
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool


@tool
def now() -> str:
    return "noon"


def ended(**given):
    with pytest.raises(Exception) as caught:
        Agent(ScriptedModel([]), **given).run_sync("x")
    return caught.value


def chosen(context):
    yield now
    raise ValueError("no luck")


async def stray(context):
    raise asyncio.CancelledError


def number(context):
    return 5


def note(function, what):
    return [f"Raised by {function}, which gives the {what} of turn 1. `agent.resume(error.state)` asks it again."]


def test_what_a_generator_of_tools_raises_says_whose_it_is():
    error = ended(tools=chosen)
    assert (str(error), error.__notes__) == ("no luck", note("chosen", "tools"))


@pytest.mark.parametrize("what", ["tools", "settings", "instructions"])
def test_what_a_function_waited_for_may_be_cancelled_and_the_run_is_not(what):
    error = ended(**{what: stray})
    assert (type(error), str(error)) == (RuntimeError, "It ended with CancelledError.")
    assert error.__notes__ == note("stray", what)
    assert isinstance(error.__cause__, asyncio.CancelledError)


def test_a_run_that_is_cancelled_while_a_function_waits_is_cancelled():
    async def go():
        waits = asyncio.Event()

        async def wait(context):
            waits.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(Agent(ScriptedModel([]), tools=wait).run("x"))
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())


def test_instructions_that_are_no_text_are_told():
    error = ended(instructions=["Be brief.", number])
    assert type(error) is ConfigurationError
    assert str(error) == "number is asked for instructions, and gave 5. Give a text, or None."


def test_methods_of_one_object_are_the_same_tools_in_each_turn():
    class Shop:
        def look(self) -> str:
            return "lamp"

    shop = Shop()
    model = ScriptedModel([call("look"), "done"])
    Agent(model, tools=lambda context: [shop.look]).run_sync("x")
    first, second = (request.tools for request in model.requests)
    assert first is second


def test_a_function_is_named_as_its_author_does():
    assert (named(number), named(ScriptedModel([])), named(lambda: 0)[-8:]) == ("number", "ScriptedModel", "<lambda>")


def test_what_waits_goes_on_waiting_where_a_function_fails_on_the_resume():
    paid, ask, fails = [], [True], []

    @tool(approval=lambda context, arguments: ask[0])
    def pay() -> str:
        paid.append(1)
        return "paid"

    def choose(context):
        if fails:
            raise ConnectionError(fails.pop())
        return [pay]

    agent = Agent(ScriptedModel([call("pay", id="p"), "done"]), tools=choose)
    state = agent.run_sync("x").state
    fails.append("down")
    with pytest.raises(ConnectionError) as caught:
        agent.resume_sync(state, decisions={"p": False})
    ask[0] = False  # the predicate would let it run now, and nobody has
    again = agent.resume_sync(caught.value.state)
    assert ([one.id for one in again.pending], paid) == (["p"], [])
    assert agent.resume_sync(again.state, decisions={"p": True}).output == "done"
    assert paid == [1]
