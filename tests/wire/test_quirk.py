"""Each deviation that real servers were seen to have, as a small case through a real socket, asked for in both ways.

The names are those of the kinds; what a stream tells is read the same in answer to a plain request, and a whole reply
the same in answer to a request for a stream.
"""

import json

import pytest

from agentkit.errors import (
    APIError,
    APIStatusError,
    BadRequestError,
    ContentFilterError,
    InternalServerError,
    InvalidResponseError,
    RateLimitError,
    StreamCutError,
    ToolUseFailedError,
)

U = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
X, Y = '{"x":1}', '{"y":2}'
A, B = ("a", "f", X), ("b", "g", Y)
NEW = "call_..."
DONE = b"data: [DONE]\n\n"


def call(call_id="a", name="f", arguments=X, **fields):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def whole(message, *others, finish="stop", **fields):
    choices = [{"index": n, "message": one, "finish_reason": finish} for n, one in enumerate((message, *others))]
    return json.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": choices, **fields}).encode()


def calls(*given, **fields):
    return whole({"role": "assistant", "content": None, "tool_calls": list(given)}, finish="tool_calls", **fields)


def event(given):
    chunk = given if given.keys() & {"choices", "error", "type", "detail", "x_groq"} else told(given)
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def told(delta, finish=None, logprobs=None, **fields):
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
    return {"id": "1", "choices": [choice], **fields}


def events(*given, done=True):
    return b"".join(map(event, given)) + (DONE if done else b"")


def stream(*deltas, finish="stop", usage=None, done=True):
    last = [{"choices": [], "usage": usage}] if usage else []
    return events(*deltas, told({}, finish), *last, done=done)


def pieces(*given, finish="tool_calls"):
    return stream(*[{"tool_calls": [piece] if isinstance(piece, dict) else piece} for piece in given], finish=finish)


