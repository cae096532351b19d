"""Keys that this process was given, so that no text for a model, a log or an error shows one by accident."""

from __future__ import annotations

import json
import re

__all__ = ["is_secret_header", "remember_header", "remember_secret", "scrub"]

_KNOWN: set[str] = set()
_HEADER = re.compile(r"auth|cookie|secret|token$|(api|access|subscription)-?key")
_SHORTEST = 6  # shorter ones ("none", "x") stand in ordinary words


def remember_secret(secret: str) -> None:
    """Have `scrub` hide a secret from now on, as it is and as JSON writes it; shorter than 6 characters is none."""
    if len(secret) >= _SHORTEST:
        escaped = json.dumps(secret)[1:-1]
        _KNOWN.update((secret, escaped, escaped.replace("/", "\\/")))  # the last is PHP's


def is_secret_header(name: str) -> bool:
    """Tell whether a header of that name, in any case, is one that holds a secret."""
    return bool(_HEADER.search(name.lower()))


def remember_header(name: str, value: str) -> None:
    """Have `scrub` hide a header's value where its name says that it is secret."""
    if is_secret_header(name):
        remember_secret(value)
        remember_secret(value.rpartition(" ")[2])  # what stands behind "Bearer", which a server may tell alone


def scrub(text: str) -> str:
    """Give the text with every known secret replaced by `[secret]`."""
    for secret in sorted(_KNOWN, key=len, reverse=True):  # one may be the beginning of another
        if secret in text:
            text = text.replace(secret, "[secret]")
    return text
