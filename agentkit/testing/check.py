"""What the real API refuses, in OpenAI's words, so that a request which the fake endpoint takes is a valid one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

from agentkit.kind import is_array, is_object
from agentkit.testing.answer import Json

__all__ = ["Problem", "first_problem"]

_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_RANGES: Final = (
    ("temperature", 0, 2),
    ("top_p", 0, 1),
    ("presence_penalty", -2, 2),
    ("frequency_penalty", -2, 2),
    ("top_logprobs", 0, 20),
    ("n", 1, 128),
    ("max_tokens", 1, None),
    ("max_completion_tokens", 1, None),
)


class Problem(NamedTuple):
    """One reason to answer 400, as the error's fields."""

    message: str
    param: str | None = None
    code: str | None = None


def first_problem(request: Any) -> Problem | None:
    """Find why the real API would refuse a request; None where it would not.

    Looked at: messages (roles, every call answered once and right after), tools and their names, tool_choice,
    response_format, strict schemas, and the ranges of numbers. Model names and content parts are not.
    """
    if not is_object(request):
        return Problem("We could not parse the JSON body of your request. The API expects a JSON payload.")
    looks = (_messages, _tools, _choice, _format, _numbers)
    try:
        return next(chain.from_iterable(look(request) for look in looks), None)
    except (KeyError, TypeError, AttributeError, IndexError) as broken:
        return Problem(f"The request has the wrong shape: {type(broken).__name__} {broken}.")


def _empty(where: str) -> Problem:
    text = "empty array. Expected an array with minimum length 1, but got an empty array instead."
    return Problem(f"Invalid '{where}': {text}", where, "empty_array")


def _too_long(where: str, most: int, seen: int) -> Problem:
    text = f"array too long. Expected an array with maximum length {most}, but got an array with length {seen} instead."
    return Problem(f"Invalid '{where}': {text}", where, "array_above_max_length")


def _missing(where: str) -> Problem:
    return Problem(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")


def _messages(request: Json) -> Iterator[Problem]:
    if not request.get("model"):
        yield Problem("you must provide a model parameter")
    if request.get("messages") is None:
        yield _missing("messages")
    if not request["messages"]:
        yield _empty("messages")
    waiting: dict[str, bool] = {}  # the calls of the last assistant message: answered?
    for place, message in enumerate(request["messages"]):
        if message.get("role") not in _ROLES:
            known = ", ".join(f"'{role}'" for role in _ROLES)
            text = f"Invalid value: '{message.get('role')}'. Supported values are: {known}."
            yield Problem(text, f"messages[{place}].role", "invalid_value")
        if message["role"] == "tool":
            yield from _result(place, message, waiting)
            continue
        yield from _unanswered(place, waiting)
        waiting = {}
        if message["role"] == "assistant":
            yield from _assistant(place, message)
            waiting = {one["id"]: False for one in message.get("tool_calls") or ()}
        elif message.get("content") is None:
            yield _null_content(place)
    yield from _unanswered(len(request["messages"]), waiting)


def _null_content(place: int) -> Problem:
    return Problem("Invalid value for 'content': expected a string, got null.", f"messages.[{place}].content")


def _unanswered(place: int, waiting: dict[str, bool]) -> Iterator[Problem]:
    missing = [name for name, answered in waiting.items() if not answered]
    if missing:
        yield Problem(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(missing)}",
            f"messages.[{place}].role",
        )


def _result(place: int, message: Json, waiting: dict[str, bool]) -> Iterator[Problem]:
    if not waiting:
        text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
        yield Problem(f"Invalid parameter: {text}", f"messages.[{place}].role")
    name: str = message.get("tool_call_id") or ""
    if not name:
        yield _missing(f"messages[{place}].tool_call_id")
    if name not in waiting:
        text = f"Invalid parameter: 'tool_call_id' of '{name}' not found in 'tool_calls' of previous message."
        yield Problem(text, f"messages.[{place}].tool_call_id")
    if waiting[name]:
        yield Problem(
            f"Duplicate value for 'tool_call_id' of '{name}' in message[{place}]", f"messages.[{place}].tool_call_id"
        )
    if message.get("content") is None:
        yield _null_content(place)
    waiting[name] = True


def _assistant(place: int, message: Json) -> Iterator[Problem]:
    batch: list[Json] | None = message.get("tool_calls")
    if batch is None:
        others = ("content", "refusal", "function_call", "audio")
        if all(message.get(key) is None for key in others):
            yield _null_content(place)
        return
    where = f"messages[{place}].tool_calls"
    if not batch:
        yield _empty(where)
    seen: set[str] = set()
    for number, one in enumerate(batch):
        kind = one.get("type")
        if kind not in {"function", "custom"}:
            yield _missing(f"{where}[{number}].type")
        if not one.get("id"):
            yield _missing(f"{where}[{number}].id")
        if one["id"] in seen:
            yield Problem(f"Duplicate value for 'id' of '{one['id']}' in {where}", f"{where}[{number}].id")
        seen.add(one["id"])
        if kind == "function" and not isinstance(one["function"]["arguments"], str):
            text = f"Invalid type for '{where}[{number}].function.arguments': expected a string."
            yield Problem(text, f"{where}[{number}].function.arguments", "invalid_type")