HI = {"content": "Hi"}
SAID = {"text": "Hi", "finish": "stop"}
ONE, TWO = {"calls": [A]}, {"calls": [A, B]}
FRAMES = {
    "leading whitespace before the JSON": (b"\n         \n\n  " + whole(HI, usage=U), SAID | {"usage": (3, 4, 7)}),
    "usage without being asked": (stream(HI, usage=U), SAID | {"usage": (3, 4, 7)}),
    "comment lines": (b": OPENROUTER PROCESSING\n\n" + stream(HI).replace(b"data", b": x\n\ndata"), SAID),
    "no [DONE]": (stream(HI, done=False), SAID),
    "usage asked for that never came": (stream(HI), SAID | {"usage": None}),
    "no finish_reason": (events(HI), {"text": "Hi", "finish": None}),
    "CRLF": (stream(HI, usage=U).replace(b"\n", b"\r\n"), SAID | {"usage": (3, 4, 7)}),
    "CR alone": (stream(HI).replace(b"\n", b"\r"), SAID),
    "no blank lines between": (stream(HI, usage=U).replace(b"\n\n", b"\n"), SAID | {"usage": (3, 4, 7)}),
    "blanks after the data": (stream(HI).replace(b"\n\n", b" \t\n\n"), SAID),
    "no space after data": (stream(HI).replace(b"data: ", b"data:"), SAID),
    "byte order mark": (b"\xef\xbb\xbf" + stream(HI), SAID),
    "byte order mark before JSON": (b"\xef\xbb\xbf" + whole(HI), SAID),
    "no blank line at the end": (stream(HI, done=False).rstrip(), SAID),
    "retry and id fields": (b"retry: 10\nid: 1\n" + stream(HI), SAID),
    "event message": (stream(HI).replace(b"data", b"event: message\ndata"), SAID),
    "event ping": (b"event: ping\ndata: {}\n\nevent: ping\ndata: now\n\n" + stream(HI), SAID),
    "ping without a name": (event({"type": "ping"}) + stream(HI), SAID),
    "data without content": (b"data:\n\ndata: \n\n" + stream(HI), SAID),
    "several data lines": (b'data: {"choices":\ndata: []}\n\n' + stream(HI), SAID),
    "[DONE] twice and in quotes": (stream(HI) + b'data: "[DONE]"\n\n', SAID),
    "whole reply as one event": (b"data: " + calls(call(), call("b", "g", Y), usage=U) + b"\n\n" + DONE, TWO),
    "a chunk that is JSON in JSON": (b"data: " + json.dumps(json.dumps(told(HI, "stop"))).encode() + b"\n\n", SAID),
    "a reply that is JSON in JSON": (json.dumps(whole(HI).decode()).encode(), SAID),
    "half a character in each chunk": (
        stream({"content": "a@"}, {"content": "#b"}).replace(b"@", b"\\ud83d").replace(b"#", b"\\ude00"),
        {"text": "a😀b"},
    ),
    "half a character of arguments in each chunk": (
        pieces({"index": 0, **call(arguments='{"x":"@')}, {"index": 0, "function": {"arguments": '#"}'}})
        .replace(b"@", b"\\ud83d")
        .replace(b"#", b"\\ude00"),
        {"calls": [("a", "f", '{"x":"\\ud83d\\ude00"}')]},
    ),
}
FAULT = {"message": "no", "type": "server_error", "code": 502}
GROQ = {"error": {"message": "no", "code": "tool_use_failed", "failed_generation": "<f>"}}
FILTERED = {"error": {"message": "The prompt triggered the content management policy.", "code": "content_filter"}}
FAULTS = {
    "200, empty": (b"", APIError),
    "200, text": (b"method=POST pathname=/x", InvalidResponseError),
    "200, a page": (b"<!DOCTYPE html><title>Sign in</title>", InvalidResponseError),
    "200, a JSON text": (b'"hello"', InvalidResponseError),
    "200, a list of chunks": (b"[" + json.dumps(told(HI)).encode() + b"]", InvalidResponseError),
    "200, lines of JSON": (json.dumps(told(HI, "stop")).encode() + b"\n" + json.dumps(told(HI)).encode(), APIError),
    "200, cut JSON": (whole(HI)[:-9], InvalidResponseError),
    "200, choices missing": (b'{"status":"OK","data":{"choices":[]}}', InvalidResponseError),
    "200, all null": (b'{"id":null,"choices":null,"usage":null}', InvalidResponseError),
    "200, an error": (json.dumps(FILTERED).encode(), ContentFilterError),
    "200, an error beside choices": (json.dumps({"error": FAULT, "choices": None}).encode(), InternalServerError),
    "200, an error in a list": (b'[{"error":{"code":429,"message":"slow down"}}]', RateLimitError),
    "200, detail": (b'{"detail":"no"}', APIStatusError),
    "200, message and code": (b'{"code":400,"message":"bad"}', BadRequestError),
    "200, errors": (b'{"success":false,"errors":[{"code":500,"message":"x"}]}', InternalServerError),
    "error in a choice": (json.dumps({"choices": [{"error": FAULT}]}).encode(), InternalServerError),
    "error event": (events(HI, done=False) + b"event: error\n" + event(GROQ), ToolUseFailedError),
    "error event, text": (events(HI, done=False) + b"event: error\ndata: oh\n\n", InvalidResponseError),
    "error in the stream": (events(HI, {"error": FAULT, "choices": []}), InternalServerError),
    "detail in the stream": (events(HI, {"detail": "no"}), APIStatusError),
    "error in x_groq": (events(HI, told({}, "stop", x_groq={"error": "over_capacity"})), APIStatusError),
    "a line error:": (events(HI, done=False) + b'error: {"error": {"code": 503, "message": "x"}}\n', APIStatusError),
    "finish_reason error": (stream(HI, finish="error"), APIStatusError),
    "[DONE] before anything": (DONE, StreamCutError),
    "neither finish_reason nor [DONE]": (events(HI, done=False), StreamCutError),
    "more after the finish_reason, then nothing": (
        events(told({"tool_calls": [call(index=0)]}, "tool_calls"), {"tool_calls": [call("b", index=1)]}, done=False),
        StreamCutError,
    ),
    "half an event after the finish_reason": (stream(HI, done=False) + b'data: {"cho', StreamCutError),
}
KNOWN = {"index": 0, "function": {"arguments": ""}}
TOOLS = {
    "id not call_*": (calls(call("EscTeQY62")), {"calls": [("EscTeQY62", "f", X)]}),
    "index in a whole reply": (calls(call(index=0), call("b", "g", Y, index=0)), TWO),
    "content empty beside calls": (whole({"content": "", "tool_calls": [call()]}), ONE),
    "tool_calls null": (whole({"content": "Hi", "tool_calls": None}), SAID | {"calls": []}),
    "tool_calls an empty list": (whole({"content": "Hi", "tool_calls": []}), SAID | {"calls": []}),
    "tool_calls null in a delta": (stream({"content": "Hi", "tool_calls": None}), SAID),
    "parallel calls": (calls(call(), call("b", "g", Y)), TWO),
    "parallel calls, streamed": (pieces(call(index=0), call("b", "g", Y, index=1)), TWO),
    "finish_reason stop": (whole({"tool_calls": [call()]}), ONE | {"finish": "stop"}),
    "finish_reason stop, streamed": (pieces(call(index=0), finish="stop"), ONE | {"finish": "stop"}),
    "finish_reason in the chunk of the call": (events(told({"tool_calls": [call(index=0)]}, "tool_calls")), ONE),
    "finish_reason before the call": (events(told({}, "stop"), {"tool_calls": [call(index=0)]}), ONE),
    "type missing": (calls({"id": "a", "function": call()["function"]}), ONE),
    "type null": (pieces(call(index=0, type=None)), ONE),
    "legacy function_call": (whole({"content": None, "function_call": {"name": "f", "arguments": X}}), {"legacy": "f"}),
    "legacy function_call, streamed": (
        stream({"function_call": {"name": "f"}}, {"function_call": {"arguments": X}}),
        {"legacy": "f"},
    ),
    "function_call null": (whole({"content": "Hi", "function_call": None}), SAID | {"legacy": None}),
    "function_call of nothing": (
        whole({"content": "Hi", "function_call": {"name": "", "arguments": ""}}),
        SAID | {"legacy": None},
    ),
    "index missing": (pieces(call(), call("b", "g", Y)), TWO),
    "index missing, one delta": (pieces([call(), call("b", "g", Y)]), TWO),
    "text beside calls": (whole({"content": "Look:", "tool_calls": [call()]}), ONE | {"text": "Look:"}),
    "text before calls, streamed": (events({"content": "Look:"}, {"tool_calls": [call(index=0)]}), {"text": "Look:"}),
    "id empty": (pieces(call("", index=0)), {"calls": [(NEW, "f", X)]}),
    "id empty, whole": (calls(call(""), call("")), {"calls": [(NEW, "f", X)] * 2}),
    "id the same on both": (calls(call(), call("a", "g", Y)), {"calls": [A, (NEW, "g", Y)]}),
    "id and name empty later": (pieces(call(index=0, arguments='{"x"'), call("", "", ":1}", index=0)), ONE),
    "id and name again later": (pieces(call(index=0, arguments='{"x"'), call(index=0, arguments=":1}")), ONE),
    "id anew in every delta": (pieces(call(index=0, arguments=""), {"index": 0, "id": "z", **KNOWN}), {"n": 1}),
    "index used again": (pieces(call(index=0), call("b", "g", Y, index=0)), TWO),
    "index starts at 1": (pieces(call(index=1)), ONE),
    "index a text": (pieces(call(index="0", arguments="{"), {"index": "0", "function": {"arguments": "}"}}), {"n": 1}),
    "arguments empty": (calls(call(arguments="")), {"calls": [("a", "f", "")]}),
    "arguments null": (calls(call(arguments=None)), {"calls": [("a", "f", "")]}),
    "arguments null in a delta": (pieces(call(index=0, arguments=None), call("", None, X, index=0)), ONE),
    "arguments an object": (calls(call(arguments={"x": 1})), {"calls": [("a", "f", '{"x": 1}')]}),
    "arguments cut are kept cut": (calls(call(arguments='{"x"')), {"calls": [("a", "f", '{"x"')]}),
    "markup in the text is text": (whole({"content": "<tool_call>{}</tool_call><|im_end|>"}), {"calls": []}),
    "custom call": (calls({"id": "a", "type": "custom", "custom": {"name": "f", "input": X}}), ONE),
    "custom call, streamed": (pieces({"index": 0, "id": "a", "custom": {"name": "f", "input": X}}), ONE),
    "custom of nothing beside the function": (calls(call(custom={"name": "", "input": ""})), ONE | {"custom": False}),
    "more choices, calls in each": (
        whole({"tool_calls": [call()]}, {"tool_calls": [call("b", "g", Y)]}),
        ONE | {"choices": 2},
    ),
}


