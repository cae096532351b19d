"""The tool of a handoff carries its agent and filter; what a run does with it is in test_handoff."""

from agentkit import Agent, handoff
from agentkit.agent.handoff import Handoff
from agentkit.session import LastTurns


def test_a_handoffs_tool_knows_its_agent_and_filter():
    window = LastTurns(2)
    billing = Agent("x", name="billing")
    made = handoff(billing, filter=window).function
    assert isinstance(made, Handoff)
    assert (made.target, made.filter, made.is_late) == (billing, window, False)


def test_a_function_is_asked_for_the_agent_when_it_is_needed():
    asked = []

    def later():
        asked.append(1)
        return Agent("x", name="billing")

    made = handoff(later, name="transfer").function
    assert (made.is_late, asked) == (True, [])
    assert (made.target.name, asked) == ("billing", [1])
