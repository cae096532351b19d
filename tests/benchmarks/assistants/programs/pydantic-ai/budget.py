"""Questions asked all at once that share one budget of tokens; what does not fit is not sent."""

import asyncio
import json
import sys
from dataclasses import dataclass

from pydantic_ai import (
    Agent,
    ModelRequestContext,
    ModelResponse,
    ModelSettings,
    RunContext,
    UsageLimitExceeded,
)
from pydantic_ai.capabilities import Hooks

OUTPUT = 400
REQUEST = OUTPUT + 300  # the longest question with tools and results


@dataclass
class Budget:
    """Tokens that runs share; usage limits do not count what is under way."""

    tokens: int
    reserved: int = 0
    spent: int = 0


hooks = Hooks[Budget]()


@hooks.on.before_model_request
async def reserve(
    context: RunContext[Budget], request_context: ModelRequestContext
) -> ModelRequestContext:
    """Put the most that a request can take aside, or do not send it."""
    budget = context.deps
    if budget.spent + budget.reserved + REQUEST > budget.tokens:
        raise UsageLimitExceeded("There is no room in the budget for another request.")
    budget.reserved += REQUEST
    return request_context


@hooks.on.after_model_request
async def settle(
    context: RunContext[Budget], *, request_context: ModelRequestContext, response: ModelResponse
) -> ModelResponse:
    """Give back what it did not take."""
    context.deps.reserved -= REQUEST
    context.deps.spent += response.usage.total_tokens
    return response


agent = Agent(
    "openai-chat:gpt-4o-mini",
    deps_type=Budget,
    model_settings=ModelSettings(max_tokens=OUTPUT),
    capabilities=[hooks],
)


@agent.tool_plain
def population(country: str) -> int:
    """Look up how many people live in a country."""
    return 5_000_000


async def ask(question: str, budget: Budget) -> str | None:
    """Answer a question; None where the budget has no room for it."""
    try:
        return (await agent.run(question, deps=budget)).output
    except UsageLimitExceeded:
        return None


async def main() -> None:
    """Ask all, and say how many were answered and what it took."""
    budget = Budget(tokens=3000)
    answers = await asyncio.gather(*(ask(question, budget) for question in sys.argv[1:]))
    answered = sum(answer is not None for answer in answers)
    print(json.dumps({"answered": answered, "tokens": budget.spent}))


asyncio.run(main())
