"""What type checkers know of outputs: what is asked for, is what a run, a stream and an extraction give; never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType, TypedDict, assert_type

from agentkit import media
from agentkit.agent import Agent, AgentStream, Result, SyncMany, SyncStream, extract, extract_sync
from agentkit.many import Many, MapResult, Outcome, Summary
from agentkit.output import OutputSpec
from agentkit.state import RunState
from agentkit.tools import Context

T = TypeVar("T")


class Invoice(BaseModel):
    """A model."""

    number: str
    total: Decimal


class Receipt(BaseModel):
    """Another one."""

    paid: date


class Page(BaseModel, Generic[T]):
    """A generic model."""

    rows: list[T]


@dataclass
class Pair(Generic[T]):
    """A generic dataclass."""

    left: T


class Entry(TypedDict):
    """A typed dict."""

    key: str


class Point(NamedTuple):
    """A named tuple."""

    x: int


class Color(Enum):
    """An enum."""

    RED = "red"


class Node(BaseModel):
    """A type that holds itself."""

    children: list[Node]


class DB:
    """Deps."""


Number = NewType("Number", str)
Either = Invoice | Receipt
Named = TypeAliasType("Named", list[Invoice])
Mood = Literal["happy", "angry"]


def weigh(name: str, grams: int) -> float:
    """Weigh a thing."""
    return grams / len(name)


async def fetch(context: Context[DB], number: str) -> Invoice:
    """Fetch an invoice."""
    return Invoice(number=f"{number}{context.turn}", total=Decimal(1))


def check(invoice: Invoice) -> Invoice:
    """Validate a value."""
    return invoice


async def check_with(context: Context[DB], invoice: Invoice) -> Invoice:
    """Validate a value by what is known of the run."""
    return invoice.model_copy(update={"number": f"{context.turn}"})


async def types() -> None:
    """Each kind of type flows into what a run gives."""
    assert_type((await Agent("x").run("x")).output, str)
    assert_type((await Agent("x", output=Invoice).run("x")).output, Invoice)
    assert_type((await Agent("x", output=Pair[int]).run("x")).output, Pair[int])
    assert_type((await Agent("x", output=Page[Invoice]).run("x")).output, Page[Invoice])
    assert_type((await Agent("x", output=Page[Invoice]).run("x")).output.rows[0].total, Decimal)
    assert_type((await Agent("x", output=Entry).run("x")).output, Entry)
    assert_type((await Agent("x", output=Entry).run("x")).output["key"], str)
    assert_type((await Agent("x", output=Point).run("x")).output.x, int)
    assert_type((await Agent("x", output=Color).run("x")).output, Color)
    assert_type((await Agent("x", output=Node).run("x")).output.children, list[Node])
    assert_type((await Agent("x", output=bool).run("x")).output, bool)
    assert_type((await Agent("x", output=date).run("x")).output, date)
    assert_type((await Agent("x", output=list[Invoice]).run("x")).output, list[Invoice])
    assert_type((await Agent("x", output=set[str]).run("x")).output, set[str])
    assert_type((await Agent("x", output=tuple[int, str]).run("x")).output, tuple[int, str])
    assert_type((await Agent("x", output=dict[str, Invoice]).run("x")).output, dict[str, Invoice])
    assert_type((await Agent("x", output=Mapping[str, int]).run("x")).output, Mapping[str, int])
    assert_type((await Agent("x", output=Sequence[Point]).run("x")).output, Sequence[Point])
    assert_type((await Agent("x", output=Literal["yes", "no"]).run("x")).output, Literal["yes", "no"])
    assert_type((await Agent("x", output=Mood).run("x")).output, Mood)
    assert_type((await Agent("x", output=Annotated[int, Field(ge=0)]).run("x")).output, int)
    assert_type((await Agent("x", output=list[Literal["a", "b"]]).run("x")).output, list[Literal["a", "b"]])


async def unions() -> None:
    """Unions stay unions, and are told apart by what tells types apart."""
    assert_type((await Agent("x", output=Invoice | Receipt).run("x")).output, Invoice | Receipt)
    assert_type((await Agent("x", output=Either).run("x")).output, Invoice | Receipt)
    assert_type((await Agent("x", output=Invoice | str).run("x")).output, Invoice | str)
    assert_type((await Agent("x", output=Invoice | None).run("x")).output, Invoice | None)
    assert_type((await Agent("x", output=list[Invoice | Receipt]).run("x")).output, list[Invoice | Receipt])
    assert_type((await Agent("x", output=Entry | Point | int).run("x")).output, Entry | Point | int)
    either = (await Agent("x", output=Invoice | Receipt).run("x")).output
    if isinstance(either, Invoice):
        assert_type(either.total, Decimal)
    else:
        assert_type(either.paid, date)


async def functions() -> None:
    """A function's result is the output, of either colour."""
    assert_type((await Agent("x", output=weigh).run("x")).output, float)
    assert_type(Agent("x", output=fetch), Agent[None, Invoice])
    assert_type(Agent[DB, Invoice]("x", output=fetch), Agent[DB, Invoice])
    assert_type((await Agent("x", output=fetch).run("x")).output, Invoice)
    assert_type((await Agent("x", output=OutputSpec(weigh)).run("x")).output, float)
    assert_type((await Agent("x", output=OutputSpec(fetch)).run("x")).output, Invoice)
    assert_type(await extract(weigh, "x"), float)
    assert_type(extract_sync(fetch, "x"), Invoice)
    assert_type(OutputSpec(fetch, validators=[check]), OutputSpec[Invoice])
    assert_type(OutputSpec(Invoice).type, Any)


