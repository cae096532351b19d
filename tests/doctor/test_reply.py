"""Deviations of plain answers, played by the fake endpoint."""

import pytest

from agentkit.doctor.call import ask_tools
from agentkit.doctor.output import ask_json
from agentkit.doctor.talk import ask_plain

ALIKE = {
    "untyped_parts": "content_parts",
    "empty_envelope": "no_envelope",
    "null_envelope": "no_envelope",
    "no_object": "no_envelope",
    "empty_finish_reason": "no_finish_reason",
    "finish_reason_absent": "no_finish_reason",
    "null_role": "no_role",
    "empty_role": "no_role",
    "reasoning_beside_total": "wrong_total",
}


@pytest.mark.parametrize(
    "quirk",
    [
        *("content_parts", "thinking_parts", "think_tags", "null_tool_calls", "empty_tool_calls", "no_finish_reason"),
        *("unknown_finish_reason", "no_envelope", "no_usage", "empty_error", "bom", "leading_whitespace"),
        *("sse_for_plain", "other_content_type", "no_content_type", "two_choices", *ALIKE),
        *("finish_model_length", "finish_max_tokens", "placeholder_calls", "other_counts"),
    ],
)
def test_a_deviation_of_a_text_is_named(asked, quirk):
    (finding,), patient = asked(ask_plain, quirks=[quirk])
    assert finding.verdict == "works"
    assert ALIKE.get(quirk, quirk) in patient.deviations


@pytest.mark.parametrize(
    "quirk",
    [
        *("no_id", "empty_id", "no_type", "null_type", "arguments_object", "null_arguments", "no_arguments"),
        *("empty_arguments", "cut_arguments", "double_encoded_arguments", "fenced_arguments", "trailing_junk"),
        *("function_call", "finish_stop_with_calls", "content_absent"),
    ],
)
def test_a_deviation_of_a_call_is_named(asked, quirk):
    _, patient = asked(ask_tools, quirks=[quirk])
    assert quirk in patient.deviations


def test_an_object_in_place_of_text_is_named(asked):
    (finding,), patient = asked(ask_json, quirks=["content_object"])
    assert (finding.seen, list(patient.deviations)) == ("one JSON object", ["content_object"])


def test_an_endpoint_that_keeps_the_contract_deviates_in_nothing(asked):
    _, patient = asked(ask_plain, ask_tools)
    assert patient.deviations == {}
