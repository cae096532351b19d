"""What a log says of two definitions of an agent: names of what differs, nothing of what it says."""

import pytest
from pydantic_core import from_json

from agentkit import Agent, Settings, tool
from agentkit.durable.definition import definition_of
from agentkit.durable.difference import differences
from agentkit.durable.record import line_of
from agentkit.testing import ScriptedModel


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
