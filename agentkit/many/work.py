"""What a map needs of whoever does the work: `agent` has the one that runs an agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from agentkit.state.ledger import Ledger
from agentkit.state.run import RunState

__all__ = ["Job", "Work"]


class Job(Protocol):
    """The run of one input."""

    @property
    def state(self) -> RunState:
        """The run as far as it came, at any moment; at first its last message is the input."""
        ...


class Work(Protocol):
    """What is done with each input."""

    @property
    def model(self) -> str:
        """The name of the model that is asked."""
        ...

    @property
    def is_named(self) -> bool:
        """Tell whether the next map of the same name goes on with these runs, and with what they have spent."""
        ...

    async def open(self, budget: Ledger, /) -> None:
        """Make ready for the first input.

        Args:
            budget: The map's; where its runs spend elsewhere, what they have spent is put into it.
        """
        ...

    async def has(self, job: Any, /) -> bool:
        """Tell whether a run goes on or is done already, so that its input is taken though the budget is spent."""
        ...

    async def due(self, jobs: Iterable[Any], /) -> int:
        """Count those of the runs under way that have not had their first reply: each takes a request yet."""
        ...

    def prepare(self, given: Any, /) -> Job:
        """Make the run of an input, and do not begin it.

        Raises:
            Exception: The input is none.
        """
        ...

    async def run(self, job: Any, /) -> Any:
        """Run what `prepare` made, once, and give the output.

        Raises:
            Exception: There is none.
        """
        ...

    def identity(self) -> Mapping[str, str]:
        """Say in words, part by part, what is asked for: outputs kept in a store are of this work only.

        Raises:
            ConfigurationError: No output could be written.
        """
        ...

    def dump(self, output: Any, /) -> str:
        """Write an output as text.

        Raises:
            ConfigurationError: It cannot be written.
        """
        ...

    def load(self, text: str, /) -> Any:
        """Read what `dump` wrote.

        Raises:
            ValueError: It is no output any more.
        """
        ...
