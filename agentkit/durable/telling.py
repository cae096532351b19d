"""The events of a run on their way to whoever watches it elsewhere; `workflow` opens it where somebody does."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

from agentkit.agent.event import TextDelta
from agentkit.durable.process import step, tell
from agentkit.durable.record import line_of

__all__ = ["Telling"]

_PAUSE = 0.1  # seconds between two writings


class Telling:
    """Writes the events of a run, a few at once, as one step of its workflow; it goes on as long as this is entered."""

    def __init__(self) -> None:
        self._waiting: deque[Any] = deque()
        self._over = asyncio.Event()
        self._step: asyncio.Future[str] | None = None

    def take(self, event: Any) -> None:
        """Take an event, from any thread."""
        self._waiting.append(event)

    async def __aenter__(self) -> None:
        self._step = asyncio.ensure_future(step("tell", self._write_all))

    async def __aexit__(self, *_: object) -> None:
        assert self._step is not None
        self._over.set()
        await self._step

    async def _write_all(self) -> str:
        over = False
        while not over:
            with suppress(TimeoutError):
                over = await asyncio.wait_for(self._over.wait(), _PAUSE)
            await self._write()
        return ""

    async def _write(self) -> None:
        """Write what there is; pieces of one text are put together."""
        told: list[Any] = []
        while self._waiting:
            event = self._waiting.popleft()
            if told and isinstance(event, TextDelta) and isinstance(told[-1], TextDelta):
                event = TextDelta(told.pop().text + event.text)
            told.append(event)
        if told:
            await tell(line_of([event.to_json() for event in told]))
