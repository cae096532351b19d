"""One run of a journal, held by this process alone: where its records go, and what could not be written meanwhile.

The journal takes and frees it; the keeper of a run writes to it as a `Book`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from agentkit.agent.result import Result
from agentkit.durable import lock
from agentkit.durable.file import RecordFile, Shown
from agentkit.durable.record import Record
from agentkit.errors import JournalError, RunInUseError

__all__ = ["Hold", "hold"]

_SURE: Final = ("begin", "decided", "finished")
_INTENTS: Final = ("begin", "decided", "asking", "calling")
_unwritten: dict[tuple[str, str], list[Record]] = {}  # outcomes by file and run, until it goes on in this process


async def hold(file: RecordFile, run_id: str) -> Hold:
    """Take a run for this process, and write first what could not be written when it went on before.

    Raises:
        RunInUseError: Another process has it, or another task of this one.
        JournalError: The file cannot be written.
    """
    while True:
        number = await file.number(run_id)
        try:
            taken = lock.take(f"{file.path}.lock", number)
        except OSError as error:
            raise JournalError(
                f"The file of locks beside the journal {file.name!r} cannot be opened: {error.strerror}. "
                "Let this process write it and its folder."
            ) from error
        if not taken:
            raise RunInUseError(_in_use(run_id, await file.holder(number)))
        one = Hold(file, run_id, number)
        try:
            if await one.begin():
                return one
        except BaseException:
            one.free()
            raise
        one.free()  # it was deleted just now


class Hold:
    """A run that nobody else goes on with until it is freed.

    Attributes:
        is_new: Whether nothing was written of it yet.
        shown: What the list of runs shows of one that begins: its agent's name, and the beginning of its prompt.
    """

    def __init__(self, file: RecordFile, run_id: str, number: int) -> None:
        self._file, self._run_id, self._number = file, run_id, number
        now = datetime.now(UTC).isoformat(" ")
        self._holder = f"process {os.getpid()} on {socket.gethostname()}, since {now.removesuffix('+00:00')} UTC"
        self._left = _unwritten.setdefault((file.path, run_id), [])
        self.is_new = True
        self.shown: tuple[str | None, str] = (None, "")

    async def begin(self) -> bool:
        """Say who holds it, and write what is left from before; tell whether the run is still there."""
        there, status = await self._file.hold(self._number, self._holder)
        self.is_new = status is None
        if self._left and there:
            known = {*await self.records()}  # a commit that failed at its end may have been done
            self._left[:] = [record for record in self._left if record not in known]
            await self._write([], sure=True)
        return there

    async def records(self) -> tuple[Record, ...]:
        """Give what is written of it."""
        return await self._file.records(self._number)

    async def note(self, record: Record, *, sure: bool = False) -> None:
        """Write a record, after those that could not be written before it.

        Raises:
            JournalError: It cannot be written; that of something done is kept in memory.
            RunInUseError: Another process has taken the run over.
        """
        own = record.run_id == self._run_id
        shown = (*self.shown, record.at) if own and record.kind == "begin" else None
        await self._write([record], sure=sure or (own and record.kind in _SURE), shown=shown)

    async def act(self, name: str, body: Callable[[], Awaitable[Record]]) -> Record:  # noqa: ARG002 # of the protocol: steps of an engine have names
        """Do something and write its outcome."""
        record = await body()
        await self.note(record)
        return record

    async def below(self, run_id: str, body: Callable[[], Awaitable[Result[Any]]]) -> Result[Any]:  # noqa: ARG002 # of the protocol: an engine keeps the runs below apart
        """Carry out the run of an agent that a call began."""
        return await body()

    async def delete(self) -> None:
        """Forget the run."""
        self._left.clear()
        await self._file.delete(self._number)

    def free(self) -> None:
        """Let others go on with it; again is no error."""
        if not self._left:
            _unwritten.pop((self._file.path, self._run_id), None)
        lock.free(f"{self._file.path}.lock", self._number)

    async def _write(self, records: list[Record], *, sure: bool, shown: Shown | None = None) -> None:
        together = [*self._left, *records]
        self._left.clear()
        try:
            await self._file.add(self._number, self._holder, together, sure=sure, shown=shown)
        except JournalError as error:
            self._keep(together)
            self._refuse(error)
        except RunInUseError as error:
            raise RunInUseError(_in_use(self._run_id, str(error))) from None
        except asyncio.CancelledError as error:
            if error.__cause__ is not None:
                self._keep(together)
            raise

    def _keep(self, records: list[Record]) -> None:
        self._left[:0] = [record for record in records if record.kind not in _INTENTS]

    def _refuse(self, error: JournalError) -> NoReturn:
        kept = len(self._left)
        if not kept:
            raise JournalError(
                f"{error} What comes next was not begun, and nothing is lost: run {self._run_id!r} goes on from where "
                "it was when it is run again."
            ) from error
        outcomes = "1 outcome" if kept == 1 else f"{kept} outcomes"
        raise JournalError(
            f"{error} {outcomes} of run {self._run_id!r} could not be written: this process keeps what was done in "
            "memory and writes it first when the run is run again here. If it ends before that, it is in doubt."
        ) from error


def _in_use(run_id: str, holder: str) -> str:
    return (
        f"Run {run_id!r} goes on in {holder}; nothing was done here. Wait until it ends there: then the same call goes "
        "on, or gives its result."
    )
