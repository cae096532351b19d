"""`SqliteStore`: conversations in one file of SQLite, shared among threads and processes of one machine."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from time import time
from typing import Any, TypeVar

from agentkit.session.database import Database
from agentkit.session.table import SCHEMA, Tables, TableStore
from agentkit.tools.thread import run_in_thread

__all__ = ["SqliteStore"]

_T = TypeVar("_T")
_MARK = 0x61676B73  # "agks", SQLite's application_id of a file that is ours
_VERSION = 1
_WORDS = {"p": "", "now": ":now", "real": "REAL", "end": "WITHOUT ROWID"}


class SqliteStore(TableStore):
    """Keeps sessions in a file, which is made with the rights 0600: conversations are private.

    SQLite's calls run in a worker thread. The file is in WAL mode (`-wal` and `-shm` stand beside it while it is open);
    on network file systems it may not be shared. What was kept survives a `kill -9` and a power cut. The `SqliteStore`
    of `agentkit.around` is another one, for replies: each wants a file of its own.

    Args:
        path: The file; its folder must exist.
        lease: Seconds after which a session is free again whose run was killed, or whose process stands still.

    Raises:
        ConfigurationError: At once, where the file cannot be opened, holds something else, or is of a later version.
    """

    def __init__(self, path: str | os.PathLike[str], *, lease: float = 30.0) -> None:
        super().__init__(os.fspath(path), lease)
        self._file = Database(path, _MARK, _VERSION, SCHEMA.format(**_WORDS))

    async def act(self, function: Callable[[Tables], _T]) -> _T:
        """Call a function in a transaction; a cancelled caller waits for its end.

        Raises:
            OSError: SQLite could not do it; nothing of it was done.
        """
        return await self._file.act(lambda db: function(_Tables(db)))

    async def aclose(self) -> None:
        """Close the file; again is no error, and a later use opens it again."""
        await run_in_thread(self._file.close)


class _Tables:
    """The tables of the file; its clock is the machine's, for no other machine uses it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def change(self, statement: str, /, *rows: Mapping[str, Any]) -> int:
        now = time()
        return self._db.executemany(statement.format(**_WORDS), [{**row, "now": now} for row in rows]).rowcount

    def ask(self, statement: str, /, **values: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(statement.format(**_WORDS), values).fetchall()
