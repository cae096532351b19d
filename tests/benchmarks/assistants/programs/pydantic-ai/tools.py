"""A tool with typed arguments over the program's own data; what is wrong is told to the model."""

import json
import sys
from typing import Literal

from pydantic_ai import Agent, ModelRetry, RunContext

Orders = dict[int, str]

agent = Agent(
    "openai-chat:gpt-4o-mini", deps_type=Orders, instructions="Be brief.", retries={"tools": 3}
)


@agent.tool
def order_status(
    context: RunContext[Orders], order_id: int, detail: Literal["short", "full"] = "short"
) -> str:
    """Tell where an order is.

    Args:
        order_id: The order's number.
        detail: How much to tell.
    """
    if order_id not in context.deps:
        raise ModelRetry(f"There is no order {order_id}. There are: {sorted(context.deps)}.")
    status = context.deps[order_id]
    return status if detail == "full" else status.split(",")[0]


orders = {17: "packed, leaves on Tuesday", 18: "delivered, on Monday"}
result = agent.run_sync(sys.argv[1], deps=orders)
print(json.dumps({"output": result.output}))
