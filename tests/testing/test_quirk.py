"""The register of quirks, and the two that swap streams and documents."""

from itertools import combinations

import httpx
import pytest

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.quirk import QUIRKS, Quirk, named
from agentkit.testing.reply import call, calls, completion


def ask(endpoint, **fields):
    body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def test_every_quirk_has_a_name_and_a_sentence():
    for name, quirk in QUIRKS.items():
        assert quirk.name == name
        assert quirk.summary.endswith(".")


def test_json_for_stream_answers_a_stream_with_a_document():
    with FakeEndpoint(quirks=["json_for_stream"]) as endpoint:
        answer = ask(endpoint, stream=True)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["choices"][0]["message"]["content"] == "You said: Hi"


def test_sse_for_plain_answers_a_plain_request_with_a_stream():
    with FakeEndpoint(quirks=["sse_for_plain"]) as endpoint:
        answer, streamed = ask(endpoint), ask(endpoint, stream=True)
    assert answer.headers["content-type"] == streamed.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text.endswith("data: [DONE]\n\n")


def test_names_and_values_are_both_taken():
    own = Quirk(name="own")
    assert named([own, "no_id"]) == [own, QUIRKS["no_id"]]


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError) as caught:
        FakeEndpoint(quirks=["no_such"])
    known = ", ".join(sorted(QUIRKS))
    assert str(caught.value) == f"FakeEndpoint: there is no quirk 'no_such'; the quirks are {known}."


def test_quirks_are_played_together():
    with FakeEndpoint(quirks=["crlf", "bom", "reasoning", "no_done"]) as endpoint:
        content = ask(endpoint, stream=True).content
    assert content.startswith(b"\xef\xbb\xbfdata: ")
    assert b'"reasoning"' in content
    assert b"[DONE]" not in content
    assert content.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("stream", [False, True])
def test_any_two_quirks_can_be_played_together(stream):
    request = {"model": "any", "messages": [], "stream": stream, "stream_options": {"include_usage": True}}
    custom = {"tool_calls": [{"id": None, "type": "custom", "custom": {"name": "note", "input": "hi"}}]}
    replies = (calls(call("add", {"a": 1}), call("mul", '{"a":')), custom, "hello")
    for pair in combinations(QUIRKS, 2):
        endpoint = FakeEndpoint(quirks=pair)
        for reply in replies:
            whole = completion(reply, request, number=1, size=100)
            assert endpoint._told(whole, request, stream=stream).pieces, pair


def test_content_types_are_other_ones_or_none():
    with FakeEndpoint(quirks=["other_content_type"]) as endpoint:
        kinds = [ask(endpoint, stream=stream).headers["content-type"] for stream in (False, True)]
    assert kinds == ["text/plain; charset=utf-8", "application/json"]
    with FakeEndpoint(quirks=["no_content_type"]) as endpoint:
        assert ["content-type" in ask(endpoint, stream=stream).headers for stream in (False, True)] == [False, False]


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SHAPE = {"type": "json_schema", "json_schema": {"name": "o", "schema": {"properties": {"n": {"type": "integer"}}}}}


def test_a_format_stops_tools_and_nothing_else_does():
    with FakeEndpoint(quirks=["format_stops_tools"]) as endpoint:
        shaped = ask(endpoint, tools=[TOOL], tool_choice="required", response_format=SHAPE)
        plain = ask(endpoint, tools=[TOOL], response_format={"type": "text"})
    assert shaped.json()["choices"][0]["message"] == {
        "role": "assistant",
        "content": '{"n":1}',
        "refusal": None,
        "annotations": [],
    }
    assert plain.json()["choices"][0]["message"]["tool_calls"]
    assert "tools" in endpoint.requests[0].body


def test_a_function_is_given_the_request_as_it_is_heard_and_a_fixed_reply_is_played_as_written():
    heard = []
    replies = [lambda request: heard.append(request) or "Fine.", call("f")]
    with FakeEndpoint(replies=replies, quirks=["format_stops_tools"]) as endpoint:
        ask(endpoint, tools=[TOOL], response_format=SHAPE)
        fixed = ask(endpoint, tools=[TOOL], response_format=SHAPE)
    assert heard[0].keys() == {"model", "messages", "response_format"}
    assert fixed.json()["choices"][0]["message"]["tool_calls"]
