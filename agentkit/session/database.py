"""One file of SQLite for this process: opened once, looked at before it is changed, used from worker threads.

`sqlite` keeps sessions in it; this knows its version and rights only.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from agentkit.errors import ConfigurationError
from agentkit.tools.thread import run_in_thread

__all__ = ["Database"]

_T = TypeVar("_T")
_PATIENCE = 30.0  # seconds for another process's transaction, of which ours take milliseconds


class Database:
    """A file that is made with the rights 0600, in WAL mode, shared among threads and processes of one machine.

    Args:
        path: The file; its folder must exist.
        mark: SQLite's `application_id` of files that are ours.
        version: Of the schema.
        schema: Statements that make it, for a new file.

    Raises:
        ConfigurationError: It cannot be opened, holds something else, or is of a later version.
    """

    def __init__(self, path: str | os.PathLike[str], mark: int, version: int, schema: str) -> None:
        self.path = Path(path)
        self._mark, self._version, self._schema = mark, version, schema
        self._open: dict[int, _Connection] = {}  # by process: SQLite's may not be used in a forked child, nor its lock
        weakref.finalize(self, _close, self._open)
        try:
            self._connection().act(lambda _: None, self._opened)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"The file {str(self.path)!r} cannot be used for sessions: {error}. Name a file in a folder that "
                "exists and can be written, a new one or one that a session store made."
            ) from error

    async def act(self, function: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something in a transaction of its own, in a worker thread; a cancelled caller waits for its end.

        Raises:
            OSError: SQLite could not do it; nothing of it was done.
        """
        doing = asyncio.ensure_future(run_in_thread(self._connection().act, function, self._opened))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.wait({doing})  # it takes milliseconds, and whoever was cancelled must know what is true
            raise
        except sqlite3.Error as error:
            raise OSError(f"The sessions in {str(self.path)!r} cannot be reached: {error}") from error

    def close(self) -> None:
        """Close the file; again is no error, and a later use opens it again."""
        self._connection().close()

    def _connection(self) -> _Connection:
        return self._open.setdefault(os.getpid(), _Connection())

    def _opened(self) -> sqlite3.Connection:
        with suppress(FileExistsError):  # one that exists is not opened by us: closing it would free SQLite's own locks
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA foreign_keys = ON")
            with suppress(sqlite3.OperationalError):  # locked: another process is just doing it, for the file
                db.execute("PRAGMA journal_mode = WAL")
            if not self._is_made(db):
                with _transaction(db):
                    self._make(db)
        except BaseException:
            db.close()
            raise
        return db

    def _is_made(self, db: sqlite3.Connection) -> bool:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # first: what marks them is there then
        (mark,), (version,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version"))
        if tables and mark != self._mark:
            raise ConfigurationError(
                f"The file {str(self.path)!r} is a database of something else, and was left as it is. "
                "Name a new file, or one that a session store made."
            )
        if version > self._version:
            raise ConfigurationError(
                f"The sessions in {str(self.path)!r} have version {version}; this agentkit reads version "
                f"{self._version}. Go on with the release that made them, or name a new file."
            )
        return bool(tables)

    def _make(self, db: sqlite3.Connection) -> None:
        if self._is_made(db):
            return  # by another process, just now
        for statement in self._schema.split(";"):  # `executescript` would end the transaction
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {self._mark}")
        db.execute(f"PRAGMA user_version = {self._version}")


class _Connection:
    """A connection, opened when it is needed, and the lock that threads take in turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def act(self, function: Callable[[sqlite3.Connection], _T], opened: Callable[[], sqlite3.Connection]) -> _T:
        with self._lock:
            if self._db is None:
                self._db = opened()
            with _transaction(self._db):
                return function(self._db)

    def close(self) -> None:
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                with suppress(
                    sqlite3.Error
                ):  # everything is committed; what cannot be tidied now is at the next opening
                    db.close()


@contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None, None, None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _close(connections: dict[int, Any]) -> None:
    mine = connections.pop(os.getpid(), None)
    if mine is not None:
        mine.close()
