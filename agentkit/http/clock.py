"""The clocks of one exchange: `Watchdog` bounds each wait with one timer for them all; it knows asyncio, not HTTP.

A timer of its own for each read of a stream costs more than reading it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from agentkit.errors import ConfigurationError

__all__ = ["Expired", "Timeout", "Watchdog"]

_T = TypeVar("_T")

_LOOK = 60.0  # seconds that a timer runs at most, so that one that is armed for a long wait does for a shorter one too


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """How long a request may take, in seconds.

    Attributes:
        connect: To make a connection, TLS included.
        read: Between two reads of an answer, for a stream before the first too. The first byte of an answer in one
            piece comes only when the model is done, so that wait is bounded by `total` alone.
        total: One request from its start to the last byte, each attempt anew. What a server sends to keep a connection
            open counts as read, so this is the clock that ends an answer of which only that comes.

    Raises:
        ConfigurationError: A clock is no number above 0.
    """

    connect: float = 10.0
    read: float = 120.0
    total: float = 600.0

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total"):
            value: Any = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:  # NaN is not
                raise ConfigurationError(f"Timeout field '{name}' is {value!r}; it is seconds, a number above 0.")

    @classmethod
    def of(cls, given: Self | float | None) -> Self:
        """Read seconds as those of all clocks that are longer; None is the defaults.

        Raises:
            ConfigurationError: It is neither seconds nor a `Timeout`, or no number above 0.
        """
        if given is None:
            return cls()
        if isinstance(given, cls):
            return given
        if not isinstance(given, int | float):
            raise ConfigurationError(
                f"timeout is {repr(given)[:200]}, of type {type(given).__name__}. Give seconds in total, or "
                "agentkit.http.Timeout(connect=..., read=..., total=...)."
            )
        if isinstance(given, bool) or not given > 0:
            raise ConfigurationError(f"timeout is {given!r}; it is seconds in total, a number above 0.")
        return cls(connect=min(cls().connect, given), read=min(cls().read, given), total=given)


class Expired(Exception):  # noqa: N818  # a signal between two modules, never raised to a user
    """A clock ran out.

    Attributes:
        clock: Its name, a field of `Timeout`.
        seconds: What it was set to.
    """

    def __init__(self, clock: str, seconds: float) -> None:
        super().__init__(clock)
        self.clock = clock
        self.seconds = seconds


class Watchdog:
    """Bound the waits of one exchange, which may come from several tasks but one at a time.

    Args:
        total: Seconds until the exchange as a whole is over.
    """

    __slots__ = ("_due", "_fired", "_loop", "_over", "_task", "_timer", "_total")

    def __init__(self, total: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._total = total
        self._over = self._loop.time() + total
        self._due = self._over
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fired = False

    async def wait(self, awaitable: Awaitable[_T], seconds: float | None = None) -> _T:
        """Wait at most so many seconds, and never beyond the total.

        Raises:
            Expired: A clock ran out; the awaitable was cancelled.
        """
        task = asyncio.current_task(self._loop)
        assert task is not None
        cancelling = task.cancelling()
        over = due = self._over
        if seconds is not None and (due := self._loop.time() + seconds) > over:
            due = over
        self._due = due
        self._task = task
        self._fired = False
        if self._timer is None or self._timer.when() > due:
            self._arm()
        try:
            return await awaitable
        except asyncio.CancelledError:
            if not self._fired or task.uncancel() > cancelling:
                raise
        finally:
            self._task = None
        if seconds is None or due == over:
            raise Expired("total", self._total)
        raise Expired("read", seconds)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(min(self._due, self._loop.time() + _LOOK), self._look)

    def _look(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._due:  # it was armed for another wait, or for a look
            self._arm()
            return
        self._fired = True
        self._task.cancel()

    def close(self) -> None:
        """Drop the timer; the exchange is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
