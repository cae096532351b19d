import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import InvalidResponseError
from agentkit.wire import ChatCompletion, ChatCompletionChunk, Merger, merge

NEW = "call_..."


def chunk(*choices, **fields):
    return ChatCompletionChunk.parse({"choices": list(choices), **fields})


def deltas(*given, finish=None):
    chunks = [chunk({"index": 0, "delta": delta}) for delta in given]
    return [*chunks, chunk({"index": 0, "delta": {}, "finish_reason": finish})] if finish else chunks


def bit(index=None, call_id=None, name=None, args=None, **fields):
    function = {key: value for key, value in (("name", name), ("arguments", args)) if value is not None}
    given = {"index": index, "id": call_id, "function": function, **fields}
    return {key: value for key, value in given.items() if value is not None}


def calls(*chunks):
    message = merge(deltas(*[{"tool_calls": part if isinstance(part, list) else [part]} for part in chunks])).message
    read = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls]
    assert len({call_id for call_id, _, _ in read}) == len(read)
    return [(NEW if len(call_id) == 29 else call_id, name, arguments) for call_id, name, arguments in read]


X, Y = '{"x":1}', '{"y":2}'
A, B = ("a", "f", X), ("b", "g", Y)
HEAD, TAIL, HEAD_Y, TAIL_Y = '{"x"', ":1}", '{"y"', ":2}"
NO_ID = (NEW, "f", X)
CASES = {
    "by index": ([bit(0, "a", "f", ""), bit(0, args=HEAD), bit(0, args=TAIL), bit(1, *B)], [A, B]),
    "whole in one delta": ([[bit(0, *A), bit(1, *B)]], [A, B]),
    "interleaved by index": (
        [
            bit(0, "a", "f"),
            bit(1, "b", "g"),
            bit(0, args=HEAD),
            bit(1, args=HEAD_Y),
            bit(0, args=TAIL),
            bit(1, args=TAIL_Y),
        ],
        [A, B],
    ),
    "index does not start at 0": ([bit(1, "a", "f", HEAD), bit(1, args=TAIL)], [A]),
    "no index": ([bit(None, "a", "f", HEAD), bit(args=TAIL), bit(None, *B)], [A, B]),
    "no index, both in one delta": ([[bit(None, *A), bit(None, *B)]], [A, B]),
    "no index, id in every delta": (
        [bit(None, "a", "f", ""), bit(None, "b", "g", ""), bit(None, "a", None, X), bit(None, "b", None, Y)],
        [A, B],
    ),
    "no index, id and name in every delta": ([bit(None, "a", "f", HEAD), bit(None, "a", "f", TAIL)], [A]),
    "no index, no id": ([bit(None, None, "f", X), bit(None, "", "g", "{}")], [NO_ID, (NEW, "g", "{}")]),
    "no index, no id, one tool twice": ([bit(name="f", args="{}")] * 2, [(NEW, "f", "{}")] * 2),
    "no index, no id, name in every delta": ([bit(name="f", args=HEAD), bit(name="f", args=TAIL)], [NO_ID]),
    "no index, no id, without arguments": ([bit(name="f"), bit(name="g")], [(NEW, "f", ""), (NEW, "g", "")]),
    "no index, one tool twice without arguments": ([[bit(name="f"), bit(name="f")]], [(NEW, "f", "")] * 2),
    "no index, the same id on both": ([bit(None, *A), bit(None, "a", "g", "{}")], [A, (NEW, "g", "{}")]),
    "no index, the same id on both of one tool": ([bit(None, *A), bit(None, "a", "f", "{}")], [A, (NEW, "f", "{}")]),
    "index 0 for both": ([bit(0, *A), bit(0, *B)], [A, B]),
    "index 0 for both, in pieces": (
        [bit(0, "a", "f", ""), bit(0, args=X), bit(0, "b", "g", ""), bit(0, args=Y)],
        [A, B],
    ),
    "index 0 for both, id in every delta": (
        [bit(0, "a", "f", HEAD), bit(0, "b", "g", HEAD_Y), bit(0, "a", None, TAIL), bit(0, "b", None, TAIL_Y)],
        [A, B],
    ),
    "index 0 for both, no ids": ([bit(0, None, "f", X), bit(0, "", "g", "{}")], [NO_ID, (NEW, "g", "{}")]),
    "index 0 for both of one tool, no ids": (
        [bit(0, None, "f", "{}\n"), bit(0, None, "f", "{}")],
        [(NEW, "f", "{}\n"), (NEW, "f", "{}")],
    ),
    "index 0 for both in one delta, no ids": (
        [[bit(0, None, "f"), bit(0, None, "g")]],
        [(NEW, "f", ""), (NEW, "g", "")],
    ),
    "the same id on both, by index": ([bit(0, *A), bit(1, "a", "g", "{}")], [A, (NEW, "g", "{}")]),
    "index counts the deltas": ([bit(0, "a", "f", HEAD), bit(1, "a", None, TAIL)], [A]),
    "index comes late": ([bit(None, "a", "f"), bit(0, "a", None, HEAD), bit(0, args=TAIL)], [A]),
    "index comes late, id once": ([bit(None, "a", "f"), bit(0, None, None, HEAD), bit(0, args=TAIL)], [A]),
    "id comes late": ([bit(0, None, "f", HEAD), bit(0, "a", None, TAIL)], [A]),
    "id comes late, no index": ([bit(None, None, "f", HEAD), bit(None, "a", None, TAIL)], [A]),
    "name comes late": ([bit(0, "a", None, HEAD), bit(0, None, "f", TAIL)], [A]),
    "name comes late, no index": ([bit(None, "a", None, HEAD), bit(None, None, "f", TAIL)], [A]),
    "id and name empty later": ([bit(0, "a", "f", HEAD), bit(0, "", "", TAIL)], [A]),
    "name repeated": ([bit(0, "a", "f", ""), bit(0, None, "f", HEAD), bit(0, "a", "f", TAIL)], [A]),
    "name repeated at the end": ([bit(0, "a", "f", X), bit(0, None, "f", "")], [A]),
    "name in pieces": (
        [bit(0, "a", "get_"), bit(0, None, "weather"), bit(0, None, None, "{}")],
        [("a", "get_weather", "{}")],
    ),
    "name in pieces by id": ([bit(None, "a", "get_"), bit(None, "a", "weather", "{}")], [("a", "get_weather", "{}")]),
    "another name after arguments": (
        [bit(0, None, "f", HEAD), bit(0, None, "g", "{}")],
        [(NEW, "f", HEAD), (NEW, "g", "{}")],
    ),
    "arguments null": ([bit(0, "a", "f"), {"index": 0, "function": {"arguments": None}}], [("a", "f", "")]),
    "arguments an object": ([bit(0, "a", "f", {"x": 1})], [("a", "f", '{"x": 1}')]),
    "arguments an object after the name": (
        [bit(0, "a", "f", ""), bit(0, None, None, {"x": 1})],
        [("a", "f", '{"x": 1}')],
    ),
    "arguments cut": ([bit(0, "a", "f", '{"x": "y')], [("a", "f", '{"x": "y')]),
    "arguments twice": ([bit(0, *A), bit(0, *A)], [("a", "f", '{"x":1}{"x":1}')]),
    "flat": ([{"index": 0, "id": "a", "name": "f", "arguments": X}], [A]),
    "function null": ([bit(0, *A), {"index": 0, "function": None}], [A]),
}


