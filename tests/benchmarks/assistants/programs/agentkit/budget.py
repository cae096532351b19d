"""Questions asked all at once that share one budget of tokens; what does not fit is not sent."""

import asyncio
import json
import sys

from agentkit import Agent, Budget, Settings, errors, tool


@tool
def population(country: str) -> int:
    """Look up how many people live in a country."""
    return 5_000_000


agent = Agent("openai:gpt-4o-mini", tools=[population], settings=Settings(max_tokens=400))


async def ask(question: str) -> str | None:
    """Answer a question; None where the budget has no room for it."""
    try:
        return (await agent.run(question)).output
    except errors.LimitExceededError:
        return None


async def main() -> None:
    """Ask all, and say how many were answered and what it took."""
    with Budget(tokens=3000) as budget:
        answers = await asyncio.gather(*map(ask, sys.argv[1:]))
    answered = sum(answer is not None for answer in answers)
    print(json.dumps({"answered": answered, "tokens": budget.spent.tokens}))


asyncio.run(main())
