"""What the loop asks for and what it ends with; the driver performs each and sends the outcome back.

What lives for one step only is not frozen: each step makes two of them, and frozen ones take twice as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.message import Message
from agentkit.wire.request import ChatRequest

__all__ = [
    "AskModel",
    "Bounds",
    "CallTools",
    "CheckOutput",
    "Checked",
    "Effect",
    "Finished",
    "HandOver",
    "Outcome",
    "Paused",
    "Prepare",
    "Prepared",
    "Turn",
]


@cache
def _blank() -> ChatRequest:
    return ChatRequest.model_construct(messages=())


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the loop may go.

    Attributes:
        limits: Of the run.
        output_retries: How often the model is asked again for a valid output.
        tool_retries: The same for calls, by tool; other names have the default.
        default_tool_retries: For tools and names not in `tool_retries`.
    """

    limits: RunLimits
    output_retries: int
    tool_retries: Mapping[str, int]
    default_tool_retries: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What one request is made of besides the history.

    Attributes:
        instructions: Sent first, never kept.
        toolbox: The tools that may be called.
        blank: The request's other fields, settings and output format: a request without messages.
        bounds: How far the loop may go from now on; None leaves it as it was.
    """

    instructions: tuple[Message, ...] = ()
    toolbox: Toolbox = field(default_factory=Toolbox)
    blank: ChatRequest = field(default_factory=_blank)
    bounds: Bounds | None = None


@dataclass(slots=True)
class Prepare:
    """Find the instructions, tools and settings of the next request; the outcome is `Prepared`."""

    state: RunState


@dataclass(slots=True)
class Prepared:
    """What the next request is made of, and the state that it is asked in."""

    state: RunState
    turn: Turn


@dataclass(slots=True)
class AskModel:
    """Send the request; the outcome is the state with the reply."""

    state: RunState
    request: ChatRequest


@dataclass(slots=True)
class CallTools:
    """Answer the open calls; the outcome is the state with the results, and with the calls held for a decision."""

    state: RunState


@dataclass(slots=True)
class HandOver:
    """Let the agent go on that the reply in hand names; the outcome is the state that it goes on in."""

    state: RunState


@dataclass(slots=True)
class CheckOutput:
    """Read the reply in hand as the output; the outcome is `Checked`."""

    state: RunState


@dataclass(slots=True)
class Checked:
    """Whether the reply was the output, and the state after it: finished, or with a correction to send."""

    state: RunState
    valid: bool
    output: Any = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over and this is its output."""

    state: RunState
    output: Any


@dataclass(frozen=True, slots=True)
class Paused:
    """The run waits for decisions on `state.held`."""

    state: RunState


Effect = Prepare | AskModel | CallTools | CheckOutput | HandOver
Outcome = Prepared | RunState | Checked
