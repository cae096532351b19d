"""Values read as what they stand for, where a server wrote them otherwise; `deviation`, `repair` and `merge` use it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from agentkit.kind import is_array, is_object

__all__ = ["json_text", "new_call_id", "part_text", "whole_number"]

_SAID = ("text", "thinking", "content", "summary")  # where a part has its words, by falling rank


def json_text(value: Any) -> str:
    """Give text itself, nothing for null, and the JSON of what stands where text should."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def whole_number(value: Any) -> int | None:
    """Read a whole number, also as text or as a float; None for anything else."""
    if isinstance(value, str | float):
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return None
    return value if isinstance(value, int) else None


def part_text(part: Any) -> str:
    """Give the words of a content part, of parts in a list, or of parts within parts."""
    if isinstance(part, str):
        return part
    if is_array(part):
        return "".join(map(part_text, part))
    if is_object(part):
        return next((text for name in _SAID if (text := part_text(part.get(name)))), "")
    return ""


def new_call_id() -> str:
    """Give an id for a call that came without one."""
    return f"call_{uuid.uuid4().hex[:24]}"
