"""A support desk whose model never sees an address: redaction, guards, a person who decides, and a cache of results.

Run it without a key or network; the endpoint is played on this machine, and what it was sent is shown::

    python examples/privacy.py
"""

import asyncio

from agentkit import Agent, ChatModel, Context, errors, tool
from agentkit.guard import AskFirst, Block, Guard, Question, Redact, ToolCache, Verdict
from agentkit.testing import FakeEndpoint, call
from agentkit.testing.reply import Reply

REPLIES: list[Reply] = [
    call("find_order", {"mail": "[email 1]"}),
    call("find_order", {"mail": "[email 1]"}),
    "[email 1] has one order, for 3 lamps. I will refund 120 euros.",
]


@tool
def find_order(mail: str) -> str:
    """Find the orders of a customer.

    Args:
        mail: The customer's mail address.
    """
    print(f"  the tool is called for {mail}")
    return f"{mail}: 3 lamps, paid with 4111 1111 1111 1111"


def civil(text: str, _context: Context) -> Verdict:
    """Let no insult through."""
    return Block("Please stay civil.") if "idiot" in text.lower() else None


def cheap(text: str, _context: Context) -> Verdict:
    """Have a person see what promises money."""
    return AskFirst("It promises money.") if "euros" in text else None


def decide(question: Question) -> bool:
    """Stand in for the person."""
    print(f"  A person is asked: {question.reason} {question.text}")
    return True


async def main() -> None:
    """Help one customer, and turn one away."""
    guard = Guard(input=civil, output=cheap, decide=decide)
    with FakeEndpoint(replies=REPLIES) as endpoint:
        async with ChatModel("fake", base_url=endpoint.base_url) as model:
            agent = Agent(model, tools=[find_order], middleware=[guard, Redact(), ToolCache(["find_order"])])
            for text in ("I am ann@example.org, and a lamp is broken.", "You idiot!"):
                print(text)
                try:
                    print(" ", (await agent.run(text)).output)
                except errors.BlockedError as error:
                    print(f"  not sent: {error.reason}")
        for message in endpoint.requests[-1].body["messages"]:
            print(f"the model saw: {message['role']}: {message.get('content')}")


if __name__ == "__main__":
    asyncio.run(main())
