"""What is written of an agent, and what a log says of two definitions: the names of what differs, and no more."""

import json

import pytest
from pydantic import BaseModel
from pydantic_core import from_json

from agentkit import Agent, Settings, tool
from agentkit.durable.definition import definition_of, differences
from agentkit.durable.record import line_of
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


@tool
def pay(to: str) -> str:
    """Pay somebody."""
    return to


def defined(**fields):
    return definition_of(Agent(ScriptedModel([]), **{"tools": [pay], "name": "clerk", **fields}).recipe_for())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, []),
        ({"name": None}, ["name 'clerk', now None"]),
        ({"instructions": "Be brief, and keep the secret."}, ["instructions"]),
        ({"tools": []}, ["tool 'pay' is gone"]),
        ({"tools": [pay.replace(name="charge")]}, ["tool 'charge' is new", "tool 'pay' is gone"]),
        ({"tools": [pay.replace(description="Charge.")]}, ["tool 'pay' is another"]),
        ({"output": int}, ["output"]),
        ({"settings": Settings(temperature=0.5)}, ["setting 'temperature' is new"]),
    ],
)
def test_each_part_that_differs_is_named(fields, said):
    assert differences(defined(), defined(**fields)) == said


def test_what_was_read_from_a_file_is_the_same():
    now = defined(settings=Settings(temperature=0.5, stop=["a"]), output=list[int])
    assert differences(from_json(line_of(now)), now) == []


def test_a_setting_that_was_changed_is_named():
    then, now = (defined(settings=Settings(temperature=heat)) for heat in (0.1, 0.2))
    assert differences(then, now) == ["setting 'temperature' is another"]


def test_a_beginning_that_says_nothing_of_the_agent_differs_in_all():
    assert differences({}, defined())[-1] == "tool 'pay' is new"


@pytest.mark.parametrize("tools", [[{"pay": 1}], "pay", None, 5])
def test_tools_that_another_hand_wrote_are_none(tools):
    then = from_json(line_of(defined()))
    assert differences({**then, "tools": tools}, defined()) == ["tool 'pay' is new"]
