"""Tools: functions that a model may call, their context, and their collection."""

from agentkit.schema.argument import ArgumentError
from agentkit.tools.context import Context, ToolRetry
from agentkit.tools.decorator import as_tool, tool
from agentkit.tools.result import ToolResult
from agentkit.tools.tool import Function, Tool
from agentkit.tools.toolbox import Toolbox

__all__ = ["ArgumentError", "Context", "Function", "Tool", "ToolResult", "ToolRetry", "Toolbox", "as_tool", "tool"]
