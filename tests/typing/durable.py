"""What type checkers know of a journal's runs; only type-checked, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_type

from agentkit.agent import Agent, AgentStream, Result, SyncStream
from agentkit.durable import Journal, Record, RunSummary


@dataclass
class Shop:
    """Deps."""

    name: str


async def of_an_agent(journal: Journal, agent: Agent[None, int], with_deps: Agent[Shop, str], shop: Shop) -> None:
    """The output is the agent's, and deps are what it wants."""
    assert_type(await journal.run(agent, "Go.", run_id="a"), Result[int])
    assert_type(journal.run_sync(with_deps, "Go.", run_id="a", deps=shop), Result[str])
    assert_type(journal.stream(agent, "Go.", run_id="a"), AgentStream[int])
    assert_type(journal.stream_sync(agent, "Go.", run_id="a"), SyncStream[int])
    assert_type(await journal.resume(agent, "a", decisions={"call_1": True}), Result[int])
    assert_type(journal.resume_stream(with_deps, "a", deps=shop), AgentStream[str])
    assert_type(await journal.fork(agent, "a", at=1, run_id="b"), Result[int])
    assert_type(await journal.runs(status="open"), tuple[RunSummary, ...])
    assert_type(await journal.records("a"), tuple[Record, ...])
    journal.run_sync(with_deps, "Go.", run_id="a", deps=7)  # type: ignore[misc]  # pyright: ignore[reportArgumentType] # it wants a Shop
    await journal.runs(status="lost")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] # no such status
