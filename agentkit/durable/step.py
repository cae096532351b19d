"""The book of a run that a worker carries out: each of its records is the text of a step of a workflow.

`workflow` makes one for each run. What is written before an effect is its fence: who lost the run cannot write it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import count, takewhile
from typing import Any

from agentkit.agent.result import Result
from agentkit.durable.gate import Gate
from agentkit.durable.process import below, step
from agentkit.durable.record import Record
from agentkit.errors import JournalError

__all__ = ["StepBook", "in_order"]

_INTENTS = ("asking", "calling")


class StepBook:
    """Writes the records of one run as steps of the workflow that runs here.

    A step has its number from when it begins, and calls that run at once end in another order than they began. What a
    record tells is what changed since the one that was made before it. So they are written one after another as they
    were made, each with its place, and read in the order of their places.

    Args:
        gate: Passed before each record that is written before an effect.
        place: That of the last record there is.
    """

    def __init__(self, gate: Gate, place: int = 0) -> None:
        self._gate, self._place = gate, place
        self._last: asyncio.Future[None] | None = None
        self._held: list[Record] = []  # written with the next one
        self._torn = False  # a record is not written, as of a run that others have: none may be after it
        self._meant = 0  # effects that were written as intents and have not begun

    async def note(self, record: Record, *, sure: bool = False) -> None:  # noqa: ARG002 # each step is on the disk
        """Write a record; where the worker drains, an intent is never written, for the run goes on elsewhere.

        That a request is about to be sent is written with its reply: to ask again does no harm, and a step is dear.
        """
        if record.kind not in _INTENTS:
            await self._write(record)
            return
        await self._gate.admit()
        self._mean(1)
        if record.kind == "asking":
            self._held.append(record)
            return
        try:
            await self._write(record)
        except BaseException:
            self._mean(-1)
            raise

    async def act(self, name: str, body: Callable[[], Awaitable[Record]]) -> Record:
        """Carry out an effect as a step, and give its outcome."""
        await self._gate.make_sure()
        with self._gate.effect():
            if self._meant:
                self._mean(-1)
            return await self._step(name, body, long=True)

    async def below(self, run_id: str, body: Callable[[], Awaitable[Result[Any]]]) -> Result[Any]:
        """Carry out the run of an agent that a call began, as a workflow below the one that calls it.

        What is written meanwhile are steps of that one, in the same order of places.
        """
        came: list[Result[Any]] = []

        async def carry_out() -> str:
            came.append(await body())
            return "paused" if came[0].pending else "finished"

        await below(run_id, carry_out)
        return came[0]

    def close(self) -> None:
        """Forget what was meant: the run goes on no more here."""
        self._mean(-self._meant)

    async def _write(self, record: Record) -> None:
        async def body() -> Record:
            return record

        await self._step(f"{record.kind} {record.run_id} {record.call_id or record.turn}", body, made=record)

    async def _step(
        self, name: str, body: Callable[[], Awaitable[Record]], *, long: bool = False, made: Record | None = None
    ) -> Record:
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        records: list[Record] = []

        def take(record: Record) -> tuple[str, asyncio.Future[None] | None]:
            before, self._last = self._last, written
            records.append(record)
            together, self._held = [*self._held, record], []
            text = f"{self._place + 1} {chr(10).join(one.to_json() for one in together)}"
            self._place += len(together)
            return text, before

        taken = None if made is None else take(made)  # at once: a step begins later, and others are made meanwhile

        async def carry_out() -> str:
            record = await body()
            text, before = taken or take(record)
            if before is not None:
                await before
            if self._torn:
                raise JournalError(
                    f"Nothing more of the run {record.run_id!r} is written by this worker, for a record before could "
                    "not be. It goes on from what is on record: at another worker, or when it is resumed."
                )
            return text

        task = asyncio.ensure_future(step(name, carry_out, long=long))
        try:
            await _through(task, records)
        finally:
            self._torn |= bool(records) and (task.cancelled() or task.exception() is not None)
            written.set_result(None)
        return records[0]

    def _mean(self, count: int) -> None:
        self._meant += count
        self._gate.under_way += count


async def _through(task: asyncio.Future[str], made: list[Record]) -> None:
    """Wait for a step; where this is cancelled, cancel its effect, but let what was done be written."""
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if not made:
            task.cancel()
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise


def in_order(texts: Iterable[str]) -> list[tuple[int, Record]]:
    """Read the texts of steps as records with their places, in their order, each once; other steps have none.

    Where a run goes on meanwhile, one may be read that is after another which was not there yet: they end there.
    """
    found: dict[int, Record] = {}
    for text in texts:
        if text:
            place, _, lines = text.partition(" ")
            found |= {int(place) + later: Record.from_json(line) for later, line in enumerate(lines.split("\n"))}
    return [(place, found[place]) for place in takewhile(found.__contains__, count(1))]
