"""What the words of `finish_reason` mean beside the contract's own; the words themselves are kept as they came.

`repair` and `merge` ask here, and the agent, which never runs a call that may be cut.
"""

from __future__ import annotations

__all__ = ["ENDS", "is_broken_off", "is_cut", "is_filtered", "is_no_end"]

ENDS = frozenset(("stop", "tool_calls"))
"""How nearly all replies end: nothing about them is to be put right or refused."""

_CUT = {
    "length",
    "model_length",  # Mistral
    "max_tokens",  # Gemini, Cohere, watsonx, Anthropic's models behind proxies
    "max_output_tokens",
    "model_context_window_exceeded",  # Z.ai
}
_FILTERED = {"sensitive", "safety", "guardrail_intervened"}  # Z.ai; Gemini; Bedrock
_BROKEN_OFF = {
    "error",  # OpenRouter, Mistral, watsonx, Cohere
    "network_error",  # Z.ai
    "insufficient_system_resource",  # DeepSeek
    "abort",  # vLLM, SGLang
    "cancelled",  # watsonx
    "time_limit",  # watsonx
}


def is_cut(reason: str | None) -> bool:
    """Tell whether a reply ended because it may be no longer."""
    return reason is not None and reason.lower() in _CUT


def is_filtered(reason: str | None) -> bool:
    """Tell whether a content filter ended a reply; Gemini's endpoint adds why, `content_filter: RECITATION`."""
    return reason is not None and (reason.startswith("content_filter") or reason.lower() in _FILTERED)


def is_broken_off(reason: str | None) -> bool:
    """Tell whether a reply was left unfinished by what failed on the way; that is an error, not an end."""
    return reason is not None and reason.lower() in _BROKEN_OFF


def is_no_end(reason: str | None) -> bool:
    """Tell whether a word says that a reply goes on."""
    return reason in ("null", "none", "None")
