"""The file of the sessions: looked at before it is changed, and used from worker threads, a transaction at a time.

`sqlite` keeps sessions in it; this knows its version only.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from agentkit.errors import ConfigurationError
from agentkit.session.table import to_the_end
from agentkit.sqlite import SqliteFile, set_wal
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
        try:
            self._file = SqliteFile(path, partial(_prepare, str(path), mark, version, schema), patience=_PATIENCE)
            self._file.use(lambda _: None)
        except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a zero byte in the name
            raise ConfigurationError(
                f"The file {str(self.path)!r} cannot be used for sessions: {error}. Name a file in a folder that "
                "exists and can be written, a new one or one that a session store made."
            ) from error

    async def act(self, function: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something in a transaction of its own, in a worker thread; a cancelled caller waits for its end.

        Raises:
            OSError: SQLite could not do it; nothing of it was done.
        """
        try:
            return await to_the_end(run_in_thread(lambda: self._file.use(partial(_in_transaction, function))))
        except sqlite3.Error as error:
            raise OSError(f"The sessions in {str(self.path)!r} cannot be reached: {error}") from error

    def close(self) -> None:
        """Close the file; again is no error, and a later use opens it again."""
        self._file.close()


def _prepare(path: str, mark: int, version: int, schema: str, db: sqlite3.Connection) -> None:
    db.execute("PRAGMA foreign_keys = ON")
    made = _is_made(path, mark, version, db)  # before anything is changed
    set_wal(db)
    if made:
        return
    with _transaction(db):
        if _is_made(path, mark, version, db):
            return  # by another process, just now
        for statement in schema.split(";"):  # `executescript` would end the transaction
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {mark}")
        db.execute(f"PRAGMA user_version = {version}")


def _is_made(path: str, mark: int, version: int, db: sqlite3.Connection) -> bool:
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # first: what marks them is there then
    (marked,), (made,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version"))
    if tables and marked != mark:
        raise ConfigurationError(
            f"The file {path!r} is a database of something else, and was left as it is. "
            "Name a new file, or one that a session store made."
        )
    if made > version:
        raise ConfigurationError(
            f"The sessions in {path!r} have version {made}; this agentkit reads version "
            f"{version}. Go on with the release that made them, or name a new file."
        )
    return bool(tables)


def _in_transaction(function: Callable[[sqlite3.Connection], _T], db: sqlite3.Connection) -> _T:
    with _transaction(db):
        return function(db)


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
