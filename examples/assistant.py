"""An assistant over several turns: it looks into the user's own data, stays within limits, and goes on after an error.

Run it on the embedded model, without a key or network, or on any other::

    python examples/assistant.py
    python examples/assistant.py --model openai:gpt-4o-mini
"""

import argparse
import os
from dataclasses import dataclass

from agentkit import Agent, Context, RunLimits, ToolRetry, errors, tool


@dataclass
class Shop:
    """What the tools work on; each run gets it as `deps`, and the model never sees it."""

    orders: dict[str, int]
    places: dict[int, str]


@tool
def find_order(context: Context[Shop], customer: str) -> int:
    """Find the number of a customer's last order.

    Args:
        context: Filled in by the run; no model sees it.
        customer: The customer's name.
    """
    orders = context.deps.orders
    if customer not in orders:
        raise ToolRetry(f"There is no customer {customer!r}. The customers are: {', '.join(orders)}.")
    return orders[customer]


@tool
def track_order(context: Context[Shop], order_number: int) -> str:
    """Tell where an order is.

    Args:
        context: Filled in by the run; no model sees it.
        order_number: The order's number.
    """
    return context.deps.places.get(order_number, "unknown")


def main() -> None:
    """Ask three questions in one conversation; the last one runs into a limit and is then let go on."""
    parser = argparse.ArgumentParser(description="An assistant over several turns.")
    parser.add_argument("--model", default=os.environ.get("AGENTKIT_MODEL", "local"))
    model = parser.parse_args().model

    shop = Shop(
        orders={"Ada Lovelace": 2468, "Grace Hopper": 5190, "Alan Turing": 2077},
        places={2468: "in Oslo, arrives on Friday", 5190: "delivered on Monday", 2077: "still being packed"},
    )
    agent = Agent[Shop, str](
        model, tools=[find_order, track_order], instructions="Be brief.", limits=RunLimits(turns=5)
    )

    first = agent.run_sync("Where is the last order of Ada Lovelace?", deps=shop)
    print(f"1. {first.output}\n")

    second = agent.run_sync("Where is the last order of Grace Hopper?", deps=shop, history=first.messages)
    print(f"2. {second.output}\n")

    try:
        third = agent.run_sync(
            "Where is the last order of Alan Turing?",
            deps=shop,
            history=second.messages,
            limits=RunLimits(tool_calls=1),
        )
    except errors.LimitExceededError as error:
        print(f"3. {error}")
        third = agent.resume_sync(error.state, deps=shop, limits=RunLimits(tool_calls=5))
    print(f"3. {third.output}\n")

    print(f"{len(third.messages)} messages; the last answer took {third.turns} turns.")


if __name__ == "__main__":
    main()
