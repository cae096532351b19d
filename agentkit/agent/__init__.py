"""Runs: the agent, its loop and driver, the events and the result."""

from agentkit.agent.agent import Agent
from agentkit.agent.blocking import SyncStream
from agentkit.agent.compose import handoff
from agentkit.agent.event import (
    AttemptFailed,
    Event,
    HandedOff,
    MessageInjected,
    OutputAsked,
    OutputReady,
    Progress,
    ReasoningDelta,
    ReplyReceived,
    RunEnded,
    RunFailed,
    RunStarted,
    SubRunEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStarted,
    ToolResulted,
    UsageReported,
    event_of,
)
from agentkit.agent.extract import extract, extract_sync
from agentkit.agent.many import SyncMany
from agentkit.agent.prompt import Prompt
from agentkit.agent.result import Result
from agentkit.agent.run import Instructions, Middleware, Run
from agentkit.agent.stream import AgentStream
from agentkit.many import Many, MapResult, Outcome, Summary

__all__ = [
    "Agent",
    "AgentStream",
    "AttemptFailed",
    "Event",
    "HandedOff",
    "Instructions",
    "Many",
    "MapResult",
    "MessageInjected",
    "Middleware",
    "Outcome",
    "OutputAsked",
    "OutputReady",
    "Progress",
    "Prompt",
    "ReasoningDelta",
    "ReplyReceived",
    "Result",
    "Run",
    "RunEnded",
    "RunFailed",
    "RunStarted",
    "SubRunEvent",
    "Summary",
    "SyncMany",
    "SyncStream",
    "TextDelta",
    "ToolCallDelta",
    "ToolCallReady",
    "ToolCallStarted",
    "ToolResulted",
    "UsageReported",
    "event_of",
    "extract",
    "extract_sync",
    "handoff",
]
