"""A history as text for people and for models that summarise it: `markdown`, which exports and summaries use."""

from __future__ import annotations

from collections.abc import Iterable

from agentkit.wire.content import Content, TextPart
from agentkit.wire.message import AssistantMessage, Message, ToolMessage

__all__ = ["markdown"]

_TITLES = {"system": "System", "developer": "System", "user": "User", "assistant": "Assistant"}


def markdown(messages: Iterable[Message]) -> str:
    """Write a history as Markdown: a heading for each message, calls and results in code blocks.

    Images, audio and files are named by their kind only, reasoning is left out.
    """
    return "\n\n".join(map(_section, messages))


def _section(message: Message) -> str:
    if isinstance(message, ToolMessage):
        return f"## Result of {message.tool_call_id}\n\n{_fenced(_text(message.content))}"
    parts = [f"## {_TITLES.get(message.role, f'Result of {message.name}')}", _text(message.content)]
    if isinstance(message, AssistantMessage):
        parts.append(message.refusal or "")
        calls = [(call.function, f" ({call.id})") for call in message.tool_calls]
        calls += [(message.function_call, "")] if message.function_call else []
        parts += [f"Calls {function.name}{name}:\n\n{_fenced(function.arguments)}" for function, name in calls]
    return "\n\n".join(part for part in parts if part)


def _text(content: Content | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n\n".join(part.text if isinstance(part, TextPart) else f"[{part.type}]" for part in content)


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
