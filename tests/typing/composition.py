"""What type checkers know of agents as tools and of handoffs; only type-checked, never run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typing_extensions import assert_type

from agentkit import Agent, Context, Tool, handoff, tool
from agentkit.session import LastTurns
from agentkit.wire.message import Message


class DB:
    """Deps."""


class Cache:
    """Other deps."""


@tool
def of_db(context: Context[DB], key: str) -> str:
    """Need a DB."""
    return f"{context.deps}{key}"


def short(messages: Sequence[Message]) -> Sequence[Message]:
    """Leave the last message."""
    return messages[-1:]


plain = Agent("x", name="plain")
db = Agent[DB, str]("x", tools=[of_db], name="db")
cache = Agent[Cache, str]("x", name="cache")


def later() -> Agent[DB, str]:
    """Give an agent that is made later."""
    return db


def tools() -> None:
    """The tool of an agent is for its deps, that of one without deps for any."""
    assert_type(plain.as_tool(), Tool[Any])
    assert_type(db.as_tool("ask_db", "Ask for rows.", approval=True, timeout=5.0), Tool[DB])
    assert_type(handoff(plain), Tool[Any])
    assert_type(handoff(db, filter=LastTurns(1)), Tool[DB])
    assert_type(handoff(later, name="transfer_to_db", filter=short), Tool[DB])


def agents() -> None:
    """An agent takes those for its own deps, and no others."""
    _ = Agent[DB, str]("x", tools=[plain.as_tool(), db.as_tool(), handoff(db), handoff(plain)])
    _ = Agent[DB, str]("x", tools=[cache.as_tool()])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType] # other deps
    other = handoff(cache)
    _ = Agent[DB, str]("x", tools=[other])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType] # other deps


async def results() -> None:
    """A result names who answered last."""
    assert_type((await plain.run("x")).agent, str | None)
