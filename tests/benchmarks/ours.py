"""The workloads through agentkit, as its documentation writes them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from task import Task

from agentkit import Agent, ChatModel, RunLimits, Settings, Toolbox, tool

__all__ = ["CANNOT", "DISTRIBUTION", "STATEMENT", "Program", "tools_json"]

STATEMENT = "from agentkit import *"
DISTRIBUTION = "agentkit-chat"
CANNOT: dict[str, str] = {}

Run = Callable[[], Awaitable[Any]]

_MOST_CHARACTERS = 2_000_000  # of a tool's result; 100,000 by default, and one here has a million
_MOST_TOOLS = 128  # in a request that is held against the contract


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    return Toolbox(functions).encoded.decode()


class Program:
    """Ask by an `Agent`."""

    def __init__(self, url: str) -> None:
        self._model = ChatModel("bench", base_url=url, api_key="sk-bench")

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        tools = [tool(function, max_characters=_MOST_CHARACTERS) for function in task.tools()]
        settings = Settings(check_contract=False) if len(tools) > _MOST_TOOLS else None
        agent = Agent(self._model, tools=tools, limits=RunLimits(turns=task.turns + 1), settings=settings)

        async def run() -> str:
            return (await agent.run(task.prompt)).output

        return run

    def stream(self, task: Task) -> Run:
        """Read a stream's text."""
        agent = Agent(self._model)

        async def run() -> tuple[int, str]:
            async with agent.stream(task.prompt) as stream:
                pieces = [piece async for piece in stream.text()]
            assert stream.result.output == "".join(pieces)
            return len(pieces), stream.result.output

        return run

    def extract(self, task: Task) -> Run:
        """Ask for a model."""
        from invoice import Invoice

        agent = Agent(self._model, output=Invoice)

        async def run() -> dict[str, Any]:
            return (await agent.run(task.prompt)).output.model_dump(mode="json")

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._model.aclose()
