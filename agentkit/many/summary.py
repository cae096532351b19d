"""How a map stands: what is done, what failed and why, what it took; a `Tally` counts, a `Summary` is shown."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentkit.wire.response import Usage

__all__ = ["Summary", "Tally"]

_MINUTE, _HOUR = 60, 3600
_CENT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a map stands, or ended; `str` of it is one line for people.

    Attributes:
        done: Inputs that have an output.
        restored: How many of those came from the store.
        failed: Inputs that have none, by the class name of their error, the most frequent first.
        usage: The tokens that this map spent; what is restored spent none.
        cost: What the endpoint billed for that, in dollars; None where it did not say for each run.
        unpriced: For how many runs it did not say.
        seconds: Since the map began.
        spent: What was spent of each bound of the budget, by its name: tokens, requests, cost; empty without one. Of a
            map over workers it is what all runs of its name have spent, those of earlier calls too.
        total: How many inputs there are, None where that is not known beforehand.
    """

    done: int = 0
    restored: int = 0
    failed: Mapping[str, int] = field(default_factory=dict[str, int])
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    unpriced: int = 0
    seconds: float = 0.0
    spent: Mapping[str, float] = field(default_factory=dict[str, float])
    total: int | None = None

    def __str__(self) -> str:
        failed = sum(self.failed.values())
        of = f" of {self.total:,}" if self.total is not None and self.done + failed < self.total else ""
        restored = f" ({self.restored:,} of them from the store)" if self.restored else ""
        parts = [f"{self.done:,}{of} done{restored}"]
        if failed:
            reasons = ", ".join(f"{name} {count:,}" for name, count in self.failed.items())
            parts.append(f"{failed:,} failed ({reasons})")
        parts.append(f"{self.usage.total_tokens:,} tokens")
        if self.cost is not None:
            parts.append(f"${self.cost:,.2f}" if self.cost >= _CENT or not self.cost else f"${self.cost:.2g}")
        return ", ".join([*parts, _time(self.seconds)])


class Tally:
    """Counts the outcomes of one map.

    Args:
        total: How many inputs there are, where that is known.
        spent: Tells what was spent of the budget.
    """

    def __init__(self, total: int | None = None, spent: Callable[[], Mapping[str, float]] = dict[str, float]) -> None:
        self._total, self._spent = total, spent
        self._done = self._restored = self._unpriced = 0
        self._failed = Counter[str]()
        self._usage = Usage()
        self._cost: float | None = None
        self._began: float | None = None
        self._ended: float | None = None

    def begin(self) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def end(self) -> None:
        """Stop the clock, where it still runs."""
        if self._ended is None:
            self._ended = time.monotonic()

    def add(self, outcome: Any) -> None:
        """Count one `Outcome`."""
        if outcome.error is None:
            self._done += 1
        else:
            self._failed[type(outcome.error).__name__] += 1
        self._restored += outcome.restored

    def spend(self, usage: Usage, cost: float | None) -> None:
        """Count what a run took that was made now, whatever became of it."""
        self._usage = self._usage + usage
        if cost is None:
            self._unpriced += 1
        else:
            self._cost = (self._cost or 0.0) + cost

    @property
    def seconds(self) -> float:
        """Give the time since the map began, until its end."""
        return 0.0 if self._began is None else (self._ended or time.monotonic()) - self._began

    @property
    def summary(self) -> Summary:
        """Give how the map stands; in sync code another thread asks."""
        failed = dict(self._failed)  # a copy in one step, for the loop goes on counting
        return Summary(
            done=self._done,
            restored=self._restored,
            failed=dict(sorted(failed.items(), key=lambda pair: -pair[1])),
            usage=self._usage,
            cost=None if self._unpriced else self._cost,
            unpriced=self._unpriced,
            seconds=self.seconds,
            spent=self._spent(),
            total=self._total,
        )


def _time(seconds: float) -> str:
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR:,} h {whole % _HOUR // _MINUTE} min"
