"""`SqliteStore`: conversations in one file of SQLite, shared among threads and processes of one machine."""

from __future__ import annotations

import builtins
import json
import os
import sqlite3
from collections.abc import Mapping
from time import time
from typing import Any, Literal

from pydantic_core import from_json

from agentkit.errors import ConfigurationError
from agentkit.session.database import Database
from agentkit.session.session import OnBusy, Session
from agentkit.session.store import Record, SessionInfo
from agentkit.session.transcript import markdown
from agentkit.session.window import Window
from agentkit.tools.thread import run_in_thread
from agentkit.wire.content import text_of
from agentkit.wire.message import Message, UserMessage, parse_messages
from agentkit.wire.value import WireValue, well_formed

__all__ = ["SqliteStore"]

_MARK = 0x61676B73  # "agks", SQLite's application_id of a file that is ours
_VERSION = 1
_SCHEMA = """
CREATE TABLE session (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, pending TEXT, notes TEXT);
CREATE TABLE message (
    session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE, position INTEGER NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (session, position)) WITHOUT ROWID;
CREATE TABLE lease (session TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL)"""
_TAKE = """INSERT INTO lease VALUES (:session, :holder, :now + :seconds) ON CONFLICT (session) DO UPDATE
SET holder = excluded.holder, until = excluded.until WHERE until < :now"""
_PUT = """INSERT INTO session VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET
title = CASE title WHEN '' THEN excluded.title ELSE title END, updated = excluded.updated, pending = excluded.pending"""
_LIST = """SELECT id, title, created, updated, (SELECT count(*) FROM message WHERE session = id), pending IS NOT NULL
FROM session ORDER BY updated DESC, id"""
_MOST_TITLE = 60  # characters of what the user said first


