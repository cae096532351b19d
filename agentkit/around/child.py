"""What a forked child makes anew: locks that other threads of its parent held, and counts of what those do.

The layers and stores with such a lock name what renews them; Python 3.11 to 3.13 fork for `multiprocessing` on Linux.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["renew_in_child"]

_T = TypeVar("_T")

_renewals: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()


def renew_in_child(thing: _T, renew: Callable[[_T], None]) -> None:
    """Have a forked child call `renew(thing)` before anything else there uses it."""
    _renewals[thing] = renew


def _renew_all() -> None:
    for thing, renew in [*_renewals.items()]:
        renew(thing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
