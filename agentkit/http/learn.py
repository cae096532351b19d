"""What an endpoint's refusal teaches of its profile, pure: `learn` reads it, `ChatModel` sends the request again by it.

Only a text that clearly names a field teaches anything, and none that repeats a message of ours. What loses nothing is
then sent otherwise. That tools or a format are not taken is learned, too, but such a request is not sent again, for it
would mean something else; and a wish for the reply itself (temperature, stop, n) stays an error that names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from agentkit.errors import APIStatusError, BadRequestError, InternalServerError, NotFoundError
from agentkit.http.dialect import choice_form
from agentkit.http.fault import Fault, bare
from agentkit.http.lack import lacks, without_format, without_keywords
from agentkit.http.profile import Profile, ReasoningField
from agentkit.schema.keyword import SPARABLE
from agentkit.wire.content import text_of
from agentkit.wire.message import AssistantMessage
from agentkit.wire.request import ChatRequest

__all__ = ["Lesson", "learn"]

_Changes = dict[str, Any]
_Teaching = Callable[[Profile, ChatRequest], _Changes]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an endpoint refused, as changes of its profile.

    Attributes:
        changes: Fields of `Profile` with their new values.
        reason: The endpoint's words.
    """

    changes: _Changes
    reason: str


# What may be left out without changing the reply: the field only concerns caching, records, or speed.
_DROPPABLE = frozenset(
    ("metadata", "prediction", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store", "user")
)
_REASONING = get_args(ReasoningField)


def _with_echo(profile: Profile, _request: ChatRequest) -> _Changes:
    name = "reasoning_content"
    echo = profile.echo if name in profile.echo else (name, *profile.echo)
    return {"echo": echo, "echo_empty": True}


def _without_form(profile: Profile, request: ChatRequest) -> _Changes:
    form = choice_form(request.tool_choice)
    if form == "required" and form not in profile.tool_choices:
        form = "function"  # as which it was said of a single tool
    return {"tool_choices": tuple(one for one in profile.tool_choices if one != form)}


def _always(**changes: Any) -> _Teaching:
    return lambda _profile, _request: changes


def _text(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


# OpenRouter and DeepInfra say with a 404 and a 405 what others say with a 400, llama.cpp with a 500.
_TELLING: tuple[type[APIStatusError], ...] = (BadRequestError, NotFoundError, InternalServerError, APIStatusError)

# Texts that say what is wrong without calling a field unknown, each with who sends it.
_TEXTS: tuple[tuple[re.Pattern[str], _Teaching], ...] = (
    # DeepSeek, in two wordings
    (_text(r"missing .?reasoning_content|reasoning_content\W{0,2} in the thinking mode must"), _with_echo),
    # Moonshot, with thinking on
    (_text(r"reasoning_content is missing in assistant"), _with_echo),
    # The templates of Qwen and others in vLLM, llama.cpp, LM Studio; AkashML, Parasail
    (
        _text(r"system\s+message\s+must be (?:at )?the (?:beginning|first)|only one system message"),
        _always(system_messages="first"),
    ),
    # Mistral, and its tokenizer in vLLM
    (
        _text(r"tool call id was .{0,300}must be a-z, A-Z, 0-9, with a length of 9"),
        _always(call_ids="nine_alphanumeric"),
    ),
    # Moonshot; Anthropic's endpoint
    (
        _text(r"with role '?assistant'? must not be empty|all messages must have non-empty content"),
        _always(empty_content=False),
    ),
    # Servers with pydantic; OpenAI's first models with tools
    (
        _text(r"valid string\W{1,3}messages\W.{0,20}content|'content': expected a string, got null"),
        _always(null_content=False),
    ),
    # OpenAI, servers in Rust such as DeepSeek ("unknown variant"), servers with pydantic ("Input tag")
    (
        _text(r"(?:value|variant|role|tag|support)\W{1,4}developer\b|\bdeveloper\W{1,2}(?:role )?is not"),
        _always(developer_role=False),
    ),
    # DeepSeek; OpenRouter; Moonshot, which calls it incompatible with thinking; Qwen, which names what it is set to
    (
        _text(
            r"does not support this tool_choice|found that support the provided 'tool_choice'"
            r"|tool_choice\b.{0,40}(?:is incompatible with|not support being set)"
        ),
        _without_form,
    ),
    # Servers that know a part of JSON Schema only
    (_text(r"(?:does not support|unsupported|unknown|invalid).{0,40}\$(?:ref|defs)\b"), _always(inline_refs=True)),
)


def learn(error: APIStatusError, request: ChatRequest, profile: Profile) -> Lesson | None:
    """Derive the profile by which the same request would be taken; None where the error does not clearly say.

    Args:
        error: What the endpoint answered.
        request: What was asked.
        profile: What is known of the endpoint so far.
    """
    if type(error) not in _TELLING:  # a kind of a 400 is about the messages' content
        return None
    fault = Fault.of(error.body)
    if isinstance(error, InternalServerError) and not fault.template_refused:
        return None
    own, said = _own(request), bare(fault.message)
    changes: _Changes = {}
    if type(error) is BadRequestError:
        for name in fault.refused_beside(own):
            if name not in (request.extra_body or {}):
                changes |= _taught_by(name, profile.replace(**changes), request)
    for pattern, teaching in _TEXTS:
        if (found := pattern.search(said)) and found[0] not in own:
            changes |= teaching(profile, request)
    changes |= lacks(said, own, request, profile.replace(**changes))
    return Lesson(changes, fault.message) if changes else None


def _own(request: ChatRequest) -> str:
    """Give the texts of a request that a server may repeat: its messages without media, its tools and format."""
    texts = [
        one.encoded.decode() if isinstance(one, AssistantMessage) else text_of(getattr(one, "content", None))
        for one in request.messages
    ]
    texts += [tool.encoded.decode() for tool in request.tools or ()]
    if request.response_format is not None:
        texts.append(request.response_format.encoded.decode())
    return " ".join(map(bare, texts))


def _taught_by(name: str, profile: Profile, request: ChatRequest) -> _Changes:
    """Say what a field that is called unknown or unsupported teaches; nothing where leaving it out would lose it."""
    match name:
        case "max_tokens":
            return {"max_tokens_field": "max_completion_tokens"}
        case "max_completion_tokens":
            return {"max_tokens_field": "max_tokens"}
        case "stream_options" | "include_usage":
            return {"stream_usage": False}
        case "strict" | "parallel_tool_calls" | "extra_content":
            return {name: False}
        case "tool_choice":
            return _without_form(profile, request)
        case "$ref" | "$defs":
            return {"inline_refs": True}
        case "tools":
            return {"tools": False} if request.tools else {}
        case "response_format":
            return without_format(request, profile)
        case _ if name in SPARABLE:
            return without_keywords([name], request, profile)
        case _ if name in _REASONING:
            return {"echo": tuple(one for one in profile.echo if one != name)}
        case _ if name in _DROPPABLE:
            return {"unsupported": tuple(dict.fromkeys((*profile.unsupported, name)))}
        case _:
            return {}
