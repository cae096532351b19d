"""The fields of an agent that are checked at once; how a model is found is in `test_agent`."""

import pytest

from agentkit.agent.field import check_fields, model_of
from agentkit.errors import ConfigurationError, UnknownModelError
from agentkit.testing.scripted import ScriptedModel


def test_a_model_is_taken_as_it_is():
    model = ScriptedModel([])
    assert model_of(model) is model


def test_what_is_no_model_is_told():
    with pytest.raises(UnknownModelError) as refused:
        model_of(7)
    assert str(refused.value) == (
        "A model of type int lacks `name`, `complete` or `stream`. "
        'Give a name, `"provider:model"`, or a `ChatModel(...)`.'
    )


def test_what_cannot_be_a_field_is_refused():
    with pytest.raises(ConfigurationError, match="on_tool_error is 'never', which is unknown"):
        check_fields("never", ())
    with pytest.raises(ConfigurationError, match="'x' is no middleware"):
        check_fields("report", ("x",))
