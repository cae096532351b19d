"""What a map needs of whoever does the work: `agent` has the one that runs an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from agentkit.state.run import RunState

__all__ = ["Job", "Work"]


class Job(Protocol):
    """The run of one input, made ready and not begun."""

    @property
    def message(self) -> bytes:
        """The input's content as it is sent: the whole encoded message of the user."""
        ...

    @property
    def state(self) -> RunState:
        """The run as far as it came, at any moment."""
        ...

    @property
    def cost(self) -> float | None:
        """What the endpoint billed for it so far; None where it did not say."""
        ...

    @property
    def model(self) -> str:
        """The name of the model that is asked."""
        ...

    async def run(self) -> Any:
        """Run once, and give the output.

        Raises:
            Exception: There is none.
        """
        ...


class Work(Protocol):
    """What is done with each input."""

    def prepare(self, given: Any, /) -> Job:
        """Make the run of an input.

        Raises:
            Exception: The input is none.
        """
        ...

    def identity(self) -> Mapping[str, str]:
        """Say in words, part by part, what is asked for: outputs kept in a store are of this work only."""
        ...

    def check_storable(self) -> None:
        """Raise `ConfigurationError` where no output could be written."""
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
