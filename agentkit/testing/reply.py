"""Replies as a script writes them, and the ChatCompletion that is made of one; quirks and chunks start from here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from agentkit.testing.answer import Json, encode
from agentkit.testing.fault import Fault

__all__ = ["Reply", "call", "calls", "completion", "words"]

Reply = str | bytes | Mapping[str, Any] | Fault | Callable[[Json], "Reply"]
"""A text; a raw body; a message or a whole ChatCompletion; a fault; or a function from request to one of these."""

_WORD: Final = re.compile(r"\s*(?:\w+|[^\w\s]+)|\s+")


def call(name: str, arguments: Mapping[str, Any] | str | None = None, *, id: str | None = None) -> Json:  # noqa: A002  # the contract's word
    """Make a reply that calls one tool.

    Args:
        name: The tool's name, known or not.
        arguments: The arguments, or the raw text that stands for them; none is `{}`.
        id: The call's id; by default one that no other call of the endpoint has.
    """
    text = arguments if isinstance(arguments, str) else encode(arguments or {}).decode()
    return {"tool_calls": [{"id": id, "type": "function", "function": {"name": name, "arguments": text}}]}


def calls(*several: Json, content: str | None = None) -> Json:
    """Join several `call(...)` in one reply, with a text beside them if one is given."""
    return {"content": content, "tool_calls": [one for message in several for one in message["tool_calls"]]}


def words(text: str) -> list[str]:
    """Cut a text in its words and marks, each with the space before it; this endpoint's tokens."""
    return _WORD.findall(text)


def completion(reply: str | Mapping[str, Any], request: Json, *, number: int, size: int) -> Json:
    """Make the ChatCompletion that a reply stands for.

    Args:
        reply: A text, a message (its `finish_reason`, if given, is the choice's), or a whole body, kept as it is.
        request: The request: `model`, `n`, and the limits that an automatic reply obeyed already.
        number: The request's number, from which the ids are made.
        size: Bytes of the request. A quarter of it are the prompt's tokens; the completion's are its `words`.
    """
    if isinstance(reply, Mapping) and ("choices" in reply or "error" in reply):
        return dict(reply)
    message: Json = {"content": reply} if isinstance(reply, str) else dict(reply)
    finish = message.pop("finish_reason", "tool_calls" if message.get("tool_calls") else "stop")
    message = {"role": "assistant", "content": None, "refusal": None, "annotations": [], **message}
    several = range(request.get("n") or 1)
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_700_000_000,  # the same every time, like all that is said here
        "model": request.get("model"),
        "choices": [
            {
                "index": index,
                "message": _named(message, f"call_{number}_{index}"),
                "logprobs": None,
                "finish_reason": finish,
            }
            for index in several
        ],
        "usage": _usage(size // 4, len(several) * _spent(message)),
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def _named(message: Json, stem: str) -> Json:
    """Copy a message, deep enough for quirks to change it, and give each call without an id its own."""
    if not message.get("tool_calls"):
        return {key: value for key, value in message.items() if key != "tool_calls"}
    copies: list[Json] = []
    for place, one in enumerate(message["tool_calls"]):
        kind: Literal["function", "custom"] = "custom" if "custom" in one else "function"
        copy = {"id": f"{stem}_{place}", "type": kind, **one, kind: dict(one[kind])}
        copies.append({**copy, "id": copy["id"] or f"{stem}_{place}"})
    return {**message, "tool_calls": copies}


def _spent(message: Json) -> int:
    texts: list[Any] = [value for key, value in message.items() if key != "role"]
    for one in message.get("tool_calls") or ():
        body: Json = one.get("function") or one.get("custom") or {}
        texts += list(body.values())
    return sum(len(words(text)) for text in texts if isinstance(text, str))


def _usage(prompt: int, answer: int) -> Json:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
