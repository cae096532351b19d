"""Network reads turned into chunks, and whether the reply came to its end."""

import json

import pytest

from agentkit.errors import InvalidResponseError
from agentkit.http.stream import ChunkDecoder, is_events, one_chunk
from agentkit.wire import ChatCompletion, merge


def event(content=None, finish=None, **more):
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
WHOLE = event("Hel") + event("lo") + event(finish="stop") + DONE


@pytest.mark.parametrize(
    ("begin", "events"),
    [
        (b"", None),
        (b"\n \n", None),
        (b"da", None),
        (b"\xef\xbb\xbfdata: {", True),
        (b"\n\ndata:{", True),
        (b": ping", True),
        (b"event: error", True),
        (b"error: {", True),
        (b'{"id"', False),
        (b"\n  {", False),
        (b"<html", False),
        (b"data ", False),
    ],
)
def test_the_first_bytes_tell_events_from_a_document(begin, events):
    assert is_events(begin) is events


def test_a_reply_cut_anywhere_by_the_network_gives_the_same_chunks():
    for size in (1, 2, 7, 50):
        decoder = ChunkDecoder()
        chunks = [chunk for at in range(0, len(WHOLE), size) for chunk in decoder.feed(WHOLE[at : at + size])]
        assert merge(chunks).message.content == "Hello"
        assert (decoder.done, decoder.finished, decoder.whole) == (True, True, True)


def test_either_mark_alone_makes_a_reply_whole():
    for ending in (event(finish="stop"), DONE):
        decoder = ChunkDecoder()
        decoder.feed(event("a") + ending)
        decoder.end()
        assert decoder.whole


def test_one_choice_that_ended_does_not_make_several_whole():
    other = event("b").replace(b'"index": 0', b'"index": 1')
    decoder = ChunkDecoder()
    decoder.feed(event("a") + other + event(finish="stop"))
    decoder.end()
    assert not decoder.whole
    decoder = ChunkDecoder()
    decoder.feed(
        event("a") + other + event(finish="stop") + other.replace(b'"finish_reason": null', b'"finish_reason": "stop"')
    )
    decoder.end()
    assert decoder.whole


def test_without_both_marks_a_stream_was_cut_off():
    decoder = ChunkDecoder()
    decoder.feed(event("a"))
    assert decoder.end() == []
    assert not decoder.whole


def test_what_came_before_the_cut_is_kept():
    decoder = ChunkDecoder()
    decoder.feed(event("Hel") + event("lo"))
    decoder.feed(b'data: {"cho')
    decoder.end()
    error = decoder.cut("it broke", "https://api.test/v1/chat/completions")
    assert str(error) == (
        "The stream of https://api.test/v1/chat/completions was cut off: it broke. What came is in `error.partial`."
    )
    assert error.partial.message.content == "Hello"


def test_a_cut_before_anything_came_has_no_part():
    assert ChunkDecoder().cut("it broke", "x").partial is None


def test_half_an_event_at_the_end_is_a_cut_even_after_a_finish_reason():
    decoder = ChunkDecoder()
    decoder.feed(event("a") + event(finish="stop") + b'data: {"choi')
    decoder.end()
    assert decoder.failure is None
    assert not decoder.whole


def test_a_last_event_without_its_blank_line_is_read():
    decoder = ChunkDecoder()
    decoder.feed(event("a"))
    decoder.feed(event(finish="stop").rstrip())
    assert decoder.end()
    assert decoder.whole


def test_a_broken_event_in_the_middle_comes_after_the_chunks_before_it():
    decoder = ChunkDecoder()
    chunks = decoder.feed(event("a") + b"data: {broken\n\n" + event("b"))
    assert merge(chunks).message.content == "a"
    assert isinstance(decoder.failure, InvalidResponseError)
    assert decoder.failure.error is None


@pytest.mark.parametrize(
    "data",
    [
        b'event: error\ndata: {"error": {"message": "no", "code": 429}}\n\n',
        b'data: {"error": {"message": "no", "code": 429}}\n\n',
        b'error: {"error": {"message": "no", "code": 429}}\n\n',
    ],
)
def test_an_error_in_the_place_of_a_chunk_is_kept_with_its_code(data):
    decoder = ChunkDecoder()
    decoder.feed(data)
    assert decoder.failure.error["code"] == 429


def test_an_event_named_error_is_one_whatever_it_holds():
    decoder = ChunkDecoder()
    assert decoder.feed(b'event: error\ndata: {"reason": "overload"}\n\n') == []
    assert str(decoder.failure) == 'The endpoint sent an event named \'error\': {"reason": "overload"}.'
    assert decoder.failure.error == {"reason": "overload"}


def test_an_event_named_error_with_half_a_character_is_told_by_its_text():
    decoder = ChunkDecoder()
    decoder.feed(b'event: error\ndata: {"reason": "\\ud83d"}\n\n')
    assert decoder.failure.error == {"message": '{"reason": "\\ud83d"}'}


def test_events_of_other_names_are_left_out_unless_they_hold_a_chunk():
    decoder = ChunkDecoder()
    chunks = decoder.feed(b"event: ping\ndata: now\n\nevent: completion\n" + WHOLE)
    assert merge(chunks).message.content == "Hello"
    assert decoder.whole


@pytest.mark.parametrize("more", [{"content": "b"}, {"tool_calls": [{"index": 0, "function": {"name": "f"}}]}])
def test_what_goes_on_after_its_finish_reason_has_not_ended(more):
    late = b"data: " + json.dumps({"choices": [{"index": 0, "delta": more}]}).encode() + b"\n\n"
    decoder = ChunkDecoder()
    decoder.feed(event("a", "stop") + late)
    assert not decoder.whole
    decoder.feed(event(finish="stop"))
    assert decoder.whole


def test_a_finish_reason_error_is_an_error_after_what_came_before_it():
    decoder = ChunkDecoder()
    chunks = decoder.feed(event("a") + event(finish="error") + DONE)
    assert merge(chunks).message.content == "a"
    assert decoder.failure.error == {"message": "The reply ended with the finish_reason 'error'.", "code": 502}


@pytest.mark.parametrize("field", ["content", "reasoning", "reasoning_content", "refusal"])
def test_halves_of_a_character_in_two_chunks_are_joined(field):
    texts = ["\\\\a", "é\\uD83D", "\\uDE00b", "c\\ud83d", "d\\ude00"]
    told = b'data: {"choices":[{"index":0,"delta":{"%b":"%b"}}]}\n\n'
    body = b"".join(told % (field.encode(), text.encode()) for text in texts)
    message = merge(ChunkDecoder().feed(body)).message
    assert getattr(message, field) == "\\aé\U0001f600bcd\ufffd"


def test_comments_empty_data_and_what_follows_the_end_are_read():
    decoder = ChunkDecoder()
    chunks = decoder.feed(b": ping\n\ndata:\n\n" + event("a") + DONE + event("b") + DONE)
    assert merge(chunks).message.content == "ab"
    assert decoder.failure is None


def test_a_document_becomes_one_chunk_that_merges_back():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "So.",
        "tool_calls": [call, {**call, "id": "c2"}],
    }
    reply = {
        "id": "x",
        "model": "m",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls"},
            {"index": 1, "message": {"role": "assistant", "content": "Ho"}, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }
    merged = merge([one_chunk(ChatCompletion.parse(reply))])
    assert [call.id for call in merged.message.tool_calls] == ["c1", "c2"]
    assert (merged.message.content, merged.message.reasoning) == ("Hi", "So.")
    assert [choice.finish_reason for choice in merged.choices] == ["tool_calls", "stop"]
    assert merged.usage.total_tokens == 3
