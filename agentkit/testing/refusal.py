"""Requests that some servers refuse though the contract allows them: each a function that says so in a server's words.

As quirks they are named `refuses_...` (what must not be sent) and `demands_...` (what must be).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from agentkit.kind import is_array, is_object
from agentkit.testing.answer import Json

__all__ = ["KEYWORDS", "REFUSALS"]

REFUSALS: Final[dict[str, Callable[[Json], str | None]]] = {}
"""Every such refusal by its name: from a request to what is wrong with it, None where nothing is."""

KEYWORDS: Final = frozenset(
    (
        *(
            "$schema",
            "title",
            "default",
            "examples",
            "format",
            "pattern",
            "minLength",
            "maxLength",
            "minimum",
            "maximum",
        ),
        *(
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
            "minItems",
            "maxItems",
            "uniqueItems",
            "const",
            "oneOf",
        ),
        *("additionalProperties", "prefixItems", "propertyNames"),
    )
)
"""The keywords of JSON Schema that `refuses_keywords` refuses."""

_MAPS: Final = ("properties", "$defs")  # their keys are names, no keywords
_VALUES: Final = ("default", "enum", "examples", "const", "required")


def _refusal(look: Callable[[Json], str | None]) -> Callable[[Json], str | None]:
    REFUSALS[look.__name__.lstrip("_")] = look
    return look


def _messages(request: Json) -> list[Json]:
    return [message for message in request.get("messages") or () if is_object(message)]


def _functions(request: Json) -> Iterator[Json]:
    return (tool["function"] for tool in request.get("tools") or () if is_object(tool.get("function")))


def _calls(request: Json) -> Iterator[Json]:
    return (call for message in _messages(request) for call in message.get("tool_calls") or ())


def _keys(value: Any) -> Iterator[str]:
    if is_object(value):
        yield from value
        value = list(value.values())
    if is_array(value):
        for item in value:
            yield from _keys(item)


def _keywords(schema: Any) -> Iterator[str]:
    """Give the keywords of a schema and of those in it, but no names of properties and nothing of values."""
    if is_array(schema):
        for one in schema:
            yield from _keywords(one)
    if is_object(schema):
        for key, value in schema.items():
            yield key
            if key not in _VALUES:
                yield from _keywords(list(value.values()) if key in _MAPS else value)


def _format(request: Json) -> Json:
    wanted = request.get("response_format")
    return wanted if is_object(wanted) else {}


def _unrecognized(request: Json, name: str) -> str | None:
    return f"Unrecognized request argument supplied: {name}" if request.get(name) is not None else None


@_refusal
def _refuses_stream_options(request: Json) -> str | None:
    """`stream_options` is refused (Mistral, Databricks)."""
    return _unrecognized(request, "stream_options")


@_refusal
def _refuses_max_tokens(request: Json) -> str | None:
    """`max_tokens` is refused (OpenAI's reasoning models)."""
    if request.get("max_tokens") is None:
        return None
    return "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."


@_refusal
def _refuses_max_completion_tokens(request: Json) -> str | None:
    """`max_completion_tokens` is refused (servers older than that field)."""
    return _unrecognized(request, "max_completion_tokens")


@_refusal
def _refuses_parallel_tool_calls(request: Json) -> str | None:
    """`parallel_tool_calls` is refused (o3, Gemini)."""
    return _unrecognized(request, "parallel_tool_calls")


@_refusal
def _refuses_stop(request: Json) -> str | None:
    """`stop` is refused (o3, o4-mini, Grok)."""
    return "Unsupported parameter: 'stop' is not supported with this model." if request.get("stop") else None


@_refusal
def _refuses_temperature(request: Json) -> str | None:
    """Any temperature but 1 is refused (OpenAI's reasoning models, Kimi)."""
    if request.get("temperature") in (None, 1):
        return None
    return (
        "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is "
        "supported."
    )


@_refusal
def _refuses_required_choice(request: Json) -> str | None:
    """`tool_choice` other than auto and none is refused (Moonshot, Qwen and DeepSeek while they think)."""
    if request.get("tool_choice") in (None, "auto", "none"):
        return None
    return "tool_choice 'required' is incompatible with thinking enabled"


@_refusal
def _refuses_strict(request: Json) -> str | None:
    """`strict` in a tool is refused (Snowflake, Qwen)."""
    found = any("strict" in function for function in _functions(request))
    return "Unknown name 'strict' at 'tools[0].function': Cannot find field." if found else None


@_refusal
def _refuses_references(request: Json) -> str | None:
    """`$ref` and `$defs` in a schema are refused (Gemini, Qwen, Meta)."""
    found = {"$ref", "$defs"}.intersection(_keys([request.get("tools"), request.get("response_format")]))
    return f"Invalid JSON payload received. Unknown name {min(found)!r}: Cannot find field." if found else None


@_refusal
def _refuses_json_schema(request: Json) -> str | None:
    """`response_format` of the kind json_schema is refused (DeepSeek)."""
    found = _format(request).get("type") == "json_schema"
    return "This response_format type is unavailable now" if found else None


@_refusal
def _refuses_json_object(request: Json) -> str | None:
    """`response_format` of the kind json_object is refused (LM Studio)."""
    found = _format(request).get("type") == "json_object"
    return "'response_format.type' must be 'json_schema' or 'text'" if found else None


@_refusal
def _refuses_response_format(request: Json) -> str | None:
    """`response_format` is refused, whatever its kind (xAI in 2024, older servers)."""
    if _format(request).get("type") in (None, "text"):
        return None
    return "The response_format parameter is unsupported at the moment. Leave it unset."


@_refusal
def _refuses_tools(request: Json) -> str | None:
    """Tools are refused (Ollama and DeepSeek, for models that cannot call them)."""
    return "registry.ollama.ai/library/fake:latest does not support tools" if request.get("tools") else None


@_refusal
def _refuses_format_with_tools(request: Json) -> str | None:
    """A JSON `response_format` is refused beside tools (Groq, Gemini, llama.cpp)."""
    found = request.get("tools") and _format(request).get("type") in ("json_object", "json_schema")
    return "json mode cannot be combined with tool/function calling" if found else None


@_refusal
def _refuses_keywords(request: Json) -> str | None:
    """A schema with one of many keywords is refused, by the name of the first (Gemini, OpenAI's strict mode)."""
    schemas = [function.get("parameters") for function in _functions(request)]
    shape: Json = _format(request).get("json_schema") or {}
    schemas.append(shape.get("schema"))
    found = next((word for schema in schemas for word in _keywords(schema) if word in KEYWORDS), None)
    return f"Invalid schema: In context=(), '{found}' is not permitted." if found else None


@_refusal
def _refuses_developer_role(request: Json) -> str | None:
    """The role developer is refused (most but OpenAI)."""
    found = any(message.get("role") == "developer" for message in _messages(request))
    return "Unexpected message role: developer. Supported roles: system, user, assistant, tool." if found else None


@_refusal
def _refuses_late_system(request: Json) -> str | None:
    """A system message that is not the first is refused (templates of vLLM, LiteLLM)."""
    found = any(message.get("role") == "system" for message in _messages(request)[1:])
    return "System message must be at the beginning." if found else None


@_refusal
def _refuses_empty_content(request: Json) -> str | None:
    """An assistant message with an empty content is refused (Moonshot, Groq)."""
    found = any(message.get("role") == "assistant" and message.get("content") == "" for message in _messages(request))
    return "Invalid request: message with role 'assistant' must not be empty" if found else None


@_refusal
def _refuses_null_content(request: Json) -> str | None:
    """An assistant message with the content null is refused (servers that want a text)."""
    found = any("content" in message and message["content"] is None for message in _messages(request))
    return "Input should be a valid string: messages.content" if found else None


@_refusal
def _demands_short_ids(request: Json) -> str | None:
    """The ids of calls must be nine letters and digits (Mistral)."""
    found = next((call["id"] for call in _calls(request) if not re.fullmatch(r"[a-zA-Z0-9]{9}", call["id"])), None)
    if found is None:
        return None
    return f"Tool call id was {found} but must be a-z, A-Z, 0-9, with a length of 9."


@_refusal
def _demands_reasoning(request: Json) -> str | None:
    """An assistant message with calls must have its `reasoning_content` (DeepSeek, Moonshot)."""
    found = any(message.get("tool_calls") and "reasoning_content" not in message for message in _messages(request))
    return "Missing `reasoning_content` field in the assistant message" if found else None


@_refusal
def _demands_signatures(request: Json) -> str | None:
    """Calls must have the signature that they came with (Gemini)."""
    found = any("extra_content" not in call for call in _calls(request))
    return "Function call is missing a thought_signature in functionCall parts." if found else None


@_refusal
def _demands_additional_properties(request: Json) -> str | None:
    """The schema of a `response_format` must say `additionalProperties: false` (Cerebras, Azure)."""
    spec = _format(request).get("json_schema")
    schema: Any = spec.get("schema") if is_object(spec) else None
    if spec is None or (is_object(schema) and schema.get("additionalProperties") is False):
        return None
    return (
        "Invalid schema for response_format 'output': In context=(), 'additionalProperties' is required to be supplied "
        "and to be false."
    )