@pytest.mark.parametrize(("given", "expected"), CASES.values(), ids=CASES)
def test_no_call_is_lost_or_invented_or_mixed(given, expected):
    assert calls(*given) == expected


def test_a_call_is_whole_with_type_and_unknown_fields():
    parts = [bit(0, "a", "f", "{", type=None), bit(0, None, None, "}", type="function", extra_content={"s": 1})]
    (call,) = merge(deltas({"tool_calls": parts[:1]}, {"tool_calls": parts[1:]})).message.tool_calls

    assert call.to_dict() == {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"s": 1},
    }


def test_a_custom_call_is_joined_as_one():
    head = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}
    tail = {"index": 0, "custom": {"input": "4 + 4"}}
    (call,) = merge(deltas({"tool_calls": [head]}, {"tool_calls": [tail]})).message.tool_calls

    assert (call.type, call.function.name, call.function.arguments) == ("custom", "f", "4 + 4")
    assert call.custom.to_dict() == {"name": "f", "input": "4 + 4"}


def test_more_calls_than_the_bound_are_refused():
    with pytest.raises(InvalidResponseError) as caught:
        merge(deltas({"tool_calls": [bit(n, str(n), "f") for n in range(1024)]}, {"tool_calls": [bit(9999, "x", "f")]}))

    assert (
        str(caught.value) == "The endpoint answered with more than 1024 tool calls in one message; the reply was left."
    )


