"""A name that is not known, told with those that come near it; quirks and faults are looked up by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["unknown"]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that there is no such name, and which one may be meant; where none comes near, all that there are."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, 3)
    hint = f". Did you mean {' or '.join(map(repr, near))}?" if near else f"; the {kind}s are {', '.join(known)}."
    return f"FakeEndpoint: there is no {kind} {name!r}{hint}"
