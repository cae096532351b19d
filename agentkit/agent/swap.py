"""Which model a run asks while tests have swapped it; `agent` looks here, `agentkit.testing` puts things in."""

from __future__ import annotations

from typing import Any

from agentkit.model import Model

__all__ = ["swapped", "swaps"]

swaps: list[tuple[str | Model, tuple[Any, ...]]] = []
"""Models with the agents that ask them, none for all; the last one that fits counts. They hold for the whole process: a
context variable would not reach threads that others started."""


def swapped(agent: object, model: str | Model | None) -> str | Model | None:
    """Give the model that was put in the place of all that this agent may name, else the one given."""
    fits = (other for other, agents in reversed(swaps) if not agents or any(one is agent for one in agents))
    return next(fits, model)
