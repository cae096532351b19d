"""The connections of one model on one event loop: `Pool` lends them, and closes them when the loop ends at the latest.

It knows nothing of HTTP but whether a connection can be used again; `connection` makes what it holds.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["IDLE", "Lendable", "Pool"]

IDLE = 30.0  # seconds that a connection is kept for the next request


class Lendable(Protocol):
    """What a pool lends."""

    @property
    def is_usable(self) -> bool:
        """Tell whether it can be used once more."""
        ...

    async def aclose(self) -> None:
        """Close it; a second time does nothing."""
        ...


_C = TypeVar("_C", bound=Lendable)


class Pool(Generic[_C]):
    """Connections that are lent one at a time, the one used last first, so that those not needed grow old and go.

    Args:
        owner: When it is gone, the connections are closed.
        make: Makes a connection; must not hold the owner.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_dropped",
        "_ended",
        "_finalizer",
        "_free",
        "_keeper",
        "_loop",
        "_make",
        "_open",
    )

    def __init__(self, owner: object, make: Callable[[], _C]) -> None:
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._free: deque[tuple[_C, float]] = deque()
        self._open: set[_C] = set()
        self._closed = False
        self._dropped: asyncio.Task[None] | None = None
        self._ended = False
        self._keeper: AsyncGenerator[None] | None = None
        self._finalizer = weakref.finalize(owner, _drop, weakref.ref(self))
        self._finalizer.atexit = False

    @property
    def is_closed(self) -> bool:
        """Tell whether it lends no more."""
        return self._closed or self._loop.is_closed()

    async def lend(self) -> _C:
        """Give a connection that nobody uses, a new one if need be."""
        if self._keeper is None:
            self._keeper = _keep(self)
            for gone in [known for known in tuple(_POOLS) if known.is_closed]:  # their loops were closed by hand
                _POOLS.discard(gone)
            _POOLS.add(self)
            await anext(self._keeper)
        while self._free:
            connection = self._free.pop()[0]
            if connection.is_usable:
                return connection
            await self.discard(connection)
        connection = self._make()
        self._open.add(connection)
        return connection

    async def take_back(self, connection: _C) -> None:
        """Keep a connection for the next who asks, and close those that nobody asked for in a while."""
        if not connection.is_usable:
            await self.discard(connection)
            return
        now = self._loop.time()
        self._free.append((connection, now))
        while self._free[0][1] < now - IDLE:
            old = self._free.popleft()[0]
            self._open.discard(old)
            await old.aclose()

    async def discard(self, connection: _C) -> None:
        """Close a connection whose exchange was broken off; nobody gets it again."""
        await connection.aclose()
        self._open.discard(connection)

    async def aclose(self) -> None:
        """Close all connections, those in use too."""
        self._closed = True
        self._finalizer.detach()
        while self._open:
            connection = self._open.pop()
            try:
                await connection.aclose()
            except asyncio.CancelledError:  # a loop that ends cancels its tasks, and then this is most needed
                self._open.add(connection)
        _POOLS.discard(self)
        if self._keeper is not None and not self._ended:
            await self._keeper.aclose()

    async def end(self) -> None:
        """Close because the loop ends, also what a task that is cancelled leaves."""
        self._ended = True
        if self._dropped is not None and self._dropped is not asyncio.current_task():
            await asyncio.wait([self._dropped])
        await self.aclose()

    def drop(self) -> None:
        """Begin to close, from any thread; where the loop has ended there is nothing left to close."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._dropped = self._loop.create_task(self.aclose())


_POOLS: set[Pool[Any]] = set()
"""All that have connections, so that none is collected before they are closed."""


async def _keep(pool: Pool[Any]) -> AsyncGenerator[None]:
    """End a pool when its loop shuts its async generators down, as `asyncio.run` and all runners do at the end."""
    try:
        yield
    finally:
        await pool.end()


def _drop(known: weakref.ref[Pool[Any]]) -> None:
    pool = known()
    if pool is not None:
        pool.drop()
