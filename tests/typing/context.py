"""What type checkers know of the context, tools' results, and what functions of the context choose; never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from typing_extensions import assert_type

from agentkit import Agent, Context, Settings, Tool, Toolbox, ToolResult, media, tool
from agentkit.tools.answer import Answer


class DB:
    """Deps."""

    admin: bool = False


class Replica(DB):
    """What serves as a DB."""


class Cache:
    """Other deps."""


@tool
def of_db(context: Context[DB], key: str) -> str:
    """Need a DB."""
    context.log.info("looked for %s", key, extra={"rows": 1})
    return key


@tool
def of_cache(context: Context[Cache], key: str) -> str:
    """Need a cache."""
    return f"{context.deps}{key}"


def plain(city: str) -> str:
    """Serve any deps."""
    return city


def choose(context: Context[DB]) -> list[Tool[DB]]:
    """Choose tools."""
    return [of_db] if context.deps.admin else []


async def choose_later(context: Context[DB]) -> Toolbox:
    """Choose a toolbox."""
    return Toolbox([of_db, plain]).filter(["plain"] if context.turn else ["of_db"])


def choose_plain(context: Context[DB]) -> Sequence[Any]:
    """Choose functions."""
    return [plain] if context.deps.admin else []


def choose_each(context: Context[DB]) -> Iterator[Tool[DB]]:
    """Choose one by one."""
    if context.deps.admin:
        yield of_db


def choose_of_cache(context: Context[Cache]) -> list[Tool[Cache]]:
    """Choose tools of a cache, for an agent that has one."""
    return [of_cache] if context.turn else []


def choose_wrong_tools(context: Context[DB]) -> list[Tool[Cache]]:
    """Choose tools for other deps."""
    return [of_cache] if context.turn else []


def choose_names(context: Context[DB]) -> Iterable[int]:
    """Choose what is no tool."""
    return [context.turn]


def adapt(context: Context[DB]) -> Settings | None:
    """Give settings."""
    return Settings(temperature=0.2, tool_choice="required") if context.deps.admin else None


async def adapt_later(context: Context[DB]) -> Settings:
    """Give settings, later."""
    return Settings(temperature=0.2 * context.turn)


def adapt_to_cache(context: Context[Cache]) -> Settings:
    """Give settings by a cache."""
    return Settings(user=str(context.deps))


def adapt_wrong(context: Context[DB]) -> dict[str, float]:
    """Give what are no settings."""
    return {"temperature": 0.2 * context.turn}


def choosers() -> None:
    """Functions of the context give tools for the agent's own deps, and no others."""
    assert_type(Agent[DB, str]("x", tools=choose), Agent[DB, str])
    _ = Agent[DB, str]("x", tools=choose_later)
    _ = Agent[DB, str]("x", tools=choose_plain)
    _ = Agent[DB, str]("x", tools=choose_each)
    _ = Agent[DB, str]("x", tools=lambda context: [of_db] if context.deps.admin else [])
    _ = Agent[Replica, str]("x", tools=choose)  # what serves any DB serves a replica
    _ = Agent[DB, int]("x", tools=choose, output=int)
    _ = Agent[DB, str]("x", tools=choose_of_cache)  # type: ignore[arg-type]  # other deps
    _ = Agent[DB, str]("x", tools=choose_wrong_tools)  # type: ignore[arg-type]  # tools of other deps
    _ = Agent[DB, str]("x", tools=choose_names)  # type: ignore[arg-type]  # no tools
    _ = Agent[DB, str]("x", tools=plain)  # type: ignore[arg-type]  # a tool alone


def settings() -> None:
    """Functions of the context give settings, or None."""
    assert_type(Agent[DB, str]("x", settings=adapt), Agent[DB, str])
    _ = Agent[DB, str]("x", settings=adapt_later)
    _ = Agent[DB, str]("x", settings=lambda context: Settings(seed=1) if context.deps.admin else None)
    _ = Agent[DB, str]("x", settings=adapt_to_cache)  # type: ignore[arg-type]  # other deps
    _ = Agent[DB, str]("x", settings=adapt_wrong)  # type: ignore[arg-type]  # no settings
    agent = Agent[DB, str]("x", settings=adapt)
    _ = agent.run_sync("x", deps=DB(), settings=Settings(temperature=1.0))
    _ = agent.run_sync("x", deps=DB(), settings=adapt)  # type: ignore[arg-type]  # a run's are one value


def greet(context: Context[DB]) -> str | None:
    """Instruct by the deps."""
    return "Obey." if context.deps.admin else None


async def greet_later(context: Context[Any]) -> str:
    """Instruct by any context."""
    return context.run_id


def greet_cache(context: Context[Cache]) -> str:
    """Instruct by other deps."""
    return context.run_id


def brief() -> str:
    """Instruct by nothing."""
    return "Be brief."


def instructions() -> None:
    """Functions of the context instruct, and are of the agent's deps."""
    assert_type(Agent[DB, str]("x", instructions=[greet, greet_later, brief, "Be kind."]), Agent[DB, str])
    assert_type(Agent("x", instructions=brief), Agent[None, str])
    assert_type(Agent("x", instructions=greet), Agent[DB, str])
    _ = Agent[DB, str]("x", instructions=lambda context: "Obey." if context.deps.admin else None)
    _ = Agent[Replica, str]("x", instructions=greet)
    _ = Agent[DB, str]("x", instructions=greet_cache)  # type: ignore[arg-type]  # other deps
    _ = Agent[DB, str]("x", instructions=[brief, greet_cache])  # type: ignore[list-item]  # other deps


@tool(max_characters=500)
def draw(context: Context[DB], title: str) -> ToolResult:
    """Draw."""
    context.emit({"step": 1})
    return ToolResult(f"Drawn: {title}", data={"rows": 3}, images=[media.image(b"")], files=[media.file(b"")])


def results(answer: Answer) -> None:
    """A tool may give a `ToolResult`; what the program keeps of it is its own affair."""
    assert_type(draw, Tool[DB])
    _ = ToolResult(["a", 1], error=True, images=[b"", "https://example.org/a.png"])
    _ = ToolResult(images="https://example.org/a.png", files=b"%PDF-")
    _ = ToolResult("x", images=[1])  # type: ignore[list-item]  # no image
    _ = ToolResult("x", files=["a.pdf"])  # type: ignore[list-item]  # a path
    _ = ToolResult("x", {"rows": 3})  # type: ignore[call-arg, misc, unused-ignore]  # by keyword
    assert_type(answer.data, Any)


def contexts(context: Context[DB]) -> None:
    """The context knows its deps, and has the standard library's log."""
    assert_type(context.deps, DB)
    assert_type(context.log, logging.LoggerAdapter[logging.Logger])
    assert_type(context.idempotency_key, str)
    context.log.warning("slow", stacklevel=2)
    context.log.inform("x")  # type: ignore[attr-defined]  # no such level
