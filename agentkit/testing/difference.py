"""How a request differs from the recorded one that is nearest to it, in lines that a person can read."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from typing import Final

from agentkit.testing.track import Sent

__all__ = ["difference", "nearest"]

_WIDTH: Final = 100
_MOST: Final = 40  # lines


def nearest(sent: Sent, recorded: Sequence[Sent]) -> int:
    """Give the place of the request that is most like this one: in its lines, then in its letters, then the first."""
    likeness = [_likeness(_lines(one), _lines(sent)) for one in recorded]
    return likeness.index(max(likeness))


def _likeness(these: list[str], those: list[str]) -> tuple[float, float]:
    lines = difflib.SequenceMatcher(None, these, those, autojunk=False).ratio()
    return lines, difflib.SequenceMatcher(None, "".join(these), "".join(those), autojunk=False).quick_ratio()


def difference(recorded: Sent, sent: Sent) -> str:
    """Give a unified diff of two requests: `-` as recorded, `+` as sent; at most 40 lines of it."""
    head, lines = 2, list(difflib.unified_diff(_lines(recorded), _lines(sent), n=2, lineterm=""))
    lines = lines[head:]
    more = len(lines) - _MOST
    return "\n".join([*lines[:_MOST], f"... {more} more lines"] if more > 0 else lines)


def _lines(sent: Sent) -> list[str]:
    """Spell a request with sorted keys; long texts go on in further lines, and end at their line ends."""
    pretty = json.dumps(sent.body, indent=1, sort_keys=True, ensure_ascii=False).splitlines()
    return [f"{sent.method} {sent.url}", *(part for line in pretty for part in _wrapped(line))]


def _wrapped(line: str) -> list[str]:
    if len(line) <= _WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    parts = [part for text in re.split(r"(?<=\\n)", line.lstrip()) for part in re.findall(rf".{{1,{_WIDTH}}}", text)]
    return [indent + part for part in parts]
