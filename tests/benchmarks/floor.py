"""The workloads by hand on the bare httpx client, as one writes them without a framework: a floor."""

import asyncio
import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from task import Task

__all__ = ["CANNOT", "DISTRIBUTION", "STATEMENT", "Loop", "Program", "tools_json"]

STATEMENT = "import httpx"
DISTRIBUTION = "httpx"
CANNOT: dict[str, str] = {}

Run = Callable[[], Awaitable[Any]]
Function = Callable[..., Any]

_STRING = {"type": "string"}
_UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius", "description": "Temperature unit."}
_PLACE = {"location": {**_STRING, "description": "City name, e.g. Beijing."}, "unit": _UNIT}
_DAYS = {"location": _STRING, "days": {"type": "integer", "default": 1}}
_NUMBER = {"number": {"type": "integer", "description": "Which one."}}


def _entry(name: str, description: str, properties: dict[str, Any], *required: str) -> dict[str, Any]:
    shape = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": shape}}


_WRITTEN = {
    entry["function"]["name"]: entry
    for entry in (
        _entry("get_weather", "Get the current weather for a location.", _PLACE, "location"),
        _entry("look_up", "Get the current weather for a location.", _PLACE, "location"),
        *(_entry(f"read_{place}", "Read one of eight sources.", _DAYS, "location") for place in range(8)),
        _entry("step", "Do one step.", _NUMBER, "number"),
        _entry("read_page", "Read one page.", _NUMBER, "number"),
        _entry("wait", "Wait until everyone is here.", _NUMBER, "number"),
    )
}


def _made(functions: Sequence[Function]) -> list[dict[str, Any]]:
    """Make tool entries as one would by hand with pydantic, whose texts of parameters are missing then."""
    from pydantic import TypeAdapter

    entries: list[dict[str, Any]] = []
    for function in functions:
        shape = TypeAdapter(function).json_schema()
        entries.append(_entry(function.__name__, inspect.getdoc(function) or "", shape["properties"]))
        entries[-1]["function"]["parameters"] = shape
    return entries


def tools_json(functions: Sequence[Function]) -> str:
    """Write the `tools` of a request."""
    return json.dumps(_made(functions))


class Loop(ABC):
    """A loop of turns over whatever asks: one that has `ask(body)`, which gives the reply's message."""

    @abstractmethod
    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request, read its reply."""

    def tools(self, task: Task) -> Run:
        """Run with tools until a text comes."""
        functions = {function.__name__: function for function in task.tools()}
        known = all(name in _WRITTEN for name in functions)
        tools = [_WRITTEN[name] for name in functions] if known else _made([*functions.values()])

        async def run() -> str:
            messages: list[dict[str, Any]] = [{"role": "user", "content": task.prompt}]
            while True:
                message = await self.ask({"model": "bench", "messages": messages, "tools": tools})
                calls = message.get("tool_calls")
                if not calls:
                    return message["content"]
                messages.append({"role": "assistant", "content": message["content"], "tool_calls": calls})
                called = [
                    functions[one["function"]["name"]](**json.loads(one["function"]["arguments"])) for one in calls
                ]
                results = called if isinstance(called[0], str) else await asyncio.gather(*called)
                messages += [
                    {"role": "tool", "tool_call_id": one["id"], "content": result}
                    for one, result in zip(calls, results, strict=True)
                ]

        return run

    def extract(self, task: Task) -> Run:
        """Ask by the schema of the model."""
        from invoice import Invoice

        shape = {"type": "json_schema", "json_schema": {"name": "Invoice", "schema": Invoice.model_json_schema()}}
        body = {"model": "bench", "messages": [{"role": "user", "content": task.prompt}], "response_format": shape}

        async def run() -> dict[str, Any]:
            message = await self.ask(body)
            return Invoice.model_validate_json(message["content"]).model_dump(mode="json")

        return run


class Program(Loop):
    """Ask by `httpx.AsyncClient`."""

    def __init__(self, url: str) -> None:
        import httpx

        limits = httpx.Limits(max_connections=1000, max_keepalive_connections=100)  # as openai's client has them
        self._address = f"{url}/chat/completions"
        self._client = httpx.AsyncClient(timeout=600, limits=limits, headers={"Authorization": "Bearer sk-bench"})

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request, read its reply."""
        response = await self._client.post(self._address, json=body)
        response.raise_for_status()
        return response.json()["choices"][0]["message"]

    def stream(self, task: Task) -> Run:
        """Read a stream line by line."""
        body = {"model": "bench", "messages": [{"role": "user", "content": task.prompt}], "stream": True}
        body |= {"stream_options": {"include_usage": True}}

        async def run() -> tuple[int, str]:
            pieces: list[str] = []
            async with self._client.stream("POST", self._address, json=body) as response:
                response.raise_for_status()
                async for line in response.aiter_lines():
                    if not line.startswith("data: ") or line == "data: [DONE]":
                        continue
                    for choice in json.loads(line[6:])["choices"]:
                        if text := choice["delta"].get("content"):
                            pieces.append(text)
            return len(pieces), "".join(pieces)

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