def test_calls_after_the_finish_reason_count():
    reply = merge([*deltas({"content": "x"}, finish="stop"), *deltas({"tool_calls": [bit(0, *A)]})])

    assert reply.choices[0].finish_reason == "stop"
    assert [call.id for call in reply.message.tool_calls] == ["a"]


def test_text_before_a_call_is_kept():
    message = merge(deltas({"content": "Let me see."}, {"tool_calls": [bit(0, *A)]})).message

    assert (message.content, len(message.tool_calls)) == ("Let me see.", 1)


@pytest.mark.parametrize(
    ("given", "text", "reasoning"),
    [
        ([{"role": "assistant", "content": ""}, {"content": "a"}, {"role": "assistant", "content": "b"}], "ab", None),
        ([{"content": None}, {}], None, None),
        ([{"reasoning": "h"}, {"reasoning": "m", "content": ""}, {"content": "a"}], "a", "hm"),
        ([{"reasoning_content": "h"}, {"reasoning_content": "m"}, {"content": "a"}], "a", "hm"),
        ([{"reasoning_details": [{"text": "h"}]}, {"reasoning_details": [{"text": "m"}]}, {"content": "a"}], "a", "hm"),
        ([{"reasoning": "hm", "reasoning_details": [{"text": "hm"}]}], None, "hm"),
        ([{"content": [{"type": "thinking", "thinking": [{"text": "hm"}]}]}, {"content": "a"}], "a", "hm"),
        ([{"content": "<th"}, {"content": "ink>h"}, {"content": "m</think>"}, {"content": "\n\na"}], "a", "hm"),
        ([{"content": "<thi"}], "<thi", None),
        ([{"reasoning": "hm"}, {"content": "<think>a</think>b"}], "<think>a</think>b", "hm"),
        ([{"content": " "}, {"reasoning": "hm"}, {"content": "a"}], " a", "hm"),
    ],
)
def test_text_and_reasoning_are_joined_in_each_dialect(given, text, reasoning):
    message = merge(deltas(*given)).message

    assert (message.content, message.reasoning) == (text, reasoning)


def test_refusal_audio_annotations_and_unknown_fields_are_joined():
    message = merge(
        deltas(
            {"refusal": "I "},
            {"refusal": "won't", "audio": {"id": "1", "data": "AA", "transcript": "h"}},
            {"audio": {"data": "BB", "transcript": "i", "expires_at": 5}, "annotations": [1], "channel": "a"},
            {"annotations": [2], "channel": "b", "audio": {"data": None}},
        )
    ).message

    assert message.refusal == "I won't"
    assert message.audio == {"id": "1", "data": None, "transcript": "hi", "expires_at": 5}
    assert message.annotations == (1, 2)
    assert message.model_extra == {"channel": "b"}


def test_a_legacy_function_call_is_joined_and_a_placeholder_is_none():
    given = [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"name": "f", "arguments": "{}"}}]

    assert merge(deltas(*given)).message.function_call.to_dict() == {"name": "f", "arguments": "{}"}
    assert merge(deltas({"content": "x", "function_call": {"name": "", "arguments": ""}})).message.function_call is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([None, "stop"], "stop"),
        (["stop", None], "stop"),
        (["tool_calls", "tool_calls"], "tool_calls"),
        (["tool_calls", "stop"], "stop"),
        (["length", "stop"], "length"),
        (["content_filter", "", "stop"], "content_filter"),
        (["", None], None),
        ([None], None),
        (["eos"], "eos"),
    ],
)
def test_the_last_finish_reason_counts_but_never_hides_a_cut(given, reason):
    merger = Merger()
    for one in given:
        merger.add(chunk({"index": 0, "delta": {}, "finish_reason": one}))

    assert merger.completion().choices[0].finish_reason == reason
    assert merger.finished is (reason is not None)


USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(usage=USAGE)],
        [chunk(usage=USAGE), *deltas({"content": "x"})],
        [chunk(usage={**USAGE, "total_tokens": 5}), chunk(usage=USAGE), chunk(usage=USAGE)],
        [chunk(usage={"prompt_tokens": 3, "completion_tokens": None, "total_tokens": None}), chunk(usage=USAGE)],
        [chunk(usage=USAGE), chunk(usage={}), chunk(usage=None)],
        [chunk(x_groq={"id": "r", "usage": USAGE}), chunk(x_groq={"id": "r"}), chunk(x_groq=5)],
    ],
    ids=["alone", "not last", "cumulative", "null until the end", "empty at the end", "Groq's field"],
)
def test_the_last_usage_with_numbers_counts_never_a_sum(chunks):
    assert merge(chunks).usage.to_dict() == USAGE


