import json

import pytest

from agentkit.errors import InvalidResponseError
from agentkit.wire import ChatCompletionChunk
from agentkit.wire import chunk as chunk_module

WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1700000000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "delta": {
                "role": "assistant",
                "content": "hi",
                "tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}],
                "channel": "final",
            },
            "finish_reason": "stop",
            "logprobs": {"content": []},
            "native_finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cost": 0.5},
    "provider": "p",
}


def delta(**fields):
    return {"choices": [{"index": 0, "delta": fields}]}


@pytest.mark.parametrize(
    "chunk",
    [
        WHOLE,
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        {"choices": [], "id": "", "model": "", "object": "", "created": 0, "prompt_filter_results": []},
        delta(),
        delta(role="", content=None, tool_calls=[{"function": {"arguments": None}, "type": None, "id": None}]),
        delta(reasoning_details=[{"type": "reasoning.text", "text": "hm"}]),
        {
            "choices": [{"index": 0, "delta": {}, "message": {"content": "hi"}, "finish_reason": ""}],
            "object": "chat.completion",
        },
        {**delta(), "error": None},
    ],
)
def test_a_chunk_of_the_contract_is_read_straight(chunk, monkeypatch):
    monkeypatch.setattr(chunk_module, "repair_chunk", None)
    read = ChatCompletionChunk.parse(json.dumps(chunk))

    assert ChatCompletionChunk.parse(chunk) == read
    assert chunk is not WHOLE or read.to_dict() == WHOLE


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": None},
        {"type": "ping"},
        {"choices": None, "usage": {"prompt_tokens": 3, "completion_tokens": None}},
    ],
    ids=["nothing", "null", "ping", "usage"],
)
def test_a_chunk_without_choices_adds_nothing(chunk):
    assert ChatCompletionChunk.parse(chunk).choices == ()


@pytest.mark.parametrize(
    ("choice", "content"),
    [
        ({"index": 0, "delta": None}, None),
        ({"index": 0, "finish_reason": None}, None),
        ({"delta": {"content": "x"}}, "x"),
        ({"index": 0, "delta": {"content": [{"type": "text", "text": "x"}]}}, "x"),
        ({"index": 0, "delta": {"content": "x", "tool_calls": None}}, "x"),
        ({"index": 0, "delta": {"role": None, "content": "x", "function_call": None}}, "x"),
    ],
    ids=["delta null", "delta absent", "index absent", "parts", "calls null", "role null"],
)
def test_a_choice_that_deviates_is_read(choice, content):
    (read,) = ChatCompletionChunk.parse({"choices": [choice]}).choices

    assert (read.index, read.delta.content, read.delta.tool_calls) == (0, content, ())


def test_thinking_parts_are_reasoning():
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    (read,) = ChatCompletionChunk.parse(delta(content=[part])).choices

    assert (read.delta.content, read.delta.reasoning) == ("", "hm")


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ({"index": "1", "id": 5}, (1, "5", None)),
        ({"index": 1.0, "function": {"arguments": {"x": 1}}}, (1, None, '{"x": 1}')),
        ({"index": "1", "function": {"arguments": {"x": 1}}}, (1, None, '{"x": 1}')),
        ({"index": "first", "id": ["a"]}, (None, None, "")),
    ],
)
def test_a_piece_of_a_call_that_deviates_is_read(piece, expected):
    (call,) = ChatCompletionChunk.parse(delta(tool_calls=[piece])).choices[0].delta.tool_calls

    assert (call.index, call.id, call.function and call.function.arguments) == expected


def test_choices_that_are_no_list_are_refused():
    with pytest.raises(InvalidResponseError) as caught:
        ChatCompletionChunk.parse({"choices": "x"})

    assert str(caught.value) == (
        "The endpoint did not answer with a Chat Completions reply: `choices` is no list; it begins with: "
        '\'{"choices":"x"}\'. Check that base_url ends where `/chat/completions` follows, usually in `/v1`.'
    )


def test_a_chunk_that_does_not_deviate_is_known():
    assert ChatCompletionChunk.known(b'{"choices":[]}') == ChatCompletionChunk(choices=())
    assert ChatCompletionChunk.known(b'{"choices":null}') is None
    assert ChatCompletionChunk.known(b'{"choices":[],"x_groq":{"id":"r"}}') is None
