"""What may have been meant by a name that is not there: names, files and modules that are close to it, as a sentence.

The commands put it behind their errors.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from pathlib import Path

__all__ = ["close_file", "close_module", "close_to", "is_file"]

_LEAST = 0.75  # of what two names may have in common: a letter or two of a word may be wrong, not half of it
_BESIDE = ("-journal", "-shm", "-wal", ".lock")  # of databases: nobody means these
_MOST = 3  # names that are told


def close_to(wanted: str, names: Iterable[str]) -> str:
    """Say which names are close to the one that is not there, the closest first; nothing where none is."""
    return _told(_close(wanted, names))


def close_file(path: Path) -> str:
    """Say which files beside one that is not there are called almost as it is."""
    try:
        names = [one.name for one in path.parent.iterdir() if one.is_file() and not one.name.endswith(_BESIDE)]
    except (OSError, ValueError):  # the folder is not there, or none can have that name
        return ""
    return _told(str(path.with_name(one)) for one in _close(path.name, names))


def close_module(name: str) -> str:
    """Say which modules of the working directory are called almost as one that is not there."""
    return close_to(name, _modules(name))


def is_file(path: str | Path) -> bool:
    """Tell whether there is such a file; there is none of a name that no file can have."""
    return os.path.isfile(path)  # noqa: PTH113 # a `Path` raises where the name is too long


def _close(wanted: str, names: Iterable[str]) -> list[str]:
    found = [(_likeness(wanted.casefold(), name.casefold()), _likeness(wanted, name), name) for name in {*names}]
    return [name for alike, _, name in sorted(found, key=lambda one: (-one[0], -one[1], one[2])) if alike >= _LEAST]


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _told(close: Iterable[str]) -> str:
    first = [*close][:_MOST]
    return f" Close to it: {', '.join(first)}." if first else ""


def _modules(name: str) -> Iterator[str]:
    """Give those beside the name, and beside each package that it has before it."""
    folder, above = Path.cwd(), ""
    for part in name.split("."):
        if not _is_folder(folder):
            return
        for one in folder.iterdir():
            if one.stem.isidentifier() and (one.suffix == ".py" or (_is_folder(one) and any(one.glob("*.py")))):
                yield f"{above}{one.stem}"
        folder, above = folder / part, f"{above}{part}."


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 # a `Path` raises where the name is too long
