"""A request as an endpoint wants it, pure: `spell` obeys the endpoint's `Profile`; `ChatModel` sends what it gives.

What the profile does not name is sent as it was given. What the endpoint does not take is said otherwise where that
means the same, left out where that changes nothing, and refused by name where neither holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from agentkit.errors import SchemaError, UnsupportedRequestError
from agentkit.http.message import messages_for, spoken_by
from agentkit.http.profile import Profile
from agentkit.kind import is_object
from agentkit.schema.inline import inline_refs
from agentkit.schema.keyword import without_keywords
from agentkit.wire.request import ChatRequest, ResponseFormat, ToolDefinition

__all__ = ["choice_form", "spell"]

_FORMATS = ("text", "json_object", "json_schema")
_FORCED = ("required", "any")


def spell(request: ChatRequest, profile: Profile, *, stream: bool) -> ChatRequest:
    """Give the request as the endpoint wants it; itself where it takes it as it is, as most do.

    Args:
        request: As agents and users make it; it stays as it is.
        profile: What the endpoint wants.
        stream: Whether the reply is asked for in pieces.

    Raises:
        UnsupportedRequestError: It asks for what the endpoint does not take, and it cannot be said otherwise.
    """
    changes = {} if request.is_plain and not stream else _options(request, profile, stream=stream)
    if request.tools:
        changes |= _tools(request, profile)
    messages = messages_for(request.messages, profile)
    if messages is not request.messages:
        changes["messages"] = messages
    if profile.unsupported:
        changes |= {name: None for name in profile.unsupported if name in changes or name in request.model_fields_set}
    return request.replace(**changes) if changes else request


def _options(request: ChatRequest, profile: Profile, *, stream: bool) -> dict[str, Any]:
    """Give what changes of the fields that a plain request does not have."""
    changes: dict[str, Any] = {}
    if request.stream is not (stream or None):
        changes["stream"] = stream or None
    if request.max_tokens is not None or request.max_completion_tokens is not None:
        changes |= _limit(request, profile)
    if stream and profile.stream_usage and "include_usage" not in (request.stream_options or {}):
        changes["stream_options"] = {"include_usage": True, **(request.stream_options or {})}
    if request.response_format is not None:
        changes["response_format"] = _response_format(request.response_format, profile)
    return changes


def choice_form(choice: Any) -> str | None:
    """Name the form of a `tool_choice` as `Profile.tool_choices` does; None where it is none of the contract's."""
    if isinstance(choice, str):
        return "required" if choice in _FORCED else choice if choice in ("none", "auto") else "function"
    kind = choice.get("type") if is_object(choice) else None
    return {"function": "function", "custom": "function", "allowed_tools": "allowed_tools"}.get(str(kind))


def _limit(request: ChatRequest, profile: Profile) -> dict[str, Any]:
    wanted = profile.max_tokens_field
    other = "max_tokens" if wanted == "max_completion_tokens" else "max_completion_tokens"
    limit, moved = getattr(request, wanted), {}
    if limit is None and (limit := getattr(request, other)) is not None:
        moved = {wanted: limit, other: None}
    most = profile.max_output_tokens
    return {**moved, wanted: most} if most is not None and limit is not None and limit > most else moved


def _tools(request: ChatRequest, profile: Profile) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    tools = request.tools
    if not profile.tools:
        _check_needless(request.tool_choice, tools)
        return {"tools": ()}
    if request.tool_choice is not None:
        choice, tools = _chosen(request.tool_choice, tools, profile)
        if choice is not request.tool_choice:
            changes["tool_choice"] = choice
    if profile.inline_refs or profile.unsupported_keywords or not profile.strict:
        tools = spoken_by(tools, profile, _tool_for)
    if tools is not request.tools:
        changes["tools"] = tools
    if request.parallel_tool_calls is not None and not profile.parallel_tool_calls:
        changes["parallel_tool_calls"] = None  # several calls in one reply are then run one after another all the same
    return changes


def _check_needless(choice: Any, tools: tuple[ToolDefinition, ...]) -> None:
    """Refuse tools that may be called, where the endpoint takes none."""
    if choice != "none":
        names = ", ".join(repr(tool.name) for tool in tools)
        raise UnsupportedRequestError(
            f"Request field 'tools' offers {names[:200]}; the endpoint takes none (Profile.tools). Use a model that "
            "takes tools, leave them out, or give the model a profile with tools=True if the endpoint does take them."
        )


_Chosen = tuple[Any, tuple[ToolDefinition, ...]]


