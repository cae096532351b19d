"""`asker.py LIBRARY MODE --url URL`: every case asked once, then the plain one often; JSON on stdout.

It runs in the environment of one library, whose way its documentation shows; three attempts are allowed everywhere.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from invoice import Invoice
from meter import calibrate
from reply import CASES, PROMPT

Ask = Callable[[str], Awaitable[Invoice]]

_RETRIES = 2
_WARMUP = 10
_BATCHES = 5


def agentkit(mode: str, url: str) -> Ask:
    """Ask by an `Agent`."""
    from agentkit import Agent, ChatModel, OutputSpec

    model = ChatModel("bench", base_url=url, api_key="sk-bench")
    agent = Agent(model, output=OutputSpec(Invoice, "native" if mode == "schema" else "tool", retries=_RETRIES))

    async def ask(prompt: str) -> Invoice:
        return (await agent.run(prompt)).output

    return ask


def instructor(mode: str, url: str) -> Ask:
    """Ask by a patched client."""
    from instructor import Mode, from_openai
    from openai import AsyncOpenAI

    client = from_openai(
        AsyncOpenAI(base_url=url, api_key="sk-bench", max_retries=0),
        mode=Mode.JSON_SCHEMA if mode == "schema" else Mode.TOOLS,
    )

    async def ask(prompt: str) -> Invoice:
        return await client.chat.completions.create(
            model="bench",
            response_model=Invoice,
            max_retries=_RETRIES,
            messages=[{"role": "user", "content": prompt}],
        )

    return ask


def pydantic_ai(mode: str, url: str) -> Ask:
    """Ask by an agent with a typed output."""
    from pydantic_ai import Agent, NativeOutput, ToolOutput
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel("bench", provider=OpenAIProvider(base_url=url, api_key="sk-bench"))
    agent = Agent(model, output_type=(NativeOutput if mode == "schema" else ToolOutput)(Invoice), retries=_RETRIES)

    async def ask(prompt: str) -> Invoice:
        return (await agent.run(prompt)).output

    return ask


_LIBRARIES = {"agentkit": agentkit, "instructor": instructor, "pydantic-ai": pydantic_ai}


async def outcome(ask: Ask, name: str) -> str:
    """Say what one case came to: right, wrong, or the class of the error that came in the place of a value."""
    try:
        value = await ask(PROMPT.format(name=name, number=0))
    except Exception as error:  # of three libraries, each with a tree of its own
        return type(error).__name__
    return "right" if value.model_dump(mode="json") == CASES[name].expected else "wrong"


async def measure(ask: Ask, runs: int) -> float:
    """Give CPU seconds of a plain extraction, in units of the calibration loop beside it; the median of batches."""
    plain = next(iter(CASES))
    ratios: list[float] = []
    for number in range(1, _WARMUP + 1):
        await ask(PROMPT.format(name=plain, number=number))
    for _ in range(_BATCHES):
        before, begun = calibrate(), time.process_time()
        for number in range(1, runs + 1):  # 0 is that of the cases, whose requests are counted
            await ask(PROMPT.format(name=plain, number=number))
        spent = (time.process_time() - begun) / runs
        ratios.append(spent / ((before + calibrate()) / 2))
    return sorted(ratios)[len(ratios) // 2]


async def main() -> None:
    """Ask, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=_LIBRARIES)
    parser.add_argument("mode", choices=("tool", "schema"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--runs", type=int, default=40)
    options = parser.parse_args()
    ask = _LIBRARIES[options.library](options.mode, options.url)
    outcomes = {name: await outcome(ask, name) for name in CASES}
    told: dict[str, Any] = {"outcomes": outcomes, "mark": calibrate()}
    if options.runs:
        told["cpu"] = await measure(ask, options.runs)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
