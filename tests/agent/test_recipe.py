"""What a run needs of an agent's fields, made once."""

import pytest

from agentkit.agent import Agent
from agentkit.agent.recipe import OUTPUT_RETRIES, TOOL_RETRIES
from agentkit.http import ChatModel, Profile
from agentkit.output import OutputSpec
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.setting import Settings


@tool(retries=7)
def look(city: str) -> str:
    return city


def test_tools_are_encoded_once_and_their_bytes_sent():
    model = ScriptedModel(["a", "b"])
    agent = Agent(model, tools=[look])
    agent.run_sync("x")
    agent.run_sync("y")
    first, second = (request.tools for request in model.requests)
    assert first is second
    assert first[0].encoded is look.encoded


def test_the_recipe_is_kept_for_runs_that_change_nothing():
    agent = Agent(ScriptedModel([]))
    assert agent._recipe_for(None, None, None) is agent._recipe_for(None, None, None)
    assert agent._recipe_for(None, Settings(seed=1), None) is not agent._recipe_for(None, None, None)


def test_retries_are_three_for_tools_and_two_for_outputs_unless_said():
    bounds = Agent(ScriptedModel([]), tools=[look])._recipe_for(None, None, None).bounds
    assert (bounds.tool_retries, bounds.default_tool_retries, bounds.output_retries) == (
        {"look": 7},
        TOOL_RETRIES,
        OUTPUT_RETRIES,
    )
    assert (TOOL_RETRIES, OUTPUT_RETRIES) == (3, 2)
    spec = OutputSpec(int, retries=0)
    assert Agent(ScriptedModel([]), output=spec)._recipe_for(None, None, None).bounds.output_retries == 0


@pytest.mark.parametrize(
    ("mode", "field"), [("native", "response_format"), ("tool", "tools"), ("json", "response_format")]
)
def test_each_output_mode_asks_in_its_own_field(mode, field):
    model = ScriptedModel([])
    blank = Agent(model, output=OutputSpec(dict[str, int], mode=mode))._recipe_for(None, None, None).blank
    assert getattr(blank, field)


@pytest.mark.parametrize(
    ("forms", "tools", "choice"),
    [
        (("none", "auto", "required"), [look], "required"),
        (("none", "auto", "function"), [], "required"),
        (("none", "auto", "function"), [look], "auto"),
        (("none", "auto"), [], "auto"),
    ],
)
def test_the_outputs_tool_is_forced_only_where_the_endpoint_takes_that(forms, tools, choice):
    model = ChatModel("m", profile=Profile(tool_choices=forms))
    recipe = Agent(model, tools=tools, output=OutputSpec(int, mode="tool"))._recipe_for(None, None, None)
    assert recipe.blank.tool_choice == choice


@pytest.mark.parametrize(
    ("mode", "formats", "taken"),
    [
        ("native", ("json_schema",), "native"),
        ("native", ("json_object",), "tool"),
        ("json", ("json_object",), "json"),
        ("json", (), "prompted"),
        ("tool", (), "tool"),
    ],
)
def test_an_output_mode_whose_format_the_endpoint_does_not_take_gives_way(mode, formats, taken):
    model = ChatModel("m", profile=Profile(output_mode=mode, response_formats=formats))
    assert Agent(model, output=int)._recipe_for(None, None, None).mode == taken


def test_a_tool_that_is_not_sent_takes_no_room():
    model = ScriptedModel(["done"])
    Agent(model).run_sync("x")
    assert b"tools" not in model.requests[0].encode()
