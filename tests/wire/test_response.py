import json

import pytest

from agentkit.wire import AssistantMessage, ChatCompletion, ResponseMessage, Usage
from agentkit.wire import response as response_module
from agentkit.wire.response import PromptTokensDetails

CALLS = [
    {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    {"id": "b", "type": "function", "function": {"name": "g", "arguments": '{"x":1}'}, "extra_content": {"s": 1}},
]
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "m",
    "system_fingerprint": "fp",
    "service_tier": "on_demand",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "hi",
                "refusal": "",
                "tool_calls": CALLS,
                "annotations": [{"type": "url_citation"}],
                "reasoning": "hm",
                "images": [1],
            },
            "finish_reason": "tool_calls",
            "logprobs": {"content": []},
            "native_finish_reason": "stop",
        },
        {"index": 1, "message": {"role": "assistant", "content": "ho"}, "finish_reason": "stop"},
    ],
    "usage": {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
        "cost": 0.5,
    },
    "provider": "p",
}


@pytest.fixture
def fast(monkeypatch):
    def refuse(raw):
        raise AssertionError(raw)

    monkeypatch.setattr(response_module, "repair_completion", refuse)


@pytest.mark.parametrize(
    "form", [dict, json.dumps, lambda reply: json.dumps(reply).encode()], ids=["dict", "text", "bytes"]
)
@pytest.mark.usefixtures("fast")
def test_a_reply_of_the_contract_is_read_straight_and_keeps_unknown_fields(form):
    reply = ChatCompletion.parse(form(WHOLE))

    assert reply.to_dict() == WHOLE
    assert ChatCompletion.parse(reply.encoded) == reply
    assert reply.message is reply.choices[0].message
    assert reply.model_extra == {"provider": "p"}


@pytest.mark.parametrize(
    "message",
    [
        {"content": None},
        {"content": ""},
        {},
        {"content": "Write <thin> and think>"},
        {"content": "x", "tool_calls": []},
        {"content": "x", "function_call": None, "reasoning": None, "reasoning_content": ""},
        {"content": None, "tool_calls": [{**CALLS[0], "index": 0}, CALLS[1]]},
        {"content": None, "tool_calls": [{**CALLS[0], "id": 5}]},
    ],
)
@pytest.mark.usefixtures("fast")
def test_common_forms_need_no_repair(message):
    ChatCompletion.parse({"choices": [{"index": 0, "message": message}]})


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({}, None),
        ({"reasoning": ""}, None),
        ({"reasoning": "a"}, "a"),
        ({"reasoning_content": "b"}, "b"),
        ({"reasoning": "", "reasoning_content": "b"}, "b"),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "c"}, {"summary": "d"}, {"data": "e"}, 5]}, "cd"),
        ({"reasoning": "a", "reasoning_details": [{"text": "a"}]}, "a"),
    ],
)
def test_reasoning_is_read_in_each_dialect(message, reasoning):
    assert ResponseMessage.model_validate(message).reasoning == reasoning


def test_no_two_calls_of_a_history_have_one_id():
    function = {"name": "f", "arguments": "{}"}
    given = ResponseMessage.model_validate({"tool_calls": [{"id": "a", "function": function}] * 3})
    assert [call.id for call in given.to_history().tool_calls] == ["a", "a_1", "a_2"]


def test_a_history_keeps_what_requests_take():
    message = ChatCompletion.parse(WHOLE).message

    assert message.to_history() == AssistantMessage(content="hi", tool_calls=message.tool_calls, reasoning="hm")
    audio = ResponseMessage(audio={"id": "audio_1", "data": "AA==", "transcript": "hi"})
    assert audio.to_history() == AssistantMessage(audio={"id": "audio_1"})
    legacy = ResponseMessage.model_validate({"function_call": {"name": "f", "arguments": "{}"}})
    assert legacy.to_history().to_dict()["function_call"] == {"name": "f", "arguments": "{}"}


def test_a_history_keeps_reasoning_in_its_own_field_and_signatures_where_they_stood():
    given = {
        "content": None,
        "reasoning_content": "a",
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "b"}],
        "extra_content": {"google": {"thought_signature": "c"}},
        "images": [1],
        "tool_calls": [{**CALLS[0], "index": 0, "extra_content": {"google": {"thought_signature": "d"}}}],
    }
    history = ResponseMessage.model_validate(given).to_history().to_dict()

    del given["content"], given["images"], given["tool_calls"][0]["index"]
    assert history == {"role": "assistant", **given}


def test_an_empty_reasoning_is_none():
    given = {"content": "x", "reasoning": "", "reasoning_content": "", "reasoning_details": []}
    assert ResponseMessage.model_validate(given).to_history() == AssistantMessage(content="x")


def test_usage_is_added_field_by_field():
    first = Usage.model_validate(WHOLE["usage"])
    total = first + Usage(prompt_tokens=1, completion_tokens=1) + first

    assert total.to_dict() == {
        "prompt_tokens": 7,
        "completion_tokens": 9,
        "total_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }


def test_a_missing_total_is_the_sum():
    assert Usage(prompt_tokens=3, completion_tokens=4).total_tokens == 7
    assert Usage().total_tokens == 0


BODY = b'{"choices":[{"index":0,"message":{"content":"x"}}]}'


@pytest.mark.parametrize(
    "raw",
    [b"\n   \n\n" + BODY, b"\xef\xbb\xbf" + BODY, BODY.decode().encode("utf-16"), BODY.replace(b"{", b"{\r\n ")],
    ids=["blank lines", "byte order mark", "UTF-16", "pretty"],
)
def test_a_body_is_read_in_any_encoding_of_json(raw):
    assert ChatCompletion.parse(raw).message.content == "x"


@pytest.mark.parametrize(
    ("written", "content"),
    [(b"\\ud83d", "�"), (b"\\ud83d\\ude00", "😀"), (b"a\nb", "a\nb"), (b"\\u0000", "\0")],
    ids=["half a pair", "a pair", "bare line end", "NUL"],
)
def test_text_is_read_where_json_is_stretched(written, content):
    assert ChatCompletion.parse(BODY.replace(b'"x"', b'"' + written + b'"')).message.content == content


def test_a_reply_that_is_text_already_may_hold_half_a_pair():
    assert ChatCompletion.parse('{"choices":[{"index":0,"message":{"content":"a\ud83d"}}]}').message.content == "a?"


def test_nothing_more_leaves_a_sum_as_it_is_but_for_what_has_no_sum():
    some = PromptTokensDetails(cached_tokens=3, audio_tokens=0)
    assert some + PromptTokensDetails(cached_tokens=0) == some
    assert PromptTokensDetails(audio_tokens=3) + PromptTokensDetails(cached_tokens=0) == PromptTokensDetails(
        cached_tokens=0, audio_tokens=3
    )
    priced = PromptTokensDetails(cached_tokens=3, audio_tokens=0, price=1)
    assert priced + PromptTokensDetails() == some
