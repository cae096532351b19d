"""Worker threads for sync tools: as many as needed, kept a while for the next call, never waited for at exit.

A pool of fixed size would deadlock when a sync tool waits for a sub-agent's sync tool; how many run at once is bounded
per run by the executor's caller.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

__all__ = ["abandoned_threads", "run_in_thread"]

_T = TypeVar("_T")
_IDLE_SECONDS = 10.0

_idle: list[_Worker] = []
_running: set[asyncio.Future[Any]] = set()


class _Worker(threading.Thread):
    """A thread that runs one job after another until it is idle too long."""

    def __init__(self) -> None:
        super().__init__(name="agentkit-tool", daemon=True)
        self.jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Run jobs; a job never raises."""
        while True:
            try:
                job = self.jobs.get(timeout=_IDLE_SECONDS)
            except Empty:
                try:
                    _idle.remove(self)
                except ValueError:  # just taken: the job is on its way
                    continue
                return
            job()
            del job  # what it holds must not live as long as the thread
            _idle.append(self)


def abandoned_threads() -> int:
    """Count the threads whose caller gave up on them and that still run."""
    return sum(future.cancelled() for future in tuple(_running))


async def run_in_thread(function: Callable[..., _T], *args: Any) -> _T:
    """Run a sync function in a worker thread with the caller's context variables.

    A cancelled wait abandons the thread: the function goes on, its outcome is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()
    work = [partial(contextvars.copy_context().run, function, *args)]  # popped: the thread outlives what it holds

    def job() -> None:
        try:
            outcome, error = work.pop()(), None
        except BaseException as raised:  # noqa: BLE001 # every outcome belongs to the caller, an exit too
            outcome, error = None, raised
        _running.discard(future)
        try:
            loop.call_soon_threadsafe(_settle, future, outcome, error)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    _running.add(future)
    worker.jobs.put(job)
    return await future


def _settle(future: asyncio.Future[Any], outcome: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if isinstance(error, StopIteration | GeneratorExit | KeyboardInterrupt):  # these would end the loop, not the tool
        future.set_exception(RuntimeError(f"It raised {type(error).__name__}."))
    elif error is not None:
        future.set_exception(error)
    else:
        future.set_result(outcome)


def _forget() -> None:
    _idle.clear()
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
