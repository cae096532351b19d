"""A process that carries out runs: it takes them out of queues, keeps a lease, drains, and begins anew without it.

`DurableAgent` starts one where a run is asked for, `agentkit worker` one that does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from agentkit.durable import process
from agentkit.durable.engine import Engine
from agentkit.durable.gate import Gate
from agentkit.durable.lease import Lease
from agentkit.errors import ConfigurationError
from agentkit.secret import scrub

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Queue", "Served", "Worker"]

_log = logging.getLogger("agentkit.durable")

_AGAIN = 1.0  # seconds until a worker that lost its lease tries again to begin
_LOOK = 0.05  # seconds between two looks whether a worker that drains is done


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Where runs wait for a worker, and how many of them go on at once.

    The limits are kept in the database; those of the worker that started last hold for all.

    Attributes:
        name: Its name.
        concurrency: Runs at once over all workers; None: as many as the workers take.
        at_once: Runs at once in each worker.
        rate: How many runs may begin within so many seconds, over all workers: `(100, 60.0)`.
    """

    name: str
    concurrency: int | None = None
    at_once: int = 16
    rate: tuple[int, float] | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith("_dbos_"):
            raise ConfigurationError(f"A queue cannot be called {self.name!r}. Give another name.")
        for what, count in (("concurrency", self.concurrency), ("at_once", self.at_once)):
            if count is not None and count < 1:
                raise ConfigurationError(f"{what}={count!r} is no number of runs at once. Give 1 or more.")
        if self.rate is not None and (self.rate[0] < 1 or self.rate[1] <= 0):
            raise ConfigurationError(
                f"rate={self.rate!r} is no rate. Give how many runs may begin in how many seconds: (100, 60.0)."
            )


class Served(Protocol):
    """An agent as a worker knows it."""

    @property
    def name(self) -> str:
        """What its runs name it by."""
        ...

    @property
    def queue(self) -> Queue:
        """Where its runs wait."""
        ...

    async def carry_out(self, text: str, gate: Gate, /) -> str:
        """Carry out one part of a run."""
        ...


class Worker:
    """Carries out the runs of some agents in this process; one for a process.

    Enter it with `with` or `async with`, or `start` and `stop` it. A worker that drains begins nothing new: what is
    under way ends, and the runs go on at once elsewhere, or when the next worker starts.

    Args:
        engine: The database.
        agents: Whose runs; further ones can be added by `serve`.
        lease: Seconds that it may be silent until its runs are given to others.
        grace: Seconds that effects under way have to end when it stops; then they are cancelled, and are in doubt.
    """

    def __init__(
        self, engine: Engine, agents: Iterable[Served] = (), *, lease: float = 10.0, grace: float = 30.0
    ) -> None:
        self._engine, self._seconds, self._grace = engine, lease, grace
        self._agents: dict[str, Served] = {}
        self._queues: dict[str, Queue] = {}
        self._guard = threading.RLock()
        self._lease: Lease | None = None
        self._gate = Gate(lambda: False)
        self._drains = threading.Event()
        self._tasks: dict[asyncio.Task[Any], asyncio.AbstractEventLoop] = {}
        self._ids: list[str] = []
        for agent in agents:
            self._add(agent)

    @property
    def id(self) -> str:
        """Give the name that it has in the database; empty while it does not run."""
        return self._lease.id if self._lease else ""

    @property
    def runs(self) -> int:
        """Tell how many runs it has."""
        return len(self._tasks)

    def start(self) -> None:
        """Begin.

        Raises:
            ConfigurationError: This process is a worker already, of another database.
            JournalError: The database cannot be reached.
        """
        with self._guard:
            self._drains.clear()
            self._begin()

    def serve(self, agent: Served) -> None:
        """Carry out an agent's runs, too."""
        with self._guard:
            if agent.queue.name not in self._queues:
                self._put(agent.queue)
                if self._lease:
                    process.listen(agent.queue.name)
            self._add(agent)

    def drain(self) -> None:
        """Begin nothing new from now on."""
        self._drains.set()  # first: a gate that is made meanwhile has it from there
        self._gate.drains = True

    async def drained(self) -> None:
        """Drain, and wait until nothing is under way, or the time for that is over."""
        self.drain()
        end = time.monotonic() + self._grace
        while self._gate.under_way and time.monotonic() < end:  # noqa: ASYNC110 # counted on another event loop
            await asyncio.sleep(_LOOK)

    def stop(self) -> None:
        """Stop at once: what is under way is cancelled, and the runs go on elsewhere."""
        self.drain()
        with self._guard:
            if self._lease is not None:
                self._cancel()
                process.end()
                self._tasks.clear()
                self._lease.leave()
                self._lease = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run(self.drained())
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drained()
        await asyncio.to_thread(self.stop)

    def _begin(self) -> None:
        for queue in self._queues.values():
            self._put(queue)
        lease = Lease(self._engine, self._seconds, self._lost, lambda: {*self._ids})
        self._gate = Gate(lambda: lease.is_fresh)
        self._gate.drains = self._drains.is_set()
        lease.take()
        try:
            process.begin(self._engine, lease.id, list(self._queues), self._carry_out)
        except BaseException:
            lease.leave()
            raise
        self._lease = lease

    def _add(self, agent: Served) -> None:
        known = self._agents.setdefault(agent.name, agent)
        if known is not agent:
            raise ConfigurationError(
                f"Two agents of this worker are called {agent.name!r}, and their runs could not be told apart. Give "
                "each a name of its own: DurableAgent(agent, name=...)."
            )
        self._queues.setdefault(agent.queue.name, agent.queue)

    def _put(self, queue: Queue) -> None:
        at_once = min(queue.at_once, queue.concurrency or queue.at_once)  # DBOS wants no more of one than of all
        self._engine.put_queue(queue.name, concurrency=queue.concurrency, at_once=at_once, rate=queue.rate)

    async def _carry_out(self, workflow: str, text: str) -> str:
        name = json.loads(text)["agent"]
        agent = self._agents.get(name)
        if agent is None:
            raise ConfigurationError(
                f"The run {workflow!r} is one of the agent {name!r}, and the worker that took it has only "
                f"{_listed(list(self._agents))}. Give that agent a queue of its own, or start a worker that has it."
            )
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = asyncio.get_running_loop()
        self._ids.append(workflow)
        try:
            return await agent.carry_out(text, self._gate)
        finally:
            self._tasks.pop(task, None)
            self._ids.remove(workflow)

    def _cancel(self) -> None:
        for task, loop in tuple(self._tasks.items()):
            with suppress(RuntimeError):  # its loop is closed
                loop.call_soon_threadsafe(task.cancel)

    def _lost(self) -> None:
        """Let go of everything, for it is others' now, and begin anew under another name."""
        self._cancel()
        threading.Thread(target=self._restart, name="agentkit worker", daemon=True).start()

    def _restart(self) -> None:
        with self._guard:
            if self._lease is None:
                return
            process.end()
            self._tasks.clear()
            self._lease = None
        while not self._try_start():
            self._drains.wait(_AGAIN)

    def _try_start(self) -> bool:
        with self._guard:
            if self._drains.is_set() or self._lease is not None:  # it was stopped, or begun anew by another
                return True
            try:
                self._begin()
            except Exception as error:  # noqa: BLE001 # of the database or its engine: a worker outlives both
                _log.warning("The worker cannot begin anew, and tries again: %s", scrub(str(error)))
                return False
            _log.warning("The worker goes on as %s.", self.id)
            return True


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
