"""What type checkers know of an agent; only type-checked, never run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from typing_extensions import TypedDict, assert_type

from agentkit.agent import Agent, AgentStream, Event, Result, SyncStream, extract, extract_sync
from agentkit.output import OutputSpec
from agentkit.state import Approve, Deny, Give, RunLimits, decision_of
from agentkit.tools import Context, Tool, Toolbox, tool
from agentkit.wire.setting import Settings


class City(BaseModel):
    """A model."""

    name: str


class Lake(BaseModel):
    """Another one."""

    depth: float


@dataclass
class Pair:
    """A dataclass."""

    left: str


class Entry(TypedDict):
    """A typed dict."""

    key: str


class DB:
    """Deps."""


class Cache:
    """Other deps."""


def weigh(name: str, grams: int) -> float:
    """Weigh a thing."""
    return grams / len(name)


async def fetch(name: str) -> City:
    """Fetch a city."""
    return City(name=name)


def plain(city: str) -> str:
    """Serve any deps."""
    return city


@tool
def of_db(context: Context[DB], key: str) -> str:
    """Need a DB."""
    return f"{context.deps}{key}"


@tool
def of_cache(context: Context[Cache], key: str) -> str:
    """Need a cache."""
    return f"{context.deps}{key}"


@tool(retries=2, approval=lambda _context, arguments: bool(arguments))
def careful(key: str) -> str:
    """Serve any deps, with options."""
    return key


@tool(idempotent=True)
def again(context: Context[DB], key: str) -> str:
    """Need a DB, and may run twice."""
    return f"{context.deps}{key}"


@tool(external=True)
def elsewhere(context: Context[DB], key: str) -> None:
    """Have hints only."""


def outside() -> None:
    """External tools are tools."""
    assert_type(elsewhere, Tool[DB])
    assert_type(again, Tool[DB])
    assert_type(again.idempotent, bool)
    assert_type(Tool[Any].external("x", "X.", {"type": "object"}), Tool[Any])


def outputs() -> None:
    """The type of the output follows from `output`."""
    assert_type(Agent("x"), Agent[None, str])
    assert_type(Agent("x", tools=[plain]), Agent[None, str])
    assert_type(Agent("x", output=City), Agent[None, City])
    assert_type(Agent("x", output=int), Agent[None, int])
    assert_type(Agent("x", output=str), Agent[None, str])
    assert_type(Agent("x", output=Pair), Agent[None, Pair])
    assert_type(Agent("x", output=Entry), Agent[None, Entry])
    assert_type(Agent("x", output=list[City]), Agent[None, list[City]])
    assert_type(Agent("x", output=dict[str, int]), Agent[None, dict[str, int]])
    assert_type(Agent("x", output=tuple[int, ...]), Agent[None, tuple[int, ...]])
    assert_type(Agent("x", output=City | Lake), Agent[None, City | Lake])
    assert_type(Agent("x", output=City | None), Agent[None, City | None])
    assert_type(Agent("x", output=City | str), Agent[None, City | str])
    assert_type(Agent("x", output=Literal["yes", "no"]), Agent[None, Literal["yes", "no"]])
    assert_type(Agent("x", output=weigh), Agent[None, float])
    assert_type(Agent("x", output=OutputSpec(City, mode="tool")), Agent[None, City])
    assert_type(Agent("x", output=OutputSpec(City | Lake)), Agent[None, City | Lake])
    assert_type(Agent("x", output=OutputSpec(list[City], retries=1)), Agent[None, list[City]])


def deps() -> None:
    """Deps are named; tools for others are refused."""
    agent = Agent[DB, str]("x", tools=[of_db, plain, careful])
    assert_type(agent, Agent[DB, str])
    assert_type(agent.run_sync("x", deps=DB()), Result[str])
    _ = agent.run_sync("x", deps=Cache())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] # other deps
    _ = Agent[DB, str]("x", tools=[of_cache])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType] # other deps
    assert_type(Agent[DB, City]("x", tools=[of_db], output=City), Agent[DB, City])
    assert_type(Agent[DB, City]("x", tools=Toolbox([of_db]), output=City), Agent[DB, City])
    assert_type(of_db, Tool[DB])
    assert_type(careful, Tool[Any])


async def results() -> None:
    """What a run gives has the output's type."""
    agent = Agent("x", output=City, settings=Settings(temperature=0.5), limits=RunLimits(turns=3))
    result = await agent.run("x")
    assert_type(result, Result[City])
    assert_type(result.output, City)
    assert_type(result.output.name, str)
    assert_type(agent.run_sync("x").output, City)
    assert_type((await agent.resume(result.state, decisions={"a": True, "b": Approve()})).output, City)
    assert_type(agent.resume_sync(result.state).output, City)
    bound = [call.approve({"a": 1}) for call in result.pending]
    assert_type(agent.resume_sync(result.state, decisions=bound).output, City)
    several: list[Approve | Deny | Give] = [*bound, result.pending[0].deny("No."), result.pending[0].give(1)]
    assert_type(agent.resume_sync(result.state.to_json(), decisions=several).output, City)
    assert_type(agent.resume_sync(result.state, decisions={"a": result.pending[0].give(1)}).output, City)
    assert_type(decision_of("{}"), Approve | Deny | Give)
    _ = agent.resume_sync(result.state, decisions=[True])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType] # on which call?
    either = Agent("x", output=City | Lake)
    assert_type((await either.run("x")).output, City | Lake)


async def streams() -> None:
    """A stream's events, text and result are typed."""
    agent = Agent("x", output=City)
    async with agent.stream("x") as stream:
        assert_type(stream, AgentStream[City])
        async for event in stream:
            assert_type(event, Event)
            if event.type == "text_delta":
                assert_type(event.text, str)
        async for piece in stream.text():
            assert_type(piece, str)
        assert_type(stream.result.output, City)
    async with Agent(output=list[City]).stream("x") as several:
        async for city in several.items():
            assert_type(city, City)
    async with agent.resume_stream(stream.state, decisions={"a": True}) as resumed:
        assert_type(resumed, AgentStream[City])
    with agent.resume_stream_sync(stream.state) as going_on:
        assert_type(going_on, SyncStream[City])
    with agent.stream_sync("x") as blocking:
        assert_type(blocking, SyncStream[City])
        for event in blocking:
            assert_type(event, Event)
        assert_type(blocking.result.output, City)


async def extraction() -> None:
    """Extraction gives the type that was asked for."""
    assert_type(await extract(City, "x"), City)
    assert_type(extract_sync(list[City], "x"), list[City])
    assert_type(extract_sync(City | Lake, "x"), City | Lake)
    assert_type(extract_sync(OutputSpec(City), "x"), City)


def ground(result: Result[BaseModel]) -> BaseModel:
    """Take any result of a model."""
    return result.output


def copies(agent: Agent[DB, City]) -> None:
    """A copy has the type of the original, and a covariant output serves for its ground."""
    assert_type(agent.replace(name="x"), Agent[DB, City])
    assert_type(ground(agent.run_sync("x", deps=DB())), BaseModel)


def dynamic(arguments: Mapping[str, Any]) -> None:
    """Approval predicates and instructions of each colour are accepted."""

    async def approve(context: Context[DB], given: Mapping[str, Any]) -> bool:
        return bool(context.deps) and given == arguments

    async def instruct(context: Context[DB]) -> str | None:
        return f"{context.turn}"

    _ = tool(plain, approval=approve)
    _ = Agent[DB, str]("x", instructions=["Be brief.", instruct, lambda _context: None])
