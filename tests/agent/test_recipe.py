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
    assert agent.recipe_for() is agent.recipe_for()
    assert agent.recipe_for(settings=Settings(seed=1)) is not agent.recipe_for()


def test_retries_are_three_for_tools_and_two_for_outputs_unless_said():
    bounds = Agent(ScriptedModel([]), tools=[look]).recipe_for().bounds
    assert (bounds.tool_retries, bounds.default_tool_retries, bounds.output_retries) == (
        {"look": 7},
        TOOL_RETRIES,
        OUTPUT_RETRIES,
    )
    assert (TOOL_RETRIES, OUTPUT_RETRIES) == (3, 2)
    spec = OutputSpec(int, retries=0)
    assert Agent(ScriptedModel([]), output=spec).recipe_for().bounds.output_retries == 0


@pytest.mark.parametrize(
    ("mode", "field"), [("native", "response_format"), ("tool", "tools"), ("json", "response_format")]
)
def test_each_output_mode_asks_in_its_own_field(mode, field):
    model = ScriptedModel([])
    blank = Agent(model, output=OutputSpec(dict[str, int], mode=mode)).recipe_for().blank
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
    recipe = Agent(model, tools=tools, output=OutputSpec(int, mode="tool")).recipe_for()
    assert recipe.blank.tool_choice == choice


@pytest.mark.parametrize(
    ("mode", "formats", "taken"),
    [
        ("native", ("json_schema",), "native"),
        ("native", ("json_object",), "tool"),
        ("json", ("json_object",), "json"),
        ("json", (), "tool"),
        ("json", ("json_schema",), "native"),
        ("tool", (), "tool"),
        ("prompted", (), "prompted"),
    ],
)
def test_an_output_mode_whose_format_the_endpoint_does_not_take_gives_way(mode, formats, taken):
    model = ChatModel("m", profile=Profile(output_mode=mode, response_formats=formats))
    assert Agent(model, output=int).recipe_for().mode == taken


@pytest.mark.parametrize(
    ("formats", "taken"),
    [(("json_schema", "json_object"), "native"), (("json_object",), "json"), ((), "prompted")],
)
def test_an_endpoint_without_tools_is_asked_by_the_best_format_it_takes(formats, taken):
    model = ChatModel("m", profile=Profile(output_mode="tool", tools=False, response_formats=formats))
    assert Agent(model, output=int).recipe_for().mode == taken


@pytest.mark.parametrize(
    ("mode", "fields", "tools", "taken", "last"),
    [
        ("native", {}, [], "native", False),
        ("native", {}, [look], "tool", False),
        ("json", {}, [look], "tool", False),
        ("native", {"formats_with_tools": True}, [look], "native", False),
        ("native", {"tool_choices": ("auto",)}, [look], "native", True),
        ("json", {"tool_choices": ("auto", "function")}, [look], "json", True),
        ("tool", {"tool_choices": ("auto",)}, [look], "tool", False),
        ("prompted", {"tool_choices": ("auto",)}, [look], "prompted", False),
    ],
)
def test_beside_tools_the_mode_is_one_that_leaves_them_callable(mode, fields, tools, taken, last):
    model = ChatModel("m", profile=Profile(output_mode=mode, **fields))
    recipe = Agent(model, tools=tools, output=int).recipe_for()
    assert (recipe.mode, recipe.final is not None) == (taken, last)
    assert (recipe.blank.response_format is None) == (last or taken in ("tool", "prompted"))


def test_a_mode_that_was_said_is_taken_whatever_the_profile_says():
    model = ChatModel("m", profile=Profile(output_mode="tool", response_formats=()))
    recipe = Agent(model, tools=[look], output=OutputSpec(int, mode="native")).recipe_for()
    assert (recipe.mode, recipe.final.response_format.type, recipe.final.tools) == ("native", "json_schema", ())


def test_a_model_without_a_profile_is_asked_for_both_at_once():
    recipe = Agent(ScriptedModel([]), tools=[look], output=int).recipe_for()
    assert (recipe.mode, recipe.final, recipe.blank.response_format.type) == ("native", None, "json_schema")


def test_the_recipe_is_made_again_where_the_model_has_learned_what_concerns_the_output():
    model = ScriptedModel([])
    model.profile = Profile(output_mode="native")
    agent, text = Agent(model, output=int), Agent(model)
    before = agent.recipe_for(), text.recipe_for()
    model.profile = model.profile.replace(response_formats=())
    after = agent.recipe_for(), text.recipe_for()
    assert (before[0].mode, after[0].mode) == ("native", "tool")
    assert after[0] is agent.recipe_for()
    assert after[1] is before[1]


def test_a_tool_that_is_not_sent_takes_no_room():
    model = ScriptedModel(["done"])
    Agent(model).run_sync("x")
    assert b"tools" not in model.requests[0].encode()
