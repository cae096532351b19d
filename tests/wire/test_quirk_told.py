"""Deviations that providers' documents and other clients' threads tell of, through real sockets in both ways."""

import json

import pytest

from agentkit.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    RateLimitError,
    StreamCutError,
)

X = '{"x": 1}'
ONE = [("a", "f", X)]
DONE = b"data: [DONE]\n\n"


def counts(prompt, completion):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def chunk(delta, finish=None, **fields):
    return {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **fields}


def message(content, finish=None, **fields):
    return {"id": "1", "choices": [{"index": 0, "message": {"content": content, **fields}, "finish_reason": finish}]}


def stream(*given, done=True):
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in given) + (DONE if done else b"")


def whole(content, finish="stop", **fields):
    return json.dumps({**message(content, finish), **fields}).encode()


def pieces(*given, finish="tool_calls"):
    return stream(*(chunk({"tool_calls": [piece]}) for piece in given), chunk({}, finish))


def piece(arguments, name=None, call_id=None):
    return {"index": 0, "id": call_id, "function": {"name": name, "arguments": arguments}}


HI = chunk({"content": "Hi"})
END = chunk({}, "stop")
USED = {"choices": [], "usage": {"completion_tokens": 4}}
CACHED = {"prompt_tokens_details": {"cached_tokens": 2}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": X}}
THOUGHT = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": "s"}]}]
REPLIES = {
    "usage of the prompt first, of the completion last": (
        stream(HI | {"usage": {"prompt_tokens": 3}}, END, USED),
        {"usage": counts(3, 4)},
    ),
    "usage of the prompt first, 0 last": (
        stream(HI | {"usage": counts(3, 1)}, END, {"choices": [], "usage": counts(0, 4)}),
        {"usage": counts(3, 4)},
    ),
    "usage of 0 last": (
        stream(HI, END, {"choices": [], "usage": counts(3, 4)}, {"choices": [], "usage": counts(0, 0)}),
        {"usage": counts(3, 4)},
    ),
    "usage that is more than its sum, told in parts": (
        stream(HI, {"choices": [], "usage": counts(3, 4) | {"total_tokens": 9}}, END, USED),
        {"usage": counts(3, 4) | {"total_tokens": 9}},
    ),
    "details of the prompt in the first usage only": (
        stream(HI | {"usage": counts(3, 0) | CACHED}, END | {"usage": counts(3, 4)}),
        {"usage": counts(3, 4) | CACHED},
    ),
    "usage in the choice": (
        stream(HI, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": counts(3, 4)}]}),
        {"usage": counts(3, 4)},
    ),
    "usage by other names": (
        stream(HI, END, {"choices": [], "usage": {"input_tokens": 3, "output_tokens": 4}}),
        {"usage": counts(3, 4) | {"input_tokens": 3, "output_tokens": 4}},
    ),
    "usage by other names, whole": (
        whole("Hi", usage={"input_tokens": 3, "output_tokens": 4}),
        {"usage": counts(3, 4) | {"input_tokens": 3, "output_tokens": 4}},
    ),
    "usage by both names": (
        whole("Hi", usage=counts(3, 4) | {"input_tokens": 9}),
        {"usage": counts(3, 4) | {"input_tokens": 9}},
    ),
    "placeholders of calls beside a text": (
        stream(chunk({"content": "Hi", "tool_calls": [{}]}), chunk({"tool_calls": [piece("", "", "")]}, "stop")),
        {"text": "Hi", "calls": []},
    ),
    "a placeholder before the call": (pieces({}, {"index": 0}, piece(X, "f", "a")), {"calls": ONE}),
    "placeholders of calls, whole": (
        whole("Hi").replace(b'"content"', b'"tool_calls": [{}, {"id": "", "function": {"name": ""}}], "content"'),
        {"text": "Hi", "calls": []},
    ),
    "the same id and index on two calls": (
        pieces(piece(X, "f", "a"), piece('{"x": 2}', "f", "a")),
        {"functions": [("f", X), ("f", '{"x": 2}')]},
    ),
    "arguments again with other white space": (
        pieces(piece('{"x"', "f", "a"), piece(": 1}"), piece('{"x":1}', "f", "a")),
        {"calls": ONE},
    ),
    "arguments again as JSON text": (
        pieces(piece('{"x"', "f", "a"), piece(": 1}"), piece(json.dumps(X), "f", "a")),
        {"calls": ONE},
    ),
    "all the arguments so far in each piece": (
        pieces(piece("", "f", "a"), piece('{"x'), piece('{"x": '), piece(X), piece(X)),
        {"calls": ONE},
    ),
    "all the arguments so far, never whole": (
        pieces(piece('{"x', "f", "a"), piece('{"x": '), finish="length"),
        {"calls": [("a", "f", '{"x{"x": ')]},
    ),
    "one brace too many is kept": (pieces(piece("{", "f", "a"), piece(X)), {"calls": [("a", "f", "{" + X)]}),
    "arguments that begin like themselves": (
        pieces(piece('{"x": ', "f", "a"), piece('{"x": 1}'), piece("}")),
        {"calls": [("a", "f", '{"x": {"x": 1}}')]},
    ),
    "the whole message again at the end": (
        stream(HI, message("Hi", "stop") | {"base_resp": {"status_code": 0}}, done=False),
        {"text": "Hi", "finish": "stop"},
    ),
    "the whole message after nothing but a role": (
        stream(chunk({"role": "assistant", "content": ""}), message("Hi", "stop")),
        {"text": "Hi"},
    ),
    "calls in the whole message only": (
        stream(HI, message("Hi", "tool_calls", tool_calls=[CALL])),
        {"text": "Hi", "calls": ONE},
    ),
    "calls and thoughts again in the whole message": (
        stream(
            chunk({"reasoning_content": "hm"}),
            chunk({"tool_calls": [{"index": 0, **CALL}]}),
            message("", "tool_calls", tool_calls=[CALL], reasoning_content="hm"),
        ),
        {"text": None, "reasoning": "hm", "calls": ONE},
    ),
    "think tags again in the whole message": (
        stream(chunk({"content": "<think>hm</think>Hi"}), message("<think>hm</think>Hi", "stop")),
        {"text": "Hi", "reasoning": "hm"},
    ),
    "the message so far in place of each delta": (
        stream(message("H"), message("Hi"), message("Hi you", "stop")),
        {"text": "Hi you"},
    ),
    "the whole message without a text": (stream(chunk({"content": "None"}), message(None, "stop")), {"text": "None"}),
    "parts that are no text": (
        stream(*(chunk({"content": [{"type": "reference", "ids": [n]}]}) for n in (1, 2)), END),
        {"text": None, "parts": [{"type": "reference", "ids": [1]}, {"type": "reference", "ids": [2]}]},
    ),
    "the message so far beside calls": (
        stream(
            {"choices": [{"delta": {"tool_calls": [{"index": 0, **CALL}]}, "message": {"tool_calls": []}}]},
            chunk({}, "tool_calls"),
        ),
        {"calls": ONE},
    ),
    "content of a summary of reasoning": (
        whole([*THOUGHT, {"type": "text", "text": "Hi"}]),
        {"text": "Hi", "reasoning": "hm"},
    ),
    "content of a summary of reasoning, streamed": (
        stream(chunk({"content": THOUGHT}), HI, END),
        {"text": "Hi", "reasoning": "hm"},
    ),
    "finish_reason null as text": (
        stream(chunk({"content": "H"}, "null"), chunk({"content": "i"}, "null"), END, done=False),
        {"text": "Hi", "finish": "stop"},
    ),
    "finish_reason null as text, whole": (whole("Hi", "null"), {"text": "Hi", "finish": None}),
    "a word for length before another end": (stream(HI, chunk({}, "model_length"), END), {"finish": "model_length"}),
    "a byte that is no UTF-8": (stream(HI, END).replace(b"Hi", b"H\xffi"), {"text": "H\ufffdi"}),
    "a byte in arguments that is no UTF-8": (
        pieces(piece('{"x": "@"}', "f", "a")).replace(b"@", b"\xff"),
        {"calls": [("a", "f", '{"x": "\\udcff"}')]},
    ),
}


def refusal(code):
    return {"id": "", "choices": None, "base_resp": {"status_code": code, "status_msg": "no"}}


ERRORS = {
    "base_resp, rate": (json.dumps(refusal(1002)).encode(), RateLimitError),
    "base_resp, key": (json.dumps(refusal(1004)).encode(), AuthenticationError),
    "base_resp, fields": (json.dumps(refusal(2013)).encode(), BadRequestError),
    "base_resp, other": (json.dumps(refusal(1027)).encode(), APIStatusError),
    "base_resp in the stream": (stream(HI, refusal(1000)), InternalServerError),
    "msg in the stream": (stream(HI, {"code": 500, "msg": "no"}), InternalServerError),
    "error_msg in the stream": (stream(HI, {"error_code": 336100, "error_msg": "try again"}), APIStatusError),
    "Message in the stream": (stream(HI, {"Message": "no"}), APIStatusError),
    "finish_reason network_error": (stream(HI, chunk({}, "network_error")), InternalServerError),
    "finish_reason insufficient_system_resource": (whole("H", "insufficient_system_resource"), InternalServerError),
    "finish_reason abort": (stream(HI, chunk({"content": "!"}, "abort")), InternalServerError),
    "finish_reason null as text, cut": (stream(chunk({"content": "H"}, "null"), done=False), StreamCutError),
}
CASES = REPLIES | ERRORS


@pytest.fixture(scope="module")
def read(asked):
    found = asked([body for body, _ in CASES.values()])
    return {(name, streamed): found[place, streamed] for place, name in enumerate(CASES) for streamed in (False, True)}


def seen(reply):
    told = reply.message
    calls = [(one.id, one.function.name, one.function.arguments) for one in told.tool_calls]
    assert len({call_id for call_id, _, _ in calls}) == len(calls)
    return {
        "text": told.content or None,
        "reasoning": told.reasoning,
        "calls": calls,
        "functions": [call[1:] for call in calls],
        "parts": (told.model_extra or {}).get("content_parts"),
        "finish": reply.choices[0].finish_reason,
        "usage": reply.usage and reply.usage.to_dict(),
    }


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_read_whole_and_only_once(read, name, streamed):
    expected, got = REPLIES[name][1], seen(read[name, streamed])
    assert {field: got[field] for field in expected} == expected


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", ERRORS)
def test_what_broke_off_or_was_refused_is_never_a_reply(read, name, streamed):
    assert type(read[name, streamed]) is ERRORS[name][1]
