"""A run that is watched while it goes: its events as they come, its text, and its result at the end.

The run is a task of its own; events wait in a bounded line, so that a slow reader slows the reading of the endpoint.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, Self

from agentkit.agent.event import Event, Progress, TextDelta
from agentkit.agent.result import Output, Result
from agentkit.agent.run import Run
from agentkit.errors import RunError
from agentkit.state.run import RunState

__all__ = ["AgentStream"]

_MOST_WAITING = 1000


class AgentStream(Generic[Output]):
    """The events of one run; enter it with `async with`, iterate, and read `result`.

    Leaving early cancels the run and closes its connection at once; `state` then holds a valid history.
    An error of the run is raised where the events end.
    """

    def __init__(self, run: Run, finish: Callable[[Run], Coroutine[Any, Any, Result[Output]]]) -> None:
        self._run = run
        self._finish = finish
        self._events: deque[Event] = deque()
        self._task: asyncio.Task[Result[Output]] | None = None
        self._more: asyncio.Future[None] | None = None
        self._less: asyncio.Future[None] | None = None
        self._thread = 0

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise RunError("The stream was entered before. Make another one, `agent.stream(...)`.")
        self._run.watcher, self._run.room = self._emit, self._room
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._finish(self._run), name=f"agentkit run {self._run.state.run_id}")
        self._task.add_done_callback(lambda _: self._wake())
        return self

    async def __aexit__(self, *_: object) -> None:
        task = self._started()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # read, so that an error nobody waited for is not logged as forgotten

    async def __aiter__(self) -> AsyncIterator[Event]:
        while await self._wait():
            while self._events:  # one by one, so that leaving the loop early loses none
                yield self._events.popleft()

    async def batch(self) -> list[Event]:
        """Wait for events and give all that came; empty when they have ended.

        Raises:
            AgentkitError: What the run ended with, after its last event.
        """
        await self._wait()
        return [self._events.popleft() for _ in range(len(self._events))]  # a tool's thread may append meanwhile

    async def _wait(self) -> bool:
        task = self._started()
        while not self._events:
            if self._less is not None and not self._less.done():
                self._less.set_result(None)
            if task.done():
                await task
                return False
            self._more = self._loop.create_future()
            await self._more
        return True

    async def text(self) -> AsyncIterator[str]:
        """Give the pieces of the replies' text as they come."""
        async for event in self:
            if isinstance(event, TextDelta):
                yield event.text

    @property
    def result(self) -> Result[Output]:
        """Give the result; read it after the events have ended.

        Raises:
            RunError: The run has not ended yet, or was left early.
        """
        task = self._started()
        if not task.done() or task.cancelled():
            raise RunError("The run has no result yet. Read `stream.result` after its events have ended.")
        return task.result()

    @property
    def state(self) -> RunState:
        """Give the run as far as it came."""
        return self._run.state

    def _started(self) -> asyncio.Task[Result[Output]]:
        if self._task is None:
            raise RunError(
                "The stream was not entered. Write `async with agent.stream(...) as stream:`, "
                "or `with agent.stream_sync(...) as stream:`."
            )
        return self._task

    def _emit(self, event: Any) -> None:
        if len(self._events) >= _MOST_WAITING and isinstance(event, Progress):
            return  # a tool cannot be made to wait for a slow reader, and its progress is no loss
        self._events.append(event)
        if threading.get_ident() == self._thread:
            self._wake()
        else:
            with suppress(RuntimeError):  # the loop is closed: the run was left and its tool's thread goes on
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        more = self._more
        if more is not None and not more.done():
            more.set_result(None)

    async def _room(self) -> None:
        while len(self._events) > _MOST_WAITING:
            self._less = self._loop.create_future()
            await self._less
