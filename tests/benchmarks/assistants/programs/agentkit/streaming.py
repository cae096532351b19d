"""The text as it comes, and what the tools do, as events."""

import json
import sys

from agentkit import Agent, tool


@tool
def get_weather(city: str) -> str:
    """Get the current weather for a city."""
    return f"{city}: 4 degrees, snow"


agent = Agent("openai:gpt-4o-mini", tools=[get_weather], instructions="Be brief.")
seen: list[tuple[str, str]] = []
with agent.stream_sync(sys.argv[1]) as stream:
    for event in stream:
        if event.type == "text_delta":
            seen.append(("text", event.text))
        elif event.type == "tool_call_ready":
            seen.append(("call", f"{event.name} {event.arguments['city']}"))
        elif event.type == "tool_result":
            seen.append(("result", event.content))
print(json.dumps({"seen": seen, "output": stream.result.output}))
