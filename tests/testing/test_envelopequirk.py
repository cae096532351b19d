"""What can be odd round a reply, plain and streamed."""

import json

import httpx
import pytest

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.envelopequirk import ENVELOPE_QUIRKS
from agentkit.testing.reply import call, calls

TWO = calls(call("add", {"a": 1}), call("add", {"a": 2}))


def told(quirk, reply="Hi", **fields):
    with FakeEndpoint(replies=[reply], quirks=[quirk]) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], **fields}
        return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def chunks(quirk, reply="Hi"):
    lines = [line.removeprefix("data: ") for line in told(quirk, reply, stream=True).text.splitlines() if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize(
    ("quirk", "fields"),
    [
        ("empty_envelope", {"id": "", "object": "", "created": 0, "model": ""}),
        ("null_envelope", {"id": None, "created": None, "model": None, "service_tier": None}),
        ("created_milliseconds", {"created": 1_753_879_075_170}),
        ("other_model", {"model": "any-2024-07-18"}),
        ("other_tier", {"service_tier": "on_demand"}),
        ("unknown_fields", {"provider": "Fake", "prompt": []}),
        ("placeholders", {"id": ""}),
    ],
)
def test_the_envelope_is_as_the_quirk_says(quirk, fields):
    assert told(quirk).json().items() >= fields.items()
    streamed = dict(fields)
    if "object" in streamed:
        streamed["object"] = "chat.completion.chunk"
    assert all(chunk.items() >= streamed.items() for chunk in chunks(quirk))


def test_no_object_leaves_it_out():
    assert "object" not in told("no_object").json()
    assert all("object" not in chunk for chunk in chunks("no_object"))


@pytest.mark.parametrize(
    ("quirk", "reason"), [("empty_finish_reason", ""), ("unknown_finish_reason", "eos"), ("finish_reason_absent", None)]
)
def test_a_finish_reason_is_none_of_the_contract(quirk, reason):
    assert told(quirk).json()["choices"][0].get("finish_reason") == reason
    assert chunks(quirk)[-1]["choices"][0]["finish_reason"] == reason


def test_fields_outside_the_contract_stand_everywhere():
    body = told("unknown_fields").json()
    assert body["choices"][0]["native_finish_reason"] == "STOP"
    assert body["choices"][0]["message"]["provider_metadata"] == {"routing": {"attempts": [1, 2]}}
    assert body["usage"]["cost"] == 0.0001


@pytest.mark.parametrize(("quirk", "role"), [("null_role", None), ("empty_role", "")])
def test_a_role_is_null_or_empty(quirk, role):
    assert told(quirk).json()["choices"][0]["message"]["role"] == role
    assert chunks(quirk)[0]["choices"][0]["delta"]["role"] == role


def test_placeholders_are_there_and_empty():
    message = told("placeholders").json()["choices"][0]["message"]
    assert message["function_call"] == {"name": "", "arguments": ""}
    assert (message["audio"]["data"], message["refusal"]) == ("", "")
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks("placeholders")]
    assert {"function_call": {"name": "", "arguments": ""}} in deltas


def test_null_function_call_is_there():
    assert told("null_function_call").json()["choices"][0]["message"]["function_call"] is None


def test_a_second_choice_comes_unasked_and_takes_turns():
    assert [choice["index"] for choice in told("two_choices").json()["choices"]] == [0, 1]
    assert [chunk["choices"][0]["index"] for chunk in chunks("two_choices", "one two")][:4] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("quirk", "message"), [("filtered", {"role": "assistant", "content": ""}), ("no_message", None)]
)
def test_the_filter_is_told_by_the_finish_reason_only(quirk, message):
    (choice,) = told(quirk).json()["choices"]
    assert (choice.get("message"), choice["finish_reason"]) == (message, "content_filter")
    assert chunks(quirk)[-1]["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("reason", ["error", "network_error", "abort", "model_length", "max_tokens"])
def test_only_the_finish_reason_tells_of_an_error_or_a_limit(reason):
    assert told(f"finish_{reason}").json()["choices"][0]["finish_reason"] == reason
    assert chunks(f"finish_{reason}")[-1]["choices"][0]["finish_reason"] == reason


def test_usage_counts_reasoning_beside_or_has_null_details():
    usage = told("reasoning_beside_total").json()["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] + 100
    assert told("null_usage_details").json()["usage"]["prompt_tokens_details"] is None


def test_usage_counts_by_other_names_without_a_total():
    assert told("other_counts").json()["usage"] == {"input_tokens": 14, "output_tokens": 1}
    text = told("other_counts", stream=True, stream_options={"include_usage": True}).text
    assert list(json.loads(text.split("data: ")[-2])["usage"]) == ["input_tokens", "output_tokens"]


def test_base_resp_tells_of_an_error_under_the_status_200():
    error = {"status_code": 1000, "status_msg": "unknown error"}
    body = told("base_resp_error").json()
    assert (body["choices"], body["base_resp"], "usage" in body) == (None, error, False)
    (chunk,) = chunks("base_resp_error")
    assert (chunk["choices"], chunk["base_resp"]) == (None, error)


def test_all_fields_are_null():
    assert set(told("all_null").json().values()) == {None}


@pytest.mark.parametrize("quirk", ENVELOPE_QUIRKS)
def test_every_quirk_leaves_other_replies_readable(quirk):
    for reply in ("Hi", TWO, {"choices": []}, {"error": {"message": "no"}}):
        assert told(quirk, reply).status_code == 200
        assert told(quirk, reply, stream=True).status_code == 200
