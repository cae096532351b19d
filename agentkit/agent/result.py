"""What a run gives: the output, the messages, what it cost, and the state to go on from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from typing_extensions import TypeVar

from agentkit.errors import PendingCallsError
from agentkit.state.decision import PendingCall
from agentkit.state.run import Attempt, RunState
from agentkit.tools.answer import Answer
from agentkit.tools.execute import running
from agentkit.wire.message import Message
from agentkit.wire.response import ChatCompletion, Usage

__all__ = ["Result"]

Output = TypeVar("Output", default=str, covariant=True)  # noqa: PLC0105 # the word that users see in errors

_NOTHING: Any = object()
_RESUME = (
    "Go on with `agent.resume(result.state, decisions={call_id: True})`; a run of a journal or of workers goes on "
    "there, by its id."
)
_AS_TOOL = (
    "A tool ran it, so nobody is asked. Give `agent.as_tool()` to the agent above in the place of the tool: "
    "its calls then wait with those of the run."
)


@dataclass(frozen=True, slots=True)
class Result(Generic[Output]):
    """A run that finished, or that waits for decisions on calls.

    Attributes:
        state: The whole run as one JSON-able value, for `agent.resume`.
        answers: The calls of this part of the run as they were answered: each tool's whole value, or what it raised.
        reply: The last reply as the endpoint gave it: all choices of `n`, logprobs, audio, annotations, reasoning and
            unknown fields. It is no part of the state: None where this part of the run, a resumed one, asked for none.
        agent: The name of the agent that answered last: who the run was handed over to, else who began; None where it
            has none.
    """

    state: RunState
    answers: tuple[Answer, ...] = field(default=(), repr=False)
    _output: Any = field(default=_NOTHING, repr=False)
    reply: ChatCompletion | None = field(default=None, repr=False, compare=False)
    agent: str | None = field(default=None, repr=False)

    @property
    def output(self) -> Output:
        """Give the output.

        Raises:
            PendingCallsError: The run has not finished: calls wait for a decision.
        """
        if self._output is _NOTHING:
            names = ", ".join(f"{call.name} ({call.id})" for call in self.pending)
            error = PendingCallsError(
                f"The run has no output yet: it waits for decisions on {names}. "
                + (_RESUME if running.get() is None else _AS_TOOL)
            )
            error.state = self.state
            raise error
        output: Output = self._output
        return output

    @property
    def messages(self) -> tuple[Message, ...]:
        """Give the whole history, without instructions; it can be the `history` of the next run."""
        return self.state.messages

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """Give what this run added, the prompt first."""
        return self.state.new_messages

    @property
    def usage(self) -> Usage:
        """Give the tokens of all requests, failed attempts and the runs that tools started included.

        Of the latter only prompts and replies are counted, not what of them was cached or reasoning.
        """
        return self.state.below.added_to(self.state.usage)

    @property
    def usages(self) -> tuple[Usage | None, ...]:
        """Give the tokens of each request of this run in order; None where the endpoint did not say."""
        return self.state.usages

    @property
    def cut_usage(self) -> Usage | None:
        """Give our estimate, marked `estimated`, of requests that were cut; `usage` and the limits leave it out."""
        return self.state.cut_usage

    @property
    def reasoning(self) -> str | None:
        """Give the reasoning text of `reply`, None where there is none."""
        return self.reply.message.reasoning if self.reply else None

    @property
    def cost(self) -> float | None:
        """Give the dollars of all requests, those of runs that tools started too; None where one is not known.

        The endpoint's own word comes first (`usage.cost`), then the price that was given with the model, then the list
        price, which the extra `cost` brings.
        """
        return self.state.cost

    @property
    def unpriced(self) -> int:
        """Count the requests whose cost is not known, those of runs that tools started too."""
        return self.state.unpriced

    @property
    def finish_reason(self) -> str | None:
        """Give why the last reply ended, as the endpoint said it: stop, length, tool_calls ..."""
        return self.state.finish_reason

    @property
    def turns(self) -> int:
        """Count the replies."""
        return self.state.turns

    @property
    def run_id(self) -> str:
        """Give the run's id."""
        return self.state.run_id

    @property
    def pending(self) -> tuple[PendingCall, ...]:
        """Give the calls that wait for a decision; empty when the run finished."""
        return self.state.held

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Give the replies that were no valid output, oldest first."""
        return self.state.attempts

    def __str__(self) -> str:
        return str(self._output) if self._output is not _NOTHING else f"waits for {len(self.pending)} decisions"
