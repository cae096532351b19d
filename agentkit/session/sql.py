"""`SqlStore`: conversations in Postgres, shared among machines, or in a file of SQLite by the same code."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

from agentkit.errors import ConfigurationError
from agentkit.session.engine import Engines
from agentkit.session.table import SCHEMA, Tables, TableStore, to_the_end

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, CursorResult

__all__ = ["SqlStore"]

_T = TypeVar("_T")
_VERSION = 1
_POSTGRES = {
    "now": "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)",  # of now, not of the transaction's begin
    "real": "DOUBLE PRECISION",
    "end": "",
}
_SQLITE = {"now": ":now", "real": "REAL", "end": "WITHOUT ROWID"}


class SqlStore(TableStore):
    """Keeps sessions in a database that SQLAlchemy reaches; they mean the same as in a `SqliteStore`.

    Made at no cost: the first use connects, and makes the tables where there are none. Leases go by the clock of the
    database, so those of the machines need not agree. Connections belong to one event loop, a pool to each, and are
    closed when it ends; `run_sync` has a loop of its own. Nothing is held between two steps of a turn, so a pool of a
    few connections serves many sessions.

    Args:
        url: `postgresql://user:password@host/database` (by asyncpg; `postgresql+psycopg://` by psycopg), or
            `sqlite:///chat.db` (by aiosqlite). No repr or error shows its password.
        lease: Seconds after which a session is free again whose run was killed, or whose process stands still.
        prefix: What the names of the tables begin with; stores with different ones know nothing of each other.
        options: More keywords of SQLAlchemy's `create_async_engine`: `pool_size`, `connect_args` ...

    Raises:
        ConfigurationError: The URL is none, of another kind of database, or another argument is not as it must be; at
            the first use: the tables are of a later version.
        MissingExtraError: The extra `sql`, or the driver's package, is not installed.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        lease: float = 30.0,
        prefix: str = "agentkit_",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._engines = Engines(url, lease, options)
        super().__init__(self._engines.place, lease)
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,49}", prefix):
            raise ConfigurationError(
                f"The prefix of a SqlStore's tables is {prefix!r}. Give at most 50 of a to z, 0 to 9 and _, "
                "the first no digit."
            )
        self._words = {"p": prefix, **(_POSTGRES if self._engines.is_postgres else _SQLITE)}
        self._made = False

    async def act(self, function: Callable[[Tables], _T]) -> _T:
        """Call a function in a transaction; a cancelled caller waits for its end.

        Raises:
            OSError: The database could not do it. Nothing of it was done, unless the connection broke while the
                transaction was being ended: then it may have been.
        """
        made = self._made
        found = await to_the_end(self._engines.act(lambda connection: self._done(connection, made, function)))
        self._made = True
        return found

    async def aclose(self) -> None:
        """Close the connections of the running loop; those of other loops are closed with their loops.

        Again is no error, and a later use opens new ones.
        """
        await self._engines.aclose()

    def _done(self, connection: Connection, made: bool, function: Callable[[Tables], _T]) -> _T:
        tables = _Tables(connection, self._words)
        if not made:
            self._prepare(connection, tables)
        return function(tables)

    def _prepare(self, connection: Connection, tables: _Tables) -> None:
        """Make the tables, in the same transaction as their first use, or see that they are of our version."""
        from sqlalchemy import inspect  # noqa: PLC0415 # of an extra

        name = "{p}version".format(**self._words)
        if not inspect(connection).has_table(name):
            if self._engines.is_postgres:  # else another process might make them now; SQLite lets in one at a time
                tables.ask("SELECT pg_advisory_xact_lock(:key)", key=zlib.crc32(name.encode()))
            if not inspect(connection).has_table(name):
                for statement in SCHEMA.split(";"):
                    tables.change(statement, {})
                tables.change("CREATE TABLE {p}version (version INTEGER NOT NULL)", {})
                tables.change("INSERT INTO {p}version VALUES (:version)", {"version": _VERSION})
        ((version,),) = tables.ask("SELECT max(version) FROM {p}version")
        if version > _VERSION:
            raise ConfigurationError(
                f"The sessions in {self._place!r} have version {version}; this agentkit reads version {_VERSION}. "
                "Go on with the release that made them, or give another prefix."
            )


class _Tables:
    """The tables by a connection of SQLAlchemy; a file of SQLite has the machine's clock."""

    def __init__(self, connection: Connection, words: Mapping[str, str]) -> None:
        from sqlalchemy import text  # noqa: PLC0415 # of an extra

        self._connection, self._words, self._text = connection, words, text

    def change(self, statement: str, /, *rows: Mapping[str, Any]) -> int:
        now = time()
        values = [{**row, "now": now} for row in rows]
        return self._run(statement, values[0] if len(values) == 1 else values).rowcount

    def ask(self, statement: str, /, **values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._run(statement, values)]

    def _run(self, statement: str, values: Any) -> CursorResult[Any]:
        return self._connection.execute(self._text(statement.format(**self._words)), values)
