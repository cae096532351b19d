"""A tool with typed arguments over the program's own data; what is wrong is told to the model."""

import json
import sys
from typing import Literal

from agents import Agent, RunContextWrapper, Runner, function_tool, set_default_openai_api

set_default_openai_api("chat_completions")

Orders = dict[int, str]


def explain(_context: RunContextWrapper, error: Exception) -> str:
    """Tell the model what was wrong; unasked, it is told only that something was."""
    return str(error)


@function_tool(failure_error_function=explain)
def order_status(
    context: RunContextWrapper[Orders], order_id: int, detail: Literal["short", "full"] = "short"
) -> str:
    """Tell where an order is.

    Args:
        order_id: The order's number.
        detail: How much to tell.
    """
    if order_id not in context.context:
        raise ValueError(f"There is no order {order_id}. There are: {sorted(context.context)}.")
    status = context.context[order_id]
    return status if detail == "full" else status.split(",")[0]


agent = Agent[Orders](
    name="Assistant", instructions="Be brief.", model="gpt-4o-mini", tools=[order_status]
)
orders = {17: "packed, leaves on Tuesday", 18: "delivered, on Monday"}
result = Runner.run_sync(agent, sys.argv[1], context=orders)
print(json.dumps({"output": result.final_output}))
