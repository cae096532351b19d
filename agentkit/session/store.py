"""What a session asks of where it is kept, the protocol `SessionStore`, so that there can be others than SQLite's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agentkit.wire.message import Message

__all__ = ["Record", "SessionInfo", "SessionStore"]


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session in a list.

    Attributes:
        id: Its id.
        title: As given by `rename`; before that the beginning of what the user said first.
        created: When its first messages were kept, in seconds since 1970.
        updated: When something was last kept.
        messages: How many there are.
        pending: Whether a run in it has not ended.
    """

    id: str
    title: str
    created: float
    updated: float
    messages: int
    pending: bool


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a session; one that nothing was kept of is empty.

    Attributes:
        messages: The whole history.
        pending: The state of a run that has not ended, as JSON; its own messages are not among the others yet.
        notes: What a window keeps from turn to turn.
    """

    messages: tuple[Message, ...] = ()
    pending: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict[str, str])


class SessionStore(Protocol):
    """Where sessions are kept, and who may write to one now.

    A turn takes the lease of its session with a holder, a text that no other turn has, and renews it while it goes on.
    A lease that was not renewed for `lease` seconds is free for the next. `append` looks in one transaction whether the
    lease is still the holder's and writes, so a holder that slept and lost it writes nothing. All methods may be called
    from any task, thread and process; each raises `OSError` where the store cannot be reached.
    """

    @property
    def lease(self) -> float:
        """Seconds that a lease holds unless it is renewed."""
        ...

    async def take(self, session: str, holder: str, /) -> bool:
        """Take the lease if it is free; tell whether."""
        ...

    async def renew(self, session: str, holder: str, /) -> bool:
        """Let the lease hold for its time from now on; tell whether it is still the holder's."""
        ...

    async def release(self, session: str, holder: str, /) -> None:
        """Free the lease, if it is the holder's."""
        ...

    async def read(self, session: str, /) -> Record:
        """Give all that is kept."""
        ...

    async def append(self, session: str, holder: str, messages: tuple[Message, ...], pending: str | None, /) -> bool:
        """Add messages and set what is pending, whole or not at all; False where the lease is not the holder's."""
        ...

    async def note(self, session: str, holder: str, notes: Mapping[str, str], /) -> None:
        """Keep what a window notes, in the place of what it noted before, if the lease is the holder's."""
        ...
