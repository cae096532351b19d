"""`Session`: one conversation that outlives its process, and `Turn`, the right to add to it; an agent's run takes one.

It waits, renews and cuts the history; where things are kept, only its store knows.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import uuid
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from agentkit.errors import ConfigurationError, SessionBusyError
from agentkit.session.repair import repair
from agentkit.session.store import Record, SessionStore
from agentkit.session.summary import Summary
from agentkit.session.window import Window
from agentkit.wire.message import Message, parse_messages
from agentkit.wire.value import well_formed

__all__ = ["OnBusy", "Session", "Turn"]

OnBusy = Literal["wait", "raise"]
"""What a turn does while another one goes on in the same session."""

_LONGEST = 500  # characters of an id, for indexes of Postgres take at most 2,704 bytes
_FIRST_WAIT = 0.01  # seconds between looks at a busy session; doubled each time
_LONGEST_WAIT = 0.25


class Session:
    """A conversation in a store; nothing of it is kept in here, so make as many of one as you like.

    Args:
        store: Where it is kept.
        id: Its name there, of 1 to 500 characters; the first turn that keeps something makes it.
        window: What of the history a run sees; None is all of it.
        on_busy: While another turn goes on, in this process or another, "wait" for its end or "raise" at once.
        patience: Seconds to wait at most.

    Raises:
        ConfigurationError: An argument is not as it must be.
    """

    def __init__(
        self,
        store: SessionStore,
        id: str,  # noqa: A002 # what it is called everywhere
        *,
        window: Window | None = None,
        on_busy: OnBusy = "wait",
        patience: float = 60.0,
    ) -> None:
        given: Any = id
        if (
            not isinstance(given, str)
            or not 1 <= len(given) <= _LONGEST
            or given != well_formed(given)
            or "\0" in given
        ):
            raise ConfigurationError(
                f"A session's id is {given!r:.100}. Give a text of 1 to {_LONGEST} characters, each of them whole and "
                "none a zero byte."
            )
        if on_busy not in ("wait", "raise"):
            raise ConfigurationError(f'on_busy is {on_busy!r}, which is unknown. Give "wait" or "raise".')
        self._store, self._id, self._window = store, id, window
        self._patience = patience if on_busy == "wait" else 0.0

    def __repr__(self) -> str:
        return f"Session({self._id!r})"

    @property
    def id(self) -> str:
        """Give its name in the store."""
        return self._id

    async def load(self) -> tuple[Message, ...]:
        """Give all messages that were kept, without a window."""
        return (await self._store.read(self._id)).messages

    async def pending(self) -> str | None:
        """Give the state of the run that has not ended, for `agent.resume(..., session=)`; None where none is."""
        return (await self._store.read(self._id)).pending

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Turn, None]:
        """Have the session for yourself: `async with session.turn() as turn: ...`.

        Raises:
            SessionBusyError: Another turn goes on, and did not end in time.
        """
        holder = uuid.uuid4().hex
        try:
            await self._take(holder)
            renewing = asyncio.create_task(self._renew(holder), name=f"agentkit session {self._id}")
            try:
                yield Turn(self._id, self._store, holder, await self._store.read(self._id), self._window)
            finally:
                renewing.cancel()
                await asyncio.wait({renewing})
        finally:  # after a wait that was cancelled too: what was asked for last may have been granted
            with suppress(OSError):  # a lease that cannot be given back ends by itself
                await self._store.release(self._id, holder)

    async def _take(self, holder: str) -> None:
        begin, wait = time.monotonic(), _FIRST_WAIT
        while not await self._store.take(self._id, holder):
            left = self._patience - (time.monotonic() - begin)
            if left <= 0:
                raise SessionBusyError(
                    f"The session {self._id!r} is busy: another run goes on in it"
                    + (f", and did not end within {self._patience:g} s. " if self._patience else ". ")
                    + "Run one after another, give each conversation a session of its own, or wait longer: "
                    'store.session(id, on_busy="wait", patience=...).'
                )
            await asyncio.sleep(min(wait, left))
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _renew(self, holder: str) -> None:
        held = True
        while held:
            await asyncio.sleep(self._store.lease / 4)
            with suppress(OSError):  # tried again; and `append` looks for itself
                held = await self._store.renew(self._id, holder)


class Turn:
    """The right to add to a session, until the `async with` that gave it ends.

    Attributes:
        messages: The whole history.
        pending: The state of a run that has not ended, as JSON; its own messages are not in the history yet.
    """

    def __init__(self, session: str, store: SessionStore, holder: str, record: Record, window: Window | None) -> None:
        self.messages = record.messages
        self.pending = record.pending
        self._notes = record.notes
        self._session, self._store, self._holder, self._window = session, store, holder, window

    async def history(self, more: Iterable[Message] = ()) -> tuple[Message, ...]:
        """Give what a run sees: the history and `more`, repaired, through the session's window."""
        whole = repair((*self.messages, *more))
        window = self._window
        if window is None:
            return whole
        if isinstance(window, Summary):
            notes = dict(self._notes)
            seen = await window.noted(whole, notes)
            if notes != self._notes:
                self._notes = notes
                await self._store.note(self._session, self._holder, notes)
            return seen
        given = window(whole)
        return repair(await given if inspect.isawaitable(given) else given)

    async def keep(self, messages: Iterable[Message | Mapping[str, Any]], *, pending: str | None = None) -> None:
        """Add messages to the session, all or none; they are on disk when this returns.

        Args:
            messages: Ours, or dicts in OpenAI's format.
            pending: The state of a run that waits, as JSON; None says that none does.

        Raises:
            SessionBusyError: The turn was over: it was left, it slept longer than the lease and another one began, or
                the session was deleted. Nothing was added; `error.messages` has it.
        """
        new = parse_messages(messages)
        if not await self._store.append(self._session, self._holder, new, pending):
            error = SessionBusyError(
                f"The turn of session {self._session!r} was over before its messages were kept: its `async with` was "
                f"left, another run took the session after this one did not move for {self._store.lease:g} s, or the "
                "session was deleted. Nothing was added; the messages are in `error.messages`. Ask again."
            )
            error.messages = new
            raise error
        self.messages, self.pending = (*self.messages, *new), pending
