"""A model that is asked again where it fails, then another one; a log line for each request."""

import json
import sys

from agentkit import Agent, tool
from agentkit.around import Fallback
from agentkit.observe import Log


@tool
def book_table(guests: int) -> str:
    """Book a table."""
    print(f"booking for {guests}", file=sys.stderr)
    return f"booked for {guests}"


model = Fallback(["openai:gpt-4o", "openai:gpt-4o-mini"])
agent = Agent(model, tools=[book_table], instructions="Be brief.", middleware=[Log()])
result = agent.run_sync(sys.argv[1])
print(json.dumps({"output": result.output}))
