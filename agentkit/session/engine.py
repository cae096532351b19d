"""SQLAlchemy's engines for `SqlStore`: one for each event loop, closed when the loop ends at the latest.

It knows which databases and drivers there are and how their connections are set up, but no table.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sqlite3
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from agentkit.errors import ConfigurationError, MissingExtraError
from agentkit.secret import remember_secret, scrub
from agentkit.sqlite import make_private

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["Engines"]

_T = TypeVar("_T")
_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
"""What a URL may begin with, and whose driver it means."""

_SQLALCHEMYS = ("host", "port", "password", "ssl", "prepared_statement_cache_size")
"""What SQLAlchemy and asyncpg themselves read in a URL's query; all else is in the words of libpq."""

_PATIENCE = 30.0  # seconds for a transaction, of which ours take milliseconds, with the wait for a connection

_SHORTEST, _LONGEST = 5.0, 1e6  # seconds that a transaction may stand still
_OURS = 'pip install "agentkit-chat[sql]"'

_open: set[_Pool] = set()
"""All that may have connections, so that none is collected before they are closed."""


class Engines:
    """The ways to one database.

    Args:
        url: As SQLAlchemy has them; without a driver ours is taken.
        still: Seconds after which Postgres ends a transaction whose process stands still, so that others go on.
        options: More keywords of `create_async_engine`.

    Raises:
        ConfigurationError: The URL is none, or of a database that is not known here.
        MissingExtraError: A package is not installed.

    Attributes:
        place: The URL as errors may show it, without password and query.
        is_postgres: Else it is a file of SQLite.
    """

    def __init__(self, url: str | URL, still: float, options: Mapping[str, Any] | None) -> None:
        for name in ("sqlalchemy.ext.asyncio", "greenlet"):
            _need(name, "SqlStore needs the package sqlalchemy with its extra asyncio", _OURS)
        self._url = _parsed(url)
        self.place = self._url.set(query={}).render_as_string(hide_password=True)
        self.is_postgres = self._url.get_backend_name() == "postgresql"
        self._still = min(max(still, _SHORTEST), _LONGEST)
        self._options: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True}
        if self.is_postgres:  # a database may be set to a stricter one, in which who waited for another is refused
            self._options["isolation_level"] = "READ COMMITTED"
        self._options.update(options or {})
        if self._url.drivername == "postgresql+asyncpg":
            self._url, words = _in_words_of_libpq(self._url)
            self._options["connect_args"] = {**words, **self._options.get("connect_args", {})}
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[_Pool]] = WeakKeyDictionary()
        self._lock = threading.Lock()  # loops of several threads share one store

    async def act(self, function: Callable[[Connection], _T]) -> _T:
        """Call a function in a transaction.

        Raises:
            OSError: The database could not do it, or not in time.
        """
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 # of an extra

        patience = max(_PATIENCE, 2 * self._still)
        try:
            async with asyncio.timeout(patience), (await self._pool()).engine.begin() as connection:
                return await connection.run_sync(function)
        except TimeoutError as error:
            raise self._unreached(f"no answer within {patience:g} s") from error
        except SQLAlchemyError as error:
            raise self._unreached(str(getattr(error, "orig", None) or error)) from error
        except OSError as error:
            raise self._unreached(str(error)) from error

    async def aclose(self) -> None:
        """Close the connections of the running loop; those of other loops are closed with their loops."""
        known = self._pools.get(asyncio.get_running_loop())
        pool = known() if known is not None else None
        if pool is not None:
            await pool.aclose()

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        with self._lock:
            known = self._pools.get(loop)
            pool = known() if known is not None else None
            if pool is not None and pool.is_open:
                return pool
            pool = _Pool(self, self._made())
            self._pools[loop] = weakref.ref(pool)
        await pool.begin()
        return pool

    def _made(self) -> AsyncEngine:
        from sqlalchemy import event  # noqa: PLC0415 # of an extra
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 # of an extra

        if self.is_postgres:
            engine = create_async_engine(self._url, **self._options)
            limit = f"SET idle_in_transaction_session_timeout = {round(1000 * self._still)}"
            event.listen(engine.sync_engine, "connect", partial(_limit, limit))
            return engine
        make_private(str(self._url.database))
        engine = create_async_engine(self._url, **self._options)
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
        return engine

    def _unreached(self, reason: str) -> OSError:
        return OSError(f"The sessions in {self.place!r} cannot be reached: {scrub(reason.partition(chr(10))[0])}")


