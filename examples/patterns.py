"""Four patterns in plain Python: a chain, a choice of who answers, several at once, and a second look at a draft.

They ask for free words, which is more than the embedded one can do, so name another model::

    python examples/patterns.py --model openai:gpt-4o-mini
"""

import argparse
import asyncio
import os
from typing import Literal

from pydantic import BaseModel

from agentkit import Agent, Budget

LETTER = "The lamp of order 7 came broken, and I was charged for it twice. I am not amused. Ada Lovelace"
MOST_DRAFTS = 3


class Verdict(BaseModel):
    """What the editor thinks of a draft."""

    good: bool
    advice: str = ""


reader = Agent(instructions="List what the customer wants, one point a line.")
translator = Agent(instructions="Translate into Norwegian.")
sorter = Agent[None, Literal["delivery", "payment"]](
    instructions="Which of them is the letter mostly about?", output=Literal["delivery", "payment"]
)
experts = {
    "delivery": Agent(instructions="You send parcels. Answer the letter in one sentence."),
    "payment": Agent(instructions="You do the books. Answer the letter in one sentence."),
}
writer = Agent(instructions="Answer the letter kindly, in two sentences.")
editor = Agent(instructions="Is this answer kind, short, and does it promise nothing?", output=Verdict)


async def chain(letter: str, model: str) -> str:
    """Let what one agent gives be what the next one gets."""
    points = await reader.run(letter, model=model)
    return (await translator.run(points.output, model=model)).output


async def route(letter: str, model: str) -> str:
    """Let a typed output choose who answers."""
    topic = (await sorter.run(letter, model=model)).output
    return f"{topic}: {(await experts[topic].run(letter, model=model)).output}"


async def branch(letter: str, model: str) -> list[str]:
    """Ask all at once; where one fails, the others are cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(expert.run(letter, model=model)) for expert in experts.values()]
    return [task.result().output for task in tasks]


async def reflect(letter: str, model: str) -> str:
    """Have a draft looked at, and written again in the same conversation, until it is good."""
    draft = await writer.run(letter, model=model)
    for _ in range(MOST_DRAFTS - 1):
        verdict = (await editor.run(draft.output, model=model)).output
        if verdict.good:
            break
        draft = await writer.run(f"Write it again: {verdict.advice}", history=draft.messages, model=model)
    return draft.output


async def main() -> None:
    """Do all four with one letter, within one budget."""
    parser = argparse.ArgumentParser(description="Four patterns in plain Python.")
    named = os.environ.get("AGENTKIT_MODEL")
    parser.add_argument("--model", default=named, required=named is None)
    model = parser.parse_args().model

    with Budget(requests=20) as budget:
        print("chain:", await chain(LETTER, model))
        print("choice:", await route(LETTER, model))
        print("at once:", *await branch(LETTER, model), sep="\n  ")
        print("second look:", await reflect(LETTER, model))
    print(f"{budget.spent.requests} requests")


if __name__ == "__main__":
    asyncio.run(main())
