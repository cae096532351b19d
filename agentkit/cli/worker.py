"""`agentkit worker`: a process that carries out the runs of agents until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import typer

from agentkit.agent import Agent
from agentkit.cli.reference import load_agent, load_value
from agentkit.cli.screen import Screen
from agentkit.durable.agent import DurableAgent
from agentkit.durable.worker import Queue, Worker
from agentkit.errors import ConfigurationError

__all__ = ["DbOption", "QueueOption", "WorkerCommand", "load_durable"]

DbOption = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="The database: the path of a file of SQLite, or postgresql://...; AGENTKIT_DB, else agentkit.db.",
        show_default=False,
    ),
]
QueueOption = Annotated[
    str | None,
    typer.Option("--queue", metavar="NAME", help="The queue; the agent's name by default.", show_default=False),
]

_STOPS = (signal.SIGTERM, signal.SIGINT)
_LOOK = 0.2  # seconds between two looks for one of them


@dataclass(frozen=True)
class WorkerCommand:
    """What was asked for on the command line; `perform` does it."""

    agents: Annotated[
        list[str],
        typer.Argument(
            metavar="MODULE:AGENT...", help="Agents, or durable agents, whose runs it carries out.", show_default=False
        ),
    ]
    db: DbOption = None
    queue: QueueOption = None
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", help="Runs at once in each worker; 16 by default.", min=1, show_default=False),
    ] = None
    total: Annotated[
        int | None, typer.Option("--total", help="Runs at once over all workers.", min=1, show_default=False)
    ] = None
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate", metavar="N/SECONDS", help="Runs that may begin in so many seconds: 100/60.", show_default=False
        ),
    ] = None
    lease: Annotated[
        float, typer.Option("--lease", help="Seconds of silence after which others take its runs over.", min=0.1)
    ] = 10.0
    grace: Annotated[
        float, typer.Option("--grace", help="Seconds that calls and requests have to end when it stops.", min=0)
    ] = 30.0

    def perform(self) -> int:
        """Work until SIGTERM or Ctrl-C, drain, and give the exit code; the second of them stops at once."""
        found = [load_durable(one, self.db, self.queue) for one in self.agents]
        agents = [agent.replace(queue=self._limited(agent.queue)) for agent in found]
        engines = {agent.engine for agent in agents}
        if len(engines) > 1:
            places = " and ".join(sorted(repr(engine.place) for engine in engines))
            raise ConfigurationError(f"These agents are of several databases, {places}. Start a worker for each.")
        err, stop = Screen(sys.stderr), threading.Event()
        for number in _STOPS:
            signal.signal(number, partial(_stop, stop))
        worker = Worker(engines.pop(), agents, lease=self.lease, grace=self.grace)
        worker.start()
        try:
            queues = ", ".join(sorted({agent.queue.name for agent in agents}))
            err.line(f"worker {worker.id}: takes runs of {', '.join(agent.name for agent in agents)} from {queues}")
            while not stop.wait(_LOOK):  # a signal that another thread got does not wake this one, which handles it
                pass
            err.line("stopping: what has begun ends, the runs go on elsewhere")
            asyncio.run(worker.drained())
        finally:
            worker.stop()
        return 0

    def _limited(self, queue: Queue) -> Queue:
        given = {"concurrency": self.total, "at_once": self.concurrency, "rate": _rate(self.rate)}
        changes: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
        return replace(queue, **changes)


def load_durable(reference: str, db: str | None, queue: str | None) -> DurableAgent[Any, Any]:
    """Give the durable agent that `module:agent` names.

    Of a plain agent it is one with its name in the database that is named, by the environment too; a durable one is as
    it is, but for what is named.

    Raises:
        ConfigurationError: There is no such agent.
    """
    db = db or os.environ.get("AGENTKIT_DB")
    value = load_value(reference, "agent")
    if isinstance(value, DurableAgent):
        durable: DurableAgent[Any, Any] = value  # pyright: ignore[reportUnknownVariableType] # of whatever deps
        named = replace(durable.queue, name=queue) if queue else None
        changes: dict[str, Any] = {name: one for name, one in (("db", db), ("queue", named)) if one}
        return durable.replace(**changes) if changes else durable
    agent: Agent[Any, Any] = load_agent(reference)
    name = agent.name or reference.rpartition(":")[2]
    return DurableAgent(agent, name=name, db=db or "agentkit.db", queue=queue)


def _rate(text: str | None) -> tuple[int, float] | None:
    if text is None:
        return None
    try:
        count, seconds = text.split("/")
        return int(count), float(seconds)
    except ValueError:
        raise ConfigurationError(f"--rate {text!r} is no rate. Write runs/seconds, such as --rate 100/60.") from None


def _stop(stop: threading.Event, *_: object) -> None:
    if stop.is_set():
        raise KeyboardInterrupt
    stop.set()
