"""Known deviations of real servers, each a small function named by what it puts right and who sends it.

`response` and `chunk` ask here only when the fast validator refuses a reply or accepts a known mark in it. Nothing is
guessed: what was cut stays cut.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import from_json, to_json

from agentkit.errors import InvalidResponseError
from agentkit.wire.think import split_think
from agentkit.wire.value import is_array, is_object, well_formed

__all__ = [
    "MOST_CALLS",
    "as_bytes",
    "groq_usage",
    "json_text",
    "needs_repair",
    "new_call_id",
    "repair_chunk",
    "repair_completion",
    "too_many_calls",
]

MOST_CALLS = 1024
_SHOWN = 500
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def as_bytes(reply: Mapping[str, Any] | str | bytes) -> bytes:
    """Give the JSON of a reply that may be decoded already."""
    if isinstance(reply, Mapping):
        return to_json(reply)
    return reply.encode("utf-8", "replace") if isinstance(reply, str) else reply


def json_text(value: Any) -> str:
    """Give text itself, nothing for null, and the JSON of what stands where text should."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def new_call_id() -> str:
    """Give an id for a call that came without one."""
    return f"call_{uuid.uuid4().hex[:24]}"


def too_many_calls() -> str:
    """Say that a reply's calls are past the bound."""
    return f"The endpoint answered with more than {MOST_CALLS} tool calls in one message; the reply was left."


def needs_repair(completion: Any) -> bool:
    """Tell whether a reply that the types accepted holds a deviation that they do not notice."""
    for choice in completion.choices:
        message = choice.message
        calls = message.tool_calls
        if message.function_call is not None or (message.content and "<think>" in message.content):
            return True
        if calls and (len({call.id for call in calls}) < len(calls) or len(calls) > MOST_CALLS):
            return True
    return False


def repair_completion(raw: bytes) -> dict[str, Any]:
    """Give the reply as a dict that the types accept.

    Raises:
        InvalidResponseError: It is no reply; where it is an error in the place of one, `.error` holds that.
    """
    reply = _decoded(raw)
    _refuse_error(reply, raw)
    choices = reply.get("choices")
    if not is_array(choices) or not choices:
        raise _no_reply(f"the reply has no choices (its fields: {', '.join(reply) or 'none'})", raw)
    reply["choices"] = [_choice(choice, position, "message", raw) for position, choice in enumerate(choices)]
    for choice in reply["choices"]:
        _split_think_tags(choice["message"])
        _name_calls(choice["message"])
    return _envelope(reply)


def repair_chunk(raw: bytes) -> dict[str, Any]:
    """Give one chunk of a stream as a dict that the types accept; ids and indexes are left to `merge`.

    Raises:
        InvalidResponseError: It is no chunk; where it is an error in the place of one, `.error` holds that.
    """
    chunk = _decoded(raw)
    _refuse_error(chunk, raw)
    choices: Any = chunk.get("choices") or []  # null: Bifrost; empty: Azure's first chunk, usage chunks
    if not is_array(choices):
        raise _no_reply("`choices` is no list", raw)
    chunk["choices"] = [_choice(choice, position, "delta", raw) for position, choice in enumerate(choices)]
    return _envelope(chunk)


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        reply: Any = from_json(raw)  # leading blank lines are white space (OpenRouter)
    except ValueError as strict:
        if "recursion limit" in str(strict):
            raise _no_reply("the reply is nested too deep", raw) from strict
        try:  # a byte order mark, UTF-16 or -32, half a surrogate pair, bare control characters
            read = json.loads(raw, strict=False)
            reply = json.loads(well_formed(json.dumps(read, ensure_ascii=False)))
        except (ValueError, RecursionError) as error:
            raise _no_reply("the reply is not JSON", raw) from error
    if not is_object(reply):
        raise _no_reply(f"the reply is a JSON {type(reply).__name__}, not an object", raw)
    return reply