def detail(text, **fields):
    return {"type": "reasoning.text", "text": text, "index": 0, **fields}


THOUGHT = {"text": "4", "reasoning": "hm", "finish": "stop"}
PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "s"}]
THOUGHTS = {
    "reasoning": (whole({"content": "4", "reasoning": "hm"}), THOUGHT),
    "reasoning null": (whole({"content": "4", "reasoning": None}), THOUGHT | {"reasoning": None}),
    "reasoning_content": (whole({"content": "4", "reasoning_content": "hm"}), THOUGHT),
    "reasoning, streamed": (stream({"reasoning": "h", "content": ""}, {"reasoning": "m", "content": "4"}), THOUGHT),
    "reasoning_content, streamed": (stream({"reasoning_content": "hm", "content": None}, {"content": "4"}), THOUGHT),
    "reasoning_details": (whole({"content": "4", "reasoning_details": [detail("hm")]}), THOUGHT),
    "reasoning_details, streamed": (
        stream({"reasoning_details": [detail("h", id="r")]}, {"reasoning_details": [detail("m")]}, {"content": "4"}),
        THOUGHT,
    ),
    "reasoning and its details": (
        stream({"reasoning": "hm", "reasoning_details": [detail("hm")]}, {"content": "4", "reasoning_details": []}),
        THOUGHT,
    ),
    "details without text": (
        whole({"content": "4", "reasoning_details": [detail(None), detail(5)]}),
        THOUGHT | {"reasoning": None},
    ),
    "a list of objects as reasoning": (whole({"content": "4", "reasoning": [{"content": "hm"}]}), THOUGHT),
    "think tags": (whole({"content": "<think>hm</think>\n\n4"}), THOUGHT),
    "think tags, streamed": (stream({"content": "<thi"}, {"content": "nk>hm</th"}, {"content": "ink>\n4"}), THOUGHT),
    "think tags never closed": (stream({"content": "<think>hm"}), {"text": None, "reasoning": "hm"}),
    "a second think block is text": (whole({"content": "<think>hm</think>4<think>"}), THOUGHT | {"text": "4<think>"}),
    "content of thinking and text": (whole({"content": [*PARTS, {"type": "text", "text": "4"}]}), THOUGHT),
    "content of thinking, streamed": (stream({"content": PARTS}, {"content": "4"}), THOUGHT),
    "content of text parts, streamed": (stream({"content": [*PARTS, {"type": "text", "text": "4"}]}), THOUGHT),
}
NULLS = {"prompt_tokens": 3, "completion_tokens": None, "total_tokens": None}
GREW = [told(HI, usage=U | {"completion_tokens": 1, "total_tokens": 4}), told({}, "stop", usage=U)]
SPENT = SAID | {"usage": (3, 4, 7)}
USAGES = {
    "usage chunk with empty choices": (stream(HI, usage=U), SPENT),
    "usage chunk without choices": (events(HI, told({}, "stop"), {"usage": U, "type": "usage"}), SPENT),
    "usage chunk with choices null": (events(HI, told({}, "stop"), {"choices": None, "usage": U}), SPENT),
    "usage beside choices": (events(HI, told({}, "stop", usage=U)), SPENT),
    "usage at the end and once more": (events(HI, told({}, "stop", usage=U), {"choices": [], "usage": U}), SPENT),
    "usage in several chunks": (events(*GREW), SPENT),
    "usage null until the last": (events(told(HI, usage=NULLS), told({}, "stop", usage=U)), SPENT),
    "usage empty after the last": (events(*GREW, {"choices": [], "usage": {}}), SPENT),
    "usage of nulls after the last": (events(*GREW, {"choices": [], "usage": dict.fromkeys(U)}), SPENT),
    "usage before the text": (events({"choices": [], "usage": U}, HI, told({}, "stop")), SPENT),
    "total that is no sum": (whole(HI, usage=U | {"total_tokens": 9}), SAID | {"usage": (3, 4, 9)}),
    "details null": (whole(HI, usage=U | {"prompt_tokens_details": None}), SPENT),
    "details of nulls": (whole(HI, usage=U | {"completion_tokens_details": {"reasoning_tokens": None}}), SPENT),
    "counts as text and floats": (whole(HI, usage={"prompt_tokens": "3", "completion_tokens": 4.0}), SPENT),
    "counts of nothing": (whole(HI, usage=dict.fromkeys(U)), SAID | {"usage": None}),
    "usage empty": (whole(HI, usage={}), SAID | {"usage": None}),
    "usage missing": (whole(HI), SAID | {"usage": None}),
    "usage in x_groq": (events(HI, told({}, "stop", x_groq={"id": "r", "usage": U})), SPENT),
    "usage in x_groq of a reply": (whole(HI, x_groq={"usage": U}), SPENT),
}
BARE = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{}]}
FORMS = {
    "finish_reason in several chunks": (events(HI, told({}, "stop"), told({"content": ""}, "stop", usage=U)), SPENT),
    "finish_reason absent in chunks": (events({"choices": [{"index": 0, "delta": HI}]}, told({}, "stop")), SAID),
    "finish_reason empty": (whole(HI, finish=""), {"text": "Hi", "finish": None}),
    "finish_reason eos": (whole(HI, finish="eos"), {"finish": "eos"}),
    "finish_reason missing": (b'{"choices":[{"message":{"content":"Hi"}}]}', {"text": "Hi", "finish": None}),
    "content null": (whole({"content": None}), {"text": None}),
    "content absent": (whole({"role": "assistant"}), {"text": None}),
    "content null in deltas": (stream({"content": None}, HI), SAID),
    "role in every delta": (stream({"role": "assistant", "content": "H"}, {"role": "assistant", "content": "i"}), SAID),
    "role null or empty": (stream({"role": None, "content": "H"}, {"role": "", "content": "i"}), SAID),
    "refusal": (whole({"content": None, "refusal": "no"}), {"refusal": "no"}),
    "refusal, streamed": (stream({"refusal": "n"}, {"refusal": "o"}), {"refusal": "no"}),
    "audio": (whole({"content": None, "audio": {"id": "1", "data": "AA"}}), {"audio": {"id": "1", "data": "AA"}}),
    "audio, streamed": (
        stream({"audio": {"id": "1"}}, {"audio": {"data": "A"}}, {"audio": {"data": "A"}}),
        {"audio": {"id": "1", "data": "AA"}},
    ),
    "audio of nothing": (whole({"content": [], "audio": {"data": "", "id": ""}}), {"audio": None}),
    "annotations": (stream({"annotations": [1]}, {"annotations": [2], **HI}), SAID | {"annotations": (1, 2)}),
    "delta empty": (stream({}, HI, {}), SAID),
    "delta null": (events(HI, told(None), told(None, "stop")), SAID),
    "delta absent": (events({"choices": [{"index": 0, "content_filter_results": {}}]}, HI, told({}, "stop")), SAID),
    "message beside the delta": (
        events({"choices": [{"delta": HI, "message": {"content": "Hi so far"}}]}, told({}, "stop")),
        SAID,
    ),
    "content an object": (whole({"content": {"a": 1}}), {"text": '{"a": 1}'}),
    "content parts without a type": (whole({"content": [{"text": "H"}, {"text": "i"}]}), SAID),
    "message missing": (b'{"choices":[{"index":0,"finish_reason":"content_filter"}]}', {"finish": "content_filter"}),
    "text in the place of the message": (b'{"choices":[{"text":"Hi","finish_reason":"stop"}]}', SAID),
    "text in the place of the delta": (events({"choices": [{"text": "Hi"}]}, told({}, "stop")), SAID),
    "a chunk of no choices first": (events(BARE, HI, told({}, "stop")), SAID | {"id": "1"}),
    "choices null": (events({"choices": None}, HI, told({}, "stop")), SAID),
    "ids that differ": (events(told(HI), told({}, "stop") | {"id": "2"}), SAID | {"id": "1"}),
    "nothing but choices": (b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}', SAID | {"id": None}),
    "names null": (whole(HI, id=None, model=None, object=None, created=None, service_tier=None), SAID | {"id": None}),
    "created in milliseconds, service_tier of its own": (whole(HI, created=1753879075170, service_tier="on"), SAID),
    "an error of nothing": (whole(HI, error={}), SAID),
    "logprobs": (events(HI, told({}, "stop", logprobs={"content": [{}]})), SAID | {"logprobs": 1}),
    "several choices, streamed": (
        events(HI, {"choices": [{"index": 1, "delta": {"content": "Ho"}, "finish_reason": "stop"}]}, told({}, "stop")),
        SAID | {"choices": 2},
    ),
}
CASES = FRAMES | FAULTS | TOOLS | THOUGHTS | USAGES | FORMS


