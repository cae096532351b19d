"""A desk that hands a conversation over to who knows about it, and who goes on with it."""

import json
import sys

from agentkit import Agent, handoff, tool


@tool
def refund(order_id: int) -> str:
    """Pay an order back."""
    return f"paid back order {order_id}"


MODEL = "openai:gpt-4o-mini"
billing = Agent(MODEL, name="billing", tools=[refund], instructions="You do the billing.")
support = Agent(MODEL, name="support", instructions="You solve technical problems.")
desk = Agent(
    MODEL,
    name="desk",
    tools=[
        handoff(billing, description="For invoices and refunds."),
        handoff(support, description="For what does not work."),
    ],
    instructions="Greet, and hand over to who can help.",
)
agents = {agent.name: agent for agent in (desk, billing, support)}

agent, messages, output = desk, (), ""
for prompt in sys.argv[1:]:
    result = agent.run_sync(prompt, history=messages)
    agent, messages, output = agents[result.agent], result.messages, result.output
print(json.dumps({"agent": agent.name, "output": output}))