def _tools(request: Json) -> Iterator[Problem]:
    tools: list[Json] | None = request.get("tools")
    if tools is None:
        for field in ("tool_choice", "parallel_tool_calls"):
            if request.get(field) is not None:
                text = f"Invalid value for '{field}': '{field}' is only allowed when 'tools' are specified."
                yield Problem(text, field)
        return
    if not tools:
        yield _empty("tools")
    if len(tools) > 128:
        yield _too_long("tools", 128, len(tools))
    seen: set[str] = set()
    for place, tool in enumerate(tools):
        if tool.get("type") not in {"function", "custom"}:
            yield _missing(f"tools[{place}].type")
        body: Json = tool[tool["type"]]
        yield from _named(f"tools[{place}].{tool['type']}.name", body["name"])
        if body["name"] in seen:
            yield Problem("Tool names must be unique.", f"tools[{place}].{tool['type']}.name")
        seen.add(body["name"])
        if body.get("strict"):
            yield from _strict(f"function '{body['name']}'", body.get("parameters", {}), ())


def _named(where: str, name: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        text = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        yield Problem(f"Invalid '{where}': {text}", where, "invalid_value")
    if len(name) > 64:
        text = "string too long. Expected a string with maximum length 64, "
        text += f"but got a string with length {len(name)} instead."
        yield Problem(f"Invalid '{where}': {text}", where, "string_above_max_length")


def _strict(what: str, schema: Any, path: tuple[str, ...]) -> Iterator[Problem]:
    """Hold the two rules of strict mode, in every object of a schema."""
    if is_array(schema):
        for place, item in enumerate(schema):
            yield from _strict(what, item, (*path, str(place)))
    if not is_object(schema):
        return
    start = f"Invalid schema for {what}: In context={path}, "
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield Problem(
                f"{start}'additionalProperties' is required to be supplied and to be false.",
                code="invalid_function_parameters",
            )
        left = [name for name in schema.get("properties", {}) if name not in schema.get("required", ())]
        if left:
            rule = "'required' is required to be supplied and to be an array including every key in properties."
            yield Problem(f"{start}{rule} Missing '{left[0]}'.", code="invalid_function_parameters")
    for key, value in schema.items():
        if key in {"properties", "$defs"}:
            for name, part in value.items():
                yield from _strict(what, part, (*path, key, name))
        elif key in {"items", "anyOf"}:
            yield from _strict(what, value, (*path, key))


def _choice(request: Json) -> Iterator[Problem]:
    choice: Any = request.get("tool_choice")
    if choice is None or choice in ("none", "auto", "required"):
        return
    if not is_object(choice):
        text = f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'."
        yield Problem(text, "tool_choice", "invalid_value")
    named: list[Json] = choice["allowed_tools"]["tools"] if choice["type"] == "allowed_tools" else [choice]
    known = {tool[tool["type"]]["name"] for tool in request["tools"]}
    for one in named:
        if one[one["type"]]["name"] not in known:
            text = f"Tool choice '{one[one['type']]['name']}' not found in 'tools' parameter."
            yield Problem(f"Invalid value for 'tool_choice': {text}", "tool_choice")


def _format(request: Json) -> Iterator[Problem]:
    shape: Json = request.get("response_format") or {"type": "text"}
    if shape["type"] == "json_object" and "json" not in json.dumps(request["messages"]).lower():
        text = "must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        yield Problem(f"'messages' {text}", "messages")
    if shape["type"] == "json_schema":
        if not shape["json_schema"].get("name"):
            yield _missing("response_format.json_schema.name")
        yield from _named("response_format.json_schema.name", shape["json_schema"]["name"])
        if shape["json_schema"].get("strict"):
            name = shape["json_schema"]["name"]
            if shape["json_schema"]["schema"].get("type") != "object":
                rule = "schema must be a JSON Schema of 'type: \"object\"'."
                yield Problem(f"Invalid schema for response_format '{name}': {rule}", "response_format")
            yield from _strict(f"response_format '{name}'", shape["json_schema"]["schema"], ())
    if shape["type"] not in {"text", "json_object", "json_schema"}:
        text = f"Invalid value: '{shape['type']}'. Supported values are: 'json_object', 'json_schema', and 'text'."
        yield Problem(text, "response_format.type", "invalid_value")


def _numbers(request: Json) -> Iterator[Problem]:
    for field, least, most in _RANGES:
        value = request.get(field)
        if value is not None and value < least:
            text = f"number below minimum value. Expected a value >= {least}, but got {value} instead."
            yield Problem(f"Invalid '{field}': {text}", field, "integer_below_min_value")
        if value is not None and most is not None and value > most:
            text = f"number above maximum value. Expected a value <= {most}, but got {value} instead."
            yield Problem(f"Invalid '{field}': {text}", field, "integer_above_max_value")
    for field, other in (("stream_options", "stream"), ("top_logprobs", "logprobs")):
        if request.get(field) is not None and not request.get(other):
            yield Problem(f"The '{field}' parameter is only allowed when '{other}' is enabled.", field)
    if request.get("max_tokens") is not None and request.get("max_completion_tokens") is not None:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        yield Problem(text, "max_tokens", "invalid_parameter_combination")
    stops = request.get("stop")
    if is_array(stops) and len(stops) > 4:
        yield _too_long("stop", 4, len(stops))