def _no_reply(what: str, raw: bytes) -> InvalidResponseError:
    body = raw[:_SHOWN].decode("utf-8", "replace").strip()
    error = InvalidResponseError(
        f"The endpoint did not answer with a Chat Completions reply: {what}; it begins with: {body or '(nothing)'!r}. "
        "Check that base_url ends where `/chat/completions` follows, usually in `/v1`."
    )
    error.body = body
    return error


def _refuse_error(reply: dict[str, Any], raw: bytes) -> None:
    """Refuse an error in a 200 (OpenRouter, Azure's prompt filter, Groq's streams); an empty one is none (Apertis)."""
    found = reply.pop("error", None)
    if is_object(found) and not any(found.values()):
        found = None
    if not found and ("error" in (reply.get("object"), reply.get("type")) or reply.keys() == {"detail"}):
        found = reply  # the error is the body itself: vLLM, FastAPI's servers
    if not found:
        return
    error = _no_reply("it is an error", raw)
    error.error = found if is_object(found) else {"message": json_text(found)}
    raise error


def _choice(choice: Any, position: int, part: str, raw: bytes) -> dict[str, Any]:
    choice = {**choice} if is_object(choice) else {}
    _refuse_error(choice, raw)  # a provider that failed in the middle (OpenRouter)
    index = _count(choice.get("index"))
    choice["index"] = position if index is None else index
    message = choice.get(part)
    # absent or null: Azure's filters; some put the text beside it, as in the older completions
    message = dict(message) if is_object(message) else {"content": choice.get("text")}
    if not isinstance(message.get("role"), str) or not message["role"]:
        message.pop("role", None)
    _flatten_content(message)
    _text_reasoning(message)
    _drop_placeholders(message)
    calls = message.get("tool_calls") or ()
    calls = [calls] if is_object(calls) else calls if is_array(calls) else ()
    if len(calls) > MOST_CALLS:
        raise InvalidResponseError(too_many_calls())
    message["tool_calls"] = [_call(call) for call in calls if is_object(call)]
    if not isinstance(choice.get("finish_reason"), str | None):
        choice["finish_reason"] = json_text(choice["finish_reason"])
    return {**choice, part: message}


def _flatten_content(message: dict[str, Any]) -> None:
    """Join content parts: texts to the content, thinking to the reasoning (Mistral), others kept in `content_parts`."""
    for name in ("content", "refusal"):
        if not isinstance(message.get(name), str | list | None):  # an object: Cloudflare's JSON mode
            message[name] = json_text(message[name])
    if is_array(message.get("refusal")):
        message["refusal"] = _part_text(message["refusal"])
    content = message.get("content")
    if not is_array(content):
        return
    message["content"] = "".join(_part_text(part) for part in content if not _is_thinking(part))
    thoughts = "".join(_part_text(part) for part in content if _is_thinking(part))
    if thoughts and not message.get("reasoning_content"):
        message["reasoning_content"] = thoughts
    refusals = [part["refusal"] for part in content if is_object(part) and isinstance(part.get("refusal"), str)]
    if refusals and not message.get("refusal"):
        message["refusal"] = "".join(refusals)
    if any(is_object(part) and not {"text", "thinking", "refusal"} & part.keys() for part in content):
        message["content_parts"] = content


def _is_thinking(part: Any) -> bool:
    return is_object(part) and (part.get("type") == "thinking" or "thinking" in part)


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if is_array(part):
        return "".join(map(_part_text, part))
    if is_object(part):
        return _part_text(part.get("text") or part.get("thinking") or "")
    return ""


def _text_reasoning(message: dict[str, Any]) -> None:
    """Keep reasoning only where it is text; objects in its place go to `reasoning_details`."""
    for name in ("reasoning", "reasoning_content"):
        if isinstance(message.get(name), list | dict):
            message["reasoning_details"] = message.pop(name)
        elif not isinstance(message.get(name), str | None):
            message[name] = json_text(message[name])
    for name in ("reasoning_details", "annotations"):
        if not isinstance(message.get(name), list | None):
            message[name] = [message[name]]


