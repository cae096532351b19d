import json
from inspect import getdoc
from pathlib import Path

import pytest

from agentkit.errors import InvalidResponseError
from agentkit.wire import ChatCompletion
from agentkit.wire.deviation import CALL, CHOICE, ENVELOPE, MESSAGE, WHOLE_MESSAGE
from agentkit.wire.repair import MOST_CALLS

FUNCTION = {"name": "f", "arguments": '{"x":1}'}
OURS = "call_"


def reply(message, **fields):
    return {"choices": [{"index": 0, "message": message}], **fields}


def read(message, **fields):
    return ChatCompletion.parse(reply(message, **fields)).message


def calls(*given, **fields):
    return [
        (c.id, c.type, c.function.name, c.function.arguments)
        for c in read({"content": None, "tool_calls": list(given), **fields}).tool_calls
    ]


CALL_QUIRKS = {
    "id is a number": ({"id": 0, "type": "function", "function": FUNCTION}, ("0", "function", "f", '{"x":1}')),
    "type missing": ({"id": "a", "function": FUNCTION}, ("a", "function", "f", '{"x":1}')),
    "type null": ({"id": "a", "type": None, "function": FUNCTION}, ("a", "function", "f", '{"x":1}')),
    "arguments an object": (
        {"id": "a", "function": {"name": "f", "arguments": {"x": [1, "é"], "y": None}}},
        ("a", "function", "f", '{"x": [1, "é"], "y": null}'),
    ),
    "arguments null": ({"id": "a", "function": {"name": "f", "arguments": None}}, ("a", "function", "f", "")),
    "arguments missing": ({"id": "a", "function": {"name": "f"}}, ("a", "function", "f", "")),
    "arguments cut": (
        {"id": "a", "type": None, "function": {"name": "f", "arguments": '{"x": "1'}},
        ("a", "function", "f", '{"x": "1'),
    ),
    "arguments twice encoded": (
        {"id": "a", "type": None, "function": {"name": "f", "arguments": '"{\\"x\\":1}"'}},
        ("a", "function", "f", '"{\\"x\\":1}"'),
    ),
    "name null": ({"id": "a", "function": {"name": None, "arguments": "{}"}}, ("a", "function", "", "{}")),
    "function missing": ({"id": "a", "type": "function"}, ("a", "function", "", "")),
    "flat, as Cloudflare has it": ({"id": "a", "name": "f", "arguments": {"x": 1}}, ("a", "function", "f", '{"x": 1}')),
    "custom": ({"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}, ("a", "custom", "f", "x")),
    "custom without a name": ({"id": "a", "type": "custom", "custom": {"input": "x"}}, ("a", "custom", "", "x")),
    "index in a whole reply": (
        {"id": "a", "type": None, "index": "0", "function": FUNCTION},
        ("a", "function", "f", '{"x":1}'),
    ),
}


@pytest.mark.parametrize(("given", "expected"), CALL_QUIRKS.values(), ids=CALL_QUIRKS)
def test_a_call_that_deviates_is_read_without_a_guess(given, expected):
    assert calls(given) == [expected]


@pytest.mark.parametrize("call_id", [None, "", True, {"x": 1}, "missing"])
def test_a_call_without_an_id_gets_one_of_ours(call_id):
    call = {"function": FUNCTION} if call_id == "missing" else {"id": call_id, "function": FUNCTION}
    first, second = calls(call, call)

    assert first[0].startswith(OURS)
    assert second[0].startswith(OURS)
    assert first[0] != second[0]


def test_the_same_id_on_two_calls_is_told_apart():
    pretty = json.dumps(reply({"tool_calls": [{"id": "a", "type": "function", "function": FUNCTION}] * 2}), indent=1)
    first, second = ChatCompletion.parse(pretty).message.tool_calls

    assert first.id == "a"
    assert second.id.startswith(OURS)


def test_one_call_in_the_place_of_a_list_is_not_lost():
    assert [call.id for call in read({"tool_calls": {"id": "a", "function": FUNCTION}}).tool_calls] == ["a"]


def test_null_calls_and_null_entries_are_none():
    assert calls(None) == []
    assert read({"content": "x", "tool_calls": None}).tool_calls == ()


def test_more_calls_than_the_bound_are_refused():
    call = {"id": "a", "type": "function", "function": FUNCTION}
    with pytest.raises(InvalidResponseError) as caught:
        calls(*[{**call, "id": str(n)} for n in range(MOST_CALLS + 1)])

    assert (
        str(caught.value) == "The endpoint answered with more than 1024 tool calls in one message; the reply was left."
    )


THINKING = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "4"}]
MESSAGE_QUIRKS = {
    "content absent": ({"role": "assistant"}, {"content": None}),
    "content an object": ({"content": {"a": 1}}, {"content": '{"a": 1}'}),
    "content a number": ({"content": 5}, {"content": "5"}),
    "content true": ({"content": True}, {"content": "true"}),
    "content of parts": ({"content": [{"type": "text", "text": "a"}, "b", {"text": "c"}]}, {"content": "abc"}),
    "thinking parts": ({"content": THINKING}, {"content": "4", "reasoning": "hm"}),
    "refusal part": ({"content": [{"type": "refusal", "refusal": "no"}]}, {"content": "", "refusal": "no"}),
    "role empty": ({"role": "", "content": "x"}, {"role": "", "content": "x"}),
    "role null": ({"role": None, "content": "x"}, {"role": "assistant", "content": "x"}),
    "think tags": ({"content": "<think>hm</think>\n4"}, {"content": "4", "reasoning": "hm"}),
    "think tags alone": ({"content": "<think>hm"}, {"content": None, "reasoning": "hm"}),
    "tags beside a field of reasoning": (
        {"content": "<think>a</think>b", "reasoning": "hm"},
        {"content": "<think>a</think>b", "reasoning": "hm"},
    ),
    "reasoning an object": ({"content": "x", "reasoning": {"text": "hm"}}, {"reasoning": "hm"}),
    "reasoning a number": ({"content": "x", "reasoning_content": True}, {"reasoning": "true"}),
    "annotations an object": ({"content": "x", "annotations": {"a": 1}}, {"annotations": ({"a": 1},)}),
    "placeholders": (
        {"content": "x", "function_call": {"name": "", "arguments": ""}, "audio": {"data": "", "id": ""}},
        {"content": "x", "function_call": None, "audio": None},
    ),
    "refusal an object": ({"refusal": {"a": 1}}, {"refusal": '{"a": 1}'}),
}


