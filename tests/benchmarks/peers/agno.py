"""The workloads through agno, its telemetry off."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from agno.agent import Agent, RunEvent
from agno.models.openai import OpenAIChat
from agno.tools import Function
from task import Task

STATEMENT = "from agno.agent import Agent, RunEvent\nfrom agno.models.openai import OpenAIChat"
DISTRIBUTION = "agno openai"
CANNOT: dict[str, str] = {}

Run = Callable[[], Awaitable[Any]]


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    made = [Function.from_callable(function) for function in functions]
    return json.dumps([{"type": "function", "function": one.to_dict()} for one in made])


class Program:
    """Ask by an `Agent`."""

    def __init__(self, url: str) -> None:
        self._model = OpenAIChat(id="bench", base_url=url, api_key="sk-bench", timeout=600, max_retries=0)

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        agent = Agent(model=self._model, tools=list(task.tools()), telemetry=False)

        async def run() -> str:
            return (await agent.arun(task.prompt)).content

        return run

    def stream(self, task: Task) -> Run:
        """Read a stream's text."""
        agent = Agent(model=self._model, telemetry=False)

        async def run() -> tuple[int, str]:
            told = agent.arun(task.prompt, stream=True)
            pieces = [event.content async for event in told if event.event == RunEvent.run_content and event.content]
            return len(pieces), "".join(pieces)

        return run

    def extract(self, task: Task) -> Run:
        """Ask for a model."""
        from invoice import Invoice

        agent = Agent(model=self._model, output_schema=Invoice, telemetry=False)

        async def run() -> dict[str, Any]:
            return (await agent.arun(task.prompt)).content.model_dump(mode="json")

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._model.get_async_client().close()
