"""Counts of tokens as real servers send them otherwise than the contract says: a part of `deviation`'s catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from agentkit.kind import is_array, is_object
from agentkit.wire.reading import whole_number

__all__ = ["USAGE"]

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_DETAILS = ("prompt_tokens_details", "completion_tokens_details")
_OTHER_COUNTS = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))


def _groq_usage(reply: dict[str, Any]) -> None:
    """Read the usage of `x_groq.usage` where there is no other; an empty `usage` is none.

    Sent by: Groq (older streams).
    """
    own = reply.get("x_groq")
    told = (reply.get("usage"), own.get("usage") if is_object(own) else None)
    reply["usage"] = next((usage for usage in told if is_object(usage) and _counted(usage)), None)


def _choice_usage(reply: dict[str, Any]) -> None:
    """Read the usage that stands in a choice where there is no other.

    Sent by: Moonshot (the last chunk of its streams).
    """
    choices: Any = reply.get("choices")
    for choice in choices if is_array(choices) and not reply["usage"] else ():
        usage: Any = choice.get("usage") if is_object(choice) else None
        if is_object(usage) and _counted(usage):
            reply["usage"] = usage


def _other_counts(reply: dict[str, Any]) -> None:
    """Read `input_tokens` and `output_tokens` where the contract's own counts are missing.

    Sent by: proxies of Anthropic's models and of the Responses API.
    """
    usage = reply["usage"]
    if usage:
        told = {name: usage.get(other) for name, other in _OTHER_COUNTS if usage.get(name) is None}
        reply["usage"] = {**usage, **{name: count for name, count in told.items() if count is not None}}


def _odd_counts(reply: dict[str, Any]) -> None:
    """Read counts that are text or floats, leave out null ones; a missing total is the sum of the other two.

    Sent by: Databricks (null until the last chunk), Crusoe (null details); text and floats were not recorded.
    """
    if reply["usage"]:
        reply["usage"] = _counted(reply["usage"]) or None


def _counted(usage: dict[str, Any]) -> dict[str, Any]:
    usage = _numbered(usage, _COUNTS)
    for name in _DETAILS:
        details = usage.pop(name, None)
        if is_object(details):
            usage[name] = _numbered(details, [field for field in details if field.endswith("_tokens")])
    return usage


def _numbered(counts: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    read = {**counts, **{name: whole_number(counts.get(name)) for name in names}}
    return {name: value for name, value in read.items() if value is not None}


USAGE: Final[tuple[Callable[[dict[str, Any]], None], ...]] = (_groq_usage, _choice_usage, _other_counts, _odd_counts)
