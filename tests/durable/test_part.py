"""What a worker is given, there and back."""

import pytest

from agentkit import RunLimits, Settings
from agentkit.durable.part import Part, model_name, number_of, plain_terms
from agentkit.errors import ConfigurationError, UnknownModelError
from agentkit.state.decision import Deny, Give
from agentkit.testing import ScriptedModel
from agentkit.wire.message import UserMessage


def test_a_part_goes_through_json_as_it_was():
    part = Part(
        agent="demo",
        run_id="order-1",
        number=2,
        history=(UserMessage(content="before").to_dict(),),
        prompt=UserMessage(content="go").to_dict(),
        settings=Settings(temperature=0.5).to_dict(),
        limits=plain_terms(limits=RunLimits(turns=3))["limits"],
        decisions=Part.plain_decisions({"a": True, "b": Deny("No."), "c": Give({"x": 1})}),
        streamed=True,
        model="openai:gpt-4o-mini",
        budget="demo/may",
    )
    read = Part.from_json(part.to_json())
    assert read.id == "order-1/2"
    assert (read.said, [message.content for message in read.messages]) == ("go", ["before"])
    assert read.terms == (Settings(temperature=0.5), RunLimits(turns=3))
    assert [type(one).__name__ for one in read.decided.values()] == ["Approve", "Deny", "Give"]
    assert (read.streamed, read.model, read.budget) == (True, "openai:gpt-4o-mini", "demo/may")


def test_what_a_later_release_added_is_left_out():
    assert Part.from_json('{"agent": "demo", "run_id": "order-1", "later": 1}') == Part(agent="demo", run_id="order-1")


def test_the_first_part_has_the_id_of_the_run():
    assert Part(agent="demo", run_id="order-1").id == "order-1"
    assert [number_of(one) for one in ("order-1", "order-1/12")] == [1, 12]


def test_a_model_is_given_by_its_name(monkeypatch):
    assert [model_name(one) for one in (None, " openai:gpt-4o-mini ")] == ["", "openai:gpt-4o-mini"]
    monkeypatch.setenv("OPENAI_BASE_URL", "no address")
    assert model_name("openai:gpt-4o-mini") == "openai:gpt-4o-mini"  # at the workers it may be one
    with pytest.raises(UnknownModelError):
        model_name("gpt-4o-mini")
    with pytest.raises(ConfigurationError) as caught:
        model_name(ScriptedModel([]))
    assert str(caught.value) == (
        "The model of a run that goes through a database is a ScriptedModel, an object of this process alone. Give its "
        'name, model="openai:gpt-4o-mini", or give it to the agent, at the workers.'
    )


def test_settings_are_kept_whole_with_what_is_switched_off_and_what_is_not_of_the_contract():
    settings = Settings(temperature=None, extra_body={"top_k": 3}, check_contract=False)
    part = Part(agent="demo", run_id="order-1", **plain_terms(settings=settings))
    assert Part.from_json(part.to_json()).terms == (settings, None)
    assert Part.from_json(part.to_json()).terms[0].model_fields_set == settings.model_fields_set


@pytest.mark.parametrize("budget", [RunLimits(requests=5), 5, None])
def test_a_budget_that_is_no_name_of_a_maps_is_refused(budget):
    with pytest.raises(ConfigurationError) as caught:
        Part(agent="demo", run_id="a", budget=budget)
    assert str(caught.value) == (
        f"The budget of a submitted run is {budget!r:.100}, and not the name of a map's. Bound one run by `limits=`, "
        "and many by `agent.map(inputs, durable=..., budget=...)`, which names its own."
    )