def _drop_placeholders(message: dict[str, Any]) -> None:
    """Drop objects that stand for nothing: a function_call without a name, audio without data (Snowflake)."""
    legacy = message.pop("function_call", None)
    if is_object(legacy):
        legacy = _function(legacy)
        if legacy["name"] or legacy["arguments"]:
            message["function_call"] = legacy
    audio = message.get("audio")
    if is_object(audio) and not any(audio.values()):
        message.pop("audio")


def _call(call: dict[str, Any]) -> dict[str, Any]:
    call = dict(call)
    if not isinstance(call.get("type"), str):  # missing or null: Mistral
        call.pop("type", None)
    custom = call.pop("custom", None)
    function = call.get("function")
    if is_object(custom):
        custom = {**custom, "name": json_text(custom.get("name")), "input": json_text(custom.get("input"))}
        call["custom"] = custom
        function = function or {"name": custom["name"], "arguments": custom["input"]}
    elif not is_object(function) and ("name" in call or "arguments" in call):  # flat: Cloudflare
        function = {"name": call.pop("name", None), "arguments": call.pop("arguments", None)}
    call["function"] = _function(function)
    call["index"] = _count(call.get("index"))
    if not isinstance(call.get("id"), str | int | float) or isinstance(call["id"], bool):
        call["id"] = None
    return {name: value for name, value in call.items() if value is not None}


def _function(function: Any) -> dict[str, Any]:
    """Put arguments that came as an object in the form of text (Ollama's own clients, some proxies)."""
    function = {**function} if is_object(function) else {}
    name = function.get("name") if isinstance(function.get("name"), str) else ""
    return {**function, "name": name, "arguments": json_text(function.get("arguments"))}


def _split_think_tags(message: dict[str, Any]) -> None:
    content = message.get("content")
    reasoning = message.get("reasoning_content") or message.get("reasoning") or message.get("reasoning_details")
    if isinstance(content, str) and "<think>" in content and not reasoning:
        said, thought = split_think(content)
        message["content"] = said or None
        if thought:
            message["reasoning_content"] = thought


def _name_calls(message: dict[str, Any]) -> None:
    """Give calls ids of their own: a missing or empty id (Gemini), the same id on several."""
    seen: set[str] = set()
    for call in message["tool_calls"]:
        given = str(call.get("id", ""))
        call["id"] = given if given and given not in seen else new_call_id()
        seen.add(call["id"])


def _envelope(reply: dict[str, Any]) -> dict[str, Any]:
    for name in ("id", "object", "model", "system_fingerprint", "service_tier"):
        if not isinstance(reply.get(name), str | None):
            reply[name] = json_text(reply[name])
    reply["created"] = _count(reply.get("created"))
    usage = reply.get("usage")
    reply["usage"] = _usage(usage) if is_object(usage) and usage else groq_usage(reply)
    return reply


def groq_usage(reply: dict[str, Any]) -> dict[str, Any] | None:
    """Give the usage that Groq's streams put in a field of their own."""
    own = reply.get("x_groq")
    usage = own.get("usage") if is_object(own) else None
    return _usage(usage) if is_object(usage) and usage else None


def _usage(usage: dict[str, Any]) -> dict[str, Any]:
    """Leave out counts that are no numbers (null: Databricks); a missing total is then the sum."""
    usage = _counted(usage, _COUNTS)
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        details = usage.pop(name, None)
        if is_object(details):
            usage[name] = _counted(details, [field for field in details if field.endswith("_tokens")])
    return usage


def _counted(counts: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    read = {**counts, **{name: _count(counts.get(name)) for name in names}}
    return {name: value for name, value in read.items() if value is not None}


def _count(value: Any) -> int | None:
    """Read a whole number, also as text or as a float; None for anything else."""
    if isinstance(value, str | float):
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return None
    return value if isinstance(value, int) else None
