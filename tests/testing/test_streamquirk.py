"""What each deviation in how a reply is told looks like."""

import json
import socket

import httpx
import pytest

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.reply import call, calls
from agentkit.testing.streamquirk import CHUNK_QUIRKS, PIECE_QUIRKS

TWO = calls(call("add", {"a": 1}), call("mul", {"b": 2}))


def told(quirk, reply, **fields):
    with FakeEndpoint(replies=[reply], quirks=[quirk]) as endpoint:
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], "stream": True, **fields}
        return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def chunks(quirk, reply=TWO, **fields):
    lines = [line.removeprefix("data: ") for line in told(quirk, reply, **fields).text.splitlines() if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def call_deltas(quirk):
    deltas = [choice["delta"] for chunk in chunks(quirk) for choice in chunk["choices"]]
    return [one for delta in deltas for one in delta.get("tool_calls", ())]


def test_no_index_tells_each_call_whole_and_without_index():
    assert call_deltas("no_index") == [
        {"id": "call_1_0_0", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}},
        {"id": "call_1_0_1", "type": "function", "function": {"name": "mul", "arguments": '{"b":2}'}},
    ]


def test_no_index_in_pieces_names_a_call_in_its_first_delta_only():
    made = call_deltas("no_index_in_pieces")
    assert not any("index" in one for one in made)
    assert [one["function"]["name"] for one in made if "id" in one] == ["add", "mul"]
    assert "".join(one["function"]["arguments"] for one in made) == '{"a":1}{"b":2}'


def test_pings_stand_between_the_events_and_blank_lines_are_missing():
    body = told("pings", "Hi").text
    assert body.count("event: ping\ndata: still here\n\n") == body.count("data: ") / 2
    bare = told("no_blank_lines", "Hi").text
    assert "\n\n" not in bare
    assert bare.count("data: ") == len(bare.splitlines()) == len(chunks("no_blank_lines", "Hi")) + 1


def test_shared_index_puts_all_calls_at_0():
    made = call_deltas("shared_index")
    assert {one["index"] for one in made} == {0}
    assert [one["id"] for one in made if "id" in one] == ["call_1_0_0", "call_1_0_1"]


def test_whole_calls_have_all_arguments_in_one_delta():
    assert [(one["index"], one["function"]["arguments"]) for one in call_deltas("whole_calls")] == [
        (0, '{"a":1}'),
        (1, '{"b":2}'),
    ]