async def schemas() -> None:
    """Of a raw JSON Schema nothing is known."""
    schema = {"type": "object"}
    assert_type(Agent("x", output=schema), Agent[None, Any])
    assert_type(Agent[DB, Any]("x", output=OutputSpec(schema)), Agent[DB, Any])
    assert_type((await Agent("x", output={"type": "object"}, name="x").run("x")).output, Any)
    assert_type(OutputSpec(schema), OutputSpec[Any])
    assert_type(Agent("x", output=OutputSpec(schema)), Agent[None, Any])
    assert_type((await Agent("x", output=OutputSpec(schema)).run("x")).output, Any)
    assert_type(await extract(schema, "x"), Any)
    assert_type(extract_sync(schema, "x", model="x"), Any)


async def specs() -> None:
    """A spec has the type of what it asks for."""
    assert_type(OutputSpec(Invoice), OutputSpec[Invoice])
    assert_type(OutputSpec(list[Invoice], "tool", retries=1), OutputSpec[list[Invoice]])
    assert_type(OutputSpec(Invoice | Receipt, mode="native"), OutputSpec[Invoice | Receipt])
    assert_type(OutputSpec(Invoice | None), OutputSpec[Invoice | None])
    assert_type(OutputSpec(Literal["a", "b"]), OutputSpec[Literal["a", "b"]])
    assert_type(OutputSpec(Entry, validators=[check, check_with]), OutputSpec[Entry])
    assert_type(OutputSpec(Point, strict=True), OutputSpec[Point])
    assert_type(OutputSpec(Page[Point], name="page", description="A page."), OutputSpec[Page[Point]])
    assert_type(OutputSpec(weigh), OutputSpec[float])
    assert_type((await Agent("x", output=OutputSpec(Invoice | str)).run("x")).output, Invoice | str)
    assert_type((await Agent("x", output=OutputSpec(Point)).run("x")).output, Point)
    assert_type((await Agent("x", output=OutputSpec(Literal["a"])).run("x")).output, Literal["a"])
    assert_type((await Agent("x", output=OutputSpec(list[Entry])).run("x")).output, list[Entry])


