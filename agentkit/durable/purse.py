"""What the runs of a map over workers may spend together, and have spent: a `Purse`, whose rows are in the database.

The map opens it; each worker that has a run of that map counts in it. Which runs there are, is not known here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any
from weakref import WeakKeyDictionary

from pydantic_core import from_json

from agentkit.agent.result import Result
from agentkit.durable.book import Book
from agentkit.durable.engine import Engine
from agentkit.durable.part import plain_terms
from agentkit.durable.record import Record, line_of
from agentkit.errors import ConfigurationError, JournalError
from agentkit.model import ledgers
from agentkit.state.ledger import Ledger, guard, row_of, spent_of
from agentkit.state.limit import RunLimits
from agentkit.state.spent import NOTHING, Spent

__all__ = ["Purse", "spending"]

_log = logging.getLogger("agentkit.durable")

_AGAIN = 1.0  # seconds until a database that is away is asked again
_COLUMNS = ("requests", "tool_calls", "input_tokens", "output_tokens", "cost", "unpriced")  # in the order of a row

_AT_ONCE = 500  # runs that are asked for in one statement

_PURSES = "CREATE TABLE IF NOT EXISTS agentkit_purse (name TEXT PRIMARY KEY, limits TEXT NOT NULL)"
_SPENT = f"""CREATE TABLE IF NOT EXISTS agentkit_spent (purse TEXT NOT NULL, run_id TEXT NOT NULL,
    {", ".join(f"{name} BIGINT NOT NULL" for name in _COLUMNS)}, PRIMARY KEY (purse, run_id))"""
_OPEN = """INSERT INTO agentkit_purse VALUES (:name, :limits)
    ON CONFLICT (name) DO UPDATE SET limits = excluded.limits"""
_MORE = "{0} = CASE WHEN excluded.{0} > agentkit_spent.{0} THEN excluded.{0} ELSE agentkit_spent.{0} END"
_WRITE = f"""INSERT INTO agentkit_spent VALUES (:purse, :run_id, {", ".join(f":{name}" for name in _COLUMNS)})
    ON CONFLICT (purse, run_id) DO UPDATE SET {", ".join(_MORE.format(name) for name in _COLUMNS)}"""  # noqa: S608 # of names that are here
_READ = f"""SELECT limits, {", ".join(f"COALESCE(SUM({name}), 0)" for name in _COLUMNS)}
    FROM agentkit_purse LEFT JOIN agentkit_spent ON purse = name WHERE name = :name GROUP BY limits"""  # noqa: S608 # of names that are here

_COUNT = "SELECT COUNT(*) FROM agentkit_spent WHERE purse = :purse AND run_id IN ({})"


class Purse:
    """One map's budget: bounds, and of each run how much it has spent by now.

    A run's row says how much that is in all, never how much more: whoever takes the run over writes the same again, and
    nothing counts twice. It only grows, so that a worker that was frozen takes nothing back.

    Args:
        engine: The database.
        name: What it is called there.
        ledger: Gets the bounds, and what was spent by all; the runs of this process spend from it, too.
    """

    def __init__(self, engine: Engine, name: str, ledger: Ledger) -> None:
        self._engine, self._name, self.ledger = engine, name, ledger
        self.tabs: dict[str, Ledger] = {}
        self._written: dict[str, Spent] = {}
        self._trading = asyncio.Lock()
        self._asked = self._answered = 0
        self._has_tables = False

    async def open(self, limits: RunLimits) -> None:
        """Make it with these bounds, or give it these in the place of earlier ones; what was spent of it stays.

        Raises:
            JournalError: The database cannot be reached.
        """
        await asyncio.to_thread(self._make, line_of(plain_terms(limits=limits)["limits"]))
        await self.settle()

    async def settle(self) -> None:
        """Write what the runs here have spent, and read what all have; those who ask meanwhile share the next time.

        Raises:
            JournalError: The database cannot be reached.
        """
        self._asked += 1
        place = self._asked
        async with self._trading:
            if self._answered < place:
                upto = self._asked
                await self._trade()
                self._answered = upto

    async def _trade(self) -> None:
        taken = {run_id: (tab, tab.spent) for run_id, tab in self.tabs.items()}
        new = {run_id: spent for run_id, (_, spent) in taken.items() if self._written.get(run_id, NOTHING) != spent}
        limits, total = await asyncio.to_thread(self._exchange, new)
        self._written = {**self._written, **new}
        with guard():  # tools in threads spend meanwhile
            for run_id, (tab, spent) in taken.items():
                if self.tabs.get(run_id) is tab:  # else it was lost and taken up again, and has another
                    total += tab.spent - spent
            self.ledger.bind(limits)
            self.ledger.begin(total, NOTHING, NOTHING)

    def remove(self) -> None:
        """Forget it and what was spent from it, in the database; where there is none, that is all right.

        Raises:
            JournalError: The database cannot be reached.
        """
        self._make_tables()
        self._engine.execute("DELETE FROM agentkit_spent WHERE purse = :name", name=self._name)
        self._engine.execute("DELETE FROM agentkit_purse WHERE name = :name", name=self._name)

    def forget(self, run_id: str, tab: Ledger) -> None:
        """Let go of a run that goes on here no more, by this tab."""
        if self.tabs.get(run_id) is tab:
            del self.tabs[run_id]
            self._written.pop(run_id, None)

    async def count(self, run_ids: Sequence[str]) -> int:
        """Count which of some runs have spent something.

        Raises:
            JournalError: The database cannot be reached.
        """
        return await asyncio.to_thread(self._count, run_ids)

    def _count(self, run_ids: Sequence[str]) -> int:
        found = 0
        for begin in range(0, len(run_ids), _AT_ONCE):
            named = {f"run{number}": one for number, one in enumerate(run_ids[begin : begin + _AT_ONCE])}
            places = ", ".join(f":{name}" for name in named)
            ((count,),) = self._engine.execute(_COUNT.format(places), purse=self._name, **named)
            found += count
        return found

    def _make(self, limits: str) -> None:
        self._make_tables()
        self._engine.execute(_OPEN, name=self._name, limits=limits)

    def _make_tables(self) -> None:
        for table in (_PURSES, _SPENT) if not self._has_tables else ():
            try:
                self._engine.execute(table)
            except JournalError:  # Postgres refuses the second of two that make it at the same time
                self._engine.execute(table)
        self._has_tables = True

    def _exchange(self, new: dict[str, Spent]) -> tuple[RunLimits, Spent]:
        self._make_tables()
        if new:
            owned = [{"purse": self._name, "run_id": one, **_plain(spent)} for one, spent in sorted(new.items())]
            self._engine.execute_each(_WRITE, owned)
        rows = self._engine.execute(_READ, name=self._name)
        if not rows:
            raise ConfigurationError(
                f"The database has no budget {self._name!r}, from which a run is to spend. Leave `budget` out of "
                "`submit`: it is for maps, which make theirs first."
            )
        ((limits, *sums),) = rows
        known = {one.name for one in fields(RunLimits) if one.init}
        bounds = {name: value for name, value in from_json(limits).items() if name in known}
        return RunLimits(**bounds), spent_of([int(one) for one in sums])


class _Spending:
    """The book of a run that spends from a purse: asked before each request, told after each reply."""

    def __init__(self, book: Book, purse: Purse) -> None:
        self._book, self._purse = book, purse

    async def note(self, record: Record, *, sure: bool = False) -> None:
        """Write a record; before that of a request learn what the others have spent."""
        if record.kind == "asking":
            await self.settle()
        await self._book.note(record, sure=sure)

    async def act(self, name: str, body: Callable[[], Awaitable[Record]]) -> Record:
        """Carry out an effect; what a reply cost is told when it is on record, whose fold it is read from then."""
        record = await self._book.act(name, body)
        if record.kind == "replied":
            await self.settle()
        return record

    async def below(self, run_id: str, body: Callable[[], Awaitable[Result[Any]]]) -> Result[Any]:
        """Carry out the run of an agent that a call began."""
        return await self._book.below(run_id, body)

    async def settle(self) -> None:
        """Tell and learn, as soon as the database can be reached."""
        told = False
        while True:
            try:
                return await self._purse.settle()
            except JournalError as error:  # nothing is asked while it is not known what is left
                level = logging.DEBUG if told else logging.WARNING  # once, however long it is away
                _log.log(level, "What is left of a budget could not be read, and is asked again: %s", error)
                told = True
                await asyncio.sleep(_AGAIN)


_purses: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Engine, str], Purse]] = WeakKeyDictionary()


@asynccontextmanager
async def spending(book: Book, engine: Engine, name: str, run_id: str, spent: Spent) -> AsyncGenerator[Book]:
    """Have the run of this task spend from a purse, which all runs on this event loop share, and give its book.

    Args:
        book: The run's.
        engine: The database.
        name: The purse; empty for none.
        run_id: The run.
        spent: What is on record of it.
    """
    if not name:
        yield book
        return
    purses = _purses.setdefault(asyncio.get_running_loop(), {})
    purse = purses.setdefault((engine, name), Purse(engine, name, Ledger(owner="map")))
    tab = purse.tabs[run_id] = Ledger()
    tab.begin(spent, NOTHING, NOTHING)
    before = ledgers.set((purse.ledger, tab, *ledgers.get()))
    kept = _Spending(book, purse)
    try:
        await kept.settle()  # what bounds the run is asked for at its start
        yield kept
    finally:
        ledgers.reset(before)
        try:
            await purse.settle()
        except JournalError as error:  # of what no record has; the next worker of this run tells of the rest
            _log.warning("What the run %s spent last could not be written: %s", run_id, error)
        finally:
            purse.forget(run_id, tab)
            if not purse.tabs:
                purses.pop((engine, name), None)


def _plain(spent: Spent) -> dict[str, Any]:
    return dict(zip(_COLUMNS, row_of(spent), strict=True))
