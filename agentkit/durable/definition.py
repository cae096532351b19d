"""What an agent is, as far as it can be written: a run's first record has it, to compare a later deploy."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from agentkit.agent.run import Recipe

__all__ = ["definition_of"]


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
