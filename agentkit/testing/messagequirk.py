"""Deviations in what a reply says: functions that change a ChatCompletion in place, before it is cut into chunks."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from agentkit.testing.answer import Json, encode, error_body

__all__ = ["MESSAGE_QUIRKS"]

MESSAGE_QUIRKS: Final[dict[str, Callable[[Json], None]]] = {}
"""Every such quirk by its name."""

_THOUGHT: Final = "The user wants an answer."


def _quirk(change: Callable[[Json], None]) -> Callable[[Json], None]:
    MESSAGE_QUIRKS[change.__name__.lstrip("_")] = change
    return change


def _messages(completion: Json) -> Iterator[Json]:
    return (choice["message"] for choice in completion.get("choices") or ())


def _calls(completion: Json) -> list[Json]:
    return [call for message in _messages(completion) for call in message.get("tool_calls") or ()]


def _functions(completion: Json) -> list[Json]:
    return [call["function"] for call in _calls(completion) if "function" in call]


def _spelled(completion: Json) -> list[Json]:
    """Give the functions whose arguments are text, as yet another quirk may have changed that."""
    return [function for function in _functions(completion) if isinstance(function["arguments"], str)]


@_quirk
def _no_id(completion: Json) -> None:
    """Calls have no id."""
    for call in _calls(completion):
        del call["id"]


@_quirk
def _empty_id(completion: Json) -> None:
    """Calls have an empty id."""
    for call in _calls(completion):
        call["id"] = ""


@_quirk
def _same_id(completion: Json) -> None:
    """All calls have the id `call_0`, in every reply."""
    for call in _calls(completion):
        call["id"] = "call_0"


@_quirk
def _no_type(completion: Json) -> None:
    """Calls have no type (Mistral)."""
    for call in _calls(completion):
        del call["type"]


@_quirk
def _null_type(completion: Json) -> None:
    """Calls have the type null."""
    for call in _calls(completion):
        call["type"] = None


@_quirk
def _unknown_tool(completion: Json) -> None:
    """The first call names a tool that was not offered."""
    for function in _functions(completion)[:1]:
        function["name"] = "no_such_tool"


@_quirk
def _arguments_object(completion: Json) -> None:
    """Arguments are an object in place of its text."""
    for function in _functions(completion):
        with contextlib.suppress(ValueError):  # what the script wrote broken stays text
            function["arguments"] = json.loads(function["arguments"])


@_quirk
def _null_arguments(completion: Json) -> None:
    """Arguments are null."""
    for function in _functions(completion):
        function["arguments"] = None


@_quirk
def _empty_arguments(completion: Json) -> None:
    """Arguments are an empty text."""
    for function in _functions(completion):
        function["arguments"] = ""


@_quirk
def _cut_arguments(completion: Json) -> None:
    """Arguments stop half-way, and finish_reason does not say so."""
    for function in _spelled(completion):
        function["arguments"] = function["arguments"][: max(len(function["arguments"]) // 2, 1)]


@_quirk
def _double_encoded_arguments(completion: Json) -> None:
    """Arguments are JSON text of JSON text."""
    for function in _spelled(completion):
        function["arguments"] = json.dumps(function["arguments"])


@_quirk
def _fenced_arguments(completion: Json) -> None:
    """Arguments stand in a Markdown fence."""
    for function in _spelled(completion):
        function["arguments"] = f"```json\n{function['arguments']}\n```"


@_quirk
def _trailing_junk(completion: Json) -> None:
    """An empty text follows the arguments."""
    for function in _spelled(completion):
        function["arguments"] += '""'


@_quirk
def _text_before_call(completion: Json) -> None:
    """A text stands beside the calls."""
    for message in _messages(completion):
        if message.get("tool_calls"):
            message["content"] = "Let me look that up."


@_quirk
def _function_call(completion: Json) -> None:
    """The first call comes as the legacy `function_call`, without an id."""
    for choice in completion.get("choices") or ():
        calls = choice["message"].get("tool_calls")
        if calls and "function" in calls[0]:
            del choice["message"]["tool_calls"]
            choice["message"]["function_call"] = calls[0]["function"]
            choice["finish_reason"] = "function_call"


@_quirk
def _null_tool_calls(completion: Json) -> None:
    """A reply without calls has `tool_calls: null` (Mistral)."""
    for message in _messages(completion):
        message.setdefault("tool_calls", None)


@_quirk
def _finish_stop_with_calls(completion: Json) -> None:
    """finish_reason is `stop` although there are calls, as OpenAI's own is for a named tool_choice."""
    for choice in completion.get("choices") or ():
        choice["finish_reason"] = "stop"


