"""A model that is asked again where it fails, then another one; a log line for each request."""

import json
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any

from agents import Agent, Model, ModelResponse, OpenAIChatCompletionsModel, Runner, function_tool
from agents.items import TResponseStreamEvent
from openai import APIError, AsyncOpenAI

logging.basicConfig(level=logging.INFO)


class Fallback(Model):
    """Models of which the next is asked where one fails; a stream is not tried again."""

    def __init__(self, *names: str) -> None:
        client = AsyncOpenAI()
        self.models = [OpenAIChatCompletionsModel(name, client) for name in names]

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Ask one after another."""
        for model in self.models[:-1]:
            try:
                return await model.get_response(*args, **kwargs)
            except APIError as error:
                logging.getLogger("fallback").warning("%s failed: %s", model.model, error)
        return await self.models[-1].get_response(*args, **kwargs)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
        """Ask the first."""
        return self.models[0].stream_response(*args, **kwargs)


@function_tool
def book_table(guests: int) -> str:
    """Book a table."""
    print(f"booking for {guests}", file=sys.stderr)
    return f"booked for {guests}"


agent = Agent(
    name="Assistant",
    instructions="Be brief.",
    model=Fallback("gpt-4o", "gpt-4o-mini"),
    tools=[book_table],
)
result = Runner.run_sync(agent, sys.argv[1])
print(json.dumps({"output": result.final_output}))
