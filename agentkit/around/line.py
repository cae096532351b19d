"""Callers in a line, first come first served, whichever thread and event loop each is on; the two limits use it."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

__all__ = ["Line"]


class _Caller:
    """One who waits; it sleeps on its own loop and is called from any thread."""

    __slots__ = ("_called", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._called = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until it is called, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                await self._called.wait()
        self._called.clear()

    def call(self) -> bool:
        """Have it look again; False where its loop is closed and nobody waits any more."""
        try:
            self._loop.call_soon_threadsafe(self._called.set)
        except RuntimeError:
            return False
        return True


class Line:
    """A line whose first one asks whether it may go, and asks again when a time is over or something has changed.

    Whoever may go notes that itself, in the same step, so that a cancelled caller never holds a place.
    """

    __slots__ = ("_callers", "_lock")

    def __init__(self) -> None:
        self._callers: deque[_Caller] = deque()
        self._lock = threading.RLock()  # a coroutine that the garbage collector ends may leave while this is held

    async def enter(
        self, admit: Callable[[], float], told: Callable[[float], None], most: float | None = None
    ) -> float | None:
        """Wait for one's turn.

        Args:
            admit: Asked under the line's lock: 0 lets go, else the seconds to wait, `inf` until something changes.
            told: Is told how long the waiting will have been, once, where that is known before.
            most: Seconds to wait at most.

        Returns:
            The seconds waited, where they were not told before; None where there was nothing to wait for.

        Raises:
            TimeoutError: It was not let go within `most`.
        """
        with self._lock:
            wait = math.inf if self._callers else admit()
            if wait <= 0:
                return None
            caller = _Caller()
            self._callers.append(caller)
        try:
            async with asyncio.timeout(most):
                return await self._wait(caller, admit, told, wait)
        finally:
            with self._lock, suppress(ValueError):  # taken out: its loop was thought closed
                self._callers.remove(caller)
                self._call_first()

    def change(self, act: Callable[[], None]) -> None:
        """Do what may let the first one go, under the line's lock."""
        with self._lock:
            act()
            self._call_first()

    async def _wait(
        self, caller: _Caller, admit: Callable[[], float], told: Callable[[float], None], wait: float
    ) -> float | None:
        begun = monotonic()
        was_told = False
        while wait > 0:
            if wait != math.inf and not was_told:
                was_told = True
                told(monotonic() - begun + wait)
            await caller.sleep(wait)
            with self._lock:
                wait = admit() if self._callers[0] is caller else math.inf
        return None if was_told else monotonic() - begun

    def _call_first(self) -> None:
        while self._callers and not self._callers[0].call():
            self._callers.popleft()
