"""The workloads through agentkit, as its documentation writes them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from task import Task

from agentkit import Agent, ChatModel, RunLimits, Toolbox

__all__ = ["CANNOT", "DISTRIBUTION", "STATEMENT", "Program", "tools_json"]

STATEMENT = "from agentkit import *"
DISTRIBUTION = "agentkit-chat"
CANNOT = {"thousand": "it refuses more than 128 tools in a request, as the contract does"}

Run = Callable[[], Awaitable[Any]]


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    return Toolbox(functions).encoded.decode()


class Program:
    """Ask by an `Agent`."""

    def __init__(self, url: str) -> None:
        self._model = ChatModel("bench", base_url=url, api_key="sk-bench")

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        agent = Agent(self._model, tools=task.tools(), limits=RunLimits(turns=task.turns + 1))

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
