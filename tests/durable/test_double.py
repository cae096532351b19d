"""What stands in for the world while a run is replayed."""

import asyncio

import pytest
from pydantic import BaseModel

from agentkit import Agent, OutputSpec, errors
from agentkit.agent.recipe import mode_of
from agentkit.agent.run import Run, context_of
from agentkit.durable.double import Answers, Endpoint, Silent, endpoints_of, judged
from agentkit.model import Model
from agentkit.output import OutputPlan
from agentkit.output.parse import Rejected
from agentkit.state import RunState
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.message import UserMessage
from agentkit.wire.request import ChatRequest

NEVER = "A replay asks no model: the recorded replies stand."


class Receipt(BaseModel):
    """What was paid."""

    total: int


def test_the_model_that_stands_in_is_one_and_never_answers():
    model, request = Silent(), ChatRequest(messages=(UserMessage(content="Hi"),))
    assert isinstance(model, Model)

    async def stream():
        return [chunk async for chunk in model.stream(request)]

    for asked in (model.complete(request), stream()):
        with pytest.raises(errors.RunError) as caught:
            asyncio.run(asked)
        assert str(caught.value) == NEVER


@pytest.mark.parametrize(
    ("form", "modes"),
    [
        ({"type": "json_schema"}, {"native"}),
        ({"type": "json_object"}, {"json"}),
        (None, {"tool", "prompted", "native", "json"}),
    ],
)
def test_a_request_says_which_ways_its_endpoint_took(form, modes):
    found = list(endpoints_of({} if form is None else {"response_format": form}))
    assert {endpoint.output_mode for endpoint in found} == modes
    assert len(set(found)) == len(found) == 6 * len(modes)


@pytest.mark.parametrize("mode", ["native", "tool", "json", "prompted"])
def test_an_agent_asks_in_the_way_that_an_endpoint_took(mode):
    assert mode_of(OutputPlan.of(Receipt), Endpoint(mode), Toolbox()) == mode


def test_a_call_is_noted_and_not_carried_out():
    answers = Answers({"a": "{}"}, {"b": "It was begun."})
    assert answers.begun(None, "a") == "{}"
    assert answers.begun(None, "b") is None
    assert answers.unknown(None, "b", None) == "It was begun."
    assert answers.unknown(None, "a", None) is None
    assert answers.ran == {}


def verdict(output, reason, text='{"total": 3}'):
    plan = judged(OutputPlan.of(output), lambda given: reason if given == text else None)
    return asyncio.run(plan.finish(plan.read(text), context_of(Run(Agent().recipe_for(Silent()), RunState()))))


def test_a_recorded_verdict_stands_in_the_place_of_the_outputs_own_code():
    called = []

    def validator(receipt):
        called.append(receipt)
        return receipt

    def store(total: int) -> int:
        """Store it."""
        called.append(total)
        return total

    for output in (OutputSpec(Receipt, validators=[validator]), store):
        assert verdict(output, None) is not None
        with pytest.raises(Rejected, match="Too much"):
            verdict(output, "Too much.")
    assert called == []


def test_without_code_of_its_own_an_output_is_what_its_type_says():
    assert verdict(Receipt, "Too much.") == Receipt(total=3)
    with pytest.raises(Rejected):
        verdict(Receipt, None, '{"total": "x"}')
