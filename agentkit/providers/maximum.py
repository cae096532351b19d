"""The longest reply that models can give, by their names; a budget reserves and sends it where no limit is set.

A model that is served with less says so, and that is learned; `Profile(max_output_tokens=...)` says otherwise.
"""

from __future__ import annotations

import re

__all__ = ["maximum_of"]

# `max_output_tokens` in the table of litellm 1.109.1, read in November 2026:
# https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json
# Of models that differ within a line, the least: a bound that is too high is refused.
_MAXIMA: tuple[tuple[str, int], ...] = (
    ("gpt-3-5-turbo", 4096),
    ("gpt-4-turbo", 4096),
    ("gpt-4o-2024-05-13", 4096),
    ("gpt-4o", 16_384),
    ("gpt-4-1106", 4096),
    ("gpt-4-1", 32_768),
    ("gpt-5-chat", 16_384),
    ("gpt-5-1-chat", 16_384),
    ("gpt-5-2-chat", 16_384),
    ("gpt-5-3-chat", 16_384),
    ("gpt-5", 128_000),
    ("gpt-6", 128_000),
    ("o1-mini", 65_536),
    ("o1-preview", 32_768),
    ("o1", 100_000),
    ("o3", 100_000),
    ("o4-mini", 100_000),
    ("claude-haiku-4-5", 64_000),
    ("claude-sonnet-4-5", 64_000),
    ("claude-opus-4-5", 64_000),
    ("claude-sonnet-4-6", 128_000),
    ("claude-opus-4-6", 128_000),
    ("claude-opus-4-7", 128_000),
    ("claude-opus-4-8", 128_000),
    ("claude-haiku-5", 128_000),
    ("claude-sonnet-5", 128_000),
    ("claude-opus-5", 128_000),
    ("gemini-2-5", 64_000),
    ("gemini-3", 65_535),
    ("deepseek-chat", 8192),
    ("deepseek-reasoner", 65_536),
)
"""Names begin so, written with dashes in the place of dots; the first that fits counts."""

_NAME = re.compile(r"(?:^|/)([^/:]+)(?::[^/]*)?$")


def maximum_of(name: str) -> int | None:
    """Give the most tokens of a reply, None where it is not known.

    Args:
        name: The model's name, as one provider or a router of several ("openai/gpt-4o") calls it.
    """
    found = _NAME.search(name.lower())
    bare = (found[1] if found else name).replace(".", "-")
    return next((tokens for begin, tokens in _MAXIMA if bare.startswith(begin)), None)