def test_interleaved_calls_take_turns():
    made = call_deltas("interleaved_calls")
    assert [one["index"] for one in made] == [0, 1] * (len(made) // 2)
    assert "".join(one["function"]["arguments"] for one in made if one["index"]) == '{"b":2}'


def test_name_repeated_says_id_and_name_in_every_delta():
    made = call_deltas("name_repeated")
    assert [(one["id"], one["function"]["name"]) for one in made if one["index"]] == [("call_1_0_1", "mul")] * 6
    assert "".join(one["function"]["arguments"] for one in made if one["index"]) == '{"b":2}'


def test_name_repeated_keeps_the_ids_of_several_choices_apart():
    seen = chunks("name_repeated", calls(call("add", {"a": 1})), n=2)
    told = {
        (part["index"], one["id"])
        for each in seen
        for part in each["choices"]
        for one in part["delta"].get("tool_calls", ())
    }
    assert told == {(0, "call_1_0_0"), (1, "call_1_1_0")}


def test_name_split_spells_the_name_in_two_deltas():
    names = [one["function"]["name"] for one in call_deltas("name_split") if "name" in one["function"]]
    assert names == ["a", "dd", "m", "ul"]


def test_choices_null_comes_after_the_first_chunk_and_with_the_usage():
    seen = chunks("choices_null", "Hi", stream_options={"include_usage": True})
    assert [chunk["choices"] is None for chunk in seen] == [False, True, False, False, True]
    assert seen[-1]["usage"]["completion_tokens"] == 1


def test_delta_null_comes_after_the_first_chunk_and_last():
    seen = [chunk["choices"][0] for chunk in chunks("delta_null", "Hi")]
    assert [choice["delta"] is None for choice in seen] == [False, True, False, True]
    assert seen[-1]["finish_reason"] == "stop"


def test_null_content_deltas_say_content_null_beside_calls():
    assert all(chunk["choices"][0]["delta"]["content"] is None for chunk in chunks("null_content_deltas"))


def test_the_role_is_in_every_delta_or_in_none():
    assert all(chunk["choices"][0]["delta"]["role"] == "assistant" for chunk in chunks("role_repeated"))
    assert not any("role" in chunk["choices"][0]["delta"] for chunk in chunks("no_role"))


def test_finish_early_comes_with_the_last_delta():
    last = chunks("finish_early", "Hi there", stream_options={"include_usage": True})[-2]["choices"][0]
    assert (last["delta"], last["finish_reason"]) == ({"content": " there"}, "stop")


def test_usage_every_chunk_grows_and_ends_right():
    seen = [chunk["usage"]["completion_tokens"] for chunk in chunks("usage_every_chunk", "one two")]
    assert seen == [0, 1, 2, 4]  # nothing was asked for, so the last is a guess of its own
    right = chunks("usage_every_chunk", "one two", stream_options={"include_usage": True})
    assert right[-1]["usage"]["completion_tokens"] == 2


def test_empty_choices_first_has_no_id_and_no_model():
    first, second, *_ = chunks("empty_choices_first", "Hi")
    assert (first["choices"], first["id"], first["model"]) == ([], "", "")
    assert second["choices"][0]["delta"]["role"] == "assistant"


def test_error_mid_stream_ends_the_stream_without_done():
    text = told("error_mid_stream", "one two three").text
    assert "[DONE]" not in text
    assert chunks("error_mid_stream", "one two three")[-1]["error"]["code"] == "overloaded"
    assert len(chunks("error_mid_stream", "one two three")) == 3


def test_error_event_names_its_kind():
    text = told("error_event", "one two three").text
    assert text.count("data: ") == 3
    assert "\n\nevent: error\ndata: " in text
    assert "failed_generation" in text


def test_no_done_and_done_then_more():
    assert "[DONE]" not in told("no_done", "Hi").text
    after = told("done_then_more", "Hi").text.split("data: [DONE]\n\n")
    assert len(after) == 3
    assert "too late" in after[1]


def test_comments_stand_before_each_event():
    text = told("comments", "Hi").text
    assert text.count(": OPENROUTER PROCESSING\n\n") == text.count("data: ") == 4


def test_other_fields_stand_beside_the_data():
    assert told("other_fields", "Hi").text.startswith("event: message\nid: 0\nretry: 1000\ndata: {")


def test_crlf_ends_every_line():
    content = told("crlf", "Hi").content
    assert content.count(b"\n") == content.count(b"\r\n") == 8


def test_bom_comes_first_in_streams_and_documents():
    assert told("bom", "Hi").content.startswith(b"\xef\xbb\xbfdata: ")
    assert told("bom", "Hi", stream=False).content.startswith(b"\xef\xbb\xbf{")


def test_split_utf8_cuts_network_chunks_inside_characters():
    body = b'{"model":"any","messages":[{"role":"user","content":"Hi"}],"stream":true}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with (
        FakeEndpoint(replies=["Größe 東京"], quirks=["split_utf8"]) as endpoint,
        socket.create_connection(("127.0.0.1", endpoint.port)) as client,
    ):
        client.sendall(head + body)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert b"\xc3\r\n" in received  # the first half of a letter ends an HTTP chunk
    assert "Größe" in "".join(c["choices"][0]["delta"].get("content", "") for c in chunks("split_utf8", "Größe"))


def test_data_without_space():
    assert told("data_without_space", "Hi").text.startswith('data:{"')


def test_several_data_lines_make_one_json():
    first = told("several_data_lines", "Hi").text.split("\n\n")[0].splitlines()
    assert all(line.startswith("data: ") for line in first)
    assert json.loads("\n".join(line.removeprefix("data: ") for line in first))["object"] == "chat.completion.chunk"


def test_leading_whitespace_comes_before_a_document():
    answer = told("leading_whitespace", "Hi", stream=False)
    assert answer.text.startswith("\n         \n\n        \n{")
    assert answer.json()["choices"][0]["message"]["content"] == "Hi"


def test_framing_of_streams_leaves_documents_alone():
    assert told("done_then_more", "Hi", stream=False).json()["choices"][0]["message"]["content"] == "Hi"


@pytest.mark.parametrize("quirk", [*CHUNK_QUIRKS, *PIECE_QUIRKS])
def test_every_quirk_leaves_other_replies_readable(quirk):
    for reply in ("Hi", TWO, {"choices": []}, {"error": {"message": "no"}}):
        for stream in (True, False):
            assert told(quirk, reply, stream=stream, n=2).status_code == 200


def test_an_error_line_ends_the_stream_and_is_no_event():
    text = told("error_line", "one two three").text
    assert text.count("data: ") == 2
    assert text.endswith(
        'error: {"detail": "failed to decode", "error": {"message": "failed to decode", "code": 500}}\n\n'
    )
