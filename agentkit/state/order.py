"""In which order runs that share a ledger are served: who began first goes first, and the others leave room for it.

A ledger holds one; who waits stands in its line. It knows runs by identity only.
"""

from __future__ import annotations

import math
from bisect import insort_right
from collections.abc import Sequence
from operator import add, sub
from typing import Any

__all__ = ["Order", "Row"]

Row = Sequence[int]
"""Requests, calls, tokens of prompts, of replies, cost, and requests without a known one."""

_NOTHING = (0, 0, 0, 0, 0, 0)


class Order:
    """The runs that have begun, with what is kept for the next request of each, and who waits.

    Attributes:
        line: Who waits, the next one first; each has a `run`.
        kept: All that is kept.
    """

    __slots__ = ("_begun", "_runs", "kept", "line")

    def __init__(self) -> None:
        self._runs: dict[Any, tuple[int, Row, float]] = {}
        self._begun = 0
        self.kept: Row = _NOTHING
        self.line: list[Any] = []

    def place(self, run: Any) -> float:
        """Give the place of a run, by its first request: the last where it made none; the ledger's own is the first."""
        return -1 if run is None else self._runs[run][0] if run in self._runs else math.inf

    def keep(self, run: Any, row: Row = _NOTHING, *, until: float = 0.0) -> None:
        """Keep something for a run's next request, and nothing of what was kept before.

        Args:
            run: For whom.
            row: What.
            until: When nobody needs to leave it any more.
        """
        if run not in self._runs:
            self._begun += 1
        place, before, _ = self._runs.get(run, (self._begun, _NOTHING, 0.0))
        self._runs[run] = place, row, until
        self.kept = [*map(add, map(sub, self.kept, before), row)]

    def leave(self, run: Any) -> None:
        """Take out a run that is over."""
        if run in self._runs:
            self.keep(run)
            del self._runs[run]

    def before(self, run: Any, now: float) -> list[Row]:
        """Give what is kept for the runs that began before one."""
        mine = self.place(run)
        return [row for place, row, until in self._runs.values() if place < mine and now < until]

    def stand(self, asking: Any) -> None:
        """Put one into the line, behind those who go before it."""
        insort_right(self.line, asking, key=self._place_of)

    def goes_before(self, run: Any) -> bool:
        """Tell whether one who waits goes before a run that asks now."""
        return bool(self.line) and self._place_of(self.line[0]) <= self.place(run)

    def _place_of(self, asking: Any) -> float:
        return self.place(asking.run)