class SqliteStore:
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
        if not lease > 0:  # not a number, too
            raise ConfigurationError(f"SqliteStore(lease={lease:g}) would hold nothing. Give more than 0 seconds.")
        self._lease = lease
        self._file = Database(path, _MARK, _VERSION, _SCHEMA)

    def __repr__(self) -> str:
        return f"SqliteStore({str(self._file.path)!r})"

    def session(
        self,
        id: str,  # noqa: A002 # what it is called everywhere
        *,
        window: Window | None = None,
        on_busy: OnBusy = "wait",
        patience: float = 60.0,
    ) -> Session:
        """Give a session by its id, a new one or one that exists; nothing is read or made yet.

        Args:
            id: Any text that is not empty.
            window: What of its history a run sees: `LastTurns`, `LastTokens`, `Summary`, a function; None is all.
            on_busy: While another run goes on in it, in this process or another, "wait" for its end or "raise" at once.
            patience: Seconds to wait at most.
        """
        return Session(self, id, window=window, on_busy=on_busy, patience=patience)

    async def list(self) -> tuple[SessionInfo, ...]:
        """Give all sessions, those that went on last first."""
        rows = await self._file.act(lambda db: db.execute(_LIST).fetchall())
        return tuple(
            SessionInfo(key, title, made, changed, count, bool(waits))
            for key, title, made, changed, count, waits in rows
        )

    async def rename(self, id: str, title: str) -> None:  # noqa: A002 # as above
        """Give a session a title; its id stays.

        Raises:
            ConfigurationError: There is no such session.
        """
        key = self.session(id).id

        def rename(db: sqlite3.Connection) -> None:
            self._must(db.execute("UPDATE session SET title = ? WHERE id = ?", (well_formed(title), key)), key)

        await self._file.act(rename)

    async def delete(self, id: str) -> None:  # noqa: A002 # as above
        """Forget a session; a run that goes on in it gets a `SessionBusyError` at its end.

        Raises:
            ConfigurationError: There is no such session.
        """
        key = self.session(id).id

        def delete(db: sqlite3.Connection) -> None:
            self._must(db.execute("DELETE FROM session WHERE id = ?", (key,)), key)
            db.execute("DELETE FROM lease WHERE session = ?", (key,))

        await self._file.act(delete)

    async def fork(self, id: str, new_id: str, *, at: int | None = None) -> Session:  # noqa: A002 # as above
        """Copy a session as it is now, or its first `at` messages; a run that waits for decisions is not copied.

        Raises:
            ConfigurationError: There is no such session, one with the new id, or it has fewer messages.
        """
        source, made = self.session(id).id, self.session(new_id)

        def fork(db: sqlite3.Connection) -> None:
            count = self._count(db, source)
            if at is not None and not 0 <= at <= count:
                raise ConfigurationError(f"The session {id!r} has {count} messages. Fork it at 0 to {count}, not {at}.")
            if db.execute("SELECT 1 FROM session WHERE id = ?", (new_id,)).fetchone():
                raise ConfigurationError(
                    f"There is a session {new_id!r} already. Give the fork another id, or delete it."
                )
            copied = "INSERT INTO session SELECT ?, title, ?, ?, NULL, notes FROM session WHERE id = ?"
            db.execute(copied, (new_id, time(), time(), source))
            copied = "INSERT INTO message SELECT ?, position, message FROM message WHERE session = ? AND position < ?"
            db.execute(copied, (new_id, source, count if at is None else at))
            # a run that began in it when it was empty has not seen these messages
            db.execute("DELETE FROM lease WHERE session = ?", (new_id,))

        await self._file.act(fork)
        return made

    async def export(self, id: str, format: Literal["json", "markdown"] = "json") -> str:  # noqa: A002 # as above
        """Give the messages of a session as text.

        Args:
            id: The session.
            format: "json" is the list of messages as OpenAI has them, which `turn.keep` and `history=` read again with
                nothing lost but nulls; "markdown" is for people.

        Raises:
            ConfigurationError: There is no such session or format.
        """
        if format not in ("json", "markdown"):
            raise ConfigurationError(f'The format {format!r} is unknown. Give "json" or "markdown".')
        key = self.session(id).id
        await self._file.act(lambda db: self._count(db, key))
        messages = (await self.read(key)).messages
        if format == "markdown":
            return markdown(messages)
        return json.dumps([from_json(message.encoded) for message in messages], ensure_ascii=False, indent=2)

    async def aclose(self) -> None:
        """Close the file; again is no error, and a later use opens it again."""
        await run_in_thread(self._file.close)

    @property
    def lease(self) -> float:
        """Give the seconds that a lease holds unless it is renewed."""
        return self._lease

    async def take(self, session: str, holder: str, /) -> bool:
        """Take the lease of a session if it is free; tell whether."""
        values: dict[str, Any] = {"session": session, "holder": holder, "seconds": self._lease}
        return await self._file.act(lambda db: db.execute(_TAKE, {**values, "now": time()}).rowcount == 1)

    async def renew(self, session: str, holder: str, /) -> bool:
        """Let the lease hold for its time from now on; tell whether it is still the holder's."""
        renew = "UPDATE lease SET until = ? WHERE session = ? AND holder = ?"
        return await self._file.act(lambda db: db.execute(renew, (time() + self._lease, session, holder)).rowcount == 1)

    async def release(self, session: str, holder: str, /) -> None:
        """Free the lease, if it is the holder's."""
        await self._file.act(
            lambda db: db.execute("DELETE FROM lease WHERE session = ? AND holder = ?", (session, holder))
        )

    async def read(self, session: str, /) -> Record:
        """Give all that is kept of a session; an empty record of one that there is not."""

        def read(db: sqlite3.Connection) -> tuple[Any, builtins.list[Any]]:
            row = db.execute("SELECT pending, notes FROM session WHERE id = ?", (session,)).fetchone()
            rows = db.execute("SELECT message FROM message WHERE session = ? ORDER BY position", (session,)).fetchall()
            return row or (None, None), rows

        (pending, notes), rows = await self._file.act(read)
        try:
            return Record(parse_messages(from_json(text) for (text,) in rows), pending, json.loads(notes or "{}"))
        except ValueError as error:
            raise OSError(
                f"The session {session!r} in {str(self._file.path)!r} is damaged: {error}. "
                "`await store.delete(id)` forgets it; the others are as they were."
            ) from error

    async def append(self, session: str, holder: str, messages: tuple[Message, ...], pending: str | None, /) -> bool:
        """Add messages and set what is pending, whole or not at all; False where the lease is not the holder's."""
        # with the `function` of a custom call, unlike what is sent
        rows = [WireValue.to_json(message).decode() for message in messages]
        title = next((_title(message) for message in messages if isinstance(message, UserMessage)), "")

        def append(db: sqlite3.Connection) -> bool:
            if not _holds(db, session, holder):
                return False
            db.execute(_PUT, (session, title, time(), time(), pending))
            begin = self._count(db, session)
            db.executemany(
                "INSERT INTO message VALUES (?, ?, ?)",
                ((session, place, row) for place, row in enumerate(rows, begin)),
            )
            return True

        return await self._file.act(append)

    async def note(self, session: str, holder: str, notes: Mapping[str, str], /) -> None:
        """Keep what a window notes, in the place of what it noted before, if the lease is the holder's."""

        def note(db: sqlite3.Connection) -> None:
            if _holds(db, session, holder):
                db.execute("UPDATE session SET notes = ? WHERE id = ?", (json.dumps(dict(notes)), session))

        await self._file.act(note)

    def _count(self, db: sqlite3.Connection, session: str) -> int:
        found = "SELECT (SELECT count(*) FROM message WHERE session = id) FROM session WHERE id = ?"
        rows = db.execute(found, (session,)).fetchall()
        self._must(len(rows), session)
        count: int = rows[0][0]
        return count

    def _must(self, found: sqlite3.Cursor | int, session: str) -> None:
        if not (found if isinstance(found, int) else found.rowcount):
            raise ConfigurationError(
                f"There is no session {session!r} in {str(self._file.path)!r}. "
                "`await store.list()` gives those there are."
            )


def _holds(db: sqlite3.Connection, session: str, holder: str) -> bool:
    return db.execute("SELECT 1 FROM lease WHERE session = ? AND holder = ?", (session, holder)).fetchone() is not None


def _title(message: UserMessage) -> str:
    text = " ".join(well_formed(text_of(message.content)).split())
    return text if len(text) <= _MOST_TITLE else text[: _MOST_TITLE - 1] + "…"