def test_choices_are_kept_apart_and_only_the_first_is_told():
    merger = Merger()
    told = [merger.add(chunk({"index": n, "delta": {"content": text}})) for n, text in [(1, "b"), (0, "a"), (1, "B")]]

    assert told == [[], [("text", "a", None)], []]
    assert [(c.index, c.message.content) for c in merger.completion().choices] == [(0, "a"), (1, "bB")]


def test_the_envelope_is_the_first_that_says_something():
    reply = merge(
        [
            chunk(id="", model="", created=0, object="", prompt_filter_results=[1]),
            chunk({"index": 0, "delta": {"content": "x"}, "seed": 5}, id="1", model="m", provider=None),
            chunk(id="2", model="n", usage=USAGE, service_tier="flex", provider="p"),
        ]
    )

    assert (reply.id, reply.model, reply.created, reply.object, reply.service_tier) == (
        "1",
        "m",
        None,
        "chat.completion",
        "flex",
    )
    assert reply.model_extra == {"prompt_filter_results": [1], "provider": "p"}
    assert reply.choices[0].model_extra == {"seed": 5}


@pytest.mark.parametrize("beside", [{"role": "assistant", "content": "x so far"}, "text", ["x"]])
def test_a_message_beside_the_delta_is_left(beside):
    assert merge([chunk({"index": 0, "delta": {"content": "x"}, "message": beside})]).message.content == "x"


@pytest.mark.parametrize("odd", ["none", [1], 5, {"content": None}, {"content": 5}, {"content": {"a": 1}}])
def test_logprobs_of_an_odd_form_are_left(odd):
    assert not (merge([chunk({"index": 0, "delta": {}, "logprobs": odd})]).choices[0].logprobs or {}).get("content")


def test_logprobs_are_joined():
    chunks = [chunk({"index": 0, "delta": {}, "logprobs": {"content": [n], "refusal": None}}) for n in (1, 2)]

    assert merge(chunks).choices[0].logprobs == {"content": [1, 2], "refusal": []}


def test_a_stream_of_nothing_is_a_reply_without_text():
    merger = Merger()

    assert merger.started is False
    assert merger.completion().message.content is None
    assert merge([chunk()]).choices[0].finish_reason is None


def test_pieces_are_told_as_they_come_with_their_call():
    merger = Merger()
    told = [merger.add(one) for one in deltas({"content": "a", "reasoning": "h"}, {"tool_calls": [bit(0, *A)]}, {})]

    assert told[0] == [("reasoning", "h", None), ("text", "a", None)]
    ((kind, text, call),) = told[1]
    assert (kind, text, call.id, call.name, call.position) == ("call", '{"x":1}', "a", "f", 0)
    assert told[2] == []


ARGUMENTS = st.dictionaries(st.text("ab", min_size=1), st.text('{}"\\é') | st.integers(), max_size=3).map(json.dumps)
NAMES = st.sampled_from(["f", "g", "get_weather"])


@given(
    text=st.text(max_size=8),
    thought=st.text(max_size=8),
    calls=st.lists(st.tuples(NAMES, ARGUMENTS), max_size=3),
    style=st.sampled_from(["index", "id", "both", "shared"]),
    data=st.data(),
)
def test_any_split_of_a_reply_gives_the_reply(text, thought, calls, style, data):
    def cut(whole):
        ends = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4)))
        return [whole[start:end] for start, end in zip([0, *ends], [*ends, len(whole)], strict=True)]

    given = [{"reasoning": part} for part in cut(thought)] + [{"content": part} for part in cut(text)]
    for n, (name, arguments) in enumerate(calls):
        index = {"index": n, "both": n, "shared": 0, "id": None}[style]
        first, *rest = cut(arguments)
        later = f"id{n}" if style in ("id", "both") else None
        given.append({"tool_calls": [bit(index, f"id{n}", name, first)]})
        given += [{"tool_calls": [bit(index, later, None, part)]} for part in rest]
    reply = merge(deltas(*given, finish="stop"))

    assert reply.message.reasoning == (thought or None)
    assert (reply.message.content or "") == text
    assert [(c.id, c.function.name, c.function.arguments) for c in reply.message.tool_calls] == [
        (f"id{n}", *call) for n, call in enumerate(calls)
    ]
    assert ChatCompletion.parse(reply.encoded) == reply
