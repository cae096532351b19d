"""The workloads through pydantic-ai."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai import Agent, Tool, UsageLimits
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from task import Task

STATEMENT = (
    "from pydantic_ai import Agent, Tool, UsageLimits\n"
    "from pydantic_ai.models.openai import OpenAIChatModel\n"
    "from pydantic_ai.providers.openai import OpenAIProvider"
)
DISTRIBUTION = "pydantic-ai-slim[openai]"
CANNOT: dict[str, str] = {}

Run = Callable[[], Awaitable[Any]]


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    made = [Tool(function).tool_def for function in functions]
    return json.dumps(
        [
            {
                "type": "function",
                "function": {
                    "name": one.name,
                    "description": one.description,
                    "parameters": one.parameters_json_schema,
                },
            }
            for one in made
        ]
    )


class Program:
    """Ask by an `Agent`."""

    def __init__(self, url: str) -> None:
        client = AsyncOpenAI(base_url=url, api_key="sk-bench", timeout=600, max_retries=0)
        self._model = OpenAIChatModel("bench", provider=OpenAIProvider(openai_client=client))

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        agent = Agent(self._model, tools=list(task.tools()))
        limits = UsageLimits(request_limit=None)

        async def run() -> str:
            return (await agent.run(task.prompt, usage_limits=limits)).output

        return run

    def stream(self, task: Task) -> Run:
        """Read a stream's text."""
        agent = Agent(self._model)

        async def run() -> tuple[int, str]:
            async with agent.run_stream(task.prompt) as result:
                pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
            return len(pieces), "".join(pieces)

        return run

    def extract(self, task: Task) -> Run:
        """Ask for a model."""
        from invoice import Invoice

        agent = Agent(self._model, output_type=Invoice)

        async def run() -> dict[str, Any]:
            return (await agent.run(task.prompt)).output.model_dump(mode="json")

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._model.client.close()
