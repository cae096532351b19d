"""Deviations of streams, played by the fake endpoint."""

import pytest

from agentkit.doctor.call import ask_streamed_calls
from agentkit.doctor.stream import in_error
from agentkit.doctor.talk import ask_stream, ask_usage


@pytest.mark.parametrize(
    "quirk",
    [
        *("no_done", "done_then_more", "comments", "crlf", "several_data_lines", "other_fields", "no_role"),
        *("data_without_space", "choices_null", "empty_choices_first", "delta_null", "role_repeated", "finish_early"),
        *("null_content_deltas", "json_for_stream", "leading_whitespace", "bom", "no_envelope", "think_tags"),
        *("delta_after_finish", "two_choices", "no_content_type", "no_finish_reason", "no_blank_lines"),
        *("finish_null", "finish_model_length", "finish_max_tokens", "placeholder_calls", "message_again"),
    ],
)
def test_a_deviation_of_a_streamed_text_is_named(asked, quirk):
    (finding,), patient = asked(ask_stream, quirks=[quirk])
    assert finding.verdict == "works"
    assert quirk in patient.deviations


@pytest.mark.parametrize(
    "quirk",
    [
        *("no_index", "shared_index", "whole_calls", "name_repeated", "name_split", "interleaved_calls", "late_id"),
        *("no_id", "empty_id", "same_id", "no_type", "arguments_object", "cut_arguments", "function_call"),
        *("finish_stop_with_calls", "null_arguments"),
    ],
)
def test_a_deviation_of_streamed_calls_is_named(asked, quirk):
    (finding,), patient = asked(ask_streamed_calls, quirks=[quirk])
    assert finding.verdict == "works"
    assert quirk in patient.deviations


@pytest.mark.parametrize(
    ("quirk", "seen"),
    [
        ("new_ids", {"new_ids": "each piece of a call has another id"}),
        ("shared_index", {"shared_index": "calls with different ids share an index"}),
        ("no_index_in_pieces", {"no_index": "pieces of calls without an index"}),
        (
            "arguments_told_again",
            {"arguments_told_again": "the whole arguments of a call come again after their pieces"},
        ),
        (
            "cumulative_arguments",
            {"cumulative_arguments": "each piece of a call has all its arguments so far"},
        ),
        ("message_again", {"message_again": "the whole message comes again after its deltas"}),
        ("placeholder_calls", {"placeholder_calls": "an empty object stands among the calls"}),
    ],
)
def test_the_pieces_of_calls_are_put_together_before_they_are_judged(asked, quirk, seen):
    _, patient = asked(ask_streamed_calls, quirks=[quirk])
    assert patient.deviations == seen


def test_lines_without_blank_ones_between_are_not_taken_for_one_event(asked):
    _, patient = asked(ask_stream, quirks=["no_blank_lines"])
    assert patient.deviations == {"no_blank_lines": "no blank lines between the events"}


@pytest.mark.parametrize("quirk", ["no_usage", "usage_every_chunk", "usage_with_choices"])
def test_a_deviation_of_streamed_usage_is_named(asked, quirk):
    _, patient = asked(ask_usage, quirks=[quirk])
    assert quirk in patient.deviations


@pytest.mark.parametrize(
    ("quirk", "seen"),
    [
        ("usage_split", "the counts of usage stand in 2 chunks"),
        ("usage_in_choice", "usage stands in a choice"),
        ("other_counts", "usage counts `input_tokens` and `output_tokens`"),
    ],
)
def test_usage_in_another_form_is_named_and_nothing_else(asked, quirk, seen):
    _, patient = asked(ask_usage, quirks=[quirk])
    assert patient.deviations == {quirk: seen}


def test_usage_that_comes_unasked_is_named(asked):
    _, patient = asked(ask_stream, quirks=["usage_every_chunk"])
    assert patient.deviations["usage_unasked"] == "usage comes unasked"


def test_usage_in_a_field_of_its_own_is_not_missed(asked):
    (finding,), patient = asked(ask_usage, quirks=["groq_usage"])
    assert "tokens in" in finding.seen
    assert "no_usage" not in patient.deviations


@pytest.mark.parametrize("quirk", ["error_mid_stream", "error_event", "error_line"])
def test_an_error_in_a_stream_is_named_and_nothing_is_concluded(asked, quirk):
    (finding,), patient = asked(ask_stream, quirks=[quirk])
    assert not finding.is_met
    assert list(patient.deviations) == [quirk]


def test_a_clean_stream_deviates_in_nothing(asked):
    _, patient = asked(ask_stream, ask_usage, ask_streamed_calls)
    assert patient.deviations == {}


def test_an_error_in_a_document_is_named():
    assert in_error(b'{"error": {}}').name == "error_in_200"
