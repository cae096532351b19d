"""Sessions and windows as users write them; only type-checked."""

from typing import assert_type

from agentkit import Agent, Model, Result
from agentkit.agent import AgentStream
from agentkit.session import LastTokens, LastTurns, Session, SqliteStore, Summary, repair
from agentkit.wire import Message


async def later(messages: tuple[Message, ...]) -> list[Message]:
    """Be a window of one's own."""
    return list(messages[-1:])


async def use(store: SqliteStore, model: Model, agent: Agent[None, int]) -> None:
    """Write what users write."""
    session = store.session("a", window=LastTurns(3), on_busy="raise")
    assert_type(session, Session)
    for window in (LastTokens(100), Summary(model), later):
        store.session("a", window=window)
    store.session("a", window=lambda messages: messages[-3:])
    assert_type(await agent.run("x", session=session), Result[int])
    assert_type(agent.stream("x", session=session), AgentStream[int])
    assert_type(await agent.resume(await session.pending() or "", session=session), Result[int])
    assert_type(repair([{"role": "user", "content": "x"}]), tuple[Message, ...])
    store.session("a", on_busy="queue")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # no such way
