"""The longest reply that models can give, by their names; a budget reserves and sends it where no limit is set.

A model that is served with less says so, and that is learned; `Profile(max_output_tokens=...)` says otherwise.
"""

from __future__ import annotations

import re

__all__ = ["maximum_of"]

_MAXIMA: tuple[tuple[str, int], ...] = (
    # https://platform.openai.com/docs/models, "max output tokens" of each
    ("gpt-5-chat", 16_384),
    ("gpt-5", 128_000),
    ("gpt-4.1", 32_768),
    ("gpt-4o-2024-05-13", 4096),
    ("gpt-4o", 16_384),
    ("gpt-4-turbo", 4096),
    ("gpt-3.5-turbo", 4096),
    ("o1-preview", 32_768),
    ("o1-mini", 65_536),
    ("o1", 100_000),
    ("o3", 100_000),
    ("o4-mini", 100_000),
    # https://docs.anthropic.com/en/docs/about-claude/models/overview, "max output"
    ("claude-opus-4-5", 64_000),
    ("claude-opus-4", 32_000),
    ("claude-sonnet-4", 64_000),
    ("claude-haiku-4", 64_000),
    ("claude-3-7-sonnet", 64_000),
    ("claude-3-5", 8192),
    ("claude-3", 4096),
    # https://ai.google.dev/gemini-api/docs/models, "output token limit"
    ("gemini-2.5", 65_536),
    ("gemini-2.0", 8192),
    # https://api-docs.deepseek.com/quick_start/pricing, "max output", of the defaults
    ("deepseek-chat", 4096),
    ("deepseek-reasoner", 32_768),
)
"""Names begin so; the first that fits counts."""

_NAME = re.compile(r"(?:^|/)([^/:]+)(?::[^/]*)?$")


def maximum_of(name: str) -> int | None:
    """Give the most tokens of a reply, None where it is not known.

    Args:
        name: The model's name, as one provider or a router of several ("openai/gpt-4o") calls it.
    """
    found = _NAME.search(name.lower())
    bare = found[1] if found else name
    return next((tokens for begin, tokens in _MAXIMA if bare.startswith(begin)), None)
