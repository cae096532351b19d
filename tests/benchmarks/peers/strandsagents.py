"""The workloads through strands-agents, with one client for all requests."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from openai import AsyncOpenAI
from strands import Agent, tool
from strands.models.openai import OpenAIModel
from task import Task, get_weather

STATEMENT = (
    "from openai import AsyncOpenAI\nfrom strands import Agent, tool\nfrom strands.models.openai import OpenAIModel"
)
DISTRIBUTION = "strands-agents[openai]"
CANNOT = {
    "functions": "it takes no `Field` in `Annotated`",
    "thousand": "it takes no `Field` in `Annotated`",
}

Run = Callable[[], Awaitable[Any]]


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    made = [tool(function).tool_spec for function in functions]
    return json.dumps(
        [
            {
                "type": "function",
                "function": {
                    "name": one["name"],
                    "description": one["description"],
                    "parameters": one["inputSchema"]["json"],
                },
            }
            for one in made
        ]
    )


class Program:
    """Ask by an `Agent`, which holds one conversation: a new one for each of many at once, else emptied."""

    def __init__(self, url: str) -> None:
        self._client = AsyncOpenAI(base_url=url, api_key="sk-bench", timeout=600, max_retries=0)

    def _agent(self, tools: Sequence[Any] = (), *, stream: bool = False) -> Agent:
        model = OpenAIModel(client=self._client, model_id="bench", stream=stream)
        return Agent(model=model, tools=list(tools), callback_handler=None)

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        made = [tool(function) for function in task.tools()]
        one = self._agent(made)

        async def run() -> str:
            agent = one if task.at_once == 1 else self._agent(made)
            agent.messages.clear()
            return str(await agent.invoke_async(task.prompt)).strip()

        return run

    def stream(self, task: Task) -> Run:
        """Read a stream's text."""
        agent = self._agent([tool(get_weather)], stream=True)  # without tools it sends `[]`, which the API refuses

        async def run() -> tuple[int, str]:
            agent.messages.clear()
            pieces = [event["data"] async for event in agent.stream_async(task.prompt) if "data" in event]
            return len(pieces), "".join(pieces)

        return run

    def extract(self, task: Task) -> Run:
        """Ask for a model."""
        from invoice import Invoice

        agent = self._agent()

        async def run() -> dict[str, Any]:
            agent.messages.clear()
            result = await agent.invoke_async(task.prompt, structured_output_model=Invoice)
            return result.structured_output.model_dump(mode="json")

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