@_quirk
def _no_finish_reason(completion: Json) -> None:
    """finish_reason is null to the end."""
    for choice in completion.get("choices") or ():
        choice["finish_reason"] = None


@_quirk
def _no_envelope(completion: Json) -> None:
    """id, created and model are missing."""
    for key in ("id", "created", "model"):
        completion.pop(key, None)


@_quirk
def _content_null(completion: Json) -> None:
    """A reply without text has the content null."""
    for message in _messages(completion):
        message["content"] = message.get("content") or None


@_quirk
def _content_empty(completion: Json) -> None:
    """A reply without text has an empty text as content."""
    for message in _messages(completion):
        message["content"] = message.get("content") or ""


@_quirk
def _content_absent(completion: Json) -> None:
    """A reply without text has no content (Groq)."""
    for message in _messages(completion):
        if not message.get("content"):
            message.pop("content", None)


@_quirk
def _content_object(completion: Json) -> None:
    """A text that is JSON comes as the object itself (Cloudflare)."""
    for message in _messages(completion):
        with contextlib.suppress(ValueError):  # a plain text stays one
            message["content"] = json.loads(message.get("content") or "")


@_quirk
def _content_parts(completion: Json) -> None:
    """The text is a list of text parts."""
    for message in _messages(completion):
        if message.get("content"):
            message["content"] = [_part(message["content"])]


@_quirk
def _thinking_parts(completion: Json) -> None:
    """A thinking part stands before the text part (Mistral)."""
    for message in _messages(completion):
        text = [_part(message["content"])] if message.get("content") else []
        message["content"] = [{"type": "thinking", "thinking": [_part(_THOUGHT)]}, *text]


def _part(text: str) -> Json:
    return {"type": "text", "text": text}


@_quirk
def _reasoning(completion: Json) -> None:
    """Reasoning comes as `reasoning` (Ollama, Groq, OpenRouter)."""
    for message in _messages(completion):
        message["reasoning"] = _THOUGHT


@_quirk
def _reasoning_content(completion: Json) -> None:
    """Reasoning comes as `reasoning_content` (DeepSeek, xAI)."""
    for message in _messages(completion):
        message["reasoning_content"] = _THOUGHT


@_quirk
def _reasoning_details(completion: Json) -> None:
    """Reasoning comes as `reasoning_details` (OpenRouter)."""
    for message in _messages(completion):
        message["reasoning_details"] = [{"type": "reasoning.text", "text": _THOUGHT, "format": "unknown", "index": 0}]


@_quirk
def _think_tags(completion: Json) -> None:
    """Reasoning stands in `<think>` tags before the text."""
    for message in _messages(completion):
        message["content"] = f"<think>\n{_THOUGHT}\n</think>\n\n{message.get('content') or ''}"


@_quirk
def _no_usage(completion: Json) -> None:
    """Usage is missing."""
    completion.pop("usage", None)


@_quirk
def _error_in_200(completion: Json) -> None:
    """An error stands in place of the reply, under the status 200."""
    _become(completion, error_body("The server is overloaded.", kind="server_error", code="overloaded"))


@_quirk
def _empty_error(completion: Json) -> None:
    """An empty error object stands beside a good reply."""
    completion["error"] = {}


def _become(completion: Json, other: dict[str, Any]) -> None:
    completion.clear()
    completion.update(json.loads(encode(other)))
