"""Sessions in three tables: `TableStore` is what `SqliteStore` and `SqlStore` share, every statement of theirs.

It knows SQL, but no database: who it works for runs a function with `Tables` in a transaction of its own.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

from pydantic_core import from_json

from agentkit.errors import ConfigurationError
from agentkit.session.session import OnBusy, Session
from agentkit.session.store import Record, SessionInfo
from agentkit.session.transcript import markdown
from agentkit.session.window import Window
from agentkit.wire.content import text_of
from agentkit.wire.message import Message, UserMessage, parse_messages
from agentkit.wire.value import WireValue, well_formed

__all__ = ["SCHEMA", "TableStore", "Tables", "to_the_end"]

_T = TypeVar("_T")

# In the statements `{p}` is what the tables' names begin with, `{now}` the database's clock in seconds since 1970.
SCHEMA = """
CREATE TABLE {p}session (id TEXT PRIMARY KEY, title TEXT NOT NULL, created {real} NOT NULL, updated {real} NOT NULL,
    pending TEXT, notes TEXT);
CREATE TABLE {p}message (session TEXT NOT NULL REFERENCES {p}session (id) ON DELETE CASCADE,
    position INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY (session, position)) {end};
CREATE TABLE {p}lease (session TEXT PRIMARY KEY, holder TEXT NOT NULL, until {real} NOT NULL)"""
"""Statements that make the tables; `{real}` is a number of 8 bytes, `{end}` what stands after the messages' table."""

_TAKE = """INSERT INTO {p}lease VALUES (:session, :holder, {now} + :seconds) ON CONFLICT (session) DO UPDATE
SET holder = excluded.holder, until = excluded.until WHERE {p}lease.until < {now}"""
# What locks the lease's row until the transaction ends, so that nobody takes it between the look and the write.
_HOLD = "UPDATE {p}lease SET until = {now} + :seconds WHERE session = :session AND holder = :holder"
_SEIZE = "INSERT INTO {p}lease VALUES (:session, '', 0) ON CONFLICT (session) DO UPDATE SET holder = ''"
_FREE = "DELETE FROM {p}lease WHERE session = :session AND holder = :holder"
_PUT = """INSERT INTO {p}session VALUES (:session, :title, {now}, {now}, :pending, NULL) ON CONFLICT (id) DO UPDATE SET
title = CASE {p}session.title WHEN '' THEN excluded.title ELSE {p}session.title END, updated = excluded.updated,
pending = excluded.pending"""
_ADD = "INSERT INTO {p}message VALUES (:session, :position, :message)"
_COUNT = "SELECT COALESCE(max(position) + 1, 0) FROM {p}message WHERE session = :session"
_STAY = "UPDATE {p}session SET title = title WHERE id = :source"  # nobody else changes it until the transaction ends
_COPY = """INSERT INTO {p}session SELECT :session, title, {now}, {now}, NULL, notes FROM {p}session
WHERE id = :source"""
_COPY_MESSAGES = """INSERT INTO {p}message SELECT :session, position, message FROM {p}message
WHERE session = :source AND position < :at"""
# One statement, for two would see two states of the session where another transaction ends between them.
_READ = """SELECT -1 AS place, pending, notes FROM {p}session WHERE id = :session
UNION ALL SELECT position, message, NULL FROM {p}message WHERE session = :session ORDER BY place"""
# By the last position, which an index tells; to count would read every message.
_LIST = """SELECT id, title, created, updated,
(SELECT COALESCE(max(position) + 1, 0) FROM {p}message WHERE session = id), pending IS NOT NULL
FROM {p}session ORDER BY updated DESC, id"""
_MOST_TITLE = 60  # characters of what the user said first


class Tables(Protocol):
    """The tables within a transaction; values stand in a statement as `:name`."""

    def change(self, statement: str, /, *rows: Mapping[str, Any]) -> int:
        """Run a statement, once for each row of values; tell how many rows of a table the one of one row changed."""
        ...

    def ask(self, statement: str, /, **values: Any) -> Sequence[Sequence[Any]]:
        """Give all rows that a query finds."""
        ...


