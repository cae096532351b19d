"""What a request is made of besides the history: instructions, and the choice among tools."""

import asyncio
import gc
import weakref

import pytest

from agentkit.agent import Agent
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, tool
from agentkit.wire.setting import Settings


@tool
def now() -> str:
    return "noon"


@tool
def later() -> str:
    return "evening"


def sent(model):
    """The instructions of each request; None where there are none."""
    return [m.content if (m := request.messages[0]).role == "system" else None for request in model.requests]


def test_instructions_are_sent_first_with_each_request_and_never_kept():
    model = ScriptedModel([call("now"), "done"])
    result = Agent(model, tools=[now], instructions="Be brief.").run_sync("x")
    assert sent(model) == ["Be brief."] * 2
    assert [m.role for m in result.messages] == ["user", "assistant", "tool", "assistant"]


def test_dynamic_instructions_sync_and_async_see_the_context_and_are_joined():
    def day(context: Context[str]):
        return f"Today is {context.deps}, turn {context.turn}."

    async def user(context):
        await asyncio.sleep(0)
        return f"Run {context.run_id[:0]}of ada."

    model = ScriptedModel([call("now"), "done"])
    agent = Agent(model, tools=[now], instructions=["Be brief.", day, user, lambda context: None])
    agent.run_sync("x", deps="Monday")
    assert sent(model) == [
        "Be brief.\n\nToday is Monday, turn 0.\n\nRun of ada.",
        "Be brief.\n\nToday is Monday, turn 1.\n\nRun of ada.",
    ]


def test_instructions_that_say_nothing_are_not_sent():
    model = ScriptedModel(["done"])
    Agent(model, instructions=lambda context: None).run_sync("x")
    assert sent(model) == [None]


@pytest.mark.parametrize("choice", ["required", "any", "now", {"type": "function", "function": {"name": "now"}}])
def test_a_forced_choice_is_relaxed_after_it_was_obeyed(choice):
    model = ScriptedModel([call("now"), "done"])
    Agent(model, tools=[now], settings=Settings(tool_choice=choice)).run_sync("x")
    assert [request.tool_choice for request in model.requests] == [choice, "auto"]


def test_a_named_choice_stays_forced_until_that_tool_was_called():
    model = ScriptedModel([call("later"), call("now"), "done"])
    Agent(model, tools=[now, later], settings=Settings(tool_choice="now")).run_sync("x")
    assert [request.tool_choice for request in model.requests] == ["now", "now", "auto"]


def test_a_forced_choice_holds_for_the_next_run_anew():
    model = ScriptedModel([call("now"), "one", call("now"), "two"])
    agent = Agent(model, tools=[now], settings=Settings(tool_choice="required"))
    agent.run_sync("y", history=agent.run_sync("x").messages)
    assert [request.tool_choice for request in model.requests] == ["required", "auto"] * 2


@pytest.mark.parametrize("mode", ["required", "auto"])
def test_allowed_tools_stay_allowed_alone_when_the_choice_is_relaxed(mode):
    one = {"type": "function", "function": {"name": "now"}}
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [one]}}
    model = ScriptedModel([call("now"), "done"])
    Agent(model, tools=[now, later], settings=Settings(tool_choice=choice)).run_sync("x")
    assert model.requests[0].tool_choice == choice
    assert model.requests[1].tool_choice == {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [one]}}


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_free_choice_is_sent_as_it_is(choice):
    model = ScriptedModel([call("now"), "done"])
    Agent(model, tools=[now], settings=Settings(tool_choice=choice)).run_sync("x")
    assert [request.tool_choice for request in model.requests] == [choice] * 2


def test_instructions_may_be_a_function_of_nothing():
    model = ScriptedModel(["done"])
    Agent(model, instructions=lambda: "Be brief.").run_sync("x")
    assert model.requests[0].messages[0].content == "Be brief."


def test_instructions_may_be_an_object_that_is_called_and_has_no_hash():
    class Told:
        __hash__ = None

        def __call__(self, context):
            return f"Turn {context.turn}."

    model = ScriptedModel(["done"])
    Agent(model, instructions=Told()).run_sync("x")
    assert model.requests[0].messages[0].content == "Turn 0."


def test_what_functions_gave_is_encoded_once_in_a_run_and_not_kept_after_it():
    said = "You talk to ann."
    model = ScriptedModel([call("now"), "done"])
    Agent(model, tools=[now], instructions=lambda context: said).run_sync("x")
    first, second = (request.messages[0] for request in model.requests)
    assert first is second
    model.requests.clear()
    kept = weakref.ref(first)
    del first, second
    gc.collect()
    assert kept() is None


def test_fixed_instructions_are_one_message_in_all_runs():
    model = ScriptedModel(["one", "two"])
    agent = Agent(model, instructions=["Be brief.", "Be kind."])
    agent.run_sync("x")
    agent.run_sync("x")
    first, second = (request.messages[0] for request in model.requests)
    assert first is second


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({}, True),
        ({"instructions": ("Be brief.", "Be kind."), "tools": [now]}, True),
        ({"settings": Settings(temperature=0, tool_choice="auto"), "tools": [now]}, True),
        ({"instructions": lambda: "Be brief."}, False),
        ({"tools": lambda _: [now]}, False),
        ({"settings": lambda _: Settings()}, False),
        ({"settings": Settings(tool_choice="required"), "tools": [now]}, False),
    ],
)
def test_what_cannot_change_between_requests_is_made_once(fields, same):
    recipe = Agent(ScriptedModel(["done"]), **fields).recipe_for()
    assert (recipe.steady is not None) is same
    if recipe.steady is not None:
        texts = [message.content for message in recipe.steady.instructions]
        assert texts == (["Be brief.\n\nBe kind."] if "instructions" in fields else [])
        assert recipe.steady.blank is recipe.blank
