"""What more a reply can say otherwise, plain and streamed."""

import json

import httpx
import pytest

from agentkit.testing.callquirk import CALL_QUIRKS
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call, calls

TWO = calls(call("add", {"a": 1}), call("add", {"a": 2}))


def told(quirk, reply, **fields):
    with FakeEndpoint(replies=[reply], quirks=[quirk]) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], **fields}
        return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def message(quirk, reply=TWO):
    return told(quirk, reply).json()["choices"][0]["message"]


def made(quirk):
    return message(quirk)["tool_calls"]


def deltas(quirk, reply=TWO):
    lines = [line.removeprefix("data: ") for line in told(quirk, reply, stream=True).text.splitlines() if line]
    return [json.loads(line)["choices"][0]["delta"] for line in lines if line != "[DONE]"]


def test_short_ids_are_nine_letters_and_digits_and_differ():
    ids = [one["id"] for one in made("short_id")]
    assert all(len(one) == 9 and one.isalnum() for one in ids)
    assert len(set(ids)) == 2


def test_calls_of_a_document_have_an_index():
    assert [one["index"] for one in made("index_in_document")] == [0, 1]


def test_no_arguments_leaves_them_out_and_repeated_ones_stand_there_twice():
    assert [one["function"] for one in made("no_arguments")] == [{"name": "add"}] * 2
    assert made("repeated_arguments")[0]["function"]["arguments"] == '{"a":1}{"a":1}'


def test_a_signature_stands_beside_each_call():
    extra = {"google": {"thought_signature": "c2lnbmF0dXJl"}}
    assert [one["extra_content"] for one in made("thought_signature")] == [extra] * 2
    assert (
        sum(one.get("extra_content") == extra for d in deltas("thought_signature") for one in d.get("tool_calls", ()))
        == 2
    )


def test_calls_come_as_those_of_custom_tools():
    assert made("custom_calls")[0] == {
        "id": "call_1_0_0",
        "type": "custom",
        "custom": {"name": "add", "input": '{"a":1}'},
    }


def test_calls_come_in_the_text():
    reply = told("calls_as_text", call("add", {"a": 1})).json()["choices"][0]
    assert reply["message"]["content"] == '<tool_call>\n{"name": "add", "arguments": "{\\"a\\":1}"}\n</tool_call>'
    assert ("tool_calls" in reply["message"], reply["finish_reason"]) == (False, "stop")


def test_markup_follows_the_text():
    assert message("leaked_markup", "Hi")["content"] == "Hi <|im_end|>"


def test_a_reply_without_calls_has_none_in_a_list():
    assert message("empty_tool_calls", "Hi")["tool_calls"] == []
    assert len(made("empty_tool_calls")) == 2


def test_a_placeholder_stands_among_the_calls_or_alone():
    assert message("placeholder_calls", "Hi")["tool_calls"] == [{}]
    assert {"tool_calls": [{}]} in deltas("placeholder_calls", "Hi")
    assert [bool(one) for one in made("placeholder_calls")] == [True, True, False]
    assert deltas("placeholder_calls")[-2] == {"tool_calls": [{}]}


def test_parts_do_not_say_their_type():
    assert message("untyped_parts", "Hi")["content"] == [{"text": "Hi"}]


def test_reasoning_is_null_or_a_list():
    assert message("null_reasoning", "Hi").items() >= {"reasoning": None, "reasoning_details": None}.items()
    parts = [{"type": "text", "text": "The user wants an answer."}]
    assert message("reasoning_parts", "Hi")["reasoning_content"] == parts
    assert deltas("reasoning_parts", "Hi")[1] == {"reasoning_content": parts}


@pytest.mark.parametrize("quirk", CALL_QUIRKS)
def test_every_quirk_leaves_other_replies_readable(quirk):
    for reply in ("Hi", TWO, {"choices": []}, {"error": {"message": "no"}}):
        assert told(quirk, reply).status_code == 200
        assert told(quirk, reply, stream=True).status_code == 200