def _chosen(choice: Any, tools: tuple[ToolDefinition, ...], profile: Profile) -> _Chosen:
    """Give the choice in a form that the endpoint takes, and the tools to choose among.

    Raises:
        UnsupportedRequestError: No form that it takes means the same.
    """
    form, taken = choice_form(choice), profile.tool_choices
    if form is None or form in taken:
        return (profile.required_word if form == "required" else choice), tools
    if form == "auto":
        return None, tools  # what is done where nothing is said
    if form == "none":
        return None, ()
    if form == "allowed_tools" and (allowed := _allowed(choice, tools)):
        return _chosen(choice["allowed_tools"].get("mode", "auto"), allowed, profile)
    if len(tools) == 1:  # to call any and to call this one are the same
        if form == "required" and "function" in taken:
            return _named(tools[0]), tools
        if form == "function" and "required" in taken and _name(choice) == tools[0].name:
            return profile.required_word, tools
    raise UnsupportedRequestError(
        f"Request field 'tool_choice' is {str(choice)[:200]!r}, of the form '{form}'; the endpoint takes only "
        f"{', '.join(taken) or '(none)'} (Profile.tool_choices). Use one of these, or give the model a profile with "
        f"'{form}' among its tool_choices if the endpoint does take it."
    )


def _name(choice: Any) -> Any:
    if isinstance(choice, str):
        return choice
    named = choice.get("function") or choice.get("custom") or choice
    return named.get("name")


def _named(tool: ToolDefinition) -> dict[str, Any]:
    kind = "custom" if tool.custom is not None else "function"
    return {"type": kind, kind: {"name": tool.name}}


def _allowed(choice: Any, tools: tuple[ToolDefinition, ...]) -> tuple[ToolDefinition, ...]:
    held: Any = choice.get("allowed_tools")
    listed: Any = held.get("tools") if is_object(held) else None
    several = cast("Sequence[Any]", listed) if isinstance(listed, list | tuple) else ()
    names = {_name(one) for one in several if is_object(one)}
    return tuple(tool for tool in tools if tool.name in names)


def _tool_for(tool: ToolDefinition, profile: Profile) -> ToolDefinition:
    function = tool.function
    if function is None:
        return tool
    changes: dict[str, Any] = {}
    if function.strict is not None and not profile.strict:
        changes["strict"] = None
    if function.parameters is not None:
        schema = _schema(function.parameters, tool.encoded, profile, f"Tool '{function.name}'")
        if schema is not function.parameters:
            changes["parameters"] = schema
            changes |= _unstrict(function.strict, profile)
    return tool.replace(function=function.replace(**changes)) if changes else tool


def _response_format(asked: ResponseFormat, profile: Profile) -> ResponseFormat | None:
    if asked.type in _FORMATS and asked.type not in profile.response_formats:
        if asked.type == "text":
            return None  # what comes where nothing is said
        raise UnsupportedRequestError(
            f"Request field 'response_format' is of type '{asked.type}'; the endpoint takes only "
            f"{', '.join(profile.response_formats) or '(none)'} (Profile.response_formats). Ask for an output by a "
            "tool or in words, OutputSpec(type, mode='tool') or mode='prompted', or give the model a profile with "
            f"'{asked.type}' among its response_formats if the endpoint does take it."
        )
    (spoken,) = spoken_by((asked,), profile, _format_for)
    return spoken


def _format_for(asked: ResponseFormat, profile: Profile) -> ResponseFormat:
    held = asked.json_schema
    if held is None:
        return asked
    changes: dict[str, Any] = {}
    if held.strict is not None and not profile.strict:
        changes["strict"] = None
    given = held.definition
    schema = _schema(given, held.encoded, profile, f"Response format '{held.name}'")
    if schema is not given:
        changes["schema"] = schema
        changes |= _unstrict(held.strict, profile)
    return asked.replace(json_schema=held.replace(**changes)) if changes else asked


def _schema(schema: Mapping[str, Any], encoded: bytes, profile: Profile, owner: str) -> Mapping[str, Any]:
    """Write a schema as the endpoint takes it; itself where it does so."""
    if profile.inline_refs and b'"$ref"' in encoded:
        schema = _without("`$ref`", "inline_refs", owner, lambda: inline_refs(schema))
    keywords = [word for word in profile.unsupported_keywords if f'"{word}"'.encode() in encoded]
    if keywords:
        named = ", ".join(f"`{word}`" for word in keywords)
        schema = _without(named, "unsupported_keywords", owner, lambda: without_keywords(schema, keywords))
    return schema


def _unstrict(strict: bool | None, profile: Profile) -> dict[str, Any]:
    """Leave `strict` out where the schema cannot say what strict mode demands of each object."""
    return {"strict": None} if strict and "additionalProperties" in profile.unsupported_keywords else {}


def _without(named: str, field: str, owner: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return make()
    except SchemaError as error:
        other = " Use types that do not contain themselves." if field == "inline_refs" else ""
        raise UnsupportedRequestError(
            f"{owner}: the endpoint takes no {named} (Profile.{field}), and its schema cannot be written without. "
            f"{error}{other}"
        ) from error
