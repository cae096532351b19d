"""Two tools for one question: the model asks for both at once, and they run side by side.

Run it on the embedded model, without a key or network, or on any other::

    python examples/tools.py
    python examples/tools.py --model openai:gpt-4o-mini
"""

import argparse
import os
from datetime import UTC, datetime, timedelta

from agentkit import Agent, ToolRetry, tool

HOURS = {"nairobi": 3, "singapore": 8, "tokyo": 9}  # from UTC


@tool
async def get_weather(city: str) -> str:
    """Get the current weather for a city.

    Args:
        city: City name, e.g. Beijing.
    """
    return f"{city}: 4 degrees, snow"


def get_time(city: str) -> str:
    """Get the current local time in a city.

    Args:
        city: City name, e.g. Beijing.
    """
    if city.lower() not in HOURS:
        raise ToolRetry(f"The clocks of {city} are not known. Known are: {', '.join(HOURS)}.")
    return f"{datetime.now(UTC) + timedelta(hours=HOURS[city.lower()]):%H:%M} in {city}"


def main() -> None:
    """Ask one question and show what happens until it is answered."""
    parser = argparse.ArgumentParser(description="Two tools for one question.")
    parser.add_argument("--model", default=os.environ.get("AGENTKIT_MODEL", "local"))
    model = parser.parse_args().model

    agent = Agent(model, tools=[get_weather, get_time])  # a plain function is a tool, too
    with agent.stream_sync("What is the weather in Oslo and what time is it in Tokyo?") as stream:
        for event in stream:
            if event.type == "tool_call_ready":
                print(f"{event.name} is called with {event.arguments}")
            elif event.type == "tool_result":
                print(f"{event.name} gave {event.content!r} after {event.seconds:.2f} s")

    print(stream.result.output)


if __name__ == "__main__":
    main()
