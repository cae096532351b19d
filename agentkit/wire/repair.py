"""A reply or chunk that deviates is decoded here, told from an error, and taken through the catalogue of `deviation`.

`response` and `chunk` ask here only when the fast validator refuses a reply or accepts a known mark in it. Nothing is
guessed: what was cut stays cut.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from operator import itemgetter
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from agentkit.errors import InvalidResponseError
from agentkit.kind import is_array, is_object
from agentkit.wire.deviation import CALL, CHOICE, ENVELOPE, MESSAGE, WHOLE_MESSAGE
from agentkit.wire.ending import ENDS, is_broken_off, is_no_end
from agentkit.wire.reading import json_text, whole_number
from agentkit.wire.value import well_formed

__all__ = [
    "MOST_CALLS",
    "as_bytes",
    "needs_counts",
    "needs_repair",
    "repair_chunk",
    "repair_completion",
    "too_many_calls",
]

MOST_CALLS = 1024
_SHOWN = 500
_SAID = ("message", "msg", "error_msg", "Message")  # where an error says what it is: the last two, Baidu and AWS
_MINIMAX = {
    1000: "server_error",
    1001: "timeout",
    1002: "rate_limit_exceeded",
    1004: "authentication_error",
    1008: "insufficient_quota",
    1039: "context_length_exceeded",
    2013: "invalid_request_error",
}


def as_bytes(reply: Mapping[str, Any] | str | bytes) -> bytes:
    """Give the JSON of a reply that may be decoded already."""
    if isinstance(reply, bytes):
        return reply
    if isinstance(reply, str):
        return reply.encode("utf-8", "replace")
    try:
        return to_json(reply)
    except PydanticSerializationError as error:
        if "surrogates" not in str(error):
            raise
        return well_formed(json.dumps(reply, ensure_ascii=False)).encode()


def too_many_calls() -> str:
    """Say that a reply's calls are past the bound."""
    return f"The endpoint answered with more than {MOST_CALLS} tool calls in one message; the reply was left."


def needs_counts(usage: Any) -> bool:
    """Tell whether a usage has its counts under other names only."""
    extra = usage.model_extra
    return bool(extra) and ("input_tokens" in extra or "output_tokens" in extra) and not usage.prompt_tokens


def needs_repair(completion: Any) -> bool:
    """Tell whether a reply that the types accepted holds a deviation that they do not notice."""
    usage = completion.usage
    if usage is None:
        if "x_groq" in completion.__pydantic_extra__:
            return True
    elif not usage.__pydantic_fields_set__ or (usage.__pydantic_extra__ and needs_counts(usage)):
        return True
    choices = completion.choices
    if len(choices) > 1 and any(one.index > other.index for one, other in pairwise(choices)):
        return True
    for choice in choices:
        message = choice.message
        calls = message.tool_calls
        if message.function_call is not None or (message.content and "<think>" in message.content):
            return True
        reason = choice.finish_reason
        if reason not in ENDS and (is_broken_off(reason) or is_no_end(reason)):
            return True
        if usage is None and "usage" in choice.__pydantic_extra__:
            return True
        if len(calls) > 1 and (len({call.id for call in calls}) < len(calls) or len(calls) > MOST_CALLS):
            return True
        for call in calls:
            if call.custom and not call.custom.name:
                return True
    return False


def repair_completion(raw: bytes) -> dict[str, Any]:
    """Give the reply as a dict that the types accept.

    Raises:
        InvalidResponseError: It is no reply; where it is an error in the place of one, `.error` holds that.
    """
    reply = _read(raw, "message")
    reply["choices"].sort(key=itemgetter("index"))
    for choice in reply["choices"]:
        for step in WHOLE_MESSAGE:
            step(choice["message"])
    return reply


def repair_chunk(raw: bytes) -> dict[str, Any]:
    """Give one chunk of a stream as a dict that the types accept; ids and indexes are left to `merge`.

    Raises:
        InvalidResponseError: It is no chunk; where it is an error in the place of one, `.error` holds that.
    """
    return _read(raw, "delta")


def _read(raw: bytes, part: str) -> dict[str, Any]:
    reply = _decoded(raw)
    _refuse(_error_of(reply), raw)
    fields = ", ".join(reply) or "none"
    for step in ENVELOPE:
        step(reply)
    choices: Any = reply.get("choices") or []  # null: Bifrost; empty: Azure's first chunk, usage chunks
    if not is_array(choices) and part == "delta":
        raise _no_reply("`choices` is no list", raw)
    if part == "message" and not (choices and is_array(choices)):
        raise _no_reply(f"the reply has no choices (its fields: {fields})", raw)
    reply["choices"] = [_choice(choice, place, part, raw) for place, choice in enumerate(choices)]
    return reply