@pytest.fixture(scope="module")
def read(asked):
    found = asked([body for body, _ in CASES.values()])
    return {(name, streamed): found[place, streamed] for place, name in enumerate(CASES) for streamed in (False, True)}


def seen(reply):
    message, usage = reply.message, reply.usage
    return {
        "text": message.content or None,
        "reasoning": message.reasoning,
        "refusal": message.refusal,
        "calls": [
            (NEW if len(one.id) == 29 else one.id, one.function.name, one.function.arguments)
            for one in message.tool_calls
        ],
        "n": len(message.tool_calls),
        "custom": any(one.custom for one in message.tool_calls),
        "legacy": message.function_call and message.function_call.name,
        "audio": message.audio and message.audio.to_dict(),
        "annotations": message.annotations,
        "finish": reply.choices[0].finish_reason or None,
        "usage": usage and (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens),
        "choices": len(reply.choices),
        "logprobs": len((reply.choices[0].logprobs or {}).get("content", ())),
        "id": reply.id,
    }


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", CASES)
def test_a_deviation_is_read_or_refused(read, name, streamed):
    expected, got = CASES[name][1], read[name, streamed]
    if isinstance(expected, dict):
        assert not isinstance(got, APIError), got
        assert {field: value for field, value in seen(got).items() if field in expected} == expected
    else:
        assert isinstance(got, expected), got
