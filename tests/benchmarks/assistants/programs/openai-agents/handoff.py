"""A desk that hands a conversation over to who knows about it, and who goes on with it."""

import json
import sys

from agents import Agent, Runner, TResponseInputItem, function_tool, set_default_openai_api

set_default_openai_api("chat_completions")


@function_tool
def refund(order_id: int) -> str:
    """Pay an order back."""
    return f"paid back order {order_id}"


MODEL = "gpt-4o-mini"
billing = Agent(
    name="billing",
    handoff_description="For invoices and refunds.",
    instructions="You do the billing.",
    model=MODEL,
    tools=[refund],
)
support = Agent(
    name="support",
    handoff_description="For what does not work.",
    instructions="You solve technical problems.",
    model=MODEL,
)
desk = Agent(
    name="desk",
    instructions="Greet, and hand over to who can help.",
    model=MODEL,
    handoffs=[billing, support],
)

agent, items, output = desk, list[TResponseInputItem](), ""
for prompt in sys.argv[1:]:
    result = Runner.run_sync(agent, [*items, {"role": "user", "content": prompt}])
    agent, items, output = result.last_agent, result.to_input_list(), result.final_output
print(json.dumps({"agent": agent.name, "output": output}))
