"""The worker processes of the embedded model: made on demand, kept warm, one conversation at a time each.

`model` runs its conversations here, from any event loop and any thread; what they are about is unknown here.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import weakref
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from agentkit.local.process import Process
from agentkit.local.reading import Reading, Response

__all__ = ["Pool", "shared_pool"]

T = TypeVar("T")

_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()


class _Job:
    """One conversation on its way through a thread; cancelling it kills the worker that it holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Process | None = None
        self._cancelled = False

    def hold(self, worker: Process) -> None:
        with self._lock:
            self._worker = worker
            if self._cancelled:
                worker.kill()

    def release(self) -> None:
        with self._lock:
            self._worker = None

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._worker is not None:
                self._worker.kill()


class Pool:
    """Up to `size` workers of about 100 MB each.

    A worker starts in about half a second. It ends with `close`, with the interpreter, and at once when this process
    dies of anything. A forked child starts with none of its parent's.

    Args:
        size: How many run at once; more wait. Default: the number of processors on Linux, where an engine keeps to one
            thread, else 1, for its threads take all processors.
        startup_seconds: How long a start may take.
        answer_seconds: How long one question to the engine may take.
    """

    def __init__(
        self, size: int | None = None, *, startup_seconds: float = 60.0, answer_seconds: float = 120.0
    ) -> None:
        self._size = size or (sys.platform == "linux" and os.cpu_count()) or 1
        self._startup_seconds = startup_seconds
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._idle: list[Process] = []
        self._workers: set[Process] = set()
        self._threads: ThreadPoolExecutor | None = None
        _POOLS.add(self)

    @property
    def pids(self) -> tuple[int, ...]:
        """Give the process ids of the workers, for those who look after processes."""
        with self._lock:
            return tuple(worker.pid for worker in self._workers)

    async def run(self, conversation: Generator[Reading, Response, T]) -> T:
        """Answer what the conversation asks, on one worker, and give what it returns.

        Cancelling it kills the worker, so that neither a late answer nor a half-played conversation is ever met.

        Raises:
            LocalModelError: A worker did not start, died, took too long or refused a reading.
        """
        try:
            first = next(conversation)
        except StopIteration as done:
            result: T = done.value
            return result
        job = _Job()
        future = self._executor().submit(self._play, conversation, first, job)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            job.cancel()
            raise

    def close(self) -> None:
        """End the workers; one that is at work ends after its run. A later run starts new ones."""
        with self._lock:
            idle, threads = self._idle, self._threads
            self._idle, self._workers, self._threads = [], set(), None
        if threads is not None:
            threads.shutdown(wait=False)
        for worker in idle:
            worker.close()

    def _play(self, conversation: Generator[Reading, Response, T], reading: Reading, job: _Job) -> T:
        worker = self._take(reading)
        job.hold(worker)
        try:
            while True:
                response = worker.ask(reading)
                try:
                    reading = conversation.send(response)
                except StopIteration as done:
                    result: T = done.value
                    return result
        finally:
            job.release()
            self._put(worker)

    def _take(self, reading: Reading) -> Process:
        wanted = (reading.system, reading.tools)
        with self._lock:
            dead = [worker for worker in self._idle if not worker.alive]
            self._idle = [worker for worker in self._idle if worker.alive]
            self._workers.difference_update(dead)
            ready = next((worker for worker in self._idle if worker.setup == wanted), None)
            worker = ready or (self._idle[-1] if self._idle else None)
            if worker is not None:
                self._idle.remove(worker)
        for corpse in dead:
            corpse.close()
        if worker is None:
            worker = Process(self._startup_seconds, self._answer_seconds)
            with self._lock:
                self._workers.add(worker)
        return worker

    def _put(self, worker: Process) -> None:
        with self._lock:
            kept = worker in self._workers and worker.alive
            if kept:
                self._idle.append(worker)
            else:
                self._workers.discard(worker)
        if not kept:
            worker.close()

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="agentkit-local")
            return self._threads

    def forget(self) -> None:
        """Drop what a fork copied from the parent; held open, it would keep the parent's workers alive after it."""
        workers = self._workers
        self._lock = threading.Lock()
        self._idle, self._workers, self._threads = [], set(), None
        for worker in workers:
            worker.forget()


def shared_pool() -> Pool:
    """Give the pool that all models of this process share by default."""
    return _SHARED


def _close_all() -> None:
    for pool in list(_POOLS):
        pool.close()


def _forget_all() -> None:
    for pool in list(_POOLS):
        pool.forget()


_SHARED = Pool()
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