@pytest.mark.parametrize(("message", "expected"), MESSAGE_QUIRKS.values(), ids=MESSAGE_QUIRKS)
def test_a_message_that_deviates_is_read(message, expected):
    got = read(message)

    assert {name: getattr(got, name) for name in expected} == expected


def test_tags_are_found_however_the_text_is_escaped():
    raw = (
        b'{"choices":[{"index":0,"message":{"content":"\\u003cthink\\u003ehm\\u003c/think\\u003e4"}}]}'  # Go's encoder
    )

    assert ChatCompletion.parse(raw).message.content == "4"
    assert ChatCompletion.parse(raw).message.reasoning == "hm"


def test_parts_that_are_no_text_are_kept():
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:"}}]

    assert read({"content": parts}).content == "see"
    assert read({"content": parts}).model_extra["content_parts"] == parts


def test_a_legacy_function_call_is_kept():
    call = read({"content": None, "function_call": {"name": "f", "arguments": {"x": 1}}}).function_call

    assert (call.name, call.arguments) == ("f", '{"x": 1}')


CHOICE_QUIRKS = {
    "index missing": ([{"message": {"content": "a"}}, {"message": {"content": "b"}}], [(0, "a"), (1, "b")]),
    "index text or float": (
        [{"index": "1", "message": {"content": [], "role": None}}, {"index": 0.0}],
        [(0, None), (1, "")],
    ),
    "index no number": ([{"index": "x", "message": {"content": "a"}}], [(0, "a")]),
    "message missing": ([{"index": 0, "finish_reason": "content_filter"}], [(0, None)]),
    "message null": ([{"index": 0, "message": None}], [(0, None)]),
    "text in the place of a message": ([{"index": 0, "text": "a"}], [(0, "a")]),
}


