"""Where the records of a run go, as a protocol: a journal's file, or steps of a workflow; `keeping` writes to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from agentkit.agent.result import Result
from agentkit.durable.record import Record

__all__ = ["Book", "OnUnknown"]

OnUnknown = Literal["ask", "fail", "retry"]
"""What becomes of a call that was begun and has no outcome on record, where its tool is not idempotent: whoever decides
is asked, the run ends in `UnknownOutcomeError`, or it runs again."""


class Book(Protocol):
    """Takes the records of one run and of those that its calls begin, in the order in which they are given."""

    async def note(self, record: Record, *, sure: bool = False) -> None:
        """Write a record; it is written when this returns.

        Args:
            record: What to write.
            sure: Whether it must be on the disk then, for what comes next must not happen twice unknown.
        """
        ...

    async def act(self, name: str, body: Callable[[], Awaitable[Record]]) -> Record:
        """Carry out what the body does and write the outcome that it gives; an error of it is raised as it is.

        Args:
            name: Of what is done, the same one wherever it is done again: "ask 3", "call 3 call_1".
            body: Does it.
        """
        ...

    async def below(self, run_id: str, body: Callable[[], Awaitable[Result[Any]]]) -> Result[Any]:
        """Carry out the run of an agent that a call began, whose records come while the body goes.

        Args:
            run_id: That run's.
            body: Does it.
        """
        ...
