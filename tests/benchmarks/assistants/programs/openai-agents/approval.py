"""A tool that a person must allow: the run waits in a file, and another process goes on with it."""

import asyncio
import json
import sys
from pathlib import Path

from agents import Agent, Runner, RunState, function_tool, set_default_openai_api

set_default_openai_api("chat_completions")

WAITING = Path("waiting.json")


@function_tool
def find_orders(user: str) -> int:
    """Count the open orders of a user."""
    print(f"looking up {user}", file=sys.stderr)
    return 0


@function_tool(needs_approval=True)
def delete_account(user: str) -> str:
    """Delete the account of a user."""
    print(f"deleting {user}", file=sys.stderr)
    return f"deleted {user}"


agent = Agent(
    name="Assistant",
    instructions="Be brief.",
    model="gpt-4o-mini",
    tools=[find_orders, delete_account],
)


async def main() -> None:
    """Begin, or go on with what waits."""
    if WAITING.exists():
        state = await RunState.from_string(agent, WAITING.read_text())
        for call in state.get_interruptions():
            if json.loads(call.arguments)["user"] in sys.argv[1:]:
                state.approve(call)
            else:
                state.reject(call, rejection_message="Keep it.")
        result = await Runner.run(agent, state)
        print(json.dumps({"output": result.final_output}))
    else:
        result = await Runner.run(agent, sys.argv[1])
        WAITING.write_text(result.to_state().to_string())
        waiting = [[call.name, json.loads(call.arguments)] for call in result.interruptions]
        print(json.dumps({"waiting": waiting}))


asyncio.run(main())
