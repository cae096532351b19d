"""The text as it comes, and what the tools do, as events."""

import asyncio
import json
import sys

from agents import Agent, Runner, function_tool, set_default_openai_api
from openai.types.responses import ResponseTextDeltaEvent

set_default_openai_api("chat_completions")


@function_tool
def get_weather(city: str) -> str:
    """Get the current weather for a city."""
    return f"{city}: 4 degrees, snow"


agent = Agent(name="Assistant", instructions="Be brief.", model="gpt-4o-mini", tools=[get_weather])


async def main() -> None:
    """Watch one run."""
    seen: list[tuple[str, str]] = []
    result = Runner.run_streamed(agent, sys.argv[1])
    async for event in result.stream_events():
        if event.type == "raw_response_event":
            if isinstance(event.data, ResponseTextDeltaEvent):
                seen.append(("text", event.data.delta))
        elif event.type == "run_item_stream_event":
            if event.name == "tool_called":
                call = event.item.raw_item
                seen.append(("call", f"{call.name} {json.loads(call.arguments)['city']}"))
            elif event.name == "tool_output":
                seen.append(("result", event.item.output))
    print(json.dumps({"seen": seen, "output": result.final_output}))


asyncio.run(main())
