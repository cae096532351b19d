import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.wire import ChatCompletion, ChatCompletionChunk, Merger, merge
from agentkit.wire.response import Logprobs


def chunk(*choices, **fields):
    return ChatCompletionChunk.parse({"choices": list(choices), **fields})


def deltas(*given, finish=None):
    chunks = [chunk({"index": 0, "delta": delta}) for delta in given]
    return [*chunks, chunk({"index": 0, "delta": {}, "finish_reason": finish})] if finish else chunks


def bit(index=None, call_id=None, name=None, args=None, **fields):
    function = {key: value for key, value in (("name", name), ("arguments", args)) if value is not None}
    given = {"index": index, "id": call_id, "function": function, **fields}
    return {key: value for key, value in given.items() if value is not None}


A = ("a", "f", '{"x":1}')


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
    assert message.audio.to_dict() == {"id": "1", "transcript": "hi", "expires_at": 5}
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


@pytest.mark.parametrize("usage", [{}, {"prompt_tokens": None}, dict.fromkeys(USAGE)])
def test_a_usage_that_counts_nothing_is_none(usage):
    assert merge([chunk(usage=usage)]).usage is None


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


def test_a_whole_message_in_the_place_of_the_first_delta_is_the_reply():
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]
    whole = {"role": "assistant", "content": [{"type": "text", "text": "x"}], "tool_calls": calls}
    merger = Merger()
    told = merger.add(chunk({"message": whole, "finish_reason": "stop"}))
    merger.add(chunk({"message": whole}))

    assert [(kind, piece) for kind, piece, _ in told] == [("text", "x"), ("call", '{"x": 1}')]
    assert merger.completion().message.content == "x"
    assert merger.completion().message.tool_calls[0].function.arguments == '{"x": 1}'


def test_a_name_that_only_the_last_chunk_has_is_kept():
    given = [chunk(*[{"index": 0, "delta": {"content": "x"}}], id="1"), chunk({"index": 0, "delta": {}}, id="1")]
    last = chunk({"index": 0, "delta": {}, "finish_reason": "stop"}, id="1", system_fingerprint="fp")

    assert merge([*given, last]).system_fingerprint == "fp"


@pytest.mark.parametrize("odd", ["none", [1], 5, {"content": None}, {"content": 5}, {"content": {"a": 1}}])
def test_logprobs_of_an_odd_form_are_left(odd):
    logprobs = merge([chunk({"index": 0, "delta": {}, "logprobs": odd})]).choices[0].logprobs
    assert logprobs is None or logprobs.content is None


def test_logprobs_are_joined():
    tokens = [{"token": token, "logprob": -0.5, "bytes": [97], "top_logprobs": []} for token in "ab"]
    chunks = [chunk({"index": 0, "delta": {}, "logprobs": {"content": [token], "refusal": None}}) for token in tokens]

    assert merge(chunks).choices[0].logprobs == Logprobs(content=tokens)


def test_logprobs_of_another_form_are_kept_as_they_came():
    chunks = [chunk({"index": 0, "delta": {}, "logprobs": {"content": [n]}}) for n in (1, 2)]

    assert merge(chunks).choices[0].logprobs == {"content": [1, 2]}


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
