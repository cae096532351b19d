"""Questions asked all at once that share one budget of tokens; what does not fit is not sent."""

import asyncio
import json
import sys
from dataclasses import dataclass

from agents import (
    Agent,
    ModelResponse,
    ModelSettings,
    RunContextWrapper,
    RunHooks,
    Runner,
    TResponseInputItem,
    function_tool,
    set_default_openai_api,
)

set_default_openai_api("chat_completions")

OUTPUT = 400
REQUEST = OUTPUT + 300  # the longest question with tools and results


class BudgetExceededError(Exception):
    """There is no room in the budget for another request."""


@dataclass
class Budget(RunHooks):
    """Tokens that runs share: the most that a request can take is put aside before it is sent."""

    tokens: int
    reserved: int = 0
    spent: int = 0

    async def on_llm_start(
        self,
        context: RunContextWrapper,
        agent: Agent,
        system_prompt: str | None,
        input_items: list[TResponseInputItem],
    ) -> None:
        """Put the most that a request can take aside, or do not send it."""
        if self.spent + self.reserved + REQUEST > self.tokens:
            raise BudgetExceededError
        self.reserved += REQUEST

    async def on_llm_end(
        self, context: RunContextWrapper, agent: Agent, response: ModelResponse
    ) -> None:
        """Give back what it did not take."""
        self.reserved -= REQUEST
        self.spent += response.usage.total_tokens


@function_tool
def population(country: str) -> int:
    """Look up how many people live in a country."""
    return 5_000_000


agent = Agent(
    name="Assistant",
    model="gpt-4o-mini",
    model_settings=ModelSettings(max_tokens=OUTPUT),
    tools=[population],
)


async def ask(question: str, budget: Budget) -> str | None:
    """Answer a question; None where the budget has no room for it."""
    try:
        return (await Runner.run(agent, question, hooks=budget)).final_output
    except BudgetExceededError:
        return None


async def main() -> None:
    """Ask all, and say how many were answered and what it took."""
    budget = Budget(tokens=3000)
    answers = await asyncio.gather(*(ask(question, budget) for question in sys.argv[1:]))
    answered = sum(answer is not None for answer in answers)
    print(json.dumps({"answered": answered, "tokens": budget.spent}))


asyncio.run(main())
