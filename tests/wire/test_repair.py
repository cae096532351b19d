import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import PydanticSerializationError

from agentkit.errors import InvalidResponseError
from agentkit.wire import ChatCompletion, ChatCompletionChunk


def reply(message, **fields):
    return {"choices": [{"index": 0, "message": message}], **fields}


BODY = b'{"choices":[{"index":0,"message":{"content":"x"}}]}'
WHERE = "Check that base_url ends where `/chat/completions` follows, usually in `/v1`."
NO_REPLIES = {
    "empty": (b"", "the reply is not JSON; it begins with: '(nothing)'"),
    "page": (b"<html>\n", "the reply is not JSON; it begins with: '<html>'"),
    "cut": (BODY[:20], 'the reply is not JSON; it begins with: \'{"choices":[{"index"\''),
    "no UTF-8": (b"\xff\xfe", "the reply is not JSON; it begins with: '\ufffd\ufffd'"),
    "list": (b"[]", "the reply is a JSON list, not an object; it begins with: '[]'"),
    "text": (b'"hi"', "the reply is a JSON str, not an object; it begins with: '\"hi\"'"),
    "deep": (b"[" * 300, f"the reply is nested too deep; it begins with: '{'[' * 300}'"),
    "other": (
        b'{"status":"OK","data":{}}',
        'the reply has no choices (its fields: status, data); it begins with: \'{"status":"OK","data":{}}\'',
    ),
    "no choices": (
        b'{"choices":[]}',
        "the reply has no choices (its fields: choices); it begins with: '{\"choices\":[]}'",
    ),
    "nothing": (b"{}", "the reply has no choices (its fields: none); it begins with: '{}'"),
}


@pytest.mark.parametrize(("raw", "what"), NO_REPLIES.values(), ids=NO_REPLIES)
def test_what_is_no_reply_is_refused_with_its_beginning(raw, what):
    with pytest.raises(InvalidResponseError) as caught:
        ChatCompletion.parse(raw)

    assert str(caught.value) == f"The endpoint did not answer with a Chat Completions reply: {what}. {WHERE}"
    assert caught.value.body == raw.decode("utf-8", "replace").strip()
    assert caught.value.error is None


ERRORS = {
    "object": ({"error": {"message": "no", "code": 402}, "choices": None}, {"message": "no", "code": 402}),
    "text": ({"error": "no"}, {"message": "no"}),
    "beside choices": (reply({"content": "x"}, error={"message": "no"}), {"message": "no"}),
    "vLLM": ({"object": "error", "message": "no"}, {"object": "error", "message": "no"}),
    "typed": ({"type": "error", "message": "no"}, {"type": "error", "message": "no"}),
    "FastAPI": ({"detail": "no"}, {"detail": "no"}),
    "x_groq": ({"choices": [], "x_groq": {"id": "r", "error": "over capacity"}}, {"message": "over capacity"}),
    "a gateway": ({"code": 500, "message": "no"}, {"code": 500, "message": "no"}),
    "Cloudflare": ({"success": False, "errors": [{"code": 1}]}, {"success": False, "errors": [{"code": 1}]}),
    "Gemini, in a list": ([{"error": {"code": 429}}], {"code": 429}),
    "finish_reason": (
        {"choices": [{"index": 0, "message": {}, "delta": {"content": []}, "finish_reason": "error"}]},
        {"message": "The reply ended with the finish_reason 'error'.", "code": 502},
    ),
    "inside a choice": ({"choices": [{"index": 0, "error": {"code": 502}, "finish_reason": "error"}]}, {"code": 502}),
}


@pytest.mark.parametrize("parse", [ChatCompletion.parse, ChatCompletionChunk.parse], ids=["reply", "chunk"])
@pytest.mark.parametrize(("body", "error"), ERRORS.values(), ids=ERRORS)
def test_an_error_in_the_place_of_a_reply_is_carried(parse, body, error):
    with pytest.raises(InvalidResponseError) as caught:
        parse(json.dumps(body))

    what = f"it is an error; it begins with: {json.dumps(body)!r}"
    assert str(caught.value) == f"The endpoint did not answer with a Chat Completions reply: {what}. {WHERE}"
    assert caught.value.error == error


