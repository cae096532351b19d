"""Transactions on one file of SQLite: quick ones at once, the others by a thread that commits together what waits.

The journal's file uses it; what is written is not known here.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from agentkit.sqlite import SqliteFile

__all__ = ["Job", "Writer"]

_T = TypeVar("_T")

Job = Callable[[sqlite3.Connection], _T]
"""What is done within a transaction; what it raises itself, it raises before it has changed anything."""

_MOST_TOGETHER = 1000
_MOST_UNTIDIED = 500  # quick jobs in a row, before the thread moves what they wrote from the log into the file
_Waiting = tuple[Job[Any], bool, asyncio.AbstractEventLoop, "asyncio.Future[Any]"]
_Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Writer:
    """Does jobs in transactions, on behalf of any thread and event loop.

    A quick one is done on the loop itself while the thread has nothing to do, which takes some 30 us; by the thread it
    would take 110. The thread does those that must be on the disk (an fsync takes from 0.1 to 10 ms, one for all that
    wait), those that another process's transaction hinders, and those that come while it is at work.

    Args:
        path: The file.
        prepare: Called with each new connection, and may refuse it.
        patience: Seconds to wait for another process's transaction.
    """

    def __init__(self, path: str, prepare: Callable[[sqlite3.Connection], None], *, patience: float) -> None:
        self._file = SqliteFile(path, prepare, patience=patience)
        self._quick = SqliteFile(path, partial(_prepare_quick, prepare), patience=0)
        self._file.use(lambda _: None)
        self._lock = threading.Lock()
        self._queue: SimpleQueue[list[_Waiting] | None] | None = None
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        self._end: Callable[[], Any] = _nothing
        self._waiting = self._untidied = 0
        _writers.append(weakref.ref(self, _writers.remove))

    async def act(self, job: Job[_T], *, sure: bool = False, quick: bool = True, alone: bool = False) -> _T:
        """Do a job in a transaction; a cancelled caller waits for its end.

        Args:
            job: What is done.
            sure: Whether it must survive a power cut when this returns; what was done before it does so too.
            quick: Whether it is small enough to be done on the event loop.
            alone: Whether it is one statement, which needs no transaction around it.

        Raises:
            OSError: The file was taken away.
            sqlite3.Error: SQLite could not do it; nothing of it was done.
            asyncio.CancelledError: The caller was cancelled meanwhile; its cause is what the job raised, if it did.
        """
        if quick and not sure and not self._waiting and self._untidied < _MOST_UNTIDIED:
            try:
                done = self._quick.use(job if alone else partial(_alone, job))
            except (OSError, sqlite3.Error):
                pass  # hindered; where it is more than that, the thread fails as well
            else:
                self._untidied += 1
                return done
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._send((job, sure, loop, future))
        cancelled: asyncio.CancelledError | None = None
        try:
            while not future.done():
                try:
                    await asyncio.wait((future,))
                except asyncio.CancelledError as error:
                    cancelled = error
        finally:
            with self._lock:
                self._waiting -= 1
        if cancelled is not None:
            raise cancelled from future.exception()
        return future.result()

    def drop(self) -> None:
        """Close the connections, so that the next job opens the file anew."""
        self._quick.close()
        self._file.close()

    def close(self) -> None:
        """End the thread once it has done what waits, and close the file; a later job opens it again."""
        with self._lock:
            self._end()
            self._queue, self._end = None, _nothing
        self.drop()

    def forget(self) -> None:
        """Begin anew in a forked child, which has no thread; what waits is the parent's."""
        self._lock = threading.Lock()
        self._queue, self._end, self._waiting = None, _nothing, 0
        self._gathered.clear()

    def _send(self, waiting: _Waiting) -> None:
        """Hand a job over with all others of this turn of the loop, so that they share a commit."""
        loop = waiting[2]
        with self._lock:
            self._waiting += 1
            gathered = self._gathered.setdefault(loop, [])
            gathered.append(waiting)
        if len(gathered) == 1:
            loop.call_soon(self._hand_over, loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if self._queue is None:
                queue: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
                self._queue = queue
                # it gets what it needs, and not this: it must not keep it alive
                thread = threading.Thread(target=_work, args=(queue, self._file), name="agentkit-journal", daemon=True)
                thread.start()
                self._end = weakref.finalize(self, queue.put, None)
            self._queue.put(self._gathered.pop(loop, []))
            self._untidied = 0


def _nothing() -> None: ...


def _prepare_quick(prepare: Callable[[sqlite3.Connection], None], db: sqlite3.Connection) -> None:
    prepare(db)
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")  # which takes its time: the thread does it


def _work(queue: SimpleQueue[list[_Waiting] | None], file: SqliteFile) -> None:
    while (batch := queue.get()) is not None:
        ends = False
        while not ends and len(batch) < _MOST_TOGETHER and not queue.empty():
            following = queue.get()
            ends = following is None
            batch += following or []
        _settle_all(_commit(file, batch), batch)
        del batch  # what it holds must not live until the next one comes
        if ends:
            return


def _commit(file: SqliteFile, batch: list[_Waiting]) -> list[_Outcome]:
    try:
        return file.use(partial(_together, batch))
    except Exception as error:  # noqa: BLE001 # it belongs to those who wait
        return [(future, None, error) for _, _, _, future in batch]


def _together(batch: list[_Waiting], db: sqlite3.Connection) -> list[_Outcome]:
    sure = any(one for _, one, _, _ in batch)
    db.execute(f"PRAGMA synchronous = {'FULL' if sure else 'NORMAL'}")  # in WAL mode FULL is an fsync a commit
    outcomes: list[_Outcome] = []
    db.execute("BEGIN IMMEDIATE")
    try:
        for job, _, _, future in batch:
            try:
                outcomes.append((future, job(db), None))
            except sqlite3.Error:
                raise
            except Exception as error:  # noqa: BLE001 # it belongs to whoever gave the job; the others go on
                outcomes.append((future, None, error))
        db.execute("COMMIT")
    except BaseException:
        _roll_back(db)
        raise
    return outcomes


def _alone(job: Job[_T], db: sqlite3.Connection) -> _T:
    db.execute("BEGIN IMMEDIATE")
    try:
        outcome = job(db)
        db.execute("COMMIT")
    except BaseException:
        _roll_back(db)
        raise
    return outcome


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("ROLLBACK")


def _settle_all(outcomes: list[_Outcome], batch: list[_Waiting]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome, (_, _, loop, _) in zip(outcomes, batch, strict=True):
        by_loop.setdefault(loop, []).append(outcome)
    for loop, mine in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, mine)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _settle(outcomes: list[_Outcome]) -> None:
    for future, value, error in outcomes:
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


_writers: list[weakref.ref[Writer]] = []


def _forget() -> None:
    for writer in [one() for one in _writers]:
        if writer is not None:
            writer.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
