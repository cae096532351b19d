"""The catalogue of what real servers send otherwise than the contract says; `repair` applies it, in this order.

Each deviation is a function named after it, which puts it right in decoded JSON and says who sends it. Nothing is
guessed: what was cut stays cut. `docs/deviations.md` is this catalogue as a table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agentkit.kind import is_array, is_object
from agentkit.wire.count import USAGE
from agentkit.wire.ending import is_no_end
from agentkit.wire.reading import json_text, new_call_id, part_text, whole_number
from agentkit.wire.think import split_think

__all__ = ["CALL", "CHOICE", "ENVELOPE", "MESSAGE", "WHOLE_MESSAGE"]

Step = Callable[[dict[str, Any]], None]

_TEXTS = ("id", "object", "model", "system_fingerprint", "service_tier")


# The envelope: the reply itself, or the chunk.


def _odd_names(reply: dict[str, Any]) -> None:
    """Read an id, model or another name that is a number, an object or a list as text; null is none.

    Sent by: Azure, Snowflake and GPUStack (null); numbers and objects were not recorded.
    """
    for name in _TEXTS:
        if not isinstance(reply.get(name), str | None):
            reply[name] = json_text(reply[name])


def _odd_created(reply: dict[str, Any]) -> None:
    """Read `created` as text or a float as a number; leave out what is none.

    Sent by: AI21 and Groq's error chunks (none at all); other forms were not recorded.
    """
    reply["created"] = whole_number(reply.get("created"))


def _lone_choice(reply: dict[str, Any]) -> None:
    """Take a choice that stands where the list of them should as the only one.

    Sent by: nobody recorded.
    """
    if is_object(reply.get("choices")):
        reply["choices"] = [reply["choices"]]


# A choice; its message or delta stands under `message` here.


def _no_message(choice: dict[str, Any]) -> None:
    """Read a choice whose message or delta is null, absent or bare text; a `text` beside it is its content.

    Sent by: Azure (content filters: null or absent), servers of the older completions (`text`).
    """
    message = choice.get("message")
    if not is_object(message):
        text = message if isinstance(message, str) else choice.get("text")
        choice["message"] = {} if text is None else {"content": text}


def _odd_finish(choice: dict[str, Any]) -> None:
    """Take a finish_reason that is no text as its JSON, and "null" as none; unknown words ("", "eos") are kept.

    Sent by: Snowflake (""), Together ("eos"), proxies of Alibaba's own API ("null"); other forms were not recorded.
    """
    if not isinstance(choice.get("finish_reason"), str | None):
        choice["finish_reason"] = json_text(choice["finish_reason"])
    if is_no_end(choice.get("finish_reason")):
        choice["finish_reason"] = None


# A message or a delta.


def _empty_role(message: dict[str, Any]) -> None:
    """Leave out a role that is null, empty or no text; it is the assistant's.

    Sent by: Cloudflare and GPUStack (none), several servers ("" or null in deltas).
    """
    if not isinstance(message.get("role"), str) or not message["role"]:
        message.pop("role", None)


def _content_object(message: dict[str, Any]) -> None:
    """Give the JSON of a content that is an object, a number or a boolean; of a refusal too.

    Sent by: Cloudflare (JSON mode).
    """
    for name in ("content", "refusal"):
        if not isinstance(message.get(name), str | list | None):
            message[name] = json_text(message[name])


def _content_parts(message: dict[str, Any]) -> None:
    """Join a content that is a list: texts to the content, thinking to the reasoning; keep others in `content_parts`.

    Sent by: Mistral (its reasoning models), Databricks (Anthropic's models that think).
    """
    if is_array(message.get("refusal")):
        message["refusal"] = part_text(message["refusal"])
    content = message.get("content")
    if not is_array(content):
        return
    thoughts = "".join(part_text(part) for part in content if _is_thinking(part))
    refusals = [part["refusal"] for part in content if is_object(part) and isinstance(part.get("refusal"), str)]
    message["content"] = "".join(part_text(part) for part in content if not _is_thinking(part))
    if thoughts and not message.get("reasoning_content"):
        message["reasoning_content"] = thoughts
    if refusals and not message.get("refusal"):
        message["refusal"] = "".join(refusals)
    if any(is_object(part) and not {"text", "thinking", "refusal"} & part.keys() for part in content):
        message["content_parts"] = content


def _is_thinking(part: Any) -> bool:
    return is_object(part) and (part.get("type") in ("thinking", "reasoning") or "thinking" in part)


def _reasoning_object(message: dict[str, Any]) -> None:
    """Keep reasoning that is a list or an object as `reasoning_details`; other values as their text.

    Sent by: servers that clients guard against; nobody recorded.
    """
    for name in ("reasoning", "reasoning_content"):
        if isinstance(message.get(name), list | dict):
            message["reasoning_details"] = message.pop(name)
        elif not isinstance(message.get(name), str | None):
            message[name] = json_text(message[name])


def _lone_detail(message: dict[str, Any]) -> None:
    """Take reasoning details or annotations that are no list as the only one.

    Sent by: nobody recorded.
    """
    for name in ("reasoning_details", "annotations"):
        if not isinstance(message.get(name), list | None):
            message[name] = [message[name]]


def _placeholder_call(message: dict[str, Any]) -> None:
    """Drop a `function_call` that names nothing and holds nothing; read a real one as calls are read.

    Sent by: Snowflake ({"name": "", "arguments": ""} in every message).
    """
    legacy = message.pop("function_call", None)
    if is_object(legacy):
        legacy = _function(legacy)
        if legacy["name"] or legacy["arguments"]:
            message["function_call"] = legacy


def _placeholder_audio(message: dict[str, Any]) -> None:
    """Drop an `audio` without data.

    Sent by: Snowflake.
    """
    audio = message.get("audio")
    if is_object(audio) and not any(audio.values()):
        message.pop("audio")


def _lone_call(message: dict[str, Any]) -> None:
    """Read `tool_calls` that are null as none, and a call in the place of the list as the only one.

    Sent by: Mistral, Snowflake, AI21 and LiteLLM (null); one call without its list was not recorded.
    """
    calls = message.get("tool_calls") or ()
    calls = [calls] if is_object(calls) else calls if is_array(calls) else ()
    message["tool_calls"] = [{**call} for call in calls if is_object(call)]


# A call, whole or a piece of one.


def _odd_type(call: dict[str, Any]) -> None:
    """Leave out a type that is missing, null or no text; it is a function.

    Sent by: Mistral.
    """
    if not isinstance(call.get("type"), str):
        call.pop("type", None)


def _custom_call(call: dict[str, Any]) -> None:
    """Give a custom tool's call a `function` of the same name and input too, and leave out a null one.

    Sent by: OpenAI (custom tools), Snowflake (`custom` null or empty beside a function).
    """
    custom = call.pop("custom", None)
    if is_object(custom) and (any(custom.values()) or not call.get("function")):
        call["custom"] = {**custom, "name": json_text(custom.get("name")), "input": json_text(custom.get("input"))}
        call["function"] = call.get("function") or {"name": custom.get("name"), "arguments": custom.get("input")}


def _flat_call(call: dict[str, Any]) -> None:
    """Read name and arguments that stand in the call itself, without a `function` round them.

    Sent by: Cloudflare.
    """
    if not is_object(call.get("function")) and ("name" in call or "arguments" in call):
        call["function"] = {"name": call.pop("name", None), "arguments": call.pop("arguments", None)}


def _odd_arguments(call: dict[str, Any]) -> None:
    """Give the JSON of arguments that are an object in place of its text; null or absent ones are none.

    Sent by: proxies of Ollama's own API (an object), OpenRouter (null or absent).
    """
    call["function"] = _function(call.get("function"))


def _function(function: Any) -> dict[str, Any]:
    function = {**function} if is_object(function) else {}
    name = function.get("name") if isinstance(function.get("name"), str) else ""
    return {**function, "name": name, "arguments": json_text(function.get("arguments"))}


def _odd_index(call: dict[str, Any]) -> None:
    """Read an index that is text or a float; leave out what is no number.

    Sent by: nobody recorded; Mistral, OpenRouter and Ollama send an index in whole replies too.
    """
    call["index"] = whole_number(call.get("index"))
    if call["index"] is None:
        del call["index"]


def _odd_id(call: dict[str, Any]) -> None:
    """Take a number as an id; leave out what is neither number nor text.

    Sent by: nobody recorded; null in the later pieces of a call is common.
    """
    if not isinstance(call.get("id"), str | int | float) or isinstance(call["id"], bool):
        call.pop("id", None)


# A message that is whole; of a stream `merge` does the same.


def _think_tags(message: dict[str, Any]) -> None:
    """Take `<think>...</think>` at the head of the text as the reasoning, where no field has any.

    Sent by: Hugging Face, Groq (reasoning_format raw), vLLM and llama.cpp without a reasoning parser.
    """
    content = message.get("content")
    reasoning = message.get("reasoning_content") or message.get("reasoning") or message.get("reasoning_details")
    if isinstance(content, str) and "<think>" in content and not reasoning:
        said, thought = split_think(content)
        message["content"] = said or None
        if thought:
            message["reasoning_content"] = thought


def _empty_call(message: dict[str, Any]) -> None:
    """Drop a call that has no id, names nothing and holds nothing.

    Sent by: servers that fill the list with placeholders beside a text (`"tool_calls": [{}]`).
    """
    message["tool_calls"] = [
        call
        for call in message["tool_calls"]
        if call.get("id") or call["function"]["name"] or call["function"]["arguments"]
    ]


def _shared_ids(message: dict[str, Any]) -> None:
    """Give a call an id of ours where it has none, an empty one, or that of a call before it.

    Sent by: Gemini's compatible endpoint (empty); the same on all was seen by other clients.
    """
    seen: set[str] = set()
    for call in message["tool_calls"]:
        given = str(call.get("id", ""))
        call["id"] = given if given and given not in seen else new_call_id()
        seen.add(call["id"])


ENVELOPE: Final[tuple[Step, ...]] = (_odd_names, _odd_created, _lone_choice, *USAGE)
CHOICE: Final[tuple[Step, ...]] = (_no_message, _odd_finish)
MESSAGE: Final[tuple[Step, ...]] = (
    _empty_role,
    _content_object,
    _content_parts,
    _reasoning_object,
    _lone_detail,
    _placeholder_call,
    _placeholder_audio,
    _lone_call,
)
CALL: Final[tuple[Step, ...]] = (_odd_type, _custom_call, _flat_call, _odd_arguments, _odd_index, _odd_id)
WHOLE_MESSAGE: Final[tuple[Step, ...]] = (_think_tags, _empty_call, _shared_ids)
