"""Deviations that both forms of an answer share."""

import pytest

from agentkit.doctor.deviation import (
    DONE,
    Deviation,
    in_arguments,
    in_calls,
    in_envelope,
    in_finish,
    in_kind,
    in_message,
    in_usage,
)
from agentkit.wire import ChatCompletion

CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def names(found):
    return [deviation.name for deviation in found]


def reply(arguments, finish="tool_calls"):
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return ChatCompletion.parse({"choices": [{"index": 0, "message": message, "finish_reason": finish}]})


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ('{"a": 1}', []),
        ("", []),  # told by the raw call
        ("```json\n{}\n```", ["fenced_arguments"]),
        ('"{}"', ["double_encoded_arguments"]),
        ('{"a": ', ["cut_arguments"]),
        ("{}{}", ["trailing_junk"]),
        ('{"a": 1, "a": 2}', ["unusable_arguments"]),
    ],
)
def test_arguments_are_judged_by_what_would_be_run(arguments, found):
    assert names(in_arguments(reply(arguments))) == found


def test_arguments_that_our_own_limit_cut_are_no_deviation():
    assert names(in_arguments(reply('{"a": ', "length"))) == []
    assert names(in_arguments(reply('{"a": ', "model_length"))) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"id": None}, ["no_id"]),
        ({"id": ""}, ["empty_id"]),
        ({"id": 7}, ["number_id"]),
        ({"type": None}, ["null_type"]),
        ({"function": {"arguments": {}}}, ["arguments_object"]),
        ({"function": {"arguments": None}}, ["null_arguments"]),
        ({"function": {"arguments": ""}}, ["empty_arguments"]),
        ({"function": {}}, ["no_arguments"]),
        ({"function": None, "name": "f"}, ["flat_call"]),
    ],
)
def test_calls_are_judged_by_their_ids_types_and_forms(changes, found):
    assert names(in_calls([{**CALL, **changes}])) == found


def test_calls_that_share_an_id_are_seen():
    assert list(in_calls([CALL, CALL])) == [Deviation("same_id", "2 calls share the id 'a'")]


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ({"content": "Hi"}, []),
        ({"content": [{"type": "text", "text": "Hi"}]}, ["content_parts"]),
        ({"content": [{"type": "thinking", "thinking": []}]}, ["thinking_parts"]),
        ({"content": {"a": 1}}, ["content_object"]),
        ({"content": "<think>Hm</think>Hi"}, ["think_tags"]),
        ({"function_call": {"name": "f", "arguments": "{}"}}, ["function_call"]),
        ({"function_call": {"name": "", "arguments": ""}}, []),
    ],
)
def test_a_message_is_judged_by_the_form_of_its_text(message, found):
    assert names(in_message(message)) == found


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, []),
        (None, ["no_usage"]),
        ({"prompt_tokens": 1, "completion_tokens": None, "total_tokens": 3}, ["null_usage_counts"]),
        ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 9}, ["wrong_total"]),
        ({"input_tokens": 1, "output_tokens": 2}, ["other_counts"]),
    ],
)
def test_usage_is_judged_by_its_three_counts(usage, found):
    assert names(in_usage(usage)) == found


def test_the_end_and_the_envelope_are_judged():
    assert names(in_finish(None, calls=False)) == ["no_finish_reason"]
    assert names(in_finish("eos", calls=False)) == ["unknown_finish_reason"]
    assert names(in_finish({"type": "stop"}, calls=False)) == ["unknown_finish_reason"]
    assert names(in_finish("null", calls=False)) == ["finish_null"]
    assert names(in_finish("model_length", calls=False)) == ["finish_model_length"]
    assert names(in_finish("model_context_window_exceeded", calls=False)) == ["finish_max_tokens"]
    assert names(in_finish("stop", calls=True)) == ["finish_stop_with_calls"]
    assert names(in_finish("stop", calls=False)) == []
    assert list(in_envelope({"id": "x", "object": "chat.completion", "error": {}})) == [
        Deviation("no_envelope", "without created, model"),
        Deviation("empty_error", "an empty `error` beside the reply"),
    ]


def test_the_content_type_is_judged():
    assert names(in_kind({}, "json")) == ["no_content_type"]
    assert names(in_kind({"content-type": "text/html"}, "json")) == ["other_content_type"]
    assert names(in_kind({"content-type": "application/json; charset=utf-8"}, "json")) == []


def test_each_deviation_says_what_is_done_about_it():
    assert all(done for done in DONE.values())
