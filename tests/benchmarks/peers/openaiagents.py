"""The workloads through openai-agents, its tracing off."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from task import Task

STATEMENT = (
    "from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled\n"
    "from openai import AsyncOpenAI\n"
    "from openai.types.responses import ResponseTextDeltaEvent"
)
DISTRIBUTION = "openai-agents"
CANNOT: dict[str, str] = {}

Run = Callable[[], Awaitable[Any]]


def _made(functions: Sequence[Callable[..., Any]]) -> list[Any]:
    return [function_tool(function, strict_mode=False) for function in functions]  # open maps have no strict schema


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    return json.dumps(
        [
            {
                "type": "function",
                "function": {"name": one.name, "description": one.description, "parameters": one.params_json_schema},
            }
            for one in _made(functions)
        ]
    )


class Program:
    """Ask by an `Agent` and its `Runner`."""

    def __init__(self, url: str) -> None:
        set_tracing_disabled(True)
        self._client = AsyncOpenAI(base_url=url, api_key="sk-bench", timeout=600, max_retries=0)
        self._model = OpenAIChatCompletionsModel(model="bench", openai_client=self._client)

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        agent = Agent(name="bench", model=self._model, tools=_made(task.tools()))

        async def run() -> str:
            return (await Runner.run(agent, task.prompt, max_turns=task.turns + 1)).final_output

        return run

    def stream(self, task: Task) -> Run:
        """Read a stream's text."""
        agent = Agent(name="bench", model=self._model)

        async def run() -> tuple[int, str]:
            result = Runner.run_streamed(agent, task.prompt)
            pieces = [
                event.data.delta
                async for event in result.stream_events()
                if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent)
            ]
            return len(pieces), "".join(pieces)

        return run

    def extract(self, task: Task) -> Run:
        """Ask for a model."""
        from invoice import Invoice

        agent = Agent(name="bench", model=self._model, output_type=Invoice)

        async def run() -> dict[str, Any]:
            return (await Runner.run(agent, task.prompt)).final_output.model_dump(mode="json")

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
