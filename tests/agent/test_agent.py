"""The agent as a value: what it is made of, how it is changed, which model it asks."""

import asyncio

import pytest

from agentkit.agent import Agent, Middleware
from agentkit.errors import ConfigurationError, InvalidRequestError, ToolDefinitionError, UnknownModelError
from agentkit.state import RunLimits
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Toolbox, tool
from agentkit.wire.setting import Settings


def now() -> str:
    """Tell the time."""
    return "noon"


def test_plain_functions_tools_and_toolboxes_serve():
    assert Agent(tools=[now]).toolbox.names == ("now",)
    assert Agent(tools=[tool(now)]).toolbox.names == ("now",)
    box = Toolbox([now])
    assert Agent(tools=box).toolbox is box


def test_a_function_that_cannot_be_a_tool_is_refused_when_the_agent_is_made():
    def look(city): ...

    with pytest.raises(ToolDefinitionError):
        Agent(tools=[look])


def test_without_a_model_the_ways_to_name_one_are_told(monkeypatch):
    monkeypatch.delenv("AGENTKIT_MODEL", raising=False)
    with pytest.raises(UnknownModelError) as caught:
        Agent().run_sync("x")
    assert str(caught.value) == (
        'No model is named. Write `Agent("provider:model")` or `agent.run(..., model="provider:model")`, '
        'or set AGENTKIT_MODEL=provider:model. Without a key and network: `Agent("local")`.'
    )


def test_the_environment_names_the_model_at_the_run(monkeypatch):
    agent = Agent()
    monkeypatch.setenv("AGENTKIT_MODEL", "nobody:m")
    with pytest.raises(UnknownModelError, match=r"^There is no provider 'nobody'\."):
        agent.run_sync("x")


def test_a_run_may_ask_another_model_with_other_settings_and_limits():
    own, other = ScriptedModel(["own"]), ScriptedModel(["other"])
    agent = Agent(own, settings=Settings(temperature=0.5, seed=1))
    assert agent.run_sync("x", model=other, settings=Settings(temperature=1.5)).output == "other"
    assert agent.run_sync("x").output == "own"
    assert (other.requests[0].temperature, other.requests[0].seed) == (1.5, 1)
    assert (own.requests[0].temperature, own.requests[0].seed) == (0.5, 1)


def test_a_run_may_switch_off_what_the_agent_set():
    model = ScriptedModel(["a", "b"])
    agent = Agent(model, settings=Settings(temperature=0.5, seed=1))
    agent.run_sync("x", settings=Settings(temperature=None))
    agent.run_sync("x")
    assert [(request.temperature, request.seed) for request in model.requests] == [(None, 1), (0.5, 1)]


def test_settings_that_are_a_dict_are_refused_at_once():
    with pytest.raises(InvalidRequestError) as caught:
        Agent(ScriptedModel([]), settings={"temperature": 1})
    assert str(caught.value) == "Settings are given as {'temperature': 1}, a dict. Write Settings(temperature=0.2)."


def test_an_agent_is_changed_by_copies():
    agent = Agent(ScriptedModel(["one"]), tools=[now], instructions="Be brief.", name="first")
    other = agent.replace(model=ScriptedModel(["two"]), name="second", instructions=None)
    assert (agent.name, other.name) == ("first", "second")
    assert other.toolbox is agent.toolbox
    assert (agent.run_sync("x").output, other.run_sync("x").output) == ("one", "two")


def test_an_agent_shows_what_it_is_made_of():
    assert repr(Agent("openai:gpt-4o-mini", tools=[now], name="clock")) == (
        "Agent(name='clock', model='openai:gpt-4o-mini', tools=['now'], output='str')"
    )


def test_an_agent_whose_tools_are_chosen_shows_by_what_and_has_none_of_its_own():
    def choose(context):
        return [now]

    agent = Agent("openai:gpt-4o-mini", tools=choose, settings=lambda context: None)
    assert repr(agent) == (
        "Agent(model='openai:gpt-4o-mini', "
        "tools='test_an_agent_whose_tools_are_chosen_shows_by_what_and_has_none_of_its_own.<locals>.choose', "
        "output='str')"
    )
    assert agent.toolbox.names == ()
    model = ScriptedModel(["done"])
    assert agent.replace(model=model, name="x").run_sync("x").output == "done"
    assert [one.function.name for one in model.requests[0].tools] == ["now"]


def test_a_tool_that_bears_the_outputs_name_is_refused():
    from agentkit.output import OutputSpec

    @tool(name="final_result")
    def taken() -> str:
        return ""

    with pytest.raises(ConfigurationError) as caught:
        Agent(ScriptedModel([]), tools=[taken], output=OutputSpec(dict[str, int], mode="tool")).run_sync("x")
    assert str(caught.value) == (
        "Tool 'final_result' bears the name of the tool that gives the output. "
        "Rename it, or name the output: `OutputSpec(Type, name=...)`."
    )


def test_one_agent_serves_several_loops_one_after_another():
    agent = Agent(ScriptedModel(["done"] * 3), limits=RunLimits(turns=5))
    assert [asyncio.run(agent.run("x")).output for _ in range(3)] == ["done"] * 3


@pytest.mark.parametrize("wrong", [5, object(), len])
def test_what_is_no_model_is_refused(wrong):
    with pytest.raises(UnknownModelError) as caught:
        Agent(wrong).run_sync("x")
    assert str(caught.value) == (
        f"A model of type {type(wrong).__name__} lacks `name`, `complete` or `stream`. "
        'Give a name, `"provider:model"`, or a `ChatModel(...)`.'
    )


def test_a_policy_on_tool_errors_that_does_not_exist_is_refused_when_the_agent_is_made():
    with pytest.raises(ConfigurationError) as caught:
        Agent(on_tool_error="ignore")
    assert str(caught.value) == (
        "on_tool_error is 'ignore', which is unknown. "
        'Give "report", "raise", or a function of the call and the exception.'
    )


def test_a_class_in_the_place_of_a_middleware_is_refused_when_the_agent_is_made():
    with pytest.raises(ConfigurationError) as caught:
        Agent(middleware=[Middleware])
    assert str(caught.value) == (
        f"{Middleware!r} is no middleware. Give objects of subclasses of `agentkit.agent.Middleware`."
    )
