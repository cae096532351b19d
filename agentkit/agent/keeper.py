"""What writes a run down while it goes, so that it can go on after a crash: the driver, the batch and the gate ask it.

It is a protocol of the run's kind, so that a run can have one; `durable` brings those that there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from agentkit.agent.effect import Effect, Finished, Outcome, Paused
from agentkit.agent.result import Result
from agentkit.state.limit import RunLimits
from agentkit.tools.answer import Answer
from agentkit.tools.execute import CallTool
from agentkit.tools.tool import Tool
from agentkit.wire.setting import Settings

__all__ = ["Keeper", "Origin"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a part of a run was made of, as it was given, for a keeper that writes it down.

    Attributes:
        agent: Whose run it is.
        settings: Over the agent's own.
        limits: In the place of the agent's own.
    """

    agent: Any
    settings: Settings | None = None
    limits: RunLimits | None = None


class Keeper(Protocol[R]):
    """Writes one run down; every method gets the run, whose state it may read and put right, nothing more."""

    async def open(self, run: R, /) -> None:
        """Write down what the run begins with, or goes on with, before its first step."""
        ...

    async def perform(self, run: R, effect: Effect, step: Callable[[R, Effect], Awaitable[Outcome]], /) -> Outcome:
        """Stand around one effect of the loop."""
        ...

    async def gated(self, run: R, /) -> None:
        """Write down what of a batch was refused, given and held, before any of its calls begins.

        Raises:
            UnknownOutcomeError: A call whose outcome is not known is to end the run.
        """
        ...

    async def call(self, run: R, call: CallTool, step: Callable[[CallTool], Awaitable[Answer]], /) -> Answer:
        """Stand around one call, outside all middleware."""
        ...

    def begun(self, run: R, call_id: str, /) -> str | None:
        """Give the arguments that an open call was begun with; None where it was not."""
        ...

    def unknown(self, run: R, call_id: str, tool: Tool[Any] | None, /) -> str | None:
        """Say what is known of an open call that was begun.

        Args:
            run: The run.
            call_id: The call.
            tool: What it would be carried out with again; None where nothing can do that.

        Returns:
            None where it was not begun; nothing where it may run again; else what whoever decides is told.
        """
        ...

    async def below(self, run: R, call_id: str, sub: R, step: Callable[[R], Awaitable[Result[Any]]], /) -> Result[Any]:
        """Carry out the run of an agent that a call began, and write it down, too."""
        ...

    async def close(self, run: R, end: Finished | Paused | BaseException, /) -> None:
        """Write down how this part of the run ended; an error of that is noted on the error that it ended in."""
        ...
