"""One writer for each run: a lock of the operating system on one byte of a file beside the journal.

It ends with its process, so a run of one that was killed can go on at once, and one that stands still keeps its runs.
The journal takes and frees it; what a run is, is not known here.
"""

from __future__ import annotations

import os
import sys
import threading

from agentkit.sqlite import make_private

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["free", "take"]


class _Locks:
    """The file of the locks, opened once for a process: closing it anywhere would free all of its locks."""

    def __init__(self, path: str) -> None:
        make_private(path)
        self.file = os.open(path, os.O_RDWR)
        self.held: set[int] = set()


_guard = threading.Lock()
_all: dict[str, _Locks] = {}


def take(path: str, number: int) -> bool:
    """Lock a byte, and tell whether it was free; within this process, too.

    Args:
        path: The file; it is made with the rights 0600 where it is not there.
        number: Which byte.

    Raises:
        OSError: The file cannot be made or opened.
    """
    with _guard:
        locks = _all.get(path)
        if locks is None:
            locks = _all[path] = _Locks(path)
        if number in locks.held or not _lock(locks.file, number):
            return False
        locks.held.add(number)
        return True


def free(path: str, number: int) -> None:
    """Free a byte that `take` locked; one that is not held, as in a forked child, is left alone."""
    with _guard:
        locks = _all.get(path)
        if locks is not None and number in locks.held:
            locks.held.discard(number)
            _unlock(locks.file, number)


if sys.platform == "win32":

    def _lock(file: int, number: int) -> bool:
        os.lseek(file, number, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: int, number: int) -> None:
        os.lseek(file, number, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:

    def _lock(file: int, number: int) -> bool:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except (BlockingIOError, PermissionError):  # which of the two, POSIX leaves open
            return False
        return True

    def _unlock(file: int, number: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, number)


def _forget() -> None:
    global _guard  # noqa: PLW0603 # a forked child has none of the locks, nor the thread that held this one
    _guard = threading.Lock()
    for locks in _all.values():
        locks.held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
