"""Texts made fit for a terminal, as pure functions; whatever a model or a tool wrote passes here before it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from agentkit.kind import is_object

__all__ = ["call_text", "clean", "json_text", "one_line"]

# Control characters but newline and tab (C0, DEL, C1), marks that reorder text (Unicode's Bidi_Control), the line and
# paragraph separators, and lone surrogates, which no terminal can show.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_MOST = 200  # characters of a text that is shown on one line


def clean(text: str) -> str:
    """Remove what could move the cursor, colour or reorder text; newlines and tabs stay."""
    return _UNSAFE.sub("", text)


def one_line(text: str, most: int | None = _MOST) -> str:
    """Clean and join the lines, and cut at `most` characters; None cuts nothing."""
    joined = " ".join(clean(text).split())
    return joined if most is None or len(joined) <= most else f"{joined[:most]}..."


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Encode as JSON that is safe to show: what `clean` removes is written as an escape, so that nothing is lost."""
    plain = to_jsonable_python(value, fallback=str)
    separators = (",", ": ") if indent else (",", ":")
    document = json.dumps(plain, ensure_ascii=False, indent=indent, separators=separators)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", document)


def call_text(name: str, arguments: Mapping[str, Any] | str) -> str:
    """Write a call on one line, as `get_weather(city="Oslo")`; arguments that are no JSON object stand as they came."""
    if isinstance(arguments, str):
        try:
            read: Any = json.loads(arguments or "{}")
        except ValueError:
            read = None
        if not is_object(read):
            return f"{one_line(name)}({one_line(arguments)})"
        arguments = read
    shown = ", ".join(f"{one_line(key)}={one_line(json_text(value))}" for key, value in arguments.items())
    return f"{one_line(name)}({shown})"
