import pytest

from agentkit.errors import InvalidResponseError
from agentkit.wire import ChatCompletionChunk, merge

NEW = "call_..."


def deltas(*given):
    return [ChatCompletionChunk.parse({"choices": [{"index": 0, "delta": delta}]}) for delta in given]


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
    "arguments twice, all told again": ([bit(0, *A), bit(0, *A)], [A]),
    "arguments twice, alone": ([bit(0, "a", "f", HEAD), bit(0, args=TAIL), bit(0, args=X)], [A]),
    "arguments twice but not the same": ([bit(0, *A), bit(0, args=Y)], [("a", "f", X + Y)]),
    "arguments of one call twice, without an index": (
        [bit(None, *A), bit(None, "a", "f", X)],
        [A, NO_ID],
    ),
    "an empty object before the arguments": ([bit(0, "a", "f", "{}"), bit(0, args=HEAD), bit(0, args=TAIL)], [A]),
    "an empty object alone": ([bit(0, "a", "f", "{}"), bit(0, args=" \n")], [("a", "f", "{} \n")]),
    "index a text": ([bit("0", "a", "f", HEAD), bit("0", args=TAIL), bit("1", *B)], [A, B]),
    "index starts at 1, two calls": ([bit(1, *A), bit(2, *B)], [A, B]),
    "index counts the deltas, no ids": ([bit(0, "a", "f", HEAD), bit(1, args=TAIL), bit(2, *B)], [A, B]),
    "index new, name late": ([bit(0, *A), bit(1, args=HEAD_Y), bit(1, "b", "g", TAIL_Y)], [A, B]),
    "a new id in every delta": (
        [bit(0, "a", "f", ""), bit(0, "a2", None, HEAD), bit(0, "a3", None, TAIL), bit(1, *B), bit(1, "b2", None, "")],
        [A, B],
    ),
    "a new id in every delta, no index": ([bit(None, "a", "f", HEAD), bit(None, "a2", None, TAIL)], [A]),
    "a new id and its name late": (
        [bit(0, *A), bit(0, "b", None, HEAD_Y), bit(0, "b", "g", TAIL_Y)],
        [A, B],
    ),
    "id and name of the second in pieces of their own, no index": (
        [bit(None, *A), bit(None, "b", None, HEAD_Y), bit(None, None, "g", TAIL_Y)],
        [A, B],
    ),
    "the same id in every delta of both": (
        [bit(0, "a", "f", HEAD), bit(1, "b", "g", HEAD_Y), bit(0, "a", "f", TAIL), bit(1, "b", "g", TAIL_Y)],
        [A, B],
    ),
    "arguments null, then text": (
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": None}}, bit(0, args=X)],
        [A],
    ),
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


def test_what_a_function_says_besides_is_kept():
    part = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}", "provider_specific_fields": {"s": 1}}}
    (call,) = merge(deltas({"tool_calls": [part]}, {"tool_calls": [bit(0, args="")]})).message.tool_calls

    assert call.function.model_extra == {"provider_specific_fields": {"s": 1}}


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
