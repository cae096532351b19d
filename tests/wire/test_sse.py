import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import InvalidResponseError
from agentkit.wire import SSEDecoder
from agentkit.wire.sse import DONE, Event


def events(stream, *cuts):
    decoder = SSEDecoder()
    ends = [*cuts, len(stream)]
    read = [event for start, end in zip([0, *cuts], ends, strict=True) for event in decoder.feed(stream[start:end])]
    return read + decoder.end()


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
        (b"data:a\n\ndata:  b\n\n", [("", b"a"), ("", b" b")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b": OPENROUTER PROCESSING\n\n:\n\ndata: a\n\n", [("", b"a")]),
        (b"\n\n\ndata: a\n\n\n\n", [("", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"id: 1\nretry: 5\nevent: ping\ndata: a\n\ndata: b\n\n", [("ping", b"a"), ("", b"b")]),
        (b"event: error\ndata: {}\n\n", [("error", b"{}")]),
        (b"event: error\ndata:\n\n", [("error", b"")]),
        (b'data: a\n\nerror: {"detail":"x"}\n', [("", b"a"), ("error", b'{"detail":"x"}')]),
        (b'data: {"a":1}\ndata: {}\ndata: [DONE]\n\n', [("", b'{"a":1}'), ("", b"{}"), ("", DONE)]),
        (b'data: {"a":\ndata: {}}\n\n', [("", b'{"a":\n{}}')]),
        (b'data: {"a":{}\ndata: ,"b":{}}\n\n', [("", b'{"a":{}\n,"b":{}}')]),
        (b"data: [DONE]\n\ndata: more\n\n", [("", DONE), ("", b"more")]),
        (b"data: a\n\ndata: b", [("", b"a"), ("", b"b")]),
        (b"data: a\n\ndata: b\n", [("", b"a"), ("", b"b")]),
        (b"data:\n\ndata\n\ndata: a\n\n", [("", b"a")]),
        ("data: é\u2028\x85\x0b\n\n".encode(), [("", "é\u2028\x85\x0b".encode())]),
        (b"<html>\n\nno stream\n", []),
        (b"", []),
    ],
    ids=[
        "plain", "no space", "CRLF", "CR", "several data lines", "comments", "blank lines", "byte order mark",
        "named", "error event", "error event without data", "error line", "objects without blank lines",
        "an object on two lines", "an object on two lines, brace last", "after DONE", "no last blank line",
        "half of the last blank line", "keep-alive without data", "other line ends are text", "no stream", "empty",
    ],
)  # fmt: skip
def test_events_are_read_however_the_stream_is_cut(stream, expected):
    assert events(stream) == [Event(*event) for event in expected]
    assert events(stream, *range(len(stream))) == events(stream)


LINES = st.sampled_from(
    [b"data: a", b"data:", b"data: \xc3\xa9", b"event: e", b": c", b"error: {}", b"", b"", b"x", b"\xef\xbb\xbf"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.data())
def test_any_split_of_the_bytes_gives_the_same_events(lines, data):
    stream = b"".join(line + end for line, end in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))

    assert events(stream, *cuts) == events(stream)


def test_events_are_given_with_the_read_that_ends_them():
    decoder = SSEDecoder()

    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\ndata: b\r\n\r") == [Event("", b"a")]
    assert decoder.feed(b"\n") == [Event("", b"b")]


@pytest.mark.parametrize(
    ("reads", "what"),
    [
        ([b"data: aaaaa"], "line"),
        ([b"data: a", b"aaaa"], "line"),
        ([b"data: a\ndata: b\n"], "event"),
        ([b"data:\n"] * 9, "event"),
    ],
    ids=["line", "line in reads", "event", "event of nothing"],
)
def test_a_line_or_an_event_past_the_bound_is_refused(reads, what):
    decoder = SSEDecoder(most_bytes=10)
    with pytest.raises(InvalidResponseError) as caught:
        for read in reads:
            decoder.feed(read)

    assert str(caught.value) == (
        f"A stream's {what} is longer than 10 bytes; the stream was left. "
        "The endpoint does not send server-sent events of the contract."
    )


def test_the_bound_is_of_one_line_and_one_event_not_of_the_stream():
    decoder = SSEDecoder(most_bytes=10)

    assert sum(len(decoder.feed(b"data: a\n\r\n\r")) for _ in range(20)) == 20
