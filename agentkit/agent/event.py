"""What a watcher of a run sees, as frozen values with a `type`; `to_json` takes one over a wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agentkit.model import (
    ModelFellBack,
    ProfileLearned,
    ReplyCached,
    Report,
    RequestRetried,
    RequestSent,
    RequestWaited,
)
from agentkit.tools.answer import Status
from agentkit.wire.message import AssistantMessage
from agentkit.wire.response import Usage

__all__ = [
    "AttemptFailed",
    "Event",
    "ModelFellBack",
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
    "RunStarted",
    "TextDelta",
    "ToolCallDelta",
    "ToolCallReady",
    "ToolCallStarted",
    "ToolResulted",
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
    """The model began to write a call; `index` counts the reply's calls from 0."""

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
class ReplyReceived(Report):
    """A reply is whole, streamed or not; `message` is what the history keeps of it."""

    message: AssistantMessage
    reasoning: str | None
    finish_reason: str | None
    usage: Usage | None
    type: Literal["reply"] = "reply"


@dataclass(frozen=True, slots=True)
class AttemptFailed(Report):
    """What was shown of the reply is void: it was no valid output, and the model is asked again."""

    text: str
    reason: str
    type: Literal["attempt_failed"] = "attempt_failed"


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
    | ReplyReceived
    | AttemptFailed
    | OutputReady
    | RunEnded
)
