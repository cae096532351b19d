"""A team: an agent asks another one, whose refunds a person approves, and hands the user over to a third one.

It needs a model that can plan, which the embedded one cannot::

    python examples/team.py --model openai:gpt-4o-mini
"""

import argparse
import os
from dataclasses import dataclass, field

from agentkit import Agent, Context, RunState, handoff, tool
from agentkit.session import LastTurns


@dataclass
class Shop:
    """What the tools work on: all agents of a run share it."""

    paid: dict[int, float]
    refunds: list[str] = field(default_factory=list[str])


@tool
def find_payment(context: Context[Shop], order: int) -> str:
    """Tell what was paid for an order.

    Args:
        context: Filled in by the run; no model sees it.
        order: The order's number.
    """
    return f"{context.deps.paid.get(order, 0):.2f} euros"


@tool(approval=True)
def refund(context: Context[Shop], order: int, euros: float) -> str:
    """Pay money back.

    Args:
        context: Filled in by the run; no model sees it.
        order: The order's number.
        euros: How much.
    """
    context.deps.refunds.append(f"{euros:.2f} euros for order {order}")
    return "paid back"


@tool
def find_articles(words: str) -> str:
    """Find articles that can be bought.

    Args:
        words: What they are like.
    """
    return f"1 article for {words!r}: a lamp of brass, 60 euros"


def main() -> None:
    """Have one run in which three agents work, paused in the middle for a person."""
    parser = argparse.ArgumentParser(description="A team of agents.")
    parser.add_argument("--model", default=os.environ.get("AGENTKIT_MODEL"))
    model = parser.parse_args().model

    bookkeeper = Agent[Shop, str](
        model,
        name="bookkeeper",
        tools=[find_payment, refund],
        instructions="Look up payments and pay money back. Answer in one sentence.",
    )
    sales = Agent[Shop, str](
        model, name="sales", tools=[find_articles], instructions="Recommend one article in one sentence."
    )
    support = Agent[Shop, str](
        model,
        name="support",
        tools=[
            bookkeeper.as_tool(description="Ask the bookkeeper about payments, or to pay money back."),
            handoff(sales, description="Hand over once the user wants to buy something.", filter=LastTurns(1)),
        ],
        instructions="Help with orders. Ask the bookkeeper about money.",
    )

    shop = Shop(paid={7: 40.0})
    result = support.run_sync("The lamp of order 7 is broken. Money back, please, and find me another lamp.", deps=shop)
    while result.pending:
        saved = result.state.to_json()  # it could wait in a database for days
        state = RunState.from_json(saved)
        for call in state.pending:
            print(f"approved: {call.name}({call.arguments}) of the call {call.id}")
        result = support.resume_sync(state, decisions=[call.approve() for call in state.pending], deps=shop)
    print(f"{result.agent}: {result.output}")
    print(f"refunds: {', '.join(shop.refunds)}; {result.turns} turns of {result.state.tool_calls} calls")


if __name__ == "__main__":
    main()
