"""What an agent is, as far as it can be written, and what differs between two such definitions, in a few words.

A run's first record has one; whoever lets the run go on after a deploy says in the log what is another by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from agentkit.agent.run import Recipe
from agentkit.durable.record import line_of
from agentkit.kind import is_object

__all__ = ["definition_of", "differences"]


def definition_of(recipe: Recipe) -> dict[str, Any]:
    """Give name, model, instructions that are texts, tools by name, output and settings as plain JSON.

    Functions that are asked anew for each request are left out, and headers, for they may hold secrets.
    """
    plan, settings = recipe.plan, recipe.settings.to_dict()
    body = recipe.settings.extra_body
    return {
        "name": recipe.name,
        "model": recipe.model.name,
        "instructions": [one for one in recipe.instructions if isinstance(one, str)],
        "tools": {tool.name: from_json(tool.encoded) for tool in recipe.toolbox},
        "output": "text" if plan.is_text else {"name": plan.name, "schema": plan.schema},
        "settings": settings if body is None else {**settings, "extra_body": dict(body)},
    }


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
            old, new = (one if is_object(one) else {} for one in (was, is_now))
            found += [f"{part[:-1]} {what}" for what in _apart(old, new)]
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
