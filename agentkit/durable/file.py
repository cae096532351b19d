"""The file of a journal: its tables, and what is asked of them; `Hold` writes a run into it, the journal reads it.

What a record's data say is not known here.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from agentkit.durable.record import Kind, Record
from agentkit.durable.writer import Job, Writer
from agentkit.errors import ConfigurationError, JournalError, RunInUseError
from agentkit.sqlite import SqliteFile, set_wal
from agentkit.tools.thread import run_in_thread
from agentkit.wire.value import well_formed

__all__ = ["RecordFile", "RunSummary", "Shown", "Status"]

_T = TypeVar("_T")
_MARK = 0x61676B72  # "agkr", SQLite's application_id of a file that is ours
_VERSION = 1
_PATIENCE = 30.0  # seconds for another process's transaction, of which ours take milliseconds
_MOST = 2**63 - 1  # rows that SQLite can be asked for
_QUICK = 100_000  # characters of a record that is written on the event loop
_SCHEMA = """
CREATE TABLE journal (id TEXT NOT NULL);
INSERT INTO journal VALUES (lower(hex(randomblob(16))));
CREATE TABLE run (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, status TEXT, agent TEXT,
    prompt TEXT, began REAL, holder TEXT);
CREATE INDEX run_status ON run (status, number);
CREATE TABLE record (number INTEGER PRIMARY KEY, run INTEGER NOT NULL, run_id TEXT NOT NULL, kind TEXT NOT NULL,
    turn INTEGER NOT NULL, call_id TEXT NOT NULL, data TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX record_run ON record (run)"""
_FIND = "SELECT number, status FROM run WHERE id = ?"
_HOLD = """UPDATE run SET holder = ?, status = CASE status WHEN 'failed' THEN 'open' ELSE status END
WHERE number = ? RETURNING status"""
# a holder that has lost its lock, as where the file of the locks was taken away, writes nothing any more
_ADD = """INSERT INTO record (run, run_id, kind, turn, call_id, data, at)
SELECT number, ?, ?, ?, ?, ?, ? FROM run WHERE number = ? AND holder = ?"""
_BEGIN = "UPDATE run SET status = 'open', agent = ?, prompt = ?, began = ? WHERE number = ?"
_RECORDS = "SELECT run_id, kind, turn, call_id, data, at FROM record WHERE run = ? ORDER BY number"
_RUNS = """SELECT id, status, agent, prompt,
ifnull((SELECT turn FROM record WHERE run = run.number AND run_id = run.id ORDER BY record.number DESC LIMIT 1), 0),
began, ifnull((SELECT at FROM record WHERE run = run.number ORDER BY record.number DESC LIMIT 1), began), holder
FROM run WHERE {} ORDER BY number DESC LIMIT ?"""

Shown = tuple[str | None, str, float]
"""The agent's name, the beginning of the prompt, and when the run began."""

Status = Literal["open", "paused", "finished", "failed"]
"""How a run stands: open is one that goes on, or was cut off and can go on."""

_STATUS: dict[Kind, Status] = {"decided": "open", "paused": "paused", "finished": "finished", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run as the list of a journal shows it.

    Attributes:
        run_id: Its id.
        status: How it stands.
        agent: The name of the agent that it began with; None where that has none.
        prompt: The beginning of what the user said.
        turns: Replies taken.
        began: When it began, in seconds since 1970.
        changed: When something of it was written last.
        holder: The process that went on with it last, and since when.
    """

    run_id: str
    status: Status
    agent: str | None
    prompt: str
    turns: int
    began: float
    changed: float
    holder: str


class RecordFile:
    """A file that is made with the rights 0600, in WAL mode, shared among threads and processes of one machine.

    Args:
        path: The file; its folder must exist.

    Raises:
        ConfigurationError: It cannot be opened, holds something else, or is of a later version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self.path = os.path.realpath(path) if "\0" not in self.name else self.name
        self._place = _Place(self.name, self.path)
        try:
            self._writer = Writer(self.path, self._place.prepare, patience=_PATIENCE)
            self._reader = SqliteFile(self.path, self._place.prepare, patience=_PATIENCE)
        except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a zero byte in the name
            raise ConfigurationError(
                f"The file {self.name!r} cannot be used as a journal: {error}. Name a file in a folder that exists and "
                "can be written, a new one or one that a journal made."
            ) from error

    async def number(self, run_id: str) -> int:
        """Give the number of a run, which is made where there is none."""
        return await self._act(partial(_number, run_id))

    async def find(self, run_id: str) -> int | None:
        """Give the number of a run that has begun, if there is one."""
        return await self._read(partial(_find, run_id, begun=True))

    async def hold(self, number: int, holder: str) -> tuple[bool, Status | None]:
        """Say who writes a run from now on; give whether it is there, and how it stands if it has begun."""
        return await self._act(lambda db: _hold(db, number, holder))

    async def holder(self, number: int) -> str:
        """Say who writes a run, or did so last."""
        return await self._read(lambda db: _holder(db, number))

    async def add(
        self, number: int, holder: str, records: list[Record], *, sure: bool, shown: Shown | None = None
    ) -> None:
        """Write records of a run, and how it stands by them.

        Args:
            number: Of the run.
            holder: Who writes it.
            records: What is written.
            sure: Whether it must survive a power cut when this returns.
            shown: Of a run that begins, what the list shows.

        Raises:
            RunInUseError: It is held by another by now; nothing was written.
        """
        quick = sum([len(record.data) for record in records]) < _QUICK
        alone = len(records) == 1 and records[0].kind not in _STATUS and shown is None
        await self._act(partial(_add, number, holder, records, shown), sure=sure, quick=quick, alone=alone)

    async def records(self, number: int) -> tuple[Record, ...]:
        """Give what was written of a run and its sub-runs, in that order."""
        rows = await self._read(lambda db: db.execute(_RECORDS, (number,)).fetchall())
        return self._whole(_records(), Record.__slots__, rows)

    async def runs(self, limit: int, status: Status | None) -> tuple[RunSummary, ...]:
        """Give runs that have begun, the last one first."""
        where, values = ("status = ?", (status,)) if status else ("status IS NOT NULL", ())
        rows = await self._read(lambda db: db.execute(_RUNS.format(where), (*values, min(limit, _MOST))).fetchall())
        return self._whole(_summaries(), RunSummary.__slots__, rows)

    def _whole(self, kind: TypeAdapter[_T], names: Iterable[str], rows: list[tuple[Any, ...]]) -> _T:
        """See that rows are what was written, which whoever else writes the file may have changed."""
        try:
            return kind.validate_python([dict(zip(names, row, strict=True)) for row in rows])
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place, name = first["loc"][:2]
            raise JournalError(
                f"The journal {self.name!r} cannot be read: `{name}` of {rows[int(place)][0]!r:.200} is "
                f"{first['input']!r:.80}, which no journal writes. Put a copy of it back."
            ) from error

    async def delete(self, number: int) -> None:
        """Forget a run."""
        await self._act(partial(_delete, number), quick=False)

    def close(self) -> None:
        """Close the file; again is no error, and a later use opens it again."""
        self._writer.close()
        self._reader.close()

    async def _act(self, job: Job[_T], *, sure: bool = False, quick: bool = True, alone: bool = False) -> _T:
        self._look()
        try:
            return await self._writer.act(job, sure=sure, quick=quick, alone=alone)
        except (OSError, sqlite3.Error) as error:
            self._failed(error, "written")

    async def _read(self, job: Job[_T]) -> _T:
        self._look()
        try:
            return await run_in_thread(partial(self._reader.use, job))
        except (OSError, sqlite3.Error) as error:
            self._failed(error, "read")

    def _look(self) -> None:
        """See that the file is the one that is open: SQLite would write to one that was taken away."""
        try:
            if self._place.is_another():
                self._drop()
        except OSError as error:
            raise JournalError(_refused(self.name, "found", error)) from error

    def _failed(self, error: Exception, what: str) -> NoReturn:
        if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL):
            self._drop()
        raise JournalError(_refused(self.name, what, error)) from error

    def _drop(self) -> None:
        self._writer.drop()
        self._reader.close()


class _Place:
    """Which file stands at a path: told by its number on the disk, and by the id that is in it.

    Args:
        name: As the user wrote it.
        path: Without links.
    """

    def __init__(self, name: str, path: str) -> None:
        self._name, self._path = name, Path(path)
        self._inode: tuple[int, int] | None = None
        self._id: str | None = None

    def is_another(self) -> bool:
        """Tell whether another file stands there than the one that was opened last.

        Raises:
            OSError: There is none.
        """
        seen = self._path.stat()
        return self._inode is not None and (seen.st_dev, seen.st_ino) != self._inode

    def prepare(self, db: sqlite3.Connection) -> None:
        """Look at what the file is, before anything of it is changed, and make the tables of a new one."""
        seen = self._path.stat()
        made = self._is_made(db)
        if not made and self._id is not None:
            raise OSError("another file stands in its place, which is empty")
        set_wal(db)
        if not made:
            self._make(db)
        ((known,),) = db.execute("SELECT id FROM journal")
        if self._id not in (None, known):
            raise OSError("another journal stands in its place")
        self._id, self._inode = known, (seen.st_dev, seen.st_ino)

    def _make(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            if not self._is_made(db):  # else by another process, just now
                for statement in _SCHEMA.split(";"):  # `executescript` would end the transaction
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {_MARK}")
                db.execute(f"PRAGMA user_version = {_VERSION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _is_made(self, db: sqlite3.Connection) -> bool:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # first: what marks them is there then
        (marked,), (made,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version"))
        if tables and marked != _MARK:
            raise ConfigurationError(
                f"The file {self._name!r} is a database of something else, and was left as it is. "
                "Name a new file, or one that a journal made."
            )
        if made > _VERSION:
            raise ConfigurationError(
                f"The journal {self._name!r} has version {made}; this agentkit reads version {_VERSION}. "
                "Go on with the release that made it, or name a new file."
            )
        return bool(tables)


@cache
def _records() -> TypeAdapter[tuple[Record, ...]]:
    return TypeAdapter(tuple[Record, ...])


@cache
def _summaries() -> TypeAdapter[tuple[RunSummary, ...]]:
    return TypeAdapter(tuple[RunSummary, ...])


def _find(run_id: str, db: sqlite3.Connection, *, begun: bool = False) -> int | None:
    found: tuple[int, Status | None] | None = db.execute(_FIND, (run_id,)).fetchone()
    return None if found is None or (begun and found[1] is None) else found[0]


def _number(run_id: str, db: sqlite3.Connection) -> int:
    number = _find(run_id, db)
    return db.execute("INSERT INTO run (id) VALUES (?)", (run_id,)).lastrowid or 0 if number is None else number


def _hold(db: sqlite3.Connection, number: int, holder: str) -> tuple[bool, Status | None]:
    rows = db.execute(_HOLD, (holder, number)).fetchall()
    return bool(rows), rows[0][0] if rows else None


def _holder(db: sqlite3.Connection, number: int) -> str:
    found = db.execute("SELECT holder FROM run WHERE number = ?", (number,)).fetchone()
    return (found and found[0]) or "another process"


def _add(number: int, holder: str, records: list[Record], shown: Shown | None, db: sqlite3.Connection) -> None:
    for place, record in enumerate(records):
        values = (record.run_id, record.kind, record.turn, record.call_id, record.data, record.at, number, holder)
        try:
            done = db.execute(_ADD, values).rowcount
        except UnicodeEncodeError:  # a lone surrogate, which an endpoint may write as an id
            done = db.execute(_ADD, tuple(well_formed(one) if isinstance(one, str) else one for one in values)).rowcount
        if not done and not place:
            raise RunInUseError(_holder(db, number))
        if "/" not in record.run_id and record.kind in _STATUS:
            db.execute("UPDATE run SET status = ? WHERE number = ?", (_STATUS[record.kind], number))
    if shown is not None:
        agent, prompt, began = shown
        db.execute(_BEGIN, (agent, well_formed(prompt), began, number))


def _delete(number: int, db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM record WHERE run = ?", (number,))
    db.execute("DELETE FROM run WHERE number = ?", (number,))


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code


_ADVICE = {
    sqlite3.SQLITE_BUSY: f"Another process held it for {_PATIENCE:g} s: find out which.",
    sqlite3.SQLITE_FULL: "Make room on its disk.",
    sqlite3.SQLITE_IOERR: "See that there is room on its disk, and that it is where it was, on a local one.",
    sqlite3.SQLITE_READONLY: "Let this process write it and its folder.",
    sqlite3.SQLITE_CORRUPT: "Put a copy of it back; what this one holds may be had by `sqlite3 FILE .recover`.",
    sqlite3.SQLITE_NOTADB: "Put a copy of it back.",
}


def _refused(name: str, what: str, error: Exception) -> str:
    advice = _ADVICE.get(_code(error), "See that it is where it was, on a local disk.")
    said = error.strerror if isinstance(error, OSError) and error.strerror else error
    return f"The journal {name!r} cannot be {what}: {said}. {advice}"
