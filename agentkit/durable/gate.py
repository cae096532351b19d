"""Whether effects may begin in this process: not while a worker drains, nor while its lease may be another's.

The book of each run passes it before each effect; the worker opens and shuts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["Gate"]

_LOOK = 0.02  # seconds between two looks while it is shut


class Gate:
    """Passed before each effect; all who pass it are on one event loop.

    Args:
        is_sure: Tells whether the lease was renewed in time.

    Attributes:
        drains: Whether nothing new is begun any more.
        under_way: How many effects have begun, or are about to by what is written of them, and have not ended.
    """

    def __init__(self, is_sure: Callable[[], bool]) -> None:
        self._is_sure = is_sure
        self.drains = False
        self.under_way = 0

    async def admit(self) -> None:
        """Wait until something may be begun; of a worker that drains that is until it is cancelled."""
        while self.drains or not self._is_sure():  # noqa: ASYNC110 # by clocks and other threads
            await asyncio.sleep(_LOOK)

    async def make_sure(self) -> None:
        """Wait until the lease is sure; what is on its way goes on though the worker drains."""
        while not self._is_sure():  # noqa: ASYNC110 # by a clock
            await asyncio.sleep(_LOOK)

    @contextmanager
    def effect(self) -> Generator[None]:
        """Count an effect while it is under way."""
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
