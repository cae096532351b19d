"""The workloads through agent-framework, of which the core and the package for OpenAI are installed."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from agent_framework import Agent, tool
from agent_framework.openai import OpenAIChatCompletionClient
from openai import AsyncOpenAI
from task import Task

STATEMENT = "from agent_framework import Agent, tool\nfrom agent_framework.openai import OpenAIChatCompletionClient"
DISTRIBUTION = "agent-framework-openai"
CANNOT: dict[str, str] = {}

Run = Callable[[], Awaitable[Any]]


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    return json.dumps([tool(function).to_json_schema_spec() for function in functions])


class Program:
    """Ask by an `Agent`."""

    def __init__(self, url: str) -> None:
        client = AsyncOpenAI(base_url=url, api_key="sk-bench", timeout=600, max_retries=0)
        self._client = OpenAIChatCompletionClient(model="bench", async_client=client)
        self._client.function_invocation_configuration["max_iterations"] = 1000

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        agent = Agent(client=self._client, tools=[tool(function) for function in task.tools()])

        async def run() -> str:
            return (await agent.run(task.prompt)).text

        return run

    def stream(self, task: Task) -> Run:
        """Read a stream's text."""
        agent = Agent(client=self._client)

        async def run() -> tuple[int, str]:
            pieces = [update.text async for update in agent.run(task.prompt, stream=True) if update.text]
            return len(pieces), "".join(pieces)

        return run

    def extract(self, task: Task) -> Run:
        """Ask for a model."""
        from invoice import Invoice

        agent = Agent(client=self._client)

        async def run() -> dict[str, Any]:
            return (await agent.run(task.prompt, options={"response_format": Invoice})).value.model_dump(mode="json")

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.client.close()
