"""What each deviation in what a reply says looks like, plain and streamed."""

import json

import httpx
import pytest

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.messagequirk import MESSAGE_QUIRKS
from agentkit.testing.reply import call, calls

TWO = calls(call("add", {"a": 1}), call("add", {"a": 2}))
THOUGHT = "The user wants an answer."


def told(quirk, reply, **fields):
    with FakeEndpoint(replies=[reply], quirks=[quirk]) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], **fields}
        return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def choice(quirk, reply=TWO):
    return told(quirk, reply).json()["choices"][0]


def made(quirk):
    return choice(quirk)["message"]["tool_calls"]


def deltas(quirk, reply=TWO):
    lines = [line.removeprefix("data: ") for line in told(quirk, reply, stream=True).text.splitlines() if line]
    return [json.loads(line)["choices"][0]["delta"] for line in lines if line != "[DONE]"]


def call_deltas(quirk):
    return [one for delta in deltas(quirk) for one in delta.get("tool_calls", ())]


def test_no_id_leaves_the_ids_out():
    assert [list(one) for one in made("no_id")] == [["type", "function"]] * 2
    assert all("id" not in one for one in call_deltas("no_id"))


def test_empty_id_gives_empty_ids():
    assert [one["id"] for one in made("empty_id")] == ["", ""]
    assert [one["id"] for one in call_deltas("empty_id") if "id" in one] == ["", ""]


def test_same_id_gives_one_id_to_all_calls():
    assert [one["id"] for one in made("same_id")] == ["call_0", "call_0"]


def test_no_type_leaves_the_type_out():
    assert all("type" not in one for one in made("no_type") + call_deltas("no_type"))


def test_null_type_gives_the_type_null():
    assert [one["type"] for one in made("null_type")] == [None, None]


def test_unknown_tool_renames_the_first_call():
    assert [one["function"]["name"] for one in made("unknown_tool")] == ["no_such_tool", "add"]


@pytest.mark.parametrize(
    ("quirk", "arguments"),
    [
        ("arguments_object", {"a": 1}),
        ("null_arguments", None),
        ("empty_arguments", ""),
        ("cut_arguments", '{"a'),
        ("double_encoded_arguments", '"{\\"a\\":1}"'),
        ("fenced_arguments", '```json\n{"a":1}\n```'),
        ("trailing_junk", '{"a":1}""'),
    ],
)
def test_arguments_are_told_alike_plain_and_streamed(quirk, arguments):
    assert made(quirk)[0]["function"]["arguments"] == arguments
    assert choice(quirk)["finish_reason"] == "tool_calls"
    parts = [one["function"].get("arguments") for one in call_deltas(quirk) if one["index"] == 0]
    assert (parts[0] if len(parts) == 1 else "".join(parts)) == arguments


def test_text_before_call_puts_a_text_beside_the_calls_and_streams_it_first():
    assert choice("text_before_call")["message"]["content"] == "Let me look that up."
    kinds = ["text" if delta.get("content") else "call" for delta in deltas("text_before_call")[1:-1]]
    assert kinds == ["text"] * kinds.index("call") + ["call"] * (len(kinds) - kinds.index("call"))


def test_function_call_is_the_legacy_form():
    plain = choice("function_call")
    assert plain["message"]["function_call"] == {"name": "add", "arguments": '{"a":1}'}
    assert "tool_calls" not in plain["message"]
    assert plain["finish_reason"] == "function_call"
    parts = [delta["function_call"] for delta in deltas("function_call") if "function_call" in delta]
    assert parts[0] == {"name": "add", "arguments": ""}
    assert "".join(part["arguments"] for part in parts) == '{"a":1}'


def test_null_tool_calls_stand_beside_a_text():
    assert choice("null_tool_calls", "Hi")["message"]["tool_calls"] is None


def test_finish_stop_with_calls_says_stop():
    assert choice("finish_stop_with_calls")["finish_reason"] == "stop"


def test_no_finish_reason_is_null_to_the_end():
    assert choice("no_finish_reason")["finish_reason"] is None
    assert '"finish_reason":"' not in told("no_finish_reason", TWO, stream=True).text


def test_no_envelope_leaves_id_created_and_model_out():
    assert not {"id", "created", "model"} & set(told("no_envelope", "Hi").json())
    assert '"model"' not in told("no_envelope", "Hi", stream=True).text


def test_content_beside_calls_is_null_empty_or_absent():
    assert choice("content_null")["message"]["content"] is None
    assert choice("content_empty")["message"]["content"] == ""
    assert "content" not in choice("content_absent")["message"]
    assert all("content" not in delta for delta in deltas("content_absent"))


def test_content_object_is_the_json_of_the_text():
    assert choice("content_object", '{"a": 1}')["message"]["content"] == {"a": 1}
    assert choice("content_object", "Hi")["message"]["content"] == "Hi"


def test_content_parts_are_text_parts():
    assert choice("content_parts", "Hi")["message"]["content"] == [{"type": "text", "text": "Hi"}]
    assert [delta.get("content") for delta in deltas("content_parts", "Hi")][1] == [{"type": "text", "text": "Hi"}]


def test_thinking_parts_come_before_the_text():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}
    assert choice("thinking_parts", "Hi")["message"]["content"] == [thought, {"type": "text", "text": "Hi"}]
    assert [delta.get("content") for delta in deltas("thinking_parts", "Hi")][1] == [thought]


@pytest.mark.parametrize("quirk", ["reasoning", "reasoning_content"])
def test_reasoning_has_a_field_of_its_own_and_streams_before_the_text(quirk):
    assert choice(quirk, "Hi")["message"][quirk] == THOUGHT
    streamed = deltas(quirk, "Hi")
    assert "".join(delta.get(quirk, "") for delta in streamed) == THOUGHT
    assert [list(delta) for delta in streamed[-3:]] == [[quirk], ["content"], []]


def test_reasoning_details_are_a_list():
    details = [{"type": "reasoning.text", "text": THOUGHT, "format": "unknown", "index": 0}]
    assert choice("reasoning_details", "Hi")["message"]["reasoning_details"] == details
    assert deltas("reasoning_details", "Hi")[1] == {"reasoning_details": details}


def test_think_tags_stand_in_the_text():
    assert choice("think_tags", "Hi")["message"]["content"] == f"<think>\n{THOUGHT}\n</think>\n\nHi"


def test_no_usage_leaves_it_out():
    assert "usage" not in told("no_usage", "Hi").json()


def test_error_in_200_replaces_the_reply():
    plain, streamed = told("error_in_200", "Hi"), told("error_in_200", "Hi", stream=True)
    error = {"message": "The server is overloaded.", "type": "server_error", "param": None, "code": "overloaded"}
    assert (plain.status_code, plain.json()) == (200, {"error": error})
    assert json.loads(streamed.text.removeprefix("data: ")) == {"error": error}


def test_an_empty_error_stands_beside_a_good_reply():
    body = told("empty_error", "Hi").json()
    assert body["error"] == {}
    assert body["choices"][0]["message"]["content"] == "Hi"
    assert told("empty_error", "Hi", stream=True).text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("quirk", MESSAGE_QUIRKS)
def test_every_quirk_leaves_other_replies_readable(quirk):
    for reply in ("Hi", TWO, {"choices": []}, {"error": {"message": "no"}}):
        assert told(quirk, reply).status_code == 200
        assert told(quirk, reply, stream=True).status_code == 200