async def ways(state: RunState) -> None:
    """Each way to run gives the same type, with deps too."""
    agent = Agent[DB, Invoice]("x", output=Invoice)
    assert_type(agent, Agent[DB, Invoice])
    assert_type(await agent.run("x", deps=DB()), Result[Invoice])
    assert_type((await agent.run("x", deps=DB())).output, Invoice)
    assert_type(agent.run_sync("x", deps=DB()).output, Invoice)
    assert_type((await agent.resume(state, deps=DB())).output, Invoice)
    assert_type(agent.resume_sync(state, deps=DB()).output, Invoice)
    either = Agent[DB, Invoice | Receipt]("x", output=Invoice | Receipt)
    assert_type(either.run_sync("x", deps=DB()).output, Invoice | Receipt)
    fetching = Agent[DB, Invoice]("x", output=OutputSpec(fetch))
    assert_type(fetching.run_sync("x", deps=DB()).output, Invoice)
    free = Agent[DB, Invoice | str]("x", output=Invoice | str)
    assert_type(free.run_sync("x", deps=DB()).output, Invoice | str)


async def streams() -> None:
    """A stream's result and elements have the output's types; what grows may lack anything, so that it is Any."""
    async with Agent("x", output=Invoice | Receipt).stream("x") as stream:
        assert_type(stream, AgentStream[Invoice | Receipt])
        async for partial in stream.partials():
            assert_type(partial, Any)
        assert_type(stream.result, Result[Invoice | Receipt])
        assert_type(stream.result.output, Invoice | Receipt)
    async with Agent("x", output=list[Invoice | Receipt]).stream("x") as several:
        async for item in several.items():
            assert_type(item, Invoice | Receipt)
        assert_type(several.result.output, list[Invoice | Receipt])
    async with Agent("x", output=OutputSpec(list[Entry], "native")).stream("x") as entries:
        async for entry in entries.items():
            assert_type(entry, Entry)
    async with Agent("x", output=list[Entry] | None).stream("x") as maybe:
        async for entry in maybe.items():
            assert_type(entry, Entry)
    async with Agent("x", output=tuple[int, ...]).stream("x") as numbers:
        async for number in numbers.items():
            assert_type(number, int)
    with Agent("x", output=list[Point]).stream_sync("x") as blocking:
        assert_type(blocking, SyncStream[list[Point]])
        for point in blocking.items():
            assert_type(point, Point)
        for partial in blocking.partials():
            assert_type(partial, Any)
        assert_type(blocking.result.output, list[Point])


async def extraction() -> None:
    """Extraction gives the type that was asked for, sync and async."""
    assert_type(await extract(Invoice, "x"), Invoice)
    assert_type(await extract(list[Invoice], "x"), list[Invoice])
    assert_type(await extract(Invoice | Receipt, ["x", "y"]), Invoice | Receipt)
    assert_type(await extract(Invoice | None, "x"), Invoice | None)
    assert_type(await extract(Literal["a", "b"], "x"), Literal["a", "b"])
    assert_type(await extract(OutputSpec(Page[Point]), "x"), Page[Point])
    assert_type(await extract(weigh, "x"), float)
    assert_type(extract_sync(Invoice, "x", model="x"), Invoice)
    assert_type(extract_sync(Entry, "x"), Entry)
    assert_type(extract_sync(Point, "x"), Point)
    assert_type(extract_sync(Color, "x"), Color)
    assert_type(extract_sync(Invoice | str, "x"), Invoice | str)
    assert_type(extract_sync(OutputSpec(Invoice | None, "json"), "x"), Invoice | None)


def generic(kind: type[T], text: str) -> list[T]:
    """Whoever is generic may pass a type on."""
    assert_type(Agent("x", output=kind).run_sync(text).output, T)
    return [extract_sync(kind, text)]


def passed_on() -> None:
    """What is passed on keeps its type."""
    assert_type(generic(Invoice, "x"), list[Invoice])


