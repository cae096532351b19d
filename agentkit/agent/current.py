"""The run that is on, innermost: the driver sets it; what is called as a tool finds the run that calls it here."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from agentkit.agent.run import Run
from agentkit.tools.context import Context

__all__ = ["current", "run_of"]

current: ContextVar[Run | None] = ContextVar("agentkit_run", default=None)


def run_of(context: Context[Any], function: object) -> Run | None:
    """Give the run that carries out a call of the tool whose function this is; None where something else calls it."""
    run = current.get()
    if run is None or run.state.run_id != context.run_id:
        return None
    called = run.turn.toolbox.get(context.tool_name)
    return run if called is not None and called.function is function else None
