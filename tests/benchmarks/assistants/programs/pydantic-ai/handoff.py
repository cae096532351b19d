"""A desk that hands a conversation over to who knows about it, and who goes on with it."""

import json
import sys
from dataclasses import dataclass
from typing import Literal

from pydantic_ai import Agent, ModelMessage


@dataclass
class HandOver:
    """Billing is for invoices and refunds, support for what does not work."""

    to: Literal["billing", "support"]


MODEL = "openai-chat:gpt-4o-mini"
billing = Agent(MODEL, name="billing", instructions="You do the billing.")
support = Agent(MODEL, name="support", instructions="You solve technical problems.")
desk = Agent(
    MODEL,
    name="desk",
    output_type=[str, HandOver],
    instructions="Greet, and hand over to who can help.",
)
agents = {"billing": billing, "support": support}


@billing.tool_plain
def refund(order_id: int) -> str:
    """Pay an order back."""
    return f"paid back order {order_id}"


agent, messages, output = desk, list[ModelMessage](), ""
for prompt in sys.argv[1:]:
    result = agent.run_sync(prompt, message_history=messages)
    if isinstance(result.output, HandOver):
        agent = agents[result.output.to]
        before = result.all_messages()[:-2]  # without the call that hands over and its result
        result = agent.run_sync(message_history=before)
    messages, output = result.all_messages(), result.output
print(json.dumps({"agent": agent.name, "output": output}))
