import dataclasses

import pytest

from agentkit.errors import ConfigurationError
from agentkit.output import OutputSpec


def test_a_spec_is_a_frozen_value():
    spec = OutputSpec(int, "tool", name="n", description="d", strict=True, retries=0, validators=[abs])

    assert spec == OutputSpec(int, mode="tool", name="n", description="d", strict=True, retries=0, validators=(abs,))
    assert (spec.type, spec.mode, spec.validators) == (int, "tool", (abs,))
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.mode = "json"


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"mode": "xml"}, "Output mode 'xml' is unknown. The modes are: auto, native, tool, json, prompted."),
        (
            {"name": "my output"},
            "'my output' is no name for an output: the contract allows 1 to 64 letters, digits, `_` and `-`.",
        ),
        ({"retries": -1}, "Output retries are -1. Give 0 or more, or None for the agent's own."),
    ],
)
def test_what_cannot_work_is_refused_at_once(how, text):
    with pytest.raises(ConfigurationError) as caught:
        OutputSpec(int, **how)

    assert str(caught.value) == text
