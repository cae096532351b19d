"""Requests, replies and messages in the words of OpenTelemetry's conventions for generative AI, for `trace`.

Source: https://github.com/open-telemetry/semantic-conventions-genai (docs/gen-ai), in development, read in November
2026; what it has no word for is named `agentkit.`. Nothing here needs OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json, to_json

from agentkit.providers.catalog import PROVIDERS
from agentkit.wire.content import Content, ImagePart, ImageUrl, RefusalPart, TextPart
from agentkit.wire.message import AssistantMessage, FunctionMessage, Message, ToolMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Usage

__all__ = ["Attributes", "of_messages", "of_place", "of_reply", "of_request", "of_usage"]

Attributes = dict[str, Any]
Mask = Callable[[str], str]

_OTHER = "chat_completions"  # an endpoint or a model that is none of the known providers'
_NAMES = {"gemini": "gcp.gemini", "mistral": "mistral_ai", "moonshot": "moonshot_ai", "xai": "x_ai"}
_FIELDS = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "reasoning_effort": "gen_ai.request.reasoning.level",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
}


def of_place(url: str | None) -> Attributes:
    """Tell who is asked, and where: the provider by the host of the endpoint, where that is known."""
    parts = urlsplit(url or "")
    if not parts.hostname:
        return {"gen_ai.provider.name": _OTHER}
    return {
        "gen_ai.provider.name": _hosts().get(parts.hostname, _OTHER),
        "server.address": parts.hostname,
        "server.port": parts.port or (80 if parts.scheme == "http" else 443),
    }


@cache
def _hosts() -> dict[str, str]:
    return {
        host: _NAMES.get(provider.name, provider.name)
        for provider in PROVIDERS.values()
        if not provider.own and (host := urlsplit(provider.base_url or "").hostname)
    }


def of_request(request: ChatRequest, model: str) -> Attributes:
    """Tell what is asked with; `model` is the name of the one asked, where the request has none."""
    found: Attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": request.model or model}
    for name, attribute in _FIELDS.items():
        if (value := getattr(request, name)) is not None:
            found[attribute] = value
    most = request.max_completion_tokens or request.max_tokens
    if most is not None:
        found["gen_ai.request.max_tokens"] = most
    if request.n not in (None, 1):
        found["gen_ai.request.choice.count"] = request.n
    if request.stop:
        found["gen_ai.request.stop_sequences"] = [request.stop] if isinstance(request.stop, str) else [*request.stop]
    return found


def of_reply(reply: ChatCompletion) -> Attributes:
    """Tell what came, without a word of it."""
    found = of_usage(reply.usage)
    found["gen_ai.response.finish_reasons"] = [choice.finish_reason or "" for choice in reply.choices]
    for name in ("id", "model"):
        if (value := getattr(reply, name)) is not None:
            found[f"gen_ai.response.{name}"] = value
    return found


def of_usage(usage: Usage | None) -> Attributes:
    """Tell the tokens, and the cost where the endpoint says it, in its own currency; nothing where none were counted.

    The name of the cost is that of https://github.com/open-telemetry/semantic-conventions-genai/pull/443.
    """
    if usage is None:
        return {}
    read, written = usage.prompt_tokens_details, usage.completion_tokens_details
    found: Attributes = {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": read and read.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": written and written.reasoning_tokens,
        "gen_ai.usage.cost.amount": (usage.model_extra or {}).get("cost"),
    }
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def of_messages(messages: Iterable[Message], mask: Mask, finish_reason: str | None = None) -> str:
    """Write messages as the JSON of `gen_ai.input.messages` and `gen_ai.output.messages`, every text of them masked.

    Images, audio and files are named; their data are left out. `finish_reason` is that of a reply.
    """
    ending = {"finish_reason": finish_reason} if finish_reason else {}
    told = [{"role": message.role, "parts": _parts(message, mask), **ending} for message in messages]
    return to_json(told, inf_nan_mode="strings").decode()


def _parts(message: Message, mask: Mask) -> list[Attributes]:
    if isinstance(message, ToolMessage | FunctionMessage):
        call = {"id": message.tool_call_id} if isinstance(message, ToolMessage) else {}
        texts = _content(message.content, mask)
        return [{"type": "tool_call_response", **call, "response": texts[0]["content"] if len(texts) == 1 else texts}]
    parts = _content(message.content, mask)
    if not isinstance(message, AssistantMessage):
        return parts
    if message.reasoning:
        parts.insert(0, {"type": "reasoning", "content": mask(message.reasoning)})
    if message.refusal:
        parts.append({"type": "refusal", "content": mask(message.refusal)})
    return [*parts, *(_call(call.id, call.function, mask) for call in message.tool_calls)]


def _call(call_id: str, function: Any, mask: Mask) -> Attributes:
    arguments: Any = mask(function.arguments)
    try:
        arguments = from_json(arguments)
    except ValueError:
        arguments = str(arguments)  # as the model wrote them
    return {"type": "tool_call", "id": call_id, "name": function.name, "arguments": arguments}


def _content(content: Content | None, mask: Mask) -> list[Attributes]:
    if content is None or isinstance(content, str):
        return [{"type": "text", "content": mask(content)}] if content else []
    return [_part(part, mask) for part in content]


def _part(part: Any, mask: Mask) -> Attributes:
    if isinstance(part, TextPart):
        return {"type": "text", "content": mask(part.text)}
    if isinstance(part, RefusalPart):
        return {"type": "refusal", "content": mask(part.refusal)}
    if isinstance(part, ImagePart):
        url = part.image_url.url if isinstance(part.image_url, ImageUrl) else part.image_url
        if not url.startswith("data:"):
            return {"type": "uri", "modality": "image", "uri": mask(url)}
    return {"type": part.type}
