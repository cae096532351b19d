"""Deviations of a reply's calls, parts and reasoning, beside those of `messagequirk`; they change it in place, too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from agentkit.kind import is_object
from agentkit.testing.answer import Json

__all__ = ["CALL_QUIRKS"]

CALL_QUIRKS: Final[dict[str, Callable[[Json], None]]] = {}
"""Every such quirk by its name."""


def _quirk(change: Callable[[Json], None]) -> Callable[[Json], None]:
    CALL_QUIRKS[change.__name__.lstrip("_")] = change
    return change


def _messages(completion: Json) -> Iterator[Json]:
    return (choice["message"] for choice in completion.get("choices") or () if "message" in choice)


def _calls(completion: Json) -> list[Json]:
    return [call for message in _messages(completion) for call in message.get("tool_calls") or ()]


@_quirk
def _short_id(completion: Json) -> None:
    """The ids of calls are nine letters and digits (Mistral)."""
    for place, call in enumerate(_calls(completion)):
        if call.get("id"):
            call["id"] = f"{sum(call['id'].encode()):05d}Ab{place:02d}"


@_quirk
def _index_in_document(completion: Json) -> None:
    """Calls have an index in a document too (Mistral, Ollama, OpenRouter)."""
    for message in _messages(completion):
        for index, call in enumerate(message.get("tool_calls") or ()):
            call["index"] = index


@_quirk
def _no_arguments(completion: Json) -> None:
    """Calls have no arguments at all (OpenRouter)."""
    for call in _calls(completion):
        if "function" in call:
            call["function"].pop("arguments", None)


@_quirk
def _repeated_arguments(completion: Json) -> None:
    """The arguments stand there twice, one after the other."""
    for call in _calls(completion):
        if "function" in call and isinstance(call["function"].get("arguments"), str):
            call["function"]["arguments"] *= 2


@_quirk
def _thought_signature(completion: Json) -> None:
    """Calls bear a signature that wants to be sent back (Gemini)."""
    for call in _calls(completion):
        call["extra_content"] = {"google": {"thought_signature": "c2lnbmF0dXJl"}}


@_quirk
def _custom_calls(completion: Json) -> None:
    """Calls of functions come as those of custom tools, whose input is free text."""
    for call in _calls(completion):
        if is_object(function := call.pop("function", None)):
            call |= {"type": "custom", "custom": {"name": function["name"], "input": function.get("arguments")}}


@_quirk
def _calls_as_text(completion: Json) -> None:
    """Calls stand in the text, in the marks of the model's own template (vLLM and SGLang without a parser)."""
    for choice in completion.get("choices") or ():
        message: Json = choice.get("message") or {}
        functions: list[Json] = [
            call["function"] for call in message.pop("tool_calls", None) or () if "function" in call
        ]
        if functions:
            message["content"] = "\n".join(f"<tool_call>\n{json.dumps(one)}\n</tool_call>" for one in functions)
            choice["finish_reason"] = "stop"


@_quirk
def _leaked_markup(completion: Json) -> None:
    """A mark of the model's template follows the text (vLLM)."""
    for message in _messages(completion):
        if isinstance(message.get("content"), str) and message["content"]:
            message["content"] += " <|im_end|>"


@_quirk
def _empty_tool_calls(completion: Json) -> None:
    """A reply without calls has an empty list of them (Hugging Face, Together, vLLM)."""
    for message in _messages(completion):
        message["tool_calls"] = message.get("tool_calls") or []


@_quirk
def _untyped_parts(completion: Json) -> None:
    """The text is a list of parts that do not say their type."""
    for message in _messages(completion):
        if isinstance(message.get("content"), str) and message["content"]:
            message["content"] = [{"text": message["content"]}]


@_quirk
def _null_reasoning(completion: Json) -> None:
    """Every field for reasoning is there and null (OpenRouter)."""
    for message in _messages(completion):
        for name in ("reasoning", "reasoning_content", "reasoning_details"):
            message.setdefault(name, None)


@_quirk
def _reasoning_parts(completion: Json) -> None:
    """`reasoning_content` is a list of text parts in place of a text."""
    for message in _messages(completion):
        message["reasoning_content"] = [{"type": "text", "text": "The user wants an answer."}]


@_quirk
def _placeholder_calls(completion: Json) -> None:
    """An empty object stands in the list of calls, of which there may be no others (proxies)."""
    for message in _messages(completion):
        message["tool_calls"] = [*(message.get("tool_calls") or ()), {}]
