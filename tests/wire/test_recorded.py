"""Recorded exchanges of real endpoints through a real socket, compared with what the official SDK makes of them."""

import asyncio
import contextlib
import json
import re
from pathlib import Path

import pytest

from agentkit.errors import (
    APIError,
    BadRequestError,
    ContentFilterError,
    ContextOverflowError,
    InvalidResponseError,
    StreamCutError,
    ToolUseFailedError,
)
from agentkit.http import ChatModel, Retry
from agentkit.wire import ChatRequest, merge

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "wire"
REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "hi"}]})

LIST = "content is a list of text and thinking parts; the SDK hands on the list"
THINK = "reasoning stands in <think> tags in the text"
DETAILS = "reasoning stands in reasoning_details alone"
NO_ID = "the call has an empty id; ours gets one of its own"
OBJECT = "content is an object; ours gives its JSON"
X_GROQ = "usage stands in x_groq.usage alone"

BETTER = {
    "w0095": ("usage", X_GROQ),
    "w0297": ("text,reasoning", LIST),
    "w0407": ("tool_calls", "a custom call; its name and input stand in another place"),
    "w2780": ("text,reasoning", LIST),
    "w2907": ("text,reasoning", LIST),
    "w3067": ("tool_calls", NO_ID),
    "w3071": ("tool_calls", NO_ID),
    "w3072": ("tool_calls", NO_ID),
    "w3346": ("text", OBJECT),
    "w3347": ("text", OBJECT),
    "w3348": ("text", OBJECT),
    "w3552": ("text,reasoning", THINK),
    "w3556": ("text,reasoning", LIST),
    "w3590": ("text,reasoning", THINK),
    "w3595": ("usage", X_GROQ),
    "w3631": ("text,reasoning", LIST),
    "w3760": ("tool_calls", NO_ID),
    "w3846": ("tool_calls", "arguments are null; ours reads no arguments"),
    "w3863": ("reasoning", DETAILS),
    "w3865": ("reasoning", DETAILS),
    "w4035": ("text,reasoning", THINK),
    "w4036": ("text,reasoning", THINK),
    "w4417": ("text,reasoning", LIST),
}
"""Where the reference is wrong, as QUIRKS.md says: what differs, and why."""

ERRORS = {
    "w3115": (InvalidResponseError, "choices lie two levels below; the SDK gives a reply without any"),
    "w3116": (InvalidResponseError, "the same"),
    "w3247": (ContentFilterError, "an error in a 200; the SDK gives a reply without choices"),
    "w0036": (InvalidResponseError, "an empty body"),
    "w2800": (ContextOverflowError, "by its words"),
    "w2801": (ContextOverflowError, "by its words"),
    "w2803": (ContextOverflowError, "by its type"),
    "w3605": (ToolUseFailedError, "by its code"),
    "w3608": (ToolUseFailedError, "by its code, in the stream"),
    "w3611": (ToolUseFailedError, "by its code, in the stream"),
    "w3613": (ToolUseFailedError, "by its code"),
    "w3837": (BadRequestError, "by its code, in the stream"),
}
"""Where ours raises what the SDK does not, or a nearer class."""


def lines(name):
    return {entry["id"]: entry for entry in map(json.loads, (FOLDER / name).read_text("utf-8").splitlines())}


async def serve(exchanges, open_tasks):
    """Answer `POST /ID/v1/chat/completions` with the recorded answer of that id."""

    async def converse(reader, writer):
        open_tasks.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:")
                await reader.readexactly(length)
                exchange = exchanges[head.split(b"/")[1].decode()]
                body = exchange["response_body"].encode()
                kind = exchange["response_headers"].get("content-type")
                lines = [f"HTTP/1.1 {exchange['status']} X", f"Content-Length: {len(body)}"]
                lines += [f"Content-Type: {kind}"] if kind else []
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(converse, "127.0.0.1", 0)


