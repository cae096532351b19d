"""What became of each input of a map, and of all of them; users read these, the pool makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, overload

from typing_extensions import TypeVar

from agentkit.many.summary import Summary
from agentkit.wire.response import Usage

__all__ = ["MapResult", "Outcome", "Output"]

Output = TypeVar("Output", default=str, covariant=True)  # noqa: PLC0105 # the word that users see in errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[Output]):
    """What became of one input.

    Attributes:
        index: The input's place, from 0.
        input: The input as it was given.
        error: Why there is no output, None where there is one. A run whose calls wait for a decision is a
            `PendingCallsError`; `agent.resume(outcome.error.state, ...)` goes on with it.
        usage: The tokens of its requests; of a restored one, of those of then.
        cost: What the endpoint billed, in its currency; 0 where no request was answered, None where it did not say.
        seconds: How long the run took.
        attempts: How many replies were no valid output.
        model: The name of the model that was asked.
        restored: Whether it came from the store, and nothing was asked now.
    """

    index: int
    input: Any
    error: Exception | None = None
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    seconds: float = 0.0
    attempts: int = 0
    model: str = ""
    restored: bool = False
    _output: Any = field(default=None, repr=False)

    @property
    def output(self) -> Output:
        """Give the output.

        Raises:
            Exception: `error`, where the run failed.
        """
        if self.error is not None:
            raise self.error
        output: Output = self._output
        return output


@dataclass(frozen=True, slots=True)
class MapResult(Sequence[Outcome[Output]]):
    """The outcomes of a map in the order of its inputs.

    Attributes:
        outcomes: The same as a tuple.
        summary: How many were done and failed, and what it took.
    """

    outcomes: tuple[Outcome[Output], ...] = field(repr=False)
    summary: Summary

    @overload
    def __getitem__(self, index: int) -> Outcome[Output]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Outcome[Output], ...]: ...
    def __getitem__(self, index: int | slice) -> Outcome[Output] | tuple[Outcome[Output], ...]:
        return self.outcomes[index]

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[Outcome[Output]]:
        return iter(self.outcomes)

    @property
    def outputs(self) -> list[Output]:
        """Give the outputs in the order of the inputs.

        Raises:
            Exception: The error of the first input that failed; `done` and `failed` tell them apart.
        """
        return [outcome.output for outcome in self.outcomes]

    @property
    def done(self) -> tuple[Outcome[Output], ...]:
        """Give the outcomes that have an output."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is None)

    @property
    def failed(self) -> tuple[Outcome[Output], ...]:
        """Give the outcomes that have an error."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)
