"""Files of SQLite for their owner only: made with the rights 0600, shared among threads, closed around a fork.

The stores of replies, sessions and maps use it; it knows nothing of what they keep.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

__all__ = ["SqliteFile", "make_private", "set_wal"]

_T = TypeVar("_T")


def make_private(path: str | os.PathLike[str]) -> None:
    """Make a file with the rights 0600, which SQLite gives those beside it too; one that exists stays as it is.

    Raises:
        OSError: It is not there and cannot be made.
    """
    with suppress(FileExistsError):  # one that exists is not opened by us: closing it would free SQLite's own locks
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def set_wal(db: sqlite3.Connection) -> None:
    """Put a file into WAL mode, in which readers and a writer do not wait for each other."""
    with suppress(sqlite3.OperationalError):  # locked: another process is just doing it, for the file
        db.execute("PRAGMA journal_mode = WAL")


class SqliteFile:
    """A connection that is opened when it is needed, and that threads use in turn.

    Before a fork it is closed, and parent and child open one each: SQLite's locks are not inherited, but what it knows
    of them is, so a child would write to a file that the parent takes away.

    Args:
        path: The file; where the working directory goes later makes no difference.
        prepare: Called with each new connection.
        patience: Seconds to wait for another process's transaction.

    Raises:
        ValueError: There is a zero byte in the path.
    """

    def __init__(
        self, path: str | os.PathLike[str], prepare: Callable[[sqlite3.Connection], None], *, patience: float
    ) -> None:
        if "\0" in os.fspath(path):
            raise ValueError("a zero byte is in the name")
        self._path = os.path.realpath(path)  # a link to a file that is not there would be refused as one that is
        self._prepare, self._patience = prepare, patience
        self._lock = threading.Lock()
        self._held: list[sqlite3.Connection] = []
        weakref.finalize(self, _close, self._held)
        _files.append(weakref.ref(self, _files.remove))

    def use(self, function: Callable[[sqlite3.Connection], _T]) -> _T:
        """Call a function with the connection.

        Raises:
            OSError: The file cannot be made.
            sqlite3.Error: It cannot be opened, or the function raised it.
        """
        with self._lock:
            if not self._held:
                self._held.append(self._opened())
            return function(self._held[0])

    def close(self) -> None:
        """Close the file; again is no error, and a later use opens it again."""
        with self._lock:
            _close(self._held)

    def before_fork(self) -> None:
        """Close the file and keep it closed."""
        self._lock.acquire()
        _close(self._held)

    def after_fork(self) -> None:
        """Let it be used again."""
        self._lock.release()

    def _opened(self) -> sqlite3.Connection:
        make_private(self._path)
        db = sqlite3.connect(self._path, timeout=self._patience, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db


_files: list[weakref.ref[SqliteFile]] = []
_forking: list[SqliteFile] = []


def _close(held: list[sqlite3.Connection]) -> None:
    while held:
        with suppress(sqlite3.Error):  # everything is committed; what cannot be tidied now is at the next opening
            held.pop().close()


def _before() -> None:
    for file in [one() for one in _files]:
        if file is not None:
            file.before_fork()
            _forking.append(file)


def _after() -> None:
    for file in [_forking.pop() for _ in tuple(_forking)]:  # before one is free for another fork
        file.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
