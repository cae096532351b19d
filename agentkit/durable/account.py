"""What the open runs below a run have spent, which is on record as theirs alone: taken out of its own, put in again.

A record of the run is older than the last ones of a run below it; with the sum in one place only, it is right at each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agentkit.agent.run import Run
from agentkit.state.run import RunState
from agentkit.state.spent import NOTHING, Spent

__all__ = ["Account", "Counted", "counted_of", "with_counted", "without_counted"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What the run above has counted of a run: what was said, and what was only reserved."""

    spent: Spent = NOTHING
    guessed: Spent = NOTHING


def counted_of(state: RunState) -> Counted:
    """Give what was counted of a run of this state; calls whose runs are on their way were counted when they began."""
    return Counted(state.spent - state.guessed + Spent(tool_calls=len(state.subs)), state.guessed)


def with_counted(state: RunState, below: Iterable[Counted]) -> RunState:
    """Put into a state what runs below have spent."""
    for one in below:
        state = state.replace(below=state.below + one.spent, guessed=state.guessed + one.guessed)
    return state


def without_counted(state: RunState, below: Iterable[Counted]) -> RunState:
    """Take out of a state what runs below have spent."""
    for one in below:
        state = state.replace(below=state.below - one.spent, guessed=state.guessed - one.guessed)
    return state


class Account:
    """What is counted of a run while it goes.

    Args:
        run: The run, before its first step.
    """

    def __init__(self, run: Run) -> None:
        self._ledger = run.chain[0]
        self._before, self._spent, self._guessed = counted_of(run.state), self._ledger.spent, self._ledger.guessed
        self._again = len(run.state.subs)

    def begin_batch(self) -> None:
        """Note that its calls begin: those whose runs go on are counted by it alone, for above they were before."""
        self._spent, self._again = self._spent + Spent(tool_calls=self._again), 0

    @property
    def counted(self) -> Counted:
        """Give what the run above has counted by now."""
        guessed = self._ledger.guessed - self._guessed
        spent = self._ledger.spent - self._spent - guessed
        return Counted(self._before.spent + spent, self._before.guessed + guessed)
