"""`<think>` tags at the head of a text, which servers without a reasoning parser leave in the content.

Sent by: Hugging Face, Groq with reasoning_format raw, vLLM and llama.cpp without a parser (DeepSeek R1, Qwen 3).
"""

from __future__ import annotations

__all__ = ["ThinkSplitter", "split_think"]

_OPEN = "<think>"
_CLOSE = "</think>"
_MOST_BLANK = 64  # white space before a tag; more is a model that runs away, which must not be held back


class ThinkSplitter:
    """Split a text that comes in pieces into what is said and what was thought.

    Only a tag at the head counts, so that a model may write about tags. What could still become a tag is held back
    until the next piece decides, or `end` gives it out.
    """

    __slots__ = ("_held", "_inside", "_trim")

    def __init__(self) -> None:
        self._held = ""
        self._inside: bool | None = None  # None: the head is not decided yet
        self._trim = False

    @property
    def started(self) -> bool:
        """Tell whether anything came yet."""
        return bool(self._held) or self._inside is not None

    @property
    def is_over(self) -> bool:
        """Tell whether all that comes now is said as it is."""
        return self._inside is False and not self._trim

    def feed(self, piece: str) -> tuple[str, str]:
        """Take a piece; give the text and the thought that are certain by now."""
        if self._inside is False:
            return self._said(piece), ""
        held = self._held + piece
        if self._inside is None:
            head = held.lstrip()
            near = len(held) - len(head) <= _MOST_BLANK
            if near and len(head) < len(_OPEN) and _OPEN.startswith(head):
                self._held = held
                return "", ""
            if not (near and head.startswith(_OPEN)):
                self._held, self._inside = "", False
                return held, ""
            self._inside, held = True, head[len(_OPEN) :]
        thought, closed, rest = held.partition(_CLOSE)
        if closed:
            self._held, self._inside, self._trim = "", False, True
            return self._said(rest), thought
        keep = next((n for n in range(len(_CLOSE) - 1, 0, -1) if held.endswith(_CLOSE[:n])), 0)
        self._held = held[len(held) - keep :]
        return "", held[: len(held) - keep]

    def end(self) -> tuple[str, str]:
        """Give out what was held back, for no more comes."""
        held, self._held = self._held, ""
        return ("", held) if self._inside else (held, "")

    def _said(self, piece: str) -> str:
        if self._trim:  # the blank lines between the closing tag and the answer belong to the tag
            piece = piece.lstrip()
            self._trim = not piece
        return piece


def split_think(text: str) -> tuple[str, str]:
    """Split a whole text into what is said and what was thought."""
    if _OPEN not in text:
        return text, ""
    splitter = ThinkSplitter()
    said, thought = splitter.feed(text)
    more_said, more_thought = splitter.end()
    return said + more_said, thought + more_thought
