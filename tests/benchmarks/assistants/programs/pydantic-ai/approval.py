"""A tool that a person must allow: the run waits in a file, and another process goes on with it."""

import json
import sys
from pathlib import Path

from pydantic_ai import Agent, ConversationTypeAdapter, DeferredToolRequests, ToolDenied

WAITING = Path("waiting.json")

agent = Agent(
    "openai-chat:gpt-4o-mini", output_type=[str, DeferredToolRequests], instructions="Be brief."
)


@agent.tool_plain
def find_orders(user: str) -> int:
    """Count the open orders of a user."""
    print(f"looking up {user}", file=sys.stderr)
    return 0


@agent.tool_plain(requires_approval=True)
def delete_account(user: str) -> str:
    """Delete the account of a user."""
    print(f"deleting {user}", file=sys.stderr)
    return f"deleted {user}"


if WAITING.exists():
    conversation = ConversationTypeAdapter.validate_json(WAITING.read_bytes())
    requests = conversation.deferred_tool_requests
    decisions = requests.build_results(
        approvals={
            call.tool_call_id: call.args_as_dict()["user"] in sys.argv[1:] or ToolDenied("Keep it.")
            for call in requests.approvals
        }
    )
    result = agent.run_sync(conversation=conversation, deferred_tool_results=decisions)
    print(json.dumps({"output": result.output}))
else:
    result = agent.run_sync(sys.argv[1])
    WAITING.write_bytes(ConversationTypeAdapter.dump_json(result.conversation))
    waiting = [[call.tool_name, call.args_as_dict()] for call in result.output.approvals]
    print(json.dumps({"waiting": waiting}))
