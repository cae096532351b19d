"""Deviations in where a stream tells its usage: functions over its chunks, beside those of `deltaquirk`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agentkit.testing.answer import Json

__all__ = ["USAGE_QUIRKS", "taken_usage"]

USAGE_QUIRKS: Final[dict[str, Callable[[list[Json]], list[Json]]]] = {}
"""Every such quirk by its name, in the order in which they are played."""

_NAMES: Final = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))


def _chunks(change: Callable[[list[Json]], list[Json]]) -> Callable[[list[Json]], list[Json]]:
    USAGE_QUIRKS[change.__name__.lstrip("_")] = change
    return change


def taken_usage(chunks: list[Json]) -> Json:
    """Take the usage away from where it stands; one that was not asked for is made up."""
    found: list[Any] = [chunk.pop("usage") for chunk in chunks if "usage" in chunk]
    known = next((usage for usage in reversed(found) if usage), None)
    return known or {"prompt_tokens": 7, "completion_tokens": len(chunks), "total_tokens": 7 + len(chunks)}


def _without_usage_chunk(chunks: list[Json]) -> list[Json]:
    return [chunk for chunk in chunks if chunk.get("choices") != [] or chunk is chunks[0]]


@_chunks
def _usage_with_choices(chunks: list[Json]) -> list[Json]:
    """The usage comes with the last choice, whether asked for or not (Mistral, DeepSeek, OpenRouter)."""
    usage = taken_usage(chunks)
    kept = _without_usage_chunk(chunks)
    kept[-1]["usage"] = usage
    return kept


@_chunks
def _usage_early(chunks: list[Json]) -> list[Json]:
    """The chunk with the usage and no choices comes before the last delta."""
    usage = taken_usage(chunks)
    kept = _without_usage_chunk(chunks)
    return [*kept[:-1], {**kept[-1], "choices": [], "usage": usage}, kept[-1]]


@_chunks
def _usage_nulls(chunks: list[Json]) -> list[Json]:
    """Every chunk has a usage, whose completion and total are null until the last (Databricks)."""
    usage = taken_usage(chunks)
    for chunk in chunks:
        chunk["usage"] = {**usage, "completion_tokens": None, "total_tokens": None}
    chunks[-1]["usage"] = usage
    return chunks


@_chunks
def _groq_usage(chunks: list[Json]) -> list[Json]:
    """The usage stands in `x_groq` of the last chunk only (Groq)."""
    usage = taken_usage(chunks)
    kept = _without_usage_chunk(chunks)
    kept[-1]["x_groq"] = {"id": "req_fake", "usage": usage}
    return kept


@_chunks
def _usage_split(chunks: list[Json]) -> list[Json]:
    """The prompt's count comes with the first chunk, the completion's with the last (proxies of Anthropic's models)."""
    usage = taken_usage(chunks)
    kept = _without_usage_chunk(chunks)
    for chunk, names in zip((kept[0], kept[-1]), _NAMES, strict=True):
        chunk["usage"] = chunk.get("usage", {}) | {name: usage[name] for name in names if name in usage}
    return kept


@_chunks
def _usage_in_choice(chunks: list[Json]) -> list[Json]:
    """The usage stands in the choice of the last chunk (Moonshot)."""
    usage = taken_usage(chunks)
    kept = _without_usage_chunk(chunks)
    with_choices = [chunk for chunk in kept if chunk.get("choices")]
    for choice in with_choices[-1]["choices"] if with_choices else ():
        choice["usage"] = usage
    return kept