async def many(agent: Agent[DB, Invoice | Receipt]) -> None:
    """A map's outcomes have the output's type."""
    texts = ["x", "y"]
    assert_type(agent.map(texts, deps=DB()), Many[Invoice | Receipt])
    mapped = await agent.map(texts, deps=DB(), concurrency=2, store="x.sqlite")
    assert_type(mapped, MapResult[Invoice | Receipt])
    assert_type(mapped[0], Outcome[Invoice | Receipt])
    assert_type(mapped.outputs, list[Invoice | Receipt])
    assert_type(mapped.done, tuple[Outcome[Invoice | Receipt], ...])
    assert_type(mapped.summary, Summary)
    for outcome in mapped:
        assert_type(outcome.output, Invoice | Receipt)
        assert_type(outcome.error, Exception | None)
    async for outcome in agent.map(texts, deps=DB(), ordered=False):
        assert_type(outcome, Outcome[Invoice | Receipt])
    async with agent.map(texts, deps=DB(), on_error="raise") as several:
        async for outcome in several:
            assert_type(outcome.output, Invoice | Receipt)
    blocking = Agent("x", output=list[Entry])
    assert_type(blocking.map_sync(texts), SyncMany[list[Entry]])
    assert_type(blocking.map_sync(texts).result(), MapResult[list[Entry]])
    assert_type(blocking.map_sync(texts).result().outputs, list[list[Entry]])
    for one in blocking.map_sync([["a text", media.image("cat.png")]]):
        assert_type(one.output, list[Entry])
    with blocking.map_sync(texts) as left_early:
        for one in left_early:
            assert_type(one, Outcome[list[Entry]])


async def refused(agent: Agent[None, Invoice], free: Agent[None, Invoice | str]) -> None:
    """What is wrong is told before it runs; a comment that nothing needs any more is an error itself."""
    _ = agent.run_sync("x").output.vendor  # type: ignore[attr-defined] # no such field
    _ = free.run_sync("x").output.total  # type: ignore[union-attr] # a text has none
    number: int = extract_sync(Invoice, "x")  # type: ignore[assignment] # an invoice
    text: str = await extract(Invoice | str, "x")  # type: ignore[arg-type] # an invoice or a text
    _ = number, text
    _ = OutputSpec(Invoice, "yaml")  # type: ignore[call-overload] # no such mode
    _ = OutputSpec(Invoice, retries="2")  # type: ignore[call-overload] # no number
    _ = OutputSpec(Invoice, validators=["total"])  # type: ignore[list-item] # no function
    _ = Agent("x", output=3)  # type: ignore[call-overload] # a value, no type
    _ = Agent("x", output=Invoice, tool=[])  # type: ignore[call-overload] # it is `tools`
    _ = Agent[DB, str]("x", output=fetch)  # type: ignore[arg-type] # it gives an invoice
    _ = Agent[DB, Receipt]("x", output=Invoice)  # type: ignore[arg-type] # another type
    _ = Agent[DB, float]("x", output=weigh).run_sync("x", deps="a")  # type: ignore[arg-type] # other deps
    _ = extract_sync(Invoice)  # type: ignore[call-overload] # out of what?
    _ = extract_sync(Invoice, "x", temperature=1)  # type: ignore[call-overload] # a setting
    _ = extract_sync(3, "x")  # type: ignore[call-overload] # a value, no type
    async with agent.stream("x") as stream:
        _ = stream.items()  # type: ignore[misc] # an invoice is no list
    with agent.stream_sync("x") as blocking:
        _ = blocking.items()  # type: ignore[misc] # the same
    _ = agent.map([1, 2])  # type: ignore[list-item] # no prompts
    _ = agent.map(["x"], on_error="ignore")  # type: ignore[arg-type] # no such way
    _ = agent.map(["x"], deps="a")  # type: ignore[arg-type] # other deps
    _ = (await agent.map(["x"])).outputs[0].rows  # type: ignore[attr-defined] # no such field