@pytest.mark.parametrize(("choices", "expected"), CHOICE_QUIRKS.values(), ids=CHOICE_QUIRKS)
def test_choices_that_deviate_are_read(choices, expected):
    got = ChatCompletion.parse({"choices": choices}).choices

    assert [(choice.index, choice.message.content) for choice in got] == expected


@pytest.mark.parametrize(
    ("given", "reason"), [(None, None), ("", ""), ("eos", "eos"), (5, "5"), ({"type": "stop"}, '{"type": "stop"}')]
)
def test_any_finish_reason_is_text_or_none(given, reason):
    assert (
        ChatCompletion.parse({"choices": [{"index": 0, "message": {}, "finish_reason": given}]})
        .choices[0]
        .finish_reason
        == reason
    )


ENVELOPES = {
    "nothing": ({}, {"id": None, "created": None, "model": None, "usage": None}),
    "null": ({"id": None, "created": None, "object": None}, {"id": None, "created": None}),
    "numbers": ({"id": 5, "created": 1.0}, {"id": "5", "created": 1}),
    "odd": (
        {"id": ["x"], "created": "yesterday", "model": {"a": 1}},
        {"id": '["x"]', "created": None, "model": '{"a": 1}'},
    ),
    "milliseconds": ({"created": 1753879075170}, {"created": 1753879075170}),
    "error empty": ({"error": {}}, {"error": None}),
    "error of nulls": ({"error": {"message": None, "code": None}}, {"error": None}),
    "error null": ({"error": None}, {"error": None}),
}


@pytest.mark.parametrize(("fields", "expected"), ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_that_deviates_is_read(fields, expected):
    got = ChatCompletion.parse(reply({"content": "x"}, **fields))

    assert {name: getattr(got, name) for name in expected} == expected


USAGES = {
    "null counts": ({"prompt_tokens": 3, "completion_tokens": None, "total_tokens": None}, (3, 0, 3)),
    "floats and text": ({"prompt_tokens": 3.7, "completion_tokens": "4", "total_tokens": "many"}, (3, 4, 7)),
    "infinite": ({"prompt_tokens": float("inf"), "completion_tokens": 4}, (0, 4, 4)),
    "total of its own": ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9}, (3, 4, 9)),
    "details null": ({"prompt_tokens": 3, "prompt_tokens_details": None, "completion_tokens_details": []}, (3, 0, 3)),
    "details odd": (
        {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": "x", "audio_tokens": None}},
        (3, 0, 3),
    ),
}


@pytest.mark.parametrize(("usage", "expected"), USAGES.values(), ids=USAGES)
def test_usage_that_deviates_is_read(usage, expected):
    got = ChatCompletion.parse(json.dumps(reply({"content": "x"}, usage=usage))).usage

    assert (got.prompt_tokens, got.completion_tokens, got.total_tokens) == expected


def test_details_keep_what_is_unknown():
    details = {"cached_tokens": 1, "image_tokens": None, "note": "x"}
    usage = ChatCompletion.parse(reply({"content": [], "role": 5}, usage={"prompt_tokens_details": details})).usage
    assert usage.prompt_tokens_details.to_dict() == {"cached_tokens": 1, "note": "x"}


PAGE = Path(__file__).parents[2] / "docs" / "deviations.md"
CATALOGUE = {
    "The reply or chunk": ENVELOPE,
    "A choice": CHOICE,
    "A message or delta": MESSAGE,
    "A call": CALL,
    "A whole message": WHOLE_MESSAGE,
}


def row(step):
    text, _, by = " ".join(step.__doc__.split()).partition(" Sent by: ")
    return f"| {step.__name__.strip('_').replace('_', ' ')} | {text} | {by.removesuffix('.')} |"


def test_the_page_is_the_catalogue_as_tables():
    page = PAGE.read_text("utf-8")
    for title, steps in CATALOGUE.items():
        told = page.partition(f"\n### {title}\n")[2].partition("\n#")[0]
        rows = [line for line in told.splitlines() if line.startswith("| ")]
        assert rows[2:] == [row(step) for step in steps], f"{title}:\n" + "\n".join(map(row, steps))


def test_each_deviation_names_who_sends_it():
    assert [step for steps in CATALOGUE.values() for step in steps if "\n\nSent by: " not in getdoc(step)] == []