class TableStore(ABC):
    """The sessions of a database.

    Args:
        place: What errors call the database; no password is in it.
        lease: Seconds after which a session is free again whose run was killed, or whose process stands still.

    Raises:
        ConfigurationError: The lease would hold nothing.
    """

    def __init__(self, place: str, lease: float) -> None:
        name = type(self).__name__
        if not lease > 0:  # not a number, too
            raise ConfigurationError(f"{name}(lease={lease:g}) would hold nothing. Give more than 0 seconds.")
        self._place, self._lease = place, lease

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place!r})"

    @abstractmethod
    async def act(self, function: Callable[[Tables], _T]) -> _T:
        """Call a function in a transaction; a cancelled caller waits for its end.

        Raises:
            OSError: The database could not do it; nothing of it was done.
        """

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
            id: Any text of 1 to 500 characters.
            window: What of its history a run sees: `LastTurns`, `LastTokens`, `Summary`, a function; None is all.
            on_busy: While another run goes on in it, in this process or another, "wait" for its end or "raise" at once.
            patience: Seconds to wait at most.
        """
        return Session(self, id, window=window, on_busy=on_busy, patience=patience)

    async def list(self) -> tuple[SessionInfo, ...]:
        """Give all sessions, those that went on last first."""
        rows = await self.act(lambda tables: tables.ask(_LIST))
        return tuple(
            SessionInfo(key, title, made, changed, count, bool(waits))
            for key, title, made, changed, count, waits in rows
        )

    async def rename(self, id: str, title: str) -> None:  # noqa: A002 # as above
        """Give a session a title; its id stays.

        Raises:
            ConfigurationError: There is no such session.
        """
        values = {"session": self.session(id).id, "title": _storable(title)}
        rename = "UPDATE {p}session SET title = :title WHERE id = :session"
        self._must(await self.act(lambda tables: tables.change(rename, values)), id)

    async def delete(self, id: str) -> None:  # noqa: A002 # as above
        """Forget a session; a run that goes on in it gets a `SessionBusyError` at its end.

        Raises:
            ConfigurationError: There is no such session.
        """
        values = {"session": self.session(id).id, "holder": ""}

        def delete(tables: Tables) -> None:
            tables.change(_SEIZE, values)
            self._must(tables.change("DELETE FROM {p}session WHERE id = :session", values), id)
            tables.change(_FREE, values)

        await self.act(delete)

    async def fork(self, id: str, new_id: str, *, at: int | None = None) -> Session:  # noqa: A002 # as above
        """Copy a session as it is now, or its first `at` messages; a run that waits for decisions is not copied.

        Raises:
            ConfigurationError: There is no such session, one with the new id, or it has fewer messages.
        """
        source, made = self.session(id).id, self.session(new_id)
        values = {"session": new_id, "source": source, "holder": ""}

        def fork(tables: Tables) -> None:
            tables.change(_SEIZE, values)  # a run that began in it when it was empty has not seen these messages
            self._must(tables.change(_STAY, values), id)
            ((count,),) = tables.ask(_COUNT, session=source)
            if at is not None and not 0 <= at <= count:
                raise ConfigurationError(f"The session {id!r} has {count} messages. Fork it at 0 to {count}, not {at}.")
            if tables.ask("SELECT 1 FROM {p}session WHERE id = :session", session=new_id):
                raise ConfigurationError(
                    f"There is a session {new_id!r} already. Give the fork another id, or delete it."
                )
            tables.change(_COPY, values)
            tables.change(_COPY_MESSAGES, {**values, "at": count if at is None else at})
            tables.change(_FREE, values)

        await self.act(fork)
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
        rows = await self._rows(self.session(id).id)
        self._must(len(rows), id)
        messages = self._record(id, rows).messages
        if format == "markdown":
            return markdown(messages)
        return json.dumps([from_json(message.encoded) for message in messages], ensure_ascii=False, indent=2)

    @property
    def lease(self) -> float:
        """Give the seconds that a lease holds unless it is renewed."""
        return self._lease

    async def take(self, session: str, holder: str, /) -> bool:
        """Take the lease of a session if it is free; tell whether."""
        return await self.act(lambda tables: tables.change(_TAKE, self._claim(session, holder)) == 1)

    async def renew(self, session: str, holder: str, /) -> bool:
        """Let the lease hold for its time from now on; tell whether it is still the holder's."""
        return await self.act(lambda tables: tables.change(_HOLD, self._claim(session, holder)) == 1)

    async def release(self, session: str, holder: str, /) -> None:
        """Free the lease, if it is the holder's."""
        await self.act(lambda tables: tables.change(_FREE, self._claim(session, holder)))

    async def read(self, session: str, /) -> Record:
        """Give all that is kept of a session; an empty record of one that there is not."""
        return self._record(session, await self._rows(session))

    async def append(self, session: str, holder: str, messages: tuple[Message, ...], pending: str | None, /) -> bool:
        """Add messages and set what is pending, whole or not at all; False where the lease is not the holder's."""
        # with the `function` of a custom call, unlike what is sent
        kept = [WireValue.to_json(message).decode() for message in messages]
        title = next((_title(message) for message in messages if isinstance(message, UserMessage)), "")

        def append(tables: Tables) -> bool:
            if not tables.change(_HOLD, self._claim(session, holder)):
                return False
            tables.change(_PUT, {"session": session, "title": title, "pending": pending})
            ((begin,),) = tables.ask(_COUNT, session=session)
            rows = [{"session": session, "position": at, "message": text} for at, text in enumerate(kept, begin)]
            if rows:
                tables.change(_ADD, *rows)
            return True

        return await self.act(append)

    async def note(self, session: str, holder: str, notes: Mapping[str, str], /) -> None:
        """Keep what a window notes, in the place of what it noted before, if the lease is the holder's."""
        values = {"session": session, "notes": json.dumps(dict(notes))}

        def note(tables: Tables) -> None:
            if tables.change(_HOLD, self._claim(session, holder)):
                tables.change("UPDATE {p}session SET notes = :notes WHERE id = :session", values)

        await self.act(note)

    def _claim(self, session: str, holder: str) -> dict[str, Any]:
        return {"session": session, "holder": holder, "seconds": self._lease}

    async def _rows(self, session: str) -> Sequence[Sequence[Any]]:
        return await self.act(lambda tables: tables.ask(_READ, session=session))

    def _record(self, session: str, rows: Sequence[Sequence[Any]]) -> Record:
        if not rows:
            return Record()
        (_, pending, notes), *messages = rows
        try:
            history = parse_messages(from_json(text) for _, text, _ in messages)
            return Record(history, pending, json.loads(notes or "{}"))
        except ValueError as error:
            raise OSError(
                f"The session {session!r} in {self._place!r} is damaged: {error}. "
                "`await store.delete(id)` forgets it; the others are as they were."
            ) from error

    def _must(self, found: int, session: str) -> None:
        if not found:
            raise ConfigurationError(
                f"There is no session {session!r} in {self._place!r}. `await store.list()` gives those there are."
            )


async def to_the_end(doing: Coroutine[Any, Any, _T]) -> _T:
    """Wait for something short, however often the caller is cancelled meanwhile: it must know what is true then."""
    task, cancelled = asyncio.ensure_future(doing), None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None or task.cancelled():
        return task.result()
    task.exception()  # looked at: nobody else does
    raise cancelled


def _title(message: UserMessage) -> str:
    text = " ".join(_storable(text_of(message.content)).split())
    return text if len(text) <= _MOST_TITLE else text[: _MOST_TITLE - 1] + "…"


def _storable(text: str) -> str:
    return well_formed(text).replace("\0", "\ufffd")  # Postgres has no zero bytes in text
