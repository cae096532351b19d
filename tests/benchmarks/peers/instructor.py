"""The one workload that instructor is made for: extraction."""

from collections.abc import Awaitable, Callable
from typing import Any

from instructor import from_openai
from openai import AsyncOpenAI
from task import Task

STATEMENT = "from instructor import from_openai\nfrom openai import AsyncOpenAI"
DISTRIBUTION = "instructor"
CANNOT = {
    "tools": "it runs no tools",
    "stream": "it streams no texts, only partial values",
    "functions": "it makes no tools of functions",
}


class Program:
    """Ask by a patched client."""

    def __init__(self, url: str) -> None:
        self._openai = AsyncOpenAI(base_url=url, api_key="sk-bench", timeout=600, max_retries=0)
        self._client = from_openai(self._openai)

    def extract(self, task: Task) -> Callable[[], Awaitable[Any]]:
        """Ask for a model."""
        from invoice import Invoice

        async def run() -> dict[str, Any]:
            value = await self._client.chat.completions.create(
                model="bench", response_model=Invoice, messages=[{"role": "user", "content": task.prompt}]
            )
            return value.model_dump(mode="json")

        return run

    async def aclose(self) -> None:
        """Close the connections."""
        await self._openai.close()
