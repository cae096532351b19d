"""The text as it comes, and what the tools do, as events."""

import asyncio
import json
import sys

from pydantic_ai import (
    Agent,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)

agent = Agent("openai-chat:gpt-4o-mini", instructions="Be brief.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Get the current weather for a city."""
    return f"{city}: 4 degrees, snow"


async def main() -> None:
    """Watch one run."""
    seen: list[tuple[str, str]] = []
    async with agent.run_stream_events(sys.argv[1]) as events:
        async for event in events:
            match event:
                case PartStartEvent(part=TextPart(content=text)) if text:
                    seen.append(("text", text))
                case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                    seen.append(("text", text))
                case FunctionToolCallEvent(part=part):
                    seen.append(("call", f"{part.tool_name} {part.args_as_dict()['city']}"))
                case FunctionToolResultEvent(part=part):
                    seen.append(("result", part.content))
    print(json.dumps({"seen": seen, "output": events.result.output}))


asyncio.run(main())
