"""A ChatCompletion cut into the chunks of a stream, as OpenAI cuts it, and chunks written as server-sent events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import Any, Final

from agentkit.kind import is_array
from agentkit.testing.answer import Json, encode
from agentkit.testing.reply import words

__all__ = ["DONE", "chunked", "event"]

DONE: Final = b"data: [DONE]\n\n"


def event(chunk: Any) -> bytes:
    """Write one server-sent event."""
    return b"data: %b\n\n" % encode(chunk)


def chunked(completion: Json, *, usage: bool = False, count: int | None = None) -> list[Json]:
    """Cut a completion into chunks.

    Args:
        completion: The whole; one without choices (an error) is one chunk.
        usage: Whether usage was asked for: null in every chunk, and told in a last one without choices.
        count: How many pieces a text is cut into; word by word if None.

    Returns:
        Chunks whose deltas add up to the messages; those of several choices take turns.
    """
    if not completion.get("choices"):
        return [completion]
    head = {key: value for key, value in completion.items() if key not in {"choices", "usage"}}
    head |= {"object": "chat.completion.chunk"} if "object" in head else {}
    silent = {"usage": None} if usage else {}
    tracks = [_track(choice, count) for choice in completion["choices"]]
    chunks = [{**head, "choices": [part], **silent} for turn in zip_longest(*tracks) for part in turn if part]
    return [*chunks, {**head, "choices": [], "usage": completion.get("usage")}] if usage else chunks


def _track(choice: Json, count: int | None) -> Iterator[Json]:
    """Give the pieces of a choice; the logprobs come once, whole, with the first."""
    rest = {key: value for key, value in choice.items() if key not in {"message", "finish_reason"}}
    for delta in _deltas(choice.get("message") or {}, count):
        yield {**rest, "delta": delta, "finish_reason": None}
        rest |= {"logprobs": None} if "logprobs" in rest else {}
    yield {**rest, "delta": {}, "finish_reason": choice.get("finish_reason")}


def _deltas(message: Json, count: int | None) -> Iterator[Json]:
    """Give the role first, then reasoning and other extras, then the text, then the calls."""
    content = message.get("content")
    opening: Json = {"role": message.get("role", "assistant")}
    if "content" in message:
        opening["content"] = "" if content else None
    if "refusal" in message:
        opening["refusal"] = None
    yield opening
    for key, value in message.items():
        if key not in {"role", "content", "tool_calls", "function_call"} and value:
            yield from ({key: piece} for piece in _pieces(value, count))
    yield from ({"content": piece} for piece in _pieces(content, count) if content)
    for index, one in enumerate(message.get("tool_calls") or ()):
        yield from ({"tool_calls": [part]} for part in _call(index, one))
    if legacy := message.get("function_call"):
        text = legacy["arguments"]
        yield {"function_call": {**legacy, "arguments": ""} if isinstance(text, str) else legacy}
        yield from ({"function_call": {"arguments": piece}} for piece in words(text if isinstance(text, str) else ""))


def _pieces(value: Any, count: int | None) -> Iterable[Any]:
    """Cut a text in words or in so many parts, a list in its items; anything else stays whole."""
    if isinstance(value, str):
        if count is None:
            return words(value)
        edges = [len(value) * place // count for place in range(count + 1)]
        return [value[start:end] for start, end in pairwise(edges)]
    return ([item] for item in value) if is_array(value) else [value]


def _call(index: int, one: Json) -> Iterator[Json]:
    """Name a call first, then spell its arguments; arguments that are no text come whole."""
    if not one:  # a placeholder
        yield one
        return
    kind, key = ("custom", "input") if "custom" in one else ("function", "arguments")
    body: Json = one[kind]
    text = body.get(key)
    yield {"index": index, **one, kind: {**body, key: ""} if isinstance(text, str) else body}
    for piece in words(text) if isinstance(text, str) else ():
        yield {"index": index, kind: {key: piece}}
