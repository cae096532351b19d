"""A tool that a person must allow: the run waits in a file, and another process goes on with it."""

import json
import sys
from pathlib import Path

from agentkit import Agent, RunState, tool

WAITING = Path("waiting.json")


@tool
def find_orders(user: str) -> int:
    """Count the open orders of a user."""
    print(f"looking up {user}", file=sys.stderr)
    return 0


@tool(approval=True)
def delete_account(user: str) -> str:
    """Delete the account of a user."""
    print(f"deleting {user}", file=sys.stderr)
    return f"deleted {user}"


agent = Agent("openai:gpt-4o-mini", tools=[find_orders, delete_account], instructions="Be brief.")

if WAITING.exists():
    state = RunState.from_json(WAITING.read_text())
    decisions = [
        call.approve() if call.parsed_arguments["user"] in sys.argv[1:] else call.deny("Keep it.")
        for call in state.pending
    ]
    result = agent.resume_sync(state, decisions=decisions)
    print(json.dumps({"output": result.output}))
else:
    result = agent.run_sync(sys.argv[1])
    WAITING.write_text(result.state.to_json())
    waiting = [[call.name, call.parsed_arguments] for call in result.pending]
    print(json.dumps({"waiting": waiting}))
