"""What differs between the agent that a run began with and the one that it goes on with, in a few words for the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from agentkit.durable.record import line_of

__all__ = ["differences"]


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name what differs; what it says is not shown, for logs are less private than journals are.

    Args:
        then: What `definition_of` gave, read back.
        now: What it gives.
    """
    now = from_json(line_of(now))
    found: list[str] = []
    for part in sorted({*then, *now}):
        was, is_now = then.get(part), now.get(part)
        if was == is_now:
            continue
        if part in ("name", "model"):
            found.append(f"{part} {was!r}, now {is_now!r}")
        elif part in ("tools", "settings"):
            found += [f"{part[:-1]} {what}" for what in _apart(was or {}, is_now or {})]
        else:
            found.append(part)
    return found


def _apart(was: Mapping[str, Any], is_now: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for name in sorted({*was, *is_now}):
        if name not in is_now:
            found.append(f"{name!r} is gone")
        elif name not in was:
            found.append(f"{name!r} is new")
        elif was[name] != is_now[name]:
            found.append(f"{name!r} is another")
    return found
