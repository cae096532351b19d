"""A recorded run gone through again by today's code, without network and without a tool: does it still do the same?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from agentkit.agent.run import Recipe
from agentkit.agent.runner import Deps, Runner
from agentkit.durable.divergence import Divergence
from agentkit.durable.double import Silent
from agentkit.durable.past import past_of
from agentkit.durable.record import Record
from agentkit.durable.rerun import Diverged, Rerun
from agentkit.model import ledgers
from agentkit.state.limit import RunLimits
from agentkit.wire.setting import Settings

__all__ = ["Replay", "replay"]

_NO_DEPS: Any = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found.

    Attributes:
        run_id: The run.
        turns: Replies that were gone through, those of sub-runs too.
        calls: Calls of tools likewise.
        runs: Runs likewise: the run, and those below it.
        divergence: The first difference; None where today's code does the same.
    """

    run_id: str
    turns: int
    calls: int
    runs: int
    divergence: Divergence | None = None

    @property
    def text(self) -> str:
        """Tell it to a person."""
        if self.divergence is not None:
            return f"{self.run_id} diverges. {self.divergence.text}"
        below = f" in {self.runs} runs" if self.runs > 1 else ""
        turns, calls = (
            f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((self.turns, "turn"), (self.calls, "call"))
        )
        return f"{self.run_id} is the same: {turns} and {calls}{below}."

    def __str__(self) -> str:
        return self.text


async def replay(
    records: Iterable[Record],
    agent: Runner[Deps, Any],
    *,
    deps: Deps = _NO_DEPS,
    settings: Settings | None = None,
    limits: RunLimits | None = None,
) -> Replay:
    """Compare what today's code does with what was recorded, up to the first difference.

    Each request, call and output is looked at from the recorded state before it: what instructions, tools, settings
    and the type of the output say today, how arguments are read, and what waits for approval. The recorded replies,
    results, decisions and messages that were put in stand, and so does what validators and output functions said.
    Functions of the context (instructions, tools, settings, approval) are asked; no model, tool, middleware, validator
    or output function is.

    Args:
        records: Of the run and its sub-runs, in the order in which they were written.
        agent: Today's.
        deps: What functions of the context get.
        settings: Over the agent's own; those that the run was given are on record, and hold without this.
        limits: In the place of the agent's own; likewise.

    Raises:
        StateError: The records do not fit together.
        ConfigurationError: The agent cannot run.
    """
    known = tuple(records)
    run_id = past_of(known).state.run_id
    token = ledgers.set(())  # what is done here is spent by nobody
    try:
        rerun = Rerun(known, partial(_recipe, agent, (settings, limits)), Silent(), deps)
        try:
            await rerun.go()
        except Diverged as diverged:
            return Replay(run_id, rerun.turns, rerun.calls, rerun.runs, diverged.divergence)
    finally:
        ledgers.reset(token)
    return Replay(run_id, rerun.turns, rerun.calls, rerun.runs)


def _recipe(
    agent: Runner[Any, Any],
    over: tuple[Settings | None, RunLimits | None],
    model: Silent,
    settings: Settings | None,
    limits: RunLimits | None,
) -> Recipe:
    return agent.recipe_for(model, settings if over[0] is None else over[0], limits if over[1] is None else over[1])
