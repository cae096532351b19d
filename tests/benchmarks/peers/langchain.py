"""The workloads through langchain with langchain-openai; langsmith sends nothing where its variables are not set."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai import ChatOpenAI
from task import Task

_AGENTS = "from langchain.agents import create_agent\nfrom langchain.tools import tool"
STATEMENT = f"{_AGENTS}\nfrom langchain_openai import ChatOpenAI"
DISTRIBUTION = "langchain langchain-openai"
CANNOT: dict[str, str] = {}

Run = Callable[[], Awaitable[Any]]


def _made(functions: Sequence[Callable[..., Any]]) -> list[Any]:
    return [tool(function, parse_docstring=True) for function in functions]


def tools_json(functions: Sequence[Callable[..., Any]]) -> str:
    """Write the `tools` of a request."""
    return json.dumps([convert_to_openai_tool(one) for one in _made(functions)])


class Program:
    """Ask by an agent's graph."""

    def __init__(self, url: str) -> None:
        self._model = ChatOpenAI(model="bench", base_url=url, api_key="sk-bench", timeout=600, max_retries=0)

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        agent = create_agent(self._model, tools=_made(task.tools()))
        config = {"recursion_limit": 4 * task.turns + 20}

        async def run() -> str:
            asked = {"messages": [{"role": "user", "content": task.prompt}]}
            return (await agent.ainvoke(asked, config=config))["messages"][-1].content

        return run

    def stream(self, task: Task) -> Run:
        """Read a stream's text."""
        agent = create_agent(self._model)

        async def run() -> tuple[int, str]:
            asked = {"messages": [{"role": "user", "content": task.prompt}]}
            told = agent.astream(asked, stream_mode="messages")
            pieces = [chunk.content async for chunk, _ in told if chunk.content]
            return len(pieces), "".join(pieces)

        return run

    def extract(self, task: Task) -> Run:
        """Ask for a model."""
        from invoice import Invoice

        chain = self._model.with_structured_output(Invoice)

        async def run() -> dict[str, Any]:
            return (await chain.ainvoke(task.prompt)).model_dump(mode="json")

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._model.root_async_client.close()
