"""A model that is asked again where it fails, then another one; a log line for each request."""

import json
import logging
import sys

from pydantic_ai import Agent
from pydantic_ai.capabilities import ModelFallback

logging.basicConfig(level=logging.INFO)

agent = Agent(
    "openai-chat:gpt-4o",
    instructions="Be brief.",
    capabilities=[ModelFallback("openai-chat:gpt-4o-mini")],
)


@agent.tool_plain
def book_table(guests: int) -> str:
    """Book a table."""
    print(f"booking for {guests}", file=sys.stderr)
    return f"booked for {guests}"


result = agent.run_sync(sys.argv[1])
print(json.dumps({"output": result.output}))