def test_choices_stand_in_the_order_of_their_indexes():
    given = [{"index": index, "message": {"role": "assistant", "content": str(index)}} for index in (2, 0, 1)]
    completion = ChatCompletion.parse({"choices": given})
    assert [(one.index, one.message.content) for one in completion.choices] == [(0, "0"), (1, "1"), (2, "2")]
    assert completion.message.content == "0"


def test_json_in_json_is_read_once():
    twice = json.dumps(BODY.decode()).encode()

    assert ChatCompletion.parse(twice).message.content == "x"
    with pytest.raises(InvalidResponseError):
        ChatCompletion.parse(json.dumps(twice.decode()))


def test_half_a_character_is_marked_in_text_and_stays_what_it_is_in_arguments():
    raw = b"""{"choices":[{"index":0,"message":{"content":"a\\ud83d","tool_calls":[
        {"id":"1","type":"function","function":{"name":"f","arguments":"{\\"x\\":\\"\\ud83d\\"}"}}]}}]}"""
    message = ChatCompletion.parse(raw).message

    assert message.content == "a\ufffd"
    assert message.tool_calls[0].function.arguments == '{"x":"\\ud83d"}'


def test_a_usage_beside_is_found_though_the_types_accept_the_reply():
    counts = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    given = reply({"content": "x"}, x_groq={"usage": counts})

    assert ChatCompletion.parse(given).usage.to_dict() == counts
    assert ChatCompletion.parse(reply({"content": "x"}, usage={}, x_groq={"id": "r"})).usage is None


KEYS = st.sampled_from(["text", "name", "arguments", "id", "type", "thinking", "usage", "refusal"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "x", "5", "{}", "\ud83d", "error"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)


def _object(names, **typed):
    return st.fixed_dictionaries({}, optional={**dict.fromkeys(names.split(), VALUES), **typed}) | VALUES


CUSTOM = _object("name input")
CALL = _object("id type index name arguments extra", function=_object("name arguments"), custom=CUSTOM)
CALLS = st.lists(CALL, max_size=3) | CALL
TEXTS = "role content refusal function_call audio annotations reasoning reasoning_content reasoning_details"
MESSAGE = _object(TEXTS, tool_calls=CALLS)
CHOICE = _object("index finish_reason logprobs text", message=MESSAGE, delta=MESSAGE)
CHOICES = st.lists(CHOICE, max_size=2) | VALUES
USAGE = _object("prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details")
REPLY = _object("id object created model service_tier x_groq type", choices=CHOICES, usage=USAGE)


@pytest.mark.parametrize("parse", [ChatCompletion.parse, ChatCompletionChunk.parse], ids=["reply", "chunk"])
@given(body=REPLY)
@example(body={"choices": [{"message": {"function_call": {"name": True}}}]})
@example(body={"usage": {"prompt_tokens": None}, "choices": [{"usage": {"text": False}}]})
@example(body={"usage": {"prompt_tokens": None}, "choices": {"usage": {"text": False}}})
def test_whatever_comes_is_read_or_refused_as_no_reply(parse, body):
    text = json.dumps(body)
    try:
        got = parse(text)
    except InvalidResponseError:
        return
    again = parse(got.encoded)
    stretched = "NaN" in text or "Infinity" in text  # no JSON: written as null, which is not kept
    assert again.encoded == got.encoded or stretched
    assert parse(again.encoded).encoded == again.encoded


def test_a_reply_that_was_decoded_elsewhere_may_have_half_a_character():
    reply = {"choices": [{"message": {"role": "assistant", "content": "a\ud800b \ud83d\ude00"}}]}
    assert ChatCompletion.parse(reply).choices[0].message.content == "a\ufffdb \U0001f600"
    with pytest.raises(PydanticSerializationError):
        ChatCompletion.parse({"choices": [object()]})