def _choice(given: Any, place: int, part: str, raw: bytes) -> dict[str, Any]:
    choice = {**given} if is_object(given) else {}
    _refuse(_error_in(choice), raw)  # a provider that failed in the middle (OpenRouter)
    index = whole_number(choice.get("index"))
    beside = choice.get("message")  # the whole message so far, beside a delta (Perplexity)
    choice |= {"index": place if index is None else index, "message": choice.get(part)}
    for step in CHOICE:
        step(choice)
    message = {**choice["message"]}
    for step in MESSAGE:
        step(message)
    if len(message["tool_calls"]) > MOST_CALLS:
        raise InvalidResponseError(too_many_calls())
    for call in message["tool_calls"]:
        for step in CALL:
            step(call)
    return {**choice, "message": beside, part: message}


def _decoded(raw: bytes) -> dict[str, Any]:
    reply = _json(raw)
    if isinstance(reply, str) and reply.lstrip()[:1] == "{":  # the JSON text of the reply's JSON: some gateways
        reply = _json(reply.encode("utf-8", "replace"), raw)
    if is_array(reply) and len(reply) == 1 and is_object(reply[0]) and "error" in reply[0]:
        (reply,) = reply  # Gemini
    if not is_object(reply):
        raise _no_reply(f"the reply is a JSON {type(reply).__name__}, not an object", raw)
    return reply


def _json(text: bytes, raw: bytes | None = None) -> Any:
    raw = raw or text
    try:
        return from_json(text)  # leading blank lines are white space (OpenRouter)
    except ValueError as strict:
        if "recursion limit" in str(strict):
            raise _no_reply("the reply is nested too deep", raw) from strict
    try:  # a byte order mark, UTF-16 or -32, half a surrogate pair, bare control characters
        try:
            read = json.loads(text, strict=False, object_hook=_escaped)
        except UnicodeDecodeError:  # half a character, which the standard of events reads as U+FFFD
            read = json.loads(text.decode("utf-8", "surrogateescape"), strict=False, object_hook=_escaped)
        return json.loads(well_formed(json.dumps(read, ensure_ascii=False)))
    except (ValueError, RecursionError) as error:
        raise _no_reply("the reply is not JSON", raw) from error


def _escaped(fields: dict[str, Any]) -> dict[str, Any]:
    """Write half a surrogate pair in arguments as its escape: the other half may follow, or they are refused for it."""
    arguments = fields.get("arguments")
    if isinstance(arguments, str):
        fields["arguments"] = arguments.encode("utf-8", "backslashreplace").decode()
    return fields


def _no_reply(what: str, raw: bytes) -> InvalidResponseError:
    body = raw[:_SHOWN].decode("utf-8", "replace").strip()
    error = InvalidResponseError(
        f"The endpoint did not answer with a Chat Completions reply: {what}; it begins with: {body or '(nothing)'!r}. "
        "Check that base_url ends where `/chat/completions` follows, usually in `/v1`."
    )
    error.body = body
    return error


def _refuse(found: Any, raw: bytes) -> None:
    if not found:
        return
    error = _no_reply("it is an error", raw)
    error.error = found if is_object(found) else {"message": json_text(found)}
    raise error


def _error_in(fields: dict[str, Any]) -> Any:
    """Take out the error in a 200 (OpenRouter, Azure, Groq's streams); an empty one is none (Apertis)."""
    found = fields.pop("error", None)
    if is_object(found) and not any(found.values()):
        found = None
    reason = fields.get("finish_reason")
    if not found and isinstance(reason, str) and is_broken_off(reason):  # where a provider broke off
        found = {"message": f"The reply ended with the finish_reason {reason!r}.", "code": 502}
    return found


def _error_of(reply: dict[str, Any]) -> Any:
    """Give the error that stands in a reply, or that it is itself: vLLM, FastAPI's servers, Cloudflare, gateways."""
    if found := _error_in(reply):
        return found
    if is_object(groq := reply.get("x_groq")) and groq.get("error"):  # why a stream of Groq's stopped early
        return groq["error"]
    if "error" in (reply.get("object"), reply.get("type")):
        return reply
    if is_object(base := reply.get("base_resp")) and base.get("status_code"):  # MiniMax
        code = whole_number(base["status_code"])
        return {"message": base.get("status_msg"), "code": code, "type": _MINIMAX.get(code or 0)}
    said = reply.get("detail") or reply.get("errors") or any(isinstance(reply.get(name), str) for name in _SAID)
    return reply if said and not {"choices", "usage"} & reply.keys() else None
