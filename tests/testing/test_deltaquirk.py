"""What the deltas of a stream can be like beside what `streamquirk` plays."""

import json
from itertools import pairwise

import httpx
import pytest

from agentkit.testing.deltaquirk import DELTA_QUIRKS
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call, calls

TWO = calls(call("add", {"a": 1}), call("mul", {"b": 2}))


def told(quirk, reply, **fields):
    with FakeEndpoint(replies=[reply], quirks=[quirk]) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], "stream": True, **fields}
        return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def chunks(quirk, reply="one two", **fields):
    lines = [line.removeprefix("data: ") for line in told(quirk, reply, **fields).text.splitlines() if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def call_deltas(quirk):
    deltas = [choice["delta"] for chunk in chunks(quirk, TWO) for choice in chunk["choices"]]
    return [one for delta in deltas for one in delta.get("tool_calls") or ()]


def test_a_finish_reason_comes_twice_late_deltas_after_it_or_not_before_the_end():
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks("finish_repeated")]
    assert reasons == [None, None, None, "stop", "stop"]
    after = [chunk["choices"][0] for chunk in chunks("delta_after_finish")]
    assert (after[-2]["finish_reason"], after[-1]["delta"]) == ("stop", {"content": " two"})
    absent = ["finish_reason" in chunk["choices"][0] for chunk in chunks("finish_absent")]
    assert absent == [False, False, False, True]


def test_chunks_lack_a_delta_their_choices_or_anything_in_them():
    assert "delta" not in chunks("delta_absent")[1]["choices"][0]
    assert "choices" not in chunks("choices_absent")[1]
    assert [chunk["choices"][0]["delta"] for chunk in chunks("empty_deltas")][1:4:2] == [{}, {}]


def test_ids_differ_and_objects_are_those_of_documents():
    assert len({chunk["id"] for chunk in chunks("ids_differ")}) == 4
    assert {chunk["object"] for chunk in chunks("object_of_document")} == {"chat.completion"}


def test_the_message_so_far_stands_beside_the_delta():
    seen = [chunk["choices"][0]["message"]["content"] for chunk in chunks("message_beside_delta")]
    assert seen == ["", "one", "one two", "one two"]


def test_fields_are_null_where_there_is_nothing_to_say():
    delta = chunks("null_delta_calls")[1]["choices"][0]["delta"]
    assert delta == {"content": "one", "tool_calls": None, "function_call": None, "refusal": None}
    delta = chunks("null_reasoning_deltas")[1]["choices"][0]["delta"]
    assert delta == {"content": "one", "reasoning": None, "reasoning_content": "", "reasoning_details": []}


def test_chunks_are_padded():
    assert all(chunk["obfuscation"] for chunk in chunks("padding"))


def test_an_id_comes_after_the_name_or_the_name_after_the_id():
    first, second, *_ = call_deltas("late_id")
    assert ("id" in first, first["function"]["name"], second["id"]) == (False, "add", "call_1_0_0")
    first, second, *_ = call_deltas("late_name")
    assert (first["id"], first["function"], second["function"]["name"]) == ("call_1_0_0", {}, "add")


def test_first_arguments_are_null():
    named = [one["function"] for one in call_deltas("null_first_arguments") if "name" in one["function"]]
    assert named == [{"name": "add", "arguments": None}, {"name": "mul", "arguments": None}]


def test_deltas_of_calls_add_nothing():
    assert sum(one == {"index": 0, "function": {"arguments": ""}} for one in call_deltas("empty_call_deltas")) == 6


def test_all_calls_come_in_one_chunk():
    several = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in chunks("calls_in_one_chunk", TWO)]
    (both,) = [found for found in several if found]
    assert [one["function"]["arguments"] for one in both] == ['{"a":1}', '{"b":2}']


def test_an_error_with_a_numeric_code_stands_beside_a_choice():
    last = chunks("error_with_code")[-1]
    assert (last["error"]["code"], last["choices"][0]["finish_reason"]) == (502, "error")
    assert "[DONE]" not in told("error_with_code", "one two").text


def test_each_delta_of_a_call_has_another_id_and_the_first_has_the_name():
    first, *more = [one for one in call_deltas("new_ids") if one["index"] == 0]
    assert (first["id"], first["function"]["name"]) == ("call_1_0_0", "add")
    assert [one["id"] for one in more] == [f"chatcmpl-tool-{place}" for place in range(len(more))]


def test_the_arguments_are_told_again_after_the_last_delta_of_each_call():
    for index, whole in enumerate(('{"a":1}', '{"b":2}')):
        told = [one["function"]["arguments"] for one in call_deltas("arguments_told_again") if one["index"] == index]
        assert ("".join(told[:-1]), told[-1]) == (whole, whole)


def test_each_delta_of_a_call_has_all_its_arguments_so_far():
    told = [one["function"]["arguments"] for one in call_deltas("cumulative_arguments") if one["index"] == 1]
    assert told[-1] == '{"b":2}'
    assert len(set(told)) == len(told) > 3
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(told))


def test_the_finish_reason_is_the_text_null_until_the_end():
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks("finish_null")]
    assert reasons == ["null", "null", "null", "stop"]


def test_the_whole_message_comes_again_at_the_end():
    *_, end, again = chunks("message_again")
    assert (end["choices"][0]["delta"], end["choices"][0]["finish_reason"]) == ({}, "stop")
    (choice,) = again["choices"]
    assert ("delta" in choice, choice["finish_reason"]) == (False, "stop")
    assert choice["message"] == {"role": "assistant", "content": "one two"}
    assert (again["object"], again["base_resp"]["status_code"]) == ("chat.completion", 0)


def test_calls_come_again_in_the_whole_message_and_the_choices_are_kept_apart():
    made = chunks("message_again", TWO)[-1]["choices"][0]["message"]["tool_calls"]
    assert [one["function"] for one in made] == [
        {"name": "add", "arguments": '{"a":1}'},
        {"name": "mul", "arguments": '{"b":2}'},
    ]
    several = [chunk["choices"][0] for chunk in chunks("message_again", n=2)]
    assert [choice["index"] for choice in several if "message" in choice] == [0, 1]
    assert {choice["message"]["content"] for choice in several if "message" in choice} == {"one two"}


def test_a_surrogate_pair_comes_in_two_chunks_of_text_and_of_arguments():
    assert rb'{"content":" \ud83c"}' in told("split_surrogates", "so 🌞!").content
    deltas = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks("split_surrogates", "so 🌞!")]
    assert "🌞" not in "".join(deltas)
    assert "".join(deltas).encode("utf-16-le", "surrogatepass").decode("utf-16-le") == "so 🌞!"
    pieces = chunks("split_surrogates", call("add", {"a": "x🌞y"}))
    calls_told = [one for chunk in pieces for one in chunk["choices"][0]["delta"].get("tool_calls") or ()]
    joined = "".join(one["function"].get("arguments", "") for one in calls_told)
    assert "🌞" not in joined
    assert json.loads(joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le")) == {"a": "x🌞y"}


@pytest.mark.parametrize("quirk", DELTA_QUIRKS)
def test_every_quirk_leaves_other_replies_readable(quirk):
    for reply in ("Hi", TWO, {"choices": []}, {"error": {"message": "no"}}):
        for stream in (True, False):
            assert told(quirk, reply, stream=stream, n=2).status_code == 200
