"""Twelve branches and their sub-agents that share one budget: all of it is spent, and nothing over it.

Run it without a key or network; the endpoint is played on this machine, and keeps a bill of its own::

    python examples/budget.py
"""

import asyncio
import random
from typing import Any

from agentkit import Agent, Budget, ChatModel, Price, RunLimits, Settings, errors, tool
from agentkit.testing import FakeEndpoint

PRICE = Price(input=2.5, output=10.0)  # dollars for a million tokens


class Bill:
    """What the endpoint charges: each answer takes as many tokens as it likes of those that it is allowed."""

    def __init__(self) -> None:
        self.dollars = 0.0
        self._chance = random.Random(7)  # noqa: S311 # an example, the same each time

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request: with a call of the first tool, and after it with a text."""
        prompt, output = 200, self._chance.randint(1, request["max_tokens"])
        self.dollars += (prompt * PRICE.input + output * PRICE.output) / 1e6
        calls = request.get("tools") and request["messages"][-1]["role"] == "user"
        called = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"what": "x"}'}}
        message = {"content": None, "tool_calls": [called]} if calls else {"content": "Done."}
        return {
            "id": "r",
            "object": "chat.completion",
            "created": 1,
            "model": "any",
            "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output},
        }


async def main() -> None:
    """Spend a budget to its end, and go on with one run where it stopped."""
    bill = Bill()
    async with FakeEndpoint(replies=bill) as endpoint:
        model = ChatModel("any", base_url=endpoint.base_url, price=PRICE, settings=Settings(max_tokens=800))
        librarian = Agent(model)

        @tool
        async def look_up(what: str) -> str:
            """Look something up."""
            return (await librarian.run(what)).output

        agent = Agent(model, tools=[look_up])
        stopped: list[errors.LimitExceededError] = []

        async def branch(number: int) -> int:
            done = 0
            while True:
                try:
                    await agent.run(f"Question {number}.{done}")
                except errors.LimitExceededError as error:
                    stopped.append(error)
                    return done
                done += 1

        with Budget(cost=0.25) as budget:
            done = await asyncio.gather(*map(branch, range(12)))
        print(f"{sum(done)} answers by {len(done)} branches for ${budget.spent.cost:.4f}")
        print(f"the endpoint's own bill: ${bill.dollars:.4f}; left: ${budget.left['cost']:.4f}")
        print(f"over it: {bill.dollars > 0.25}; all but less than one request: {budget.left['cost'] < 0.01}")
        print(str(stopped[0]).partition(" (")[0])
        result = await agent.resume(stopped[0].state, limits=RunLimits(cost=0.10))
        print(f"went on: {result.output} (${result.cost:.4f} in all, {result.unpriced} requests of unknown cost)")
        await model.aclose()


if __name__ == "__main__":
    asyncio.run(main())
