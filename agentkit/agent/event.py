"""What a watcher of a run sees, as frozen values with a `type`; `to_json` takes one over a wire, `event_of` back.

The names of types and fields are a format that pages read; a test pins them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from agentkit.model import (
    ModelFellBack,
    ProfileLearned,
    ReplyCached,
    Report,
    RequestRetried,
    RequestSent,
    RequestWaited,
)
from agentkit.output import Mode
from agentkit.tools.answer import Status
from agentkit.wire.message import AssistantMessage, UserMessage
from agentkit.wire.response import Usage

__all__ = [
    "AttemptFailed",
    "Event",
    "HandedOff",
    "MessageInjected",
    "ModelFellBack",
    "OutputAsked",
    "OutputReady",
    "ProfileLearned",
    "Progress",
    "ReasoningDelta",
    "ReplyCached",
    "ReplyReceived",
    "RequestRetried",
    "RequestSent",
    "RequestWaited",
    "RunEnded",
    "RunFailed",
    "RunStarted",
    "SubRunEvent",
    "TextDelta",
    "ToolCallDelta",
    "ToolCallReady",
    "ToolCallStarted",
    "ToolResulted",
    "UsageReported",
    "event_of",
]


@dataclass(frozen=True, slots=True)
class RunStarted(Report):
    """The run began, or went on."""

    run_id: str
    type: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class TextDelta(Report):
    """A piece of the reply's text."""

    text: str
    type: Literal["text_delta"] = "text_delta"


@dataclass(frozen=True, slots=True)
class ReasoningDelta(Report):
    """A piece of the reply's reasoning."""

    text: str
    type: Literal["reasoning_delta"] = "reasoning_delta"


@dataclass(frozen=True, slots=True)
class ToolCallStarted(Report):
    """The model began to write a call; `index` is its place in the reply's `tool_calls`, from 0."""

    index: int
    name: str
    type: Literal["tool_call_started"] = "tool_call_started"


@dataclass(frozen=True, slots=True)
class ToolCallDelta(Report):
    """A piece of a call's arguments, as text."""

    index: int
    arguments: str
    type: Literal["tool_call_delta"] = "tool_call_delta"


@dataclass(frozen=True, slots=True)
class ToolCallReady(Report):
    """A call is complete, its arguments are valid, and it starts."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    type: Literal["tool_call_ready"] = "tool_call_ready"


@dataclass(frozen=True, slots=True)
class ToolResulted(Report):
    """A call was answered; `content` is what the model is told, `seconds` the time of the tool's body."""

    call_id: str
    name: str
    content: str
    status: Status
    seconds: float
    type: Literal["tool_result"] = "tool_result"


@dataclass(frozen=True, slots=True)
class Progress(Report):
    """A tool told how far it is, by `context.emit(value)`."""

    call_id: str
    name: str
    value: Any
    type: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class MessageInjected(Report):
    """What was put into the run while it went is sent with the next request; a reply before it is no output."""

    message: UserMessage
    type: Literal["message_injected"] = "message_injected"


@dataclass(frozen=True, slots=True)
class ReplyReceived(Report):
    """A reply is whole, streamed or not; `message` is what the history keeps of it."""

    message: AssistantMessage
    reasoning: str | None
    finish_reason: str | None
    usage: Usage | None
    type: Literal["reply"] = "reply"


@dataclass(frozen=True, slots=True)
class UsageReported(Report):
    """What one request cost.

    Attributes:
        usage: Of this request; None where the endpoint did not say.
        total: Of the run's finished requests so far.
        estimated: Whether the request was cut, so that `usage` is our estimate, which `total` leaves out.
    """

    usage: Usage | None
    total: Usage
    estimated: bool = False
    type: Literal["usage"] = "usage"


@dataclass(frozen=True, slots=True)
class AttemptFailed(Report):
    """What was shown of the reply is void: it was no valid output, and the model is asked again."""

    text: str
    reason: str
    type: Literal["attempt_failed"] = "attempt_failed"


@dataclass(frozen=True, slots=True)
class OutputAsked(Report):
    """The output is asked for otherwise from now on; what was shown of a reply before is no output.

    So it is where the endpoint refused the mode before, and where the tools are done and the last turn is constrained.

    Attributes:
        mode: native, tool, json or prompted.
        tool: The name of the tool whose arguments are the output, in the mode "tool".
        tools_first: Whether tools may be called first, and the output is asked for when they are done: a reply until
            then is in free words, unless it happens to be the output.
    """

    mode: Mode
    tool: str | None = None
    tools_first: bool = False
    type: Literal["output_asked"] = "output_asked"


@dataclass(frozen=True, slots=True)
class HandedOff(Report):
    """The run goes on with another agent, `agent`; `previous` is the one before, None where it has no name."""

    agent: str
    previous: str | None = None
    type: Literal["handed_off"] = "handed_off"


@dataclass(frozen=True, slots=True)
class OutputReady(Report):
    """The output is there and valid."""

    output: Any
    type: Literal["output"] = "output"


@dataclass(frozen=True, slots=True)
class RunEnded(Report):
    """The run is over: finished, or paused with calls that wait for a decision."""

    run_id: str
    finish_reason: str | None
    turns: int
    usage: Usage
    pending: int = 0
    type: Literal["run_ended"] = "run_ended"


@dataclass(frozen=True, slots=True)
class RunFailed(Report):
    """The run ended with an error, which is raised where the events end; `error` is its class and text."""

    run_id: str
    error: str
    turns: int
    usage: Usage
    type: Literal["run_failed"] = "run_failed"


@dataclass(frozen=True, slots=True)
class SubRunEvent(Report):
    """An event of a run that this one started; `run_id` is that run's.

    Of one that a tool started it is the parent's, a slash and the call's id.
    """

    run_id: str
    event: Event
    type: Literal["sub_run"] = "sub_run"

    def to_json(self) -> str:
        """Encode as one JSON object, that of the event inside it."""
        return f'{{"type":"sub_run","run_id":{json.dumps(self.run_id)},"event":{self.event.to_json()}}}'


Event = (
    RunStarted
    | RequestSent
    | RequestRetried
    | RequestWaited
    | ModelFellBack
    | ReplyCached
    | ProfileLearned
    | TextDelta
    | ReasoningDelta
    | ToolCallStarted
    | ToolCallDelta
    | ToolCallReady
    | ToolResulted
    | Progress
    | MessageInjected
    | ReplyReceived
    | UsageReported
    | AttemptFailed
    | OutputAsked
    | HandedOff
    | OutputReady
    | RunEnded
    | RunFailed
    | SubRunEvent
)


@cache
def _adapter() -> TypeAdapter[Event]:
    return TypeAdapter(Annotated[Event, Field(discriminator="type")])


def event_of(document: str | bytes) -> Event:
    """Read what an event's `to_json` gave; outputs and values of progress come as plain JSON.

    Raises:
        ValueError: It is no event.
    """
    return _adapter().validate_json(document)
