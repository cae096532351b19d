"""Who of the workers lives: each renews a row of its own, and one whose row is gone has lost its runs to the others.

A worker holds one while it runs; a frozen one finds out as soon as it goes on. What a run is, is not known here.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from agentkit.durable.engine import Engine
from agentkit.errors import JournalError

__all__ = ["Lease", "take_over"]

_log = logging.getLogger("agentkit.durable")

_TABLE = """CREATE TABLE IF NOT EXISTS agentkit_worker (
    id TEXT PRIMARY KEY, place TEXT NOT NULL, beat DOUBLE PRECISION NOT NULL, seconds DOUBLE PRECISION NOT NULL)"""
_TAKE = "INSERT INTO agentkit_worker VALUES (:id, :place, NOW, :seconds)"
_BEAT = "UPDATE agentkit_worker SET beat = NOW WHERE id = :id RETURNING id"
_LEAVE = "DELETE FROM agentkit_worker WHERE id = :id"
_EXPIRE = "DELETE FROM agentkit_worker WHERE beat + seconds < NOW AND id <> :id RETURNING id"
_ALL = "SELECT id, place FROM agentkit_worker"
_PARTS = 4  # of its seconds, after which each is renewed
_ORPHANS = 8  # renewals after which all runs are looked through, for those of whom no row is left


def _clock() -> float:
    """Give seconds that go on while the machine is suspended, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


class Lease:
    """One worker's row, renewed by a thread of its own, which looks for workers that are gone, too.

    Args:
        engine: The database.
        seconds: How long a worker may be silent until its runs are given to others.
        lost: Called when the row is gone: whatever runs here belongs to others, and nothing of it will be written.
        running: Gives the ids of the workflows that go on here; what is this worker's besides goes back to its queue.

    Attributes:
        id: The worker's name, which no other has, nor the same process after it lost this one.
    """

    def __init__(
        self, engine: Engine, seconds: float, lost: Callable[[], None], running: Callable[[], set[str]] = set[str]
    ) -> None:
        self._engine, self._seconds, self._lost, self._running = engine, seconds, lost, running
        self._strays: set[str] = set()
        self._seen = 0.0  # since when it renews without a break longer than its seconds
        self.id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._renewed = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="agentkit lease", daemon=True)

    @property
    def is_fresh(self) -> bool:
        """Tell whether it was renewed in time, so that nobody can have taken the runs of this worker."""
        return _clock() - self._renewed < self._seconds and not self._ended.is_set()

    def take(self) -> None:
        """Make the row, give the runs of workers that are gone to others, and go on to renew it.

        Raises:
            JournalError: The database cannot be reached.
        """
        self._engine.execute(_TABLE)
        self._renewed = self._seen = _clock()
        self._engine.execute(_TAKE, id=self.id, place=_place(os.getpid()), seconds=self._seconds)
        take_over(self._engine, self.id, waits=True, everywhere=True)
        self._thread.start()

    def leave(self) -> None:
        """Take the row away; what is still this worker's goes on elsewhere."""
        self._ended.set()
        self._thread.join()
        try:
            self._engine.execute(_LEAVE, id=self.id)
            take_over(self._engine, self.id, gone=[self.id])
        except JournalError as error:  # the row tells of a worker that is silent, as if it had been killed
            _log.warning("The worker %s could not give its runs back, and others take them over: %s", self.id, error)

    def _keep(self) -> None:
        rounds, told = 0, False
        while not self._ended.wait(self._seconds / _PARTS):
            rounds += 1
            began = _clock()
            try:
                if not self._engine.execute(_BEAT, id=self.id):
                    self._ended.set()
                    _log.warning("The worker %s was silent too long, and its runs went to others.", self.id)
                    self._lost()
                    return
                self._take_over(began, everywhere=rounds % _ORPHANS == 0)
                told = False
                if rounds % _PARTS == 0:
                    self._hand_back()
            except JournalError as error:  # tried again; until then nothing new is begun, see `is_fresh`
                level = logging.DEBUG if told else logging.WARNING  # once, however long the database is away
                _log.log(level, "The worker %s could not renew its lease, and tries again: %s", self.id, error)
                told = True

    def _take_over(self, now: float, *, everywhere: bool) -> None:
        """Take over from others, but not for their silence where the database was away: they cannot have renewed."""
        if now - self._renewed > self._seconds:
            self._seen = now
        self._renewed = now
        take_over(self._engine, self.id, waits=now - self._seen < self._seconds, everywhere=everywhere)

    def _hand_back(self) -> None:
        """Put back what this worker took and does not carry out, as where its end could not be written; seen twice."""
        mine = self._engine.entries(whole=False, status="PENDING", executor_id=self.id)
        strays = {entry.id for entry in mine} - self._running()
        for entry in mine:
            if entry.id in strays & self._strays:
                self._engine.take_back(entry, entry.queue)
        self._strays = strays


def take_over(
    engine: Engine, own: str, *, gone: list[str] | None = None, waits: bool = False, everywhere: bool = False
) -> int:
    """Put the runs of workers that are gone back into their queues, and give how many these were.

    Args:
        engine: The database.
        own: Who asks.
        gone: Whose; else of those whose rows have expired, or whose process on this machine is no more.
        waits: Whether those whose rows have expired are left in peace for now.
        everywhere: Whether runs of workers that have no row at all are looked for, too.
    """
    if gone is None:
        gone = [] if waits else [id for (id,) in engine.execute(_EXPIRE, id=own)]  # noqa: A001 # of a worker
        for id, place in engine.execute(_ALL):  # noqa: A001 # of a worker
            if id != own and _is_dead(place):
                engine.execute(_LEAVE, id=id)
                gone.append(id)
    if not gone and not everywhere:
        return 0
    found = engine.entries(whole=False, status="PENDING", **({} if everywhere else {"executor_id": gone}))
    if not found:
        return 0
    living = {id for id, _ in engine.execute(_ALL)}  # noqa: A001 # read after the runs: who has one had a row before
    taken = [entry for entry in found if entry.executor not in living and engine.take_back(entry, entry.queue)]
    for entry in taken:
        _log.info("The run %s goes on elsewhere: its worker %s is gone.", entry.id, entry.executor)
    return len(taken)


def _place(pid: int) -> str:
    """Say which process it is, so that no other one is taken for it; nothing where that cannot be known.

    A process id means something within one boot of a machine and one namespace of process ids, and it is used again.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink()
        state, *more = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in ("Z", "X") else f"{boot} {space} {pid} {more[18]}"  # the 22nd field: when it was started


def _is_dead(place: str) -> bool:
    """Tell whether a process of this machine is no more; of others nothing is known but their silence."""
    own = _place(os.getpid())
    here = own.rsplit(" ", 2)[0]
    if not own or place.rsplit(" ", 2)[0] != here:
        return False
    return _place(int(place.split()[-2])) != place
