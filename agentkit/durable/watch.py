"""Waiting for workflows that are carried out elsewhere: one question for all that an event loop waits for."""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

from agentkit.durable.engine import Engine

__all__ = ["OVER", "wait_for"]

OVER: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
"""The words of DBOS for what goes on no more."""

_SHORTEST, _LONGEST = 0.02, 0.5  # seconds between two questions; the longer nothing ends, the longer
_AT_ONCE = 500  # asked for in one question

_waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Engine, _Round]] = WeakKeyDictionary()


class _Round:
    """Asks again and again while somebody waits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.wanted: dict[str, list[asyncio.Future[str]]] = {}
        self.fresh = False
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._ask())
        self.fresh = True

    async def _ask(self) -> None:
        pause = _SHORTEST
        while self.wanted:
            await asyncio.sleep(pause)
            try:
                ended = await self._ended()
            except Exception as error:  # noqa: BLE001 # of the database: raised to all who wait
                for futures in self._popped(list(self.wanted)):
                    futures.set_exception(error)
                return
            for one, status in ended.items():
                for future in self._popped([one]):
                    future.set_result(status)
            pause = _SHORTEST if ended or self.fresh else min(_LONGEST, pause * 1.5)
            self.fresh = False

    async def _ended(self) -> dict[str, str]:
        ids, ended = list(self.wanted), dict[str, str]()
        for begin in range(0, len(ids), _AT_ONCE):
            some = ids[begin : begin + _AT_ONCE]
            found = await asyncio.to_thread(self._engine.entries, whole=False, workflow_ids=some, status=list(OVER))
            ended |= {entry.id: entry.status for entry in found}
        return ended

    def _popped(self, ids: list[str]) -> list[asyncio.Future[str]]:
        return [future for one in ids for future in self.wanted.pop(one, ()) if not future.done()]


async def wait_for(engine: Engine, id: str) -> str:  # noqa: A002 # as DBOS names it
    """Wait until a workflow goes on no more, and give DBOS's word for how it ended.

    Raises:
        JournalError: The database cannot be reached.
    """
    loop = asyncio.get_running_loop()
    asking = _waiting.setdefault(loop, {}).setdefault(engine, _Round(engine))
    future: asyncio.Future[str] = loop.create_future()
    asking.wanted.setdefault(id, []).append(future)
    asking.begin()
    try:
        return await future
    finally:
        left = asking.wanted.get(id)
        if left is not None and future in left:
            left.remove(future)
            if not left:
                del asking.wanted[id]
