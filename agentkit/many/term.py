"""How a map is done, as the caller of `Agent.map` says it; the map and its pool read it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from agentkit.errors import ConfigurationError
from agentkit.many.summary import Summary
from agentkit.state.limit import RunLimits

__all__ = ["OnError", "Progress", "Terms"]

OnError = Literal["keep", "raise"]
Progress = bool | Callable[[Summary], object] | None

_WINDOW = 256  # inputs that may wait for one before them, at the least
_TIMES = 16  # ... and that many times as many as run at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The arguments of `Agent.map`, which says what each means."""

    concurrency: int = 16
    on_error: OnError = "keep"
    ordered: bool = True
    store: str | os.PathLike[str] | None = None
    progress: Progress = None
    budget: RunLimits | None = None

    def __post_init__(self) -> None:
        concurrency: Any = self.concurrency
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise ConfigurationError(f"concurrency={concurrency!r} is no number of runs at once. Give 1 or more.")
        if self.on_error not in ("keep", "raise"):
            raise ConfigurationError(f'on_error is {self.on_error!r}, which is unknown. Give "keep" or "raise".')

    @property
    def window(self) -> int:
        """How many inputs at most are pulled and not given out."""
        return max(_WINDOW, _TIMES * self.concurrency)
