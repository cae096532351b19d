"""The agent that the options describe."""

import pytest

from agentkit.cli.choice import Choice
from agentkit.errors import UnknownModelError
from agentkit.testing import FakeEndpoint, call


def test_without_a_model_the_ways_to_name_one_are_told(here):
    with pytest.raises(UnknownModelError) as caught:
        Choice().agent()
    assert str(caught.value) == (
        "No model is named. Write --model provider:model or set AGENTKIT_MODEL=provider:model; "
        "without a key and network: --model local."
    )


def test_the_environment_names_the_model_where_the_option_does_not(here, monkeypatch):
    with FakeEndpoint(replies=["Hi.", "Hi."]) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        monkeypatch.setenv("AGENTKIT_MODEL", "openai:one")
        Choice().agent().run_sync("Hello")
        Choice("openai:two").agent().run_sync("Hello")
    assert [request.body["model"] for request in endpoint.requests] == ["one", "two"]


def test_tools_instructions_output_and_turns_reach_the_run(here, monkeypatch):
    with FakeEndpoint(replies=[call("get_weather", {"city": "Oslo"}), '{"city": "Oslo", "degrees": 4}']) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        choice = Choice("openai:fake", ["weather:get_weather"], "Be brief.", "weather:Report", 2)
        result = choice.agent().run_sync("Weather in Oslo?")
    assert (result.output.city, result.output.degrees) == ("Oslo", 4)
    request = endpoint.requests[0].body
    assert request["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [tool["function"]["name"] for tool in request["tools"]] == ["get_weather"]
