"""A conversation that is kept in a file: each start of the program goes on where the last one ended.

Run it several times; it needs a model that can chat, which the embedded one cannot::

    python examples/conversation.py "My name is Ada." --model openai:gpt-4o-mini
    python examples/conversation.py "What is my name?" --model openai:gpt-4o-mini
    python examples/conversation.py --list
"""

import argparse
import asyncio
import os
from datetime import UTC, datetime

from agentkit import Agent, RunState, tool
from agentkit.session import LastTurns, Session, SqliteStore

reminders: list[str] = []


@tool(approval=True)
def remind(text: str) -> str:
    """Set a reminder for the user.

    Args:
        text: What to be reminded of.
    """
    reminders.append(text)
    return f"reminder {len(reminders)} is set"


async def say(agent: Agent, session: Session, prompt: str) -> None:
    """Say something, or decide with "yes" on what the last run waits for; print the answer as it comes."""
    waiting = await session.pending()
    if waiting is not None and prompt in ("yes", "no"):
        held = RunState.from_json(waiting).held
        result = await agent.resume(waiting, decisions={call.id: prompt == "yes" for call in held}, session=session)
        print(result)
    else:  # whatever waits is not run: the user went on
        async with agent.stream(prompt, session=session) as stream:
            async for text in stream.text():
                print(text, end="", flush=True)
            print()
        result = stream.result
    for call in result.pending:
        print(f'May I call {call.name}({call.arguments})? Say "yes" or "no".')


async def main() -> None:
    """Read the arguments and have one turn of the conversation."""
    parser = argparse.ArgumentParser(description="A conversation that is kept in a file.")
    parser.add_argument("prompt", nargs="?", default="Hello.")
    parser.add_argument("--model", default=os.environ.get("AGENTKIT_MODEL"))
    parser.add_argument("--file", default="conversation.db")
    parser.add_argument("--session", default="main")
    parser.add_argument("--list", action="store_true", help="show the conversations of the file")
    given = parser.parse_args()

    store = SqliteStore(given.file)
    if given.list:
        for info in await store.list():
            print(f"{info.id}: {info.title} ({info.messages} messages, {datetime.fromtimestamp(info.updated, UTC):%F})")
    else:
        agent = Agent(given.model, tools=[remind], instructions="Be brief.")
        await say(agent, store.session(given.session, window=LastTurns(20)), given.prompt)
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main())
