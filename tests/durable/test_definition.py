"""What is written of an agent."""

import json

from pydantic import BaseModel

from agentkit import Agent, Settings, tool
from agentkit.durable.definition import definition_of
from agentkit.testing import ScriptedModel


@tool
def look(number: int) -> str:
    """Look."""
    return str(number)


class Receipt(BaseModel):
    """What was paid."""

    total: int


def test_an_agent_is_written_as_far_as_it_is_data():
    settings = Settings(temperature=0.5, extra_body={"top_k": 3}, extra_headers={"x-key": "secret"})
    agent = Agent(
        ScriptedModel([]), name="a", tools=[look], instructions=["Be brief.", lambda: "now"], settings=settings
    )
    written = definition_of(agent.recipe_for())
    assert written == {
        "name": "a",
        "model": "scripted",
        "instructions": ["Be brief."],
        "tools": {"look": look.definition},
        "output": "text",
        "settings": {"temperature": 0.5, "extra_body": {"top_k": 3}},
    }
    assert json.loads(json.dumps(written)) == written


def test_an_output_is_written_as_its_name_and_schema():
    written = definition_of(Agent(ScriptedModel([]), output=Receipt).recipe_for())["output"]
    assert written["name"] == "Receipt"
    assert written["schema"]["properties"] == {"total": {"type": "integer"}}
