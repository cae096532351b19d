"""One reply told in any shape that servers were seen to use is the same reply, and cut anywhere it is none."""

import json

from hypothesis import given
from hypothesis import strategies as st

from agentkit.http.stream import ChunkDecoder
from agentkit.wire import merge

ARGUMENTS = st.dictionaries(st.text("ab", min_size=1), st.text('{}"\\é\U0001f600') | st.none(), max_size=2).map(
    json.dumps
)
CALLS = st.lists(st.tuples(st.sampled_from(["f", "g", "get_weather"]), ARGUMENTS), max_size=3)
REPLIES = st.tuples(st.text("ab<é\U0001f600", max_size=5), st.text(max_size=5), CALLS)
STYLES = st.sampled_from(["index", "from one", "text", "id", "both", "again", "new ids", "shared", "whole"])
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
NULLS = dict.fromkeys(("content", "refusal", "function_call", "tool_calls", "reasoning", "audio", "annotations"))
BETWEEN = [b"", b": ping\n\n", b"data:\n\n", b"event: ping\ndata: x\n\n", b'data: {"choices": null}\n\n', b"retry: 1\n"]


def cut(draw, text):
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def told_calls(draw, style, calls):
    """Give the deltas of the calls; where only the order tells whose a piece is, they come one after another."""
    tracks = []
    for n, (name, arguments) in enumerate(calls):
        index = {"id": None, "shared": 0, "from one": n + 1, "text": str(n)}.get(style, n)
        head, *rest = [arguments] if style == "whole" else cut(draw, arguments)
        pieces = [{"index": index, "id": f"id{n}", "function": {"name": name, "arguments": head}}]
        for m, part in enumerate(rest):
            again = {"again": f"id{n}", "both": f"id{n}", "id": f"id{n}", "new ids": f"z{n}{m}"}.get(style)
            named = {"name": name} if style == "again" else {}
            pieces.append({"index": index, "id": again, "function": {**named, "arguments": part}})
        tracks.append(pieces)
    if style == "shared" or not tracks:
        return [piece for pieces in tracks for piece in pieces]
    mixed = [pieces.pop(0) for pieces in tracks]
    while left := [pieces for pieces in tracks if pieces]:
        mixed.append(draw(st.sampled_from(left)).pop(0))
    return mixed


def body_of(draw, deltas, ends):
    """Give the events of the deltas: fields absent or null, an index or none, lines ended and parted in any way."""
    chunks = []
    for delta in [*deltas, None]:
        given = draw(st.sampled_from([{}, NULLS])) | (delta or {})
        choice = draw(st.sampled_from([{}, {"index": 0}])) | {"delta": given or None}
        chunks.append({"choices": [choice]})
    chunks[-1]["choices"][0] |= {"finish_reason": "stop"} if "finish" in ends else {}
    chunks += draw(st.sampled_from([[{"choices": [], "usage": USAGE}], [{"choices": None, "usage": USAGE}]]))
    events = [b"data: %b\n\n" % json.dumps(chunk, ensure_ascii=draw(st.booleans())).encode() for chunk in chunks]
    events = [draw(st.sampled_from(BETWEEN)) + event for event in events]
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    return [event.replace(b"\n", end) for event in [*events, *([b"data: [DONE]\n\n"] if "done" in ends else [])]]


def read(body, size):
    decoder = ChunkDecoder()
    chunks = [chunk for at in range(0, len(body), size) for chunk in decoder.feed(body[at : at + size])]
    chunks += decoder.end()
    assert decoder.failure is None
    return decoder.whole, merge(chunks)


@given(
    reply=REPLIES,
    style=STYLES,
    ends=st.sampled_from([("finish",), ("done",), ("finish", "done")]),
    size=st.sampled_from([1, 7, 10_000]),
    data=st.data(),
)
def test_a_reply_is_the_same_in_any_shape_and_none_where_it_is_cut(reply, style, ends, size, data):
    text, thought, calls = reply
    deltas = [{"reasoning_content": part} for part in cut(data.draw, thought)]
    deltas += [{"content": part} for part in cut(data.draw, text)]
    deltas += [{"tool_calls": [piece]} for piece in told_calls(data.draw, style, calls)]
    events = body_of(data.draw, deltas, ends)
    whole, got = read(b"".join(events), size)

    assert whole
    assert (got.message.content or "", got.message.reasoning or "") == (text, thought)
    told = [(call.id, call.function.name, call.function.arguments) for call in got.message.tool_calls]
    assert told == [(f"id{n}", *call) for n, call in enumerate(calls)]
    assert got.usage.to_dict() == USAGE
    last = len(deltas) if "finish" in ends else len(events) - 1
    stop = data.draw(st.integers(0, last))
    assert not read(b"".join(events[:stop]), size)[0]
