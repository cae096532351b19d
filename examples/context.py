"""A shop's assistant whose tools, instructions and settings follow the context: who asks, and how far the run is.

    python examples/context.py [--model openai:gpt-4o-mini]

Without `--model` it asks the embedded one. `Context` hands every function what `run(deps=...)` was given. A customer's
model is never shown the tool that refunds; a member of staff's is, and it must look at the order before anything else.
The model sees one line of an order, while the program keeps the whole record.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from agentkit import Agent, Context, Settings, Tool, ToolResult, tool


@dataclass(frozen=True)
class Desk:
    """What the tools of one run may use."""

    user: str
    is_staff: bool
    orders: dict[int, dict[str, object]]


@tool
def look_up(context: Context[Desk], order: int) -> ToolResult:
    """Look up an order.

    Args:
        context: Who asks, and what for.
        order: Its number.
    """
    context.log.info("%s looks at order %d", context.deps.user, order)
    context.emit(f"looking for order {order}")
    found = context.deps.orders.get(order)
    if found is None:
        return ToolResult(f"There is no order {order}.", error=True)
    return ToolResult(f"Order {order}: {found['article']}, {found['euros']} euros.", data=found)


@tool
def refund(context: Context[Desk], order: int) -> str:
    """Pay an order back.

    Args:
        context: Who asks, and what for.
        order: Its number.
    """
    # the same key if this call is ever carried out again, for the bank to pay only once
    return f"Refunded order {order} under {context.idempotency_key[:8]}."


def choose_tools(context: Context[Desk]) -> list[Tool[Desk]]:
    """Give staff all tools, others those that change nothing."""
    return [look_up, refund] if context.deps.is_staff else [look_up]


def choose_settings(context: Context[Desk]) -> Settings | None:
    """Have staff's model look first; what it does afterwards is its own choice."""
    return Settings(tool_choice="look_up") if context.deps.is_staff and context.turn == 0 else None


def greet(context: Context[Desk]) -> str:
    """Tell the model who asks."""
    return f"You help {context.deps.user}."


def main() -> None:
    """Let a customer and a member of staff ask the same."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="local")
    model = parser.parse_args().model
    agent = Agent[Desk, str](
        model, tools=choose_tools, settings=choose_settings, instructions=["Answer in one sentence.", greet]
    )
    orders: dict[int, dict[str, object]] = {7: {"article": "a lamp", "euros": 40, "card": "4111 1111 1111 1111"}}
    for user, is_staff in (("Ann", False), ("Bob", True)):
        with agent.stream_sync("Look up order 7.", deps=Desk(user, is_staff, orders)) as stream:
            for event in stream:
                if event.type == "progress":
                    print(f"{user}: {event.value}")
        for answer in stream.result.answers:
            print(f"{user}: the program has {answer.data}")
        print(f"{user}: {stream.result.output}")


if __name__ == "__main__":
    main()
