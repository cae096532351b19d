"""What counts while code runs: `Watch` its calls and lines, `Scale` its memory. Nothing of a workload is known here."""

import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

__all__ = ["Scale", "Watch"]

_HERE = str(Path(__file__).resolve().parent)  # the tools of the workloads, and what counts


class Watch:
    """Counts the calls and the lines of Python, by the code that they are in, between `start` and `stop`.

    A call of a function written in C is one of the code that calls it.
    """

    def __init__(self) -> None:
        self._calls: Counter[CodeType] = Counter()
        self._lines: Counter[CodeType] = Counter()
        self._held = False

    def start(self) -> None:
        """Begin, or go on, where nobody holds it."""
        if not self._held:
            sys.settrace(self._enter)
            sys.setprofile(self._call)

    def stop(self) -> None:
        """Pause."""
        sys.setprofile(None)
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, _: Any) -> None:
        if event in ("call", "c_call"):
            self._calls[frame.f_code] += 1

    def _enter(self, *_: Any) -> Any:
        return self._line

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self._lines[frame.f_code] += 1
        return self._line

    def hold(self) -> int:
        """Stop until `release`, whoever starts; give the lines until now."""
        self._held = True
        self.stop()
        return _total(self._lines)

    def release(self) -> None:
        """Go on after `hold`."""
        self._held = False
        self.start()

    def told(self) -> dict[str, int]:
        """Give the counts."""
        return {"calls": _total(self._calls), "lines": _total(self._lines)}

    def parts(self) -> dict[str, list[int]]:
        """Give calls and lines by the part of the program that they are in, the most lines first."""
        found: dict[str, list[int]] = {}
        for place, counter in enumerate((self._calls, self._lines)):
            for code, number in counter.items():
                if _counts(code):
                    found.setdefault(_part(code), [0, 0])[place] += number
        return dict(sorted(found.items(), key=lambda one: -one[1][1]))


def _counts(code: CodeType) -> bool:
    return not code.co_filename.startswith(_HERE)


def _total(counter: Counter[CodeType]) -> int:
    return sum(number for code, number in counter.items() if _counts(code))


def _part(code: CodeType) -> str:
    """Name the folder of ours, or the library."""
    parts = Path(code.co_filename).with_suffix("").parts
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "agentkit":
            return "/".join(parts[place : place + 2])
        if parts[place] in ("site-packages", "asyncio"):
            return parts[place + (parts[place] == "site-packages")]
    return "the standard library"


class Scale:
    """Weighs what is allocated at the same time between `start` and `stop`, at its most."""

    def __init__(self) -> None:
        self._peak = 0

    def begin(self) -> None:
        """Take what is there already as nothing."""
        tracemalloc.start()

    def start(self) -> None:
        """Begin, or go on: what happened between does not count."""
        tracemalloc.reset_peak()

    def stop(self) -> None:
        """Pause."""
        self._peak = max(self._peak, tracemalloc.get_traced_memory()[1])

    @property
    def now(self) -> int:
        """What is allocated at this moment, in bytes, more than at `begin`."""
        return tracemalloc.get_traced_memory()[0]

    def told(self) -> dict[str, int]:
        """Give the most, in bytes."""
        return {"peak": self._peak}
