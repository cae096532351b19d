"""Effects are plain values: comparable, frozen, made without a run."""

import dataclasses

import pytest

from agentkit.agent.effect import Checked, Finished, Paused, Prepare, Turn
from agentkit.state import RunState
from agentkit.tools import Toolbox

STATE = RunState(run_id="r")


def test_effects_and_ends_are_values():
    assert Prepare(STATE) == Prepare(RunState(run_id="r"))
    assert Finished(STATE, 1) != Finished(STATE, 2)
    assert Checked(STATE, valid=False).output is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        Paused(STATE).state = None


def test_a_turn_has_no_instructions_tools_or_fields_by_default():
    turn = Turn()
    assert (turn.instructions, len(turn.toolbox), turn.blank.set_fields()) == ((), 0, {"messages": ()})
    assert isinstance(turn.toolbox, Toolbox)
