"""The root of the tree of errors; the package draws the tree."""

from __future__ import annotations

from typing import Any

__all__ = [
    "AgentkitError",
]


class AgentkitError(Exception):
    """Root of the tree.

    Attributes:
        state: The run as far as it came, for `agent.resume(error.state)`; None outside a run.
    """

    state: Any = None
