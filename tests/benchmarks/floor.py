"""The same workloads by hand on the bare httpx client: the floor that ratios are to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from task import EIGHT, MARKS, Task, get_weather, look_up, step

__all__ = ["opened", "tools_json"]

Run = Callable[[], Awaitable[Any]]
Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
Function = Callable[..., Any]

_STRING = {"type": "string"}
_UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius", "description": "Temperature unit."}
_PLACE = {"location": {**_STRING, "description": "City name, e.g. Beijing."}, "unit": _UNIT}
_DAYS = {"location": _STRING, "days": {"type": "integer", "default": 1}}
_NUMBER = {"number": {"type": "integer", "description": "Which one."}}


@asynccontextmanager
async def opened(task: Task, url: str) -> AsyncIterator[Run]:
    """Give what does one run of a workload."""
    import httpx

    address = f"{url}/chat/completions"
    async with httpx.AsyncClient(timeout=600, headers={"Authorization": "Bearer sk-bench"}) as client:

        async def ask(body: dict[str, Any]) -> dict[str, Any]:
            response = await client.post(address, json={"model": "bench", **body})
            response.raise_for_status()
            return response.json()["choices"][0]["message"]

        if task.name == "stream":
            yield lambda: _stream(task, client, address)
        elif task.name == "extraction":
            yield _extraction(task, ask)
        else:
            yield lambda: _tools(task, ask, *_TOOLS[task.name])


def _entry(name: str, description: str, properties: dict[str, Any], required: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": [required], "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


_TOOLS: dict[str, tuple[list[dict[str, Any]], dict[str, Function]]] = {
    "one_tool": (
        [_entry("get_weather", "Get the current weather for a location.", _PLACE, "location")],
        {"get_weather": get_weather},
    ),
    "thread_tool": (
        [_entry("look_up", "Get the current weather for a location.", _PLACE, "location")],
        {"look_up": look_up},
    ),
    "parallel": (
        [_entry(one.__name__, "Read one of eight sources.", _DAYS, "location") for one in EIGHT],
        {one.__name__: one for one in EIGHT},
    ),
    "turns": ([_entry("step", "Do one step.", _NUMBER, "number")], {"step": step}),
}


async def _tools(task: Task, ask: Ask, tools: list[dict[str, Any]], functions: dict[str, Function]) -> str:
    MARKS.clear()
    messages: list[dict[str, Any]] = [{"role": "user", "content": task.prompt}]
    while True:
        message = await ask({"messages": messages, "tools": tools})
        calls = message.get("tool_calls")
        if not calls:
            return message["content"]
        messages.append({"role": "assistant", "content": message["content"], "tool_calls": calls})
        called = [functions[one["function"]["name"]](**json.loads(one["function"]["arguments"])) for one in calls]
        results = called if isinstance(called[0], str) else await asyncio.gather(*called)
        messages += [
            {"role": "tool", "tool_call_id": one["id"], "content": result}
            for one, result in zip(calls, results, strict=True)
        ]


async def _stream(task: Task, client: Any, address: str) -> tuple[int, str]:
    body = {"model": "bench", "messages": [{"role": "user", "content": task.prompt}], "stream": True}
    pieces: list[str] = []
    async with client.stream("POST", address, json={**body, "stream_options": {"include_usage": True}}) as response:
        async for line in response.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            for choice in json.loads(line[6:])["choices"]:
                if text := choice["delta"].get("content"):
                    pieces.append(text)
    return len(pieces), "".join(pieces)


def _extraction(task: Task, ask: Ask) -> Run:
    from invoice import Invoice

    shape = {"type": "json_schema", "json_schema": {"name": "Invoice", "schema": Invoice.model_json_schema()}}

    async def run() -> dict[str, Any]:
        message = await ask({"messages": [{"role": "user", "content": task.prompt}], "response_format": shape})
        return Invoice.model_validate_json(message["content"]).model_dump(mode="json")

    return run


def tools_json(functions: list[Function]) -> list[tuple[str, list[str]]]:
    """Make tool schemas as one would by hand with pydantic, whose texts of parameters are missing then."""
    from pydantic import TypeAdapter

    told = [(function.__name__, TypeAdapter(function).json_schema()) for function in functions]
    written = json.dumps([{"name": name, "parameters": schema} for name, schema in told])
    return [(entry["name"], list(entry["parameters"]["properties"])) for entry in json.loads(written)]
