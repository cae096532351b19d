"""Two endpoints that fail now and then, and a model around them that does not: fallback, limits, and a cache.

Run it without a key or network; both endpoints are played on this machine, with faults written below::

    python examples/resilience.py
"""

import asyncio
import tempfile
from pathlib import Path

from agentkit import Agent, ChatModel
from agentkit.around import Cache, Concurrency, Fallback, RateLimit, SqliteStore
from agentkit.http import Retry
from agentkit.testing import FakeEndpoint, Fault
from agentkit.wire import ChatCompletion

QUESTIONS = ["Where is Oslo?", "Where is Nairobi?", "Where is Tokyo?"]
SHOWN = ("request_retried", "model_fell_back", "reply_cached")


def is_cut(reply: ChatCompletion) -> str | None:
    """Say why a reply does not do: here, where it was cut at the token limit."""
    return "it was cut" if reply.choices[0].finish_reason == "length" else None


async def ask(agent: Agent, question: str) -> str:
    """Ask, show what had to be done for the answer, and give it."""
    async with agent.stream(question) as stream:
        async for event in stream:
            if event.type in SHOWN:
                print(f"  {event.type}: {getattr(event, 'error', 'nothing was sent or spent')}")
    return f"{stream.result.output} ({stream.result.usage.total_tokens} tokens)"


async def main() -> None:
    """Ask three questions, and the last of them again."""
    cut = {"content": "In Ken", "finish_reason": "length"}
    shaky = FakeEndpoint(
        replies=["In Norway.", cut, "In Japan."],
        faults=[Fault.status(503), None, None, Fault.disconnect()],
    )
    steady = FakeEndpoint(replies=["In Kenya."])
    async with shaky, steady:
        preferred = ChatModel("large", base_url=shaky.base_url, retry=Retry(attempts=2, wait=0))
        spare = Concurrency(ChatModel("small", base_url=steady.base_url), 4)
        paced = RateLimit(preferred, requests=500, tokens=30_000)
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteStore(Path(folder) / "replies.db", seconds=3600)
            async with Cache(Fallback([paced, spare], refuse=is_cut), store) as model:
                agent = Agent(model)
                for question in [*QUESTIONS, QUESTIONS[-1]]:
                    print(question)
                    print(" ", await ask(agent, question))
        print(f"{len(shaky.requests)} requests to the first endpoint, {len(steady.requests)} to the second")


if __name__ == "__main__":
    asyncio.run(main())
