"""The workloads through smolagents, which is synchronous: each run is in a thread, tools are plain functions."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from smolagents import LogLevel, OpenAIModel, Tool, ToolCallingAgent
from smolagents.models import get_tool_json_schema
from smolagents.tools import tool
from task import Task

STATEMENT = "from smolagents import LogLevel, OpenAIModel, Tool, ToolCallingAgent, tool"
DISTRIBUTION = "smolagents[openai]"
CANNOT = {"extract": "it gives no typed values"}

Run = Callable[[], Awaitable[Any]]


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    return json.dumps([get_tool_json_schema(tool(function)) for function in functions])


def _made(function: Callable[..., Any]) -> Tool:
    """Write a tool of an async function as a class, as the documentation does; it is driven to its end."""
    inputs = {
        name: {
            "type": "integer" if one.annotation is int else "string",
            "description": f"The {name}.",
            **({} if one.default is inspect.Parameter.empty else {"nullable": True}),
        }
        for name, one in inspect.signature(function).parameters.items()
    }

    def forward(self: Any, *values: Any, **named: Any) -> str:
        told = function(*values, **named)
        return asyncio.run(told) if inspect.iscoroutine(told) else told

    members = {
        "name": function.__name__,
        "description": (inspect.getdoc(function) or "").split("\n")[0],
        "inputs": inputs,
        "output_type": "string",
        "skip_forward_signature_validation": True,
        "forward": forward,
    }
    return type(function.__name__, (Tool,), members)()


class Program:
    """Ask by a `ToolCallingAgent`, which holds one conversation: a new one for each of many at once."""

    def __init__(self, url: str) -> None:
        self._model = OpenAIModel(
            "bench", api_base=url, api_key="sk-bench", client_kwargs={"timeout": 600, "max_retries": 0}
        )
        self._threads = ThreadPoolExecutor(512)

    def _agent(self, tools: Sequence[Tool], **options: Any) -> ToolCallingAgent:
        return ToolCallingAgent(
            tools=list(tools), model=self._model, verbosity_level=LogLevel.OFF, max_steps=1000, **options
        )

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        functions = task.tools()
        made = [_made(one) if inspect.iscoroutinefunction(one) else tool(one) for one in functions]
        one = self._agent(made)

        def work() -> str:
            agent = one if task.at_once == 1 else self._agent(made)
            return agent.run(task.prompt)

        async def run() -> str:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

        return run

    def stream(self, task: Task) -> Run:
        """Read a stream's text, of the model: the agent's own ends in a call."""
        asked = [{"role": "user", "content": [{"type": "text", "text": task.prompt}]}]

        def work() -> tuple[int, str]:
            pieces = [delta.content for delta in self._model.generate_stream(asked) if delta.content]
            return len(pieces), "".join(pieces)

        async def run() -> tuple[int, str]:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        self._model.client.close()
        self._threads.shutdown()
