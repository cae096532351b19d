"""`SqliteStore`: replies in one file of SQLite, shared among threads and processes; `Cache` is handed it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import TypeVar

from agentkit.around.store import check_bound
from agentkit.errors import ConfigurationError
from agentkit.sqlite import SqliteFile, set_wal
from agentkit.tools.thread import run_in_thread

__all__ = ["SqliteStore"]

_T = TypeVar("_T")
_PATIENCE = 5.0  # seconds for another process's transaction

# The name has the version of what is kept: another version has a table of its own and never meets this one's.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS agentkit_reply_1 (key TEXT PRIMARY KEY, value BLOB NOT NULL, kept REAL NOT NULL);
CREATE INDEX IF NOT EXISTS agentkit_reply_1_kept ON agentkit_reply_1 (kept);
"""
_GET = "SELECT value FROM agentkit_reply_1 WHERE key = ? AND kept > ?"
_PUT = "INSERT OR REPLACE INTO agentkit_reply_1 VALUES (?, ?, ?)"
_FORGET = "DELETE FROM agentkit_reply_1 WHERE kept <= ?"


class SqliteStore:
    """Keeps values in a file, which is made with the rights 0600: replies may be private.

    SQLite's calls run in a worker thread. The file is in WAL mode (`-wal` and `-shm` stand beside it while it is open)
    and may be shared by several processes of one machine; on network file systems it may not.

    Args:
        path: The file; its folder must exist. Not one of `agentkit.session.SqliteStore`, which keeps conversations.
        seconds: How long a value is kept; older ones are deleted. None is for ever.

    Raises:
        ConfigurationError: At once, where the file cannot be opened or is no database.
    """

    def __init__(self, path: str | Path, *, seconds: float | None = None) -> None:
        check_bound("SqliteStore", "seconds", seconds)
        self._path = Path(path)
        self._seconds = seconds
        try:
            self._file = SqliteFile(path, _prepare, patience=_PATIENCE)
            self._file.use(lambda _: None)
        except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a zero byte in the name
            raise ConfigurationError(
                f"SqliteStore cannot use {str(path)!r}: {error}. Name a file in a folder that exists, "
                "a new one or one that a SqliteStore made."
            ) from error

    def __repr__(self) -> str:
        age = "" if self._seconds is None else f", seconds={self._seconds:g}"
        return f"SqliteStore({str(self._path)!r}{age})"

    async def get(self, key: str, /) -> bytes | None:
        """Give what is kept and not too old.

        Raises:
            OSError: The file cannot be read.
        """
        found = await self._run(lambda db: db.execute(_GET, (key, self._oldest())).fetchone())
        return None if found is None else bytes(found[0])

    async def put(self, key: str, value: bytes, /) -> None:
        """Keep a value.

        Raises:
            OSError: The file cannot be written.
        """

        def put(db: sqlite3.Connection) -> None:
            if self._seconds is not None:
                db.execute(_FORGET, (self._oldest(),))
            db.execute(_PUT, (key, value, time()))

        await self._run(put)

    async def aclose(self) -> None:
        """Close the file; again is no error, and a later use opens it again."""
        await run_in_thread(self.close)

    def close(self) -> None:
        """Close the file, for sync code; again is no error, and a later use opens it again."""
        self._file.close()

    async def _run(self, act: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return await run_in_thread(lambda: self._file.use(act))
        except sqlite3.Error as error:
            raise OSError(f"{self!r}: {error}") from error

    def _oldest(self) -> float:
        return 0.0 if self._seconds is None else time() - self._seconds


def _prepare(db: sqlite3.Connection) -> None:
    set_wal(db)
    db.execute("PRAGMA synchronous = NORMAL")  # of WAL: a power cut may lose the last replies, nothing else
    db.executescript(_SCHEMA)
