"""The workloads through agentkit, as its documentation writes them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from task import EIGHT, MARKS, Task, get_weather, look_up, step

from agentkit import Agent, ChatModel, RunLimits, Toolbox

__all__ = ["opened", "tools_json"]

Run = Callable[[], Awaitable[Any]]


@asynccontextmanager
async def opened(task: Task, url: str) -> AsyncIterator[Run]:
    """Give what does one run of a workload."""
    async with ChatModel("bench", base_url=url, api_key="sk-bench") as model:
        yield _RUNS[task.name](task, model)


def _one_tool(task: Task, model: ChatModel) -> Run:
    return _texts(task, Agent(model, tools=[get_weather]))


def _thread_tool(task: Task, model: ChatModel) -> Run:
    return _texts(task, Agent(model, tools=[look_up]))


def _parallel(task: Task, model: ChatModel) -> Run:
    return _texts(task, Agent(model, tools=EIGHT))


def _turns(task: Task, model: ChatModel) -> Run:
    run = _texts(task, Agent(model, tools=[step], limits=RunLimits(turns=None)))

    async def marked() -> str:
        MARKS.clear()
        return await run()

    return marked


def _texts(task: Task, agent: Agent) -> Run:
    async def run() -> str:
        return (await agent.run(task.prompt)).output

    return run


def _stream(task: Task, model: ChatModel) -> Run:
    agent = Agent(model)

    async def run() -> tuple[int, str]:
        async with agent.stream(task.prompt) as stream:
            pieces = [piece async for piece in stream.text()]
        assert stream.result.output == "".join(pieces)
        return len(pieces), stream.result.output

    return run


def _extraction(task: Task, model: ChatModel) -> Run:
    from invoice import Invoice

    agent = Agent(model, output=Invoice)

    async def run() -> dict[str, Any]:
        return (await agent.run(task.prompt)).output.model_dump(mode="json")

    return run


_RUNS: dict[str, Callable[[Task, ChatModel], Run]] = {
    "one_tool": _one_tool,
    "thread_tool": _thread_tool,
    "parallel": _parallel,
    "turns": _turns,
    "stream": _stream,
    "extraction": _extraction,
}


def tools_json(functions: list[Callable[..., Any]]) -> list[tuple[str, list[str]]]:
    """Make the `tools` of a request; give each tool's name and parameters, read back from the JSON."""
    return [_told(entry["function"]) for entry in json.loads(Toolbox(functions).encoded)]


def _told(function: dict[str, Any]) -> tuple[str, list[str]]:
    return function["name"], list(function["parameters"]["properties"])
