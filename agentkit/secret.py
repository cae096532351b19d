"""Keys that this process was given, so that no text for a model, a log or an error shows one by accident."""

from __future__ import annotations

__all__ = ["remember_secret", "scrub"]

_KNOWN: set[str] = set()
_SHORTEST = 6  # shorter ones ("none", "x") stand in ordinary words


def remember_secret(secret: str) -> None:
    """Have `scrub` hide a secret from now on; shorter than 6 characters is no secret."""
    if len(secret) >= _SHORTEST:
        _KNOWN.add(secret)


def scrub(text: str) -> str:
    """Give the text with every known secret replaced by `[secret]`."""
    for secret in sorted(_KNOWN, key=len, reverse=True):  # one may be the beginning of another
        if secret in text:
            text = text.replace(secret, "[secret]")
    return text