class _Pool:
    """An engine on one event loop, closed when that ends, by `aclose`, or some time after its owner is gone."""

    def __init__(self, owner: Engines, engine: AsyncEngine) -> None:
        self.engine = engine
        self.owner, self.loop, self._pid = weakref.ref(owner), asyncio.get_running_loop(), os.getpid()
        self._keeper = self._keep()

    @property
    def is_open(self) -> bool:
        """Tell whether it may be used: it was not closed, and is no copy of a parent process's."""
        return self in _open and self._pid == os.getpid()

    async def begin(self) -> None:
        """Look to it that it will be closed, and close what nobody has any more."""
        others = tuple(_open)
        _open.add(self)
        await anext(self._keeper)
        for other in others:
            if other.loop.is_closed():  # by hand, without the end of `_keep`
                _open.discard(other)
            elif other.loop is self.loop and other.owner() is None:
                await other.aclose()

    async def aclose(self) -> None:
        """Close the connections; again is no error."""
        await self._keeper.aclose()

    async def _keep(self) -> AsyncGenerator[None]:
        """End when the loop shuts its async generators down, as `asyncio.run` and all runners do at the end."""
        try:
            yield
        finally:
            if self._pid == os.getpid():  # else they are the parent's
                _open.discard(self)
                await self.engine.dispose()


def _limit(statement: str, connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(statement)
    cursor.close()
    connection.commit()


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # it begins no transaction by itself
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {round(1000 * _PATIENCE)}")
    with suppress(sqlite3.OperationalError):  # locked: another process is just doing it, for the file
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _in_words_of_libpq(url: URL) -> tuple[URL, dict[str, str]]:
    """Take what asyncpg must read out of the query: `sslmode` and the like are in the URLs that hosts give."""
    theirs = {name: value for name, value in url.query.items() if name not in _SQLALCHEMYS}
    return url.difference_update_query(theirs), {"dsn": f"postgresql://?{urlencode(theirs)}"} if theirs else {}


def _parsed(url: str | URL) -> URL:
    from sqlalchemy import make_url  # noqa: PLC0415 # of an extra
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 # of an extra

    parsed = None
    with suppress(ArgumentError, ValueError):
        parsed = make_url(url)
    # where an @ is in a password, what follows would be taken for the host, and shown
    if parsed is None or (parsed.password and str(url).partition("://")[2].partition(":")[2].count("@") > 1):
        raise ConfigurationError(
            "The URL of a SqlStore cannot be read; it is not shown here, for a password may be in it. Give one like "
            "postgresql://user:password@host:5432/database, with %40 for an @ in the password."
        )
    for secret in (parsed.password, parsed.query.get("password")):
        remember_secret(str(secret or ""))
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ConfigurationError(
            f"A SqlStore cannot use {parsed.drivername!r}. Give a URL that begins with postgresql:// (or "
            "postgresql+asyncpg://, postgresql+psycopg://) or sqlite:/// and the path of a file."
        )
    package = driver.partition("+")[2]
    advice = 'pip install "psycopg[binary]"' if package == "psycopg" else _OURS
    _need(package, f"A SqlStore of {driver} needs the package {package}", advice)
    if not driver.startswith("sqlite"):
        return parsed.set(drivername=driver)
    file = parsed.database or ":memory:"
    if file.startswith((":", "file:")):
        raise ConfigurationError(
            f"A SqlStore cannot use {file!r}: each connection would have a database of its own. "
            "Give the path of a file: sqlite:///chat.db, or sqlite:////srv/chat.db."
        )
    return parsed.set(drivername=driver, database=os.path.realpath(file))


def _need(module: str, what: str, advice: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{what}, and it is not installed. Install it: {advice}.") from error
