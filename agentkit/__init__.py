"""agentkit: agents and tool calling over the Chat Completions contract, on any endpoint that speaks it.

The names come when they are first asked for, so that a part can be had without the whole: pytest loads the plugin of
`agentkit.testing` in every project.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from agentkit import errors

if TYPE_CHECKING:
    from agentkit.agent import Agent, Result
    from agentkit.agent.compose import handoff
    from agentkit.agent.extract import extract, extract_sync
    from agentkit.http import ChatModel
    from agentkit.model import Model
    from agentkit.output import OutputSpec
    from agentkit.price import Price
    from agentkit.state import Approve, Budget, Deny, Give, RunLimits, RunState
    from agentkit.tools import Context, Tool, Toolbox, ToolResult, ToolRetry, tool
    from agentkit.wire import Settings

__all__ = [
    "Agent",
    "Approve",
    "Budget",
    "ChatModel",
    "Context",
    "Deny",
    "Give",
    "Model",
    "OutputSpec",
    "Price",
    "Result",
    "RunLimits",
    "RunState",
    "Settings",
    "Tool",
    "ToolResult",
    "ToolRetry",
    "Toolbox",
    "errors",
    "extract",
    "extract_sync",
    "handoff",
    "tool",
]

__version__ = "0.1.0"

_HOMES = {
    "Agent": "agent",
    "Approve": "state",
    "Budget": "state",
    "ChatModel": "http",
    "Context": "tools",
    "Deny": "state",
    "Give": "state",
    "Model": "model",
    "OutputSpec": "output",
    "Price": "price",
    "Result": "agent",
    "RunLimits": "state",
    "RunState": "state",
    "Settings": "wire",
    "Tool": "tools",
    "ToolResult": "tools",
    "ToolRetry": "tools",
    "Toolbox": "tools",
    "extract": "agent",
    "extract_sync": "agent",
    "handoff": "agent",
    "tool": "tools",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]


if os.environ.get("AGENTKIT_LOG", "0") not in ("", "0"):
    from agentkit.agent.run import outermost
    from agentkit.observe import Log

    outermost.append(Log())
