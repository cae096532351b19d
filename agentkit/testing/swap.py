"""`swap_model`: other models in the place of those that agents were built with, for tests of code that built them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from agentkit.agent.agent import Agent
from agentkit.agent.swap import swaps
from agentkit.model import Model

__all__ = ["swap_model"]


@contextmanager
def swap_model(model: str | Model, *agents: Agent[Any, Any]) -> Generator[None]:
    """Have agents ask this model while the block lasts, whatever model they or their runs name.

    It holds for all threads and tasks, and for runs that begin in the block. Where several swaps meet, the innermost
    counts.

    Args:
        model: A model, or the name of one.
        agents: These very agents, not copies of them; none is all agents, those within tools and `extract` too.
    """
    swap = (model, agents)
    swaps.append(swap)
    try:
        yield
    finally:
        swaps.remove(swap)
