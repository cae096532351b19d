"""A line on the terminal that shows how a map stands; drawn by rich, which the extra `cli` brings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from agentkit.errors import MissingExtraError
from agentkit.many.summary import Summary
from agentkit.many.term import Progress

__all__ = ["Bar", "has_bar"]

_PERIOD = 0.25  # seconds


def has_bar(wanted: Progress) -> bool:
    """Tell whether a bar is shown: where it is demanded, or nothing is said, rich is there and stderr is a terminal.

    Raises:
        MissingExtraError: It is demanded and rich is not installed.
    """
    if wanted is False or callable(wanted):
        return False
    there = find_spec("rich") is not None
    if wanted and not there:
        raise MissingExtraError(
            "progress=True shows a bar, which needs the package rich, and it is not installed. "
            'Install it: pip install "agentkit-chat[cli]"; or give a function of the Summary.'
        )
    return bool(wanted) or (there and sys.stderr is not None and sys.stderr.isatty())


class Bar:
    """A bar with the summary behind it, drawn anew four times a second by the running loop, from `show` to `close`.

    Args:
        summary: Gives how the map stands.
    """

    def __init__(self, summary: Callable[[], Summary]) -> None:
        from rich import console, live  # noqa: PLC0415 # of an extra, and slow

        self._summary = summary
        self._timer: asyncio.TimerHandle | None = None
        screen = console.Console(stderr=True)
        self._live = live.Live(get_renderable=self._drawn, console=screen, auto_refresh=False)

    def show(self) -> None:
        """Begin to draw it."""
        self._live.start()
        self._draw()

    def close(self) -> None:
        """Draw it a last time; again is no error."""
        if self._timer is not None:
            self._timer.cancel()
        self._live.stop()

    def _draw(self) -> None:
        self._live.refresh()
        self._timer = asyncio.get_running_loop().call_later(_PERIOD, self._draw)

    def _drawn(self) -> Any:
        from rich import progress_bar, table, text  # noqa: PLC0415 # of an extra, and slow

        summary = self._summary()
        settled = summary.done + sum(summary.failed.values())
        row = table.Table.grid(padding=(0, 1))
        bar = progress_bar.ProgressBar(total=summary.total, completed=settled, width=30, pulse=summary.total is None)
        row.add_row(bar, text.Text(str(summary)))
        return row
