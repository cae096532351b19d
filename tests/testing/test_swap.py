"""Models swapped below code that built its own agents."""

import asyncio

import pytest

from agentkit.agent import Agent, extract
from agentkit.errors import MissingKeyError
from agentkit.output import OutputSpec
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.testing.swap import swap_model
from agentkit.tools import tool

AGENT = Agent("openai:gpt-4o")


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_an_agent_asks_the_swapped_model_whatever_a_run_names():
    model = ScriptedModel(["one", "two", "three"])
    with swap_model(model, AGENT):
        assert AGENT.run_sync("Hi").output == "one"
        assert AGENT.run_sync("Hi", model="openai:gpt-5").output == "two"
        with AGENT.stream_sync("Hi") as stream:
            assert "".join(stream.text()) == "three"
    model.assert_complete()
    with pytest.raises(MissingKeyError):
        AGENT.run_sync("Hi")


def test_an_agent_that_ran_before_is_swapped_and_then_has_its_own_again():
    agent = Agent(ScriptedModel(["own", "own again"]))
    assert agent.run_sync("Hi").output == "own"
    with swap_model(ScriptedModel(["swapped"]), agent):
        assert agent.run_sync("Hi").output == "swapped"
    assert agent.run_sync("Hi").output == "own again"


def test_other_agents_keep_theirs_and_without_names_all_are_swapped():
    other = Agent(ScriptedModel(["other's own"]))
    with swap_model(ScriptedModel(["swapped"]), AGENT):
        assert other.run_sync("Hi").output == "other's own"

    @tool
    async def ask_another() -> str:
        return (await AGENT.run("Hi")).output

    asked = ScriptedModel([call("ask_another"), "inner", "outer", "7"])
    with swap_model(asked):
        assert Agent("groq:x", tools=[ask_another]).run_sync("Go").output == "outer"
        assert asyncio.run(extract(OutputSpec(int, mode="json"), "seven as JSON", model="openai:gpt-4o")) == 7
    asked.assert_complete()


def test_an_error_inside_ends_the_swap():
    with pytest.raises(KeyError), swap_model(ScriptedModel([])):
        raise KeyError
    with pytest.raises(MissingKeyError):
        AGENT.run_sync("Hi")
