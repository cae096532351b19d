"""Where a cache keeps replies: the protocol `Store`, and `MemoryStore`; `sqlite` has the one on disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from time import monotonic
from typing import Protocol, runtime_checkable

from agentkit.around.child import renew_in_child
from agentkit.errors import ConfigurationError

__all__ = ["MemoryStore", "Store", "check_bound"]


@runtime_checkable
class Store(Protocol):
    """Bytes by their key, shared among tasks, threads and event loops.

    An `OSError` that one of its methods raises becomes a warning, and the request is sent as if nothing were kept.
    """

    async def get(self, key: str, /) -> bytes | None:
        """Give what is kept, None where nothing is."""
        ...

    async def put(self, key: str, value: bytes, /) -> None:
        """Keep a value, in the place of one before it."""
        ...

    async def aclose(self) -> None:
        """Let go of what is open; again is no error, and a later use opens it again."""
        ...


class MemoryStore:
    """Keeps the values used last in memory, for the life of this object.

    Args:
        most: How many; the one that was not used for the longest time goes first.
        seconds: How long; None is for ever.
    """

    def __init__(self, most: int = 1000, *, seconds: float | None = None) -> None:
        check_bound("MemoryStore", "most", most)
        check_bound("MemoryStore", "seconds", seconds)
        self._most = most
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._renew()
        renew_in_child(self, MemoryStore._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        age = "" if self._seconds is None else f", seconds={self._seconds:g}"
        return f"MemoryStore(most={self._most}{age})"

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: str, /) -> bytes | None:
        """Give what is kept and not too old."""
        with self._lock:
            value, kept = self._kept.get(key, (None, 0.0))
            if value is None:
                return None
            if self._seconds is not None and kept + self._seconds <= monotonic():
                del self._kept[key]
                return None
            self._kept.move_to_end(key)
            return value

    async def put(self, key: str, value: bytes, /) -> None:
        """Keep a value."""
        with self._lock:
            self._kept[key] = value, monotonic()
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    async def aclose(self) -> None:
        """Do nothing: nothing is open, and what is kept stays."""


def check_bound(owner: str, name: str, value: float | None) -> None:
    """Raise `ConfigurationError` for a bound that nothing would be kept under."""
    if value is not None and value <= 0:
        raise ConfigurationError(f"{owner}({name}={value:g}) would keep nothing. Give more than 0.")
