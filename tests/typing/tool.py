"""Tools as type checkers see them; nothing here runs."""

from collections.abc import Sequence
from typing import Any

from typing_extensions import assert_type

from agentkit.tools import Context, Function, Tool, tool


class Database: ...


class Replica(Database): ...


class Mail: ...


@tool
def bare(city: str) -> str:
    return city


@tool(name="other", timeout=5.0, strict=True)
async def with_options(city: str, days: int = 1) -> str:
    return city * days


@tool
def with_deps(context: Context[Database], city: str) -> str:
    return city


@tool(sequential=True)
async def with_deps_and_options(context: Context[Database]) -> None: ...


@tool
def with_mail(context: Context[Mail]) -> None: ...


def plain(city: str) -> str:
    return city


class Lamp:
    @tool
    def switch(self, on: bool) -> bool:
        return on

    def dim(self, level: int) -> int:
        return level


assert_type(bare, Tool[Any])
assert_type(with_options, Tool[Any])
assert_type(with_deps, Tool[Database])
assert_type(with_deps_and_options, Tool[Database])
assert_type(tool(plain), Tool[Any])
assert_type(tool(plain, name="p"), Tool[Any])
assert_type(Lamp().switch, Tool[Any])
assert_type(with_deps.replace(name="x"), Tool[Database])


def database_tools(tools: Sequence[Tool[Database] | Function]) -> None: ...


def replica_tools(tools: Sequence[Tool[Replica] | Function]) -> None: ...


database_tools([bare, with_options, with_deps, with_deps_and_options, plain, Lamp().dim, Lamp().switch])
replica_tools([with_deps])  # what works with any Database works with a Replica
database_tools([with_mail])  # type: ignore[list-item] # pyright: ignore[reportArgumentType] # it needs other deps


def use(context: Context[Replica]) -> Context[Database]:
    return context  # what reads a Database from its context may be given one with a Replica