async def replay(exchanges):
    """Give what ours makes of each exchange: a ChatCompletion or an error."""
    open_tasks = []
    server = await serve(exchanges, open_tasks)
    port = server.sockets[0].getsockname()[1]
    found = {}
    for name, exchange in exchanges.items():
        async with ChatModel("m", base_url=f"http://127.0.0.1:{port}/{name}/v1", retry=Retry(attempts=1)) as model:
            try:
                if exchange["stream"]:
                    found[name] = merge([chunk async for chunk in model.stream(REQUEST)])
                else:
                    found[name] = await model.complete(REQUEST)
            except APIError as error:
                found[name] = error
    server.close()
    await asyncio.gather(*open_tasks)
    await server.wait_closed()
    return found


def seen(completion):
    choice = completion.choices[0]
    message = choice.message
    usage = completion.usage
    return {
        "text": message.content or None,
        "reasoning": message.reasoning,
        "refusal": message.refusal or None,
        "tool_calls": [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls],
        "finish_reason": choice.finish_reason or None,
        "usage": (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) if usage else None,
    }


def wanted(result):
    usage = result.get("usage")
    return {
        "text": result.get("text") or None,
        "reasoning": result.get("reasoning") or None,
        "refusal": result.get("refusal") or None,
        "tool_calls": [(call["id"], call["name"], call["arguments"]) for call in result.get("tool_calls") or ()],
        "finish_reason": result.get("finish_reason") or None,
        "usage": tuple(usage.get(name) or 0 for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
        if usage
        else None,
    }


@pytest.fixture(scope="module")
def replayed():
    if not (FOLDER / "exchanges.jsonl").exists():
        pytest.skip(f"no recorded exchanges at {FOLDER.parent.name}/{FOLDER.name} beside the repository")
    exchanges = lines("exchanges.jsonl")
    return exchanges, lines("reference.jsonl"), asyncio.run(replay(exchanges))


def test_every_recorded_reply_is_read_as_the_official_sdk_reads_it_or_better(replayed):
    _, reference, found = replayed
    differing = {}
    for name, ours in found.items():
        if reference[name]["ok"] and not isinstance(ours, APIError):
            mine, theirs = seen(ours), wanted(reference[name]["result"])
            if different := [field for field in mine if mine[field] != theirs[field]]:
                differing[name] = ",".join(different)
    assert differing == {name: field for name, (field, _) in BETTER.items()}


def test_every_recorded_error_is_raised_as_its_class(replayed):
    exchanges, reference, found = replayed
    raised = {name: type(ours) for name, ours in found.items() if isinstance(ours, APIError)}
    for name, kind in raised.items():
        if name in ERRORS:
            assert kind is ERRORS[name][0], name
        else:
            assert kind.__name__ == reference[name]["error"]["class"], name
    assert {name for name, entry in reference.items() if not entry["ok"]} <= raised.keys()
    assert raised.keys() - ERRORS.keys() == {name for name, entry in exchanges.items() if entry["status"] >= 400} - set(
        ERRORS
    )


def test_no_recorded_stream_that_breaks_off_is_taken_for_a_reply(replayed):
    cut = {}
    for name, exchange in replayed[0].items():
        half = exchange["response_body"][: len(exchange["response_body"]) // 2]
        if exchange["stream"] and exchange["status"] == 200 and not re.search(r'"finish_reason": ?"', half):
            cut[name] = {**exchange, "response_body": half}
    assert len(cut) > 100
    found = asyncio.run(replay(cut))
    assert {name: type(error) for name, error in found.items() if type(error) is not StreamCutError} == {}


def last_usage(body):
    """Read the last usage of a body by itself, whatever form it has, without what is null."""
    texts = [line[5:] for line in re.split(r"[\r\n]+", body) if line.startswith("data:")] or [body]
    replies = [json.loads(text) for text in texts if text.strip() != "[DONE]"]
    usages = [reply.get("usage") or (reply.get("x_groq") or {}).get("usage") for reply in replies]
    return without_nulls(next((usage for usage in reversed(usages) if usage), None))


def without_nulls(value):
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


def test_every_recorded_usage_is_the_last_one_with_all_its_details(replayed):
    exchanges, _, found = replayed
    read = {name: ours for name, ours in found.items() if not isinstance(ours, APIError)}
    usages = {name: without_nulls(ours.usage.to_dict()) if ours.usage else None for name, ours in read.items()}

    assert usages == {name: last_usage(exchanges[name]["response_body"]) for name in read}
