"""agentkit: agents and tool calling over the Chat Completions contract, on any endpoint that speaks it."""

import os

from agentkit import errors
from agentkit.agent import Agent, Result, extract, extract_sync
from agentkit.http import ChatModel
from agentkit.model import Model
from agentkit.output import OutputSpec
from agentkit.state import RunLimits, RunState
from agentkit.tools import Context, Tool, Toolbox, ToolRetry, tool
from agentkit.wire import Settings

__version__ = "0.1.0"

if os.environ.get("AGENTKIT_LOG", "0") not in ("", "0"):
    from agentkit.agent.run import outermost
    from agentkit.observe import Log

    outermost.append(Log())

__all__ = [
    "Agent",
    "ChatModel",
    "Context",
    "Model",
    "OutputSpec",
    "Result",
    "RunLimits",
    "RunState",
    "Settings",
    "Tool",
    "ToolRetry",
    "Toolbox",
    "errors",
    "extract",
    "extract_sync",
    "tool",
]
