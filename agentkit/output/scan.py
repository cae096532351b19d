"""JSON text as far as it came: what of it is whole, what is open, and how it is closed; partial values are read by it.

Each character is looked at once, however often the text grows. It knows nothing of types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

__all__ = ["Frame", "Scan", "decoded"]

_TOKEN: Final = re.compile(
    r"[ \t\r\n]*(?:([{\[])|([}\]])|([,:])|(\")|(-?[0-9][0-9.eE+-]{0,5000}+)(?=[,\]}\s])|(true|false|null))"
)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DEEPEST: Final = 100  # levels; no reply that nests deeper is read
_OPENS, _CLOSES, _PARTS, _QUOTES = 1, 2, 3, 4
_TO_QUOTE: Final = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_WHOLE: Final = re.compile(  # escapes that are whole; the first half of a surrogate pair is not
    r'[^"\\]*(?:\\(?:[^u]|u(?![dD][89abAB])[0-9a-fA-F]{4}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})'
    r'[^"\\]*)*',
    re.DOTALL,
)
_CLOSING: Final = {"{": "}", "[": "]"}


class Frame:
    """An object or array that is open.

    Attributes:
        opener: Its bracket.
        start: Where that stands.
        before: How far the text was whole without it.
        key: The name or index of the value that is open or comes next; None before a name.
        scalars: Where the values that are no objects or arrays stand, by name.
    """

    __slots__ = ("before", "key", "opener", "scalars", "start")

    def __init__(self, opener: str, start: int, before: int) -> None:
        self.opener = opener
        self.start = start
        self.before = before
        self.key: str | int | None = 0 if opener == "[" else None
        self.scalars: dict[str, tuple[int, int]] = {}


class Scan:
    """One JSON value in a text that grows.

    Args:
        root: Where it begins.

    Attributes:
        frames: What is open, the outermost first.
        whole: The end of the last value or bracket that is whole.
        in_text: Whether a string is open that is a value, no name.
        elements: Where the finished elements of the outermost array stand.
        is_over: Whether the value is whole, or is none.
    """

    def __init__(self, root: int = 0) -> None:
        self.frames: list[Frame] = []
        self.whole = root
        self.elements: list[tuple[int, int]] = []
        self.is_over = False
        self._root = root
        self._at = root
        self._string = -1

    @property
    def in_text(self) -> bool:
        """Tell whether a string is open that is a value."""
        return self._string >= 0 and not (self.frames and self.frames[-1].key is None)

    def go_on(self, text: str) -> None:
        """Look at what came; `text` is all so far."""
        while not self.is_over:
            if self._string >= 0:
                quoted = _TO_QUOTE.match(text, self._at)
                if quoted is None:
                    reached = _WHOLE.match(text, self._at)
                    self._at = reached.end() if reached else self._at
                    return
                self._end_string(text, quoted.end())
                continue
            token = _TOKEN.match(text, self._at)
            if token is None:
                spaces = _SPACE.match(text, self._at)
                self._at = spaces.end() if spaces else self._at  # servers' grammars allow white space without end
                return
            self._at = token.end()
            self._take(token)

    def closed(self, text: str, depth: int | None = None) -> str:
        """Give the JSON so far, closed; only what is outside the frame at `depth`, where one is given."""
        if depth is not None:
            return text[self._root : self.frames[depth].before] + _closing(self.frames[:depth])
        return text[self._root : self.whole] + _closing(self.frames)

    def closed_in_text(self, text: str) -> str:
        """Give the JSON so far, closed, the open string included."""
        return text[self._root : self._at] + '"' + _closing(self.frames)

    def _take(self, token: re.Match[str]) -> None:
        kind = token.lastindex
        assert kind is not None
        if kind == _OPENS and len(self.frames) == _DEEPEST:
            self.is_over = True
        elif kind == _OPENS:
            self.frames.append(Frame(token[1], token.start(1), self.whole))
            self.whole = token.end()
        elif kind == _CLOSES:
            if not self.frames or _CLOSING[self.frames[-1].opener] != token[2]:
                self.is_over = True  # no JSON any more
                return
            frame = self.frames.pop()
            self._end_value(frame.start, token.end(), is_scalar=False)
        elif kind == _PARTS:
            key = self.frames[-1].key if self.frames else None
            if token[3] == "," and isinstance(key, int):
                self.frames[-1].key = key + 1
        elif kind == _QUOTES:
            self._string = token.end()
        else:
            self._end_value(token.start(kind), token.end(), is_scalar=True)

    def _end_string(self, text: str, end: int) -> None:
        start, self._string, self._at = self._string, -1, end
        if self.frames and self.frames[-1].key is None:
            self.frames[-1].key = decoded(text[start - 1 : end])
        else:
            self._end_value(start - 1, end, is_scalar=True)

    def _end_value(self, start: int, end: int, *, is_scalar: bool) -> None:
        self.whole = end
        if not self.frames:
            self.is_over = True
            return
        frame = self.frames[-1]
        if isinstance(frame.key, str):
            if is_scalar:
                frame.scalars[frame.key] = (start, end)
            frame.key = None
        elif len(self.frames) == 1:
            self.elements.append((start, end))


def decoded(text: str) -> Any:
    """Read one JSON scalar, line breaks in strings too; a string whose escapes are none stays as it is."""
    if text[:1] == '"' and "\\" not in text:  # most names are so
        return text[1:-1]
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError:
        return text


def _closing(frames: Iterable[Frame]) -> str:
    return "".join(_CLOSING[frame.opener] for frame in reversed([*frames]))
