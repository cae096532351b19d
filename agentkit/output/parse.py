"""JSON found in the text of a reply, whole and unambiguous or not at all, and the words that ask again; pure.

It knows nothing of types: `shape` says whether what was found fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from agentkit.kind import is_array, is_object

__all__ = ["Mistake", "Rejected", "at", "decode", "find_json", "shorten"]

_AGAIN: Final = "Answer again with one complete JSON object that fits the schema."
_SEEN: Final = 100
_MISTAKES: Final = 10
_TRIES: Final = 100
_CLOSING: Final[Mapping[str, str]] = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that does not fit.

    Attributes:
        path: Where, as `items.0.price`; empty for the whole value.
        expected: What should stand there, in words.
        seen: What stands there, as short JSON; None where nothing does.
    """

    path: str
    expected: str
    seen: str | None = None

    def __str__(self) -> str:
        came = "" if self.seen is None else f"; you gave {self.seen}"
        return f"{self.path or 'the whole'}: {self.expected}{came}"


class Rejected(Exception):  # noqa: N818 # an outcome that is caught and told, not a failure
    """A reply is no valid output.

    Attributes:
        reason: Why, short, in words for the model, ending with what to do.
        mistakes: What does not fit, one by one, where the reply could be read at all.
    """

    def __init__(self, reason: str, mistakes: Iterable[Mistake] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.mistakes = tuple(mistakes)

    @classmethod
    def nothing(cls) -> Rejected:
        """Say that the reply is empty."""
        return cls(f"You answered with nothing. {_AGAIN}")

    @classmethod
    def no_json(cls) -> Rejected:
        """Say that the reply holds no JSON."""
        return cls(f"Your answer holds no JSON. {_AGAIN}")

    @classmethod
    def broken(cls, what: str) -> Rejected:
        """Say that the reply's JSON is not whole."""
        return cls(f"The JSON of your answer is not complete or not valid: {what}. {_AGAIN}")

    @classmethod
    def several(cls, count: int) -> Rejected:
        """Say that one of several values would have to be chosen."""
        return cls(f"Your answer holds {count} different JSON values that fit. {_AGAIN}")

    @classmethod
    def unfit(cls, mistakes: Iterable[Mistake]) -> Rejected:
        """Say what does not fit."""
        told = tuple(dict.fromkeys(mistakes))
        lines = [f"- {mistake}" for mistake in told[:_MISTAKES]]
        if len(told) > _MISTAKES:
            lines.append(f"- and {len(told) - _MISTAKES} more")
        return cls("\n".join(["Your answer does not fit the schema:", *lines, _AGAIN]), told)


def decode(text: str) -> Any:
    """Decode JSON, keeping what is unambiguous only.

    Raises:
        ValueError: It is no JSON, or names a key twice, or holds NaN or Infinity, or nests too deep.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error


def find_json(text: str) -> list[str]:
    """Find the objects and arrays that stand in a text, each whole, never one out of another.

    Braces that begin no JSON, as in `{this}`, are words. One that begins JSON and does not end it makes all of the
    text unusable, for what stands inside may be a part of what was meant.

    Raises:
        Rejected: JSON in the text is cut or broken.
    """
    found: list[str] = []
    position = tries = 0
    while (start := _next(text, position)) is not None:
        try:
            _, position = _DECODER.raw_decode(text, start)
            found.append(text[start:position])
        except (ValueError, RecursionError) as error:
            tries += 1
            begun = _begun(text, start, error)
            end = None if begun else _end(text, start)
            if tries > _TRIES or begun or (end is None and text[start] == "{"):
                raise Rejected.broken(_what(error)) from error
            position = start + 1 if end is None else end
    return found


def shorten(value: Any) -> str:
    """Show a value as JSON of at most 100 characters."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _SEEN else f"{text[:_SEEN]}… ({len(text):,} characters)"


def _next(text: str, position: int) -> int | None:
    starts = [start for mark in _CLOSING if (start := text.find(mark, position)) >= 0]
    return min(starts, default=None)


def _begun(text: str, start: int, error: Exception) -> str:
    """Give what of JSON came before it broke off; an open string is some, whatever stands in it."""
    if not isinstance(error, json.JSONDecodeError) or error.msg.startswith("Unterminated"):
        return str(error)
    return text[start + 1 : error.pos].strip()


def _end(text: str, start: int) -> int | None:
    """Find the end of a bracketed piece of words, by counting."""
    opening, closing = text[start], _CLOSING[text[start]]
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opening) - (text[position] == closing)
        if not depth:
            return position + 1
    return None


def _what(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}, after {error.doc[max(0, error.pos - 30) : error.pos]!r}"
    return str(error)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it names {next(name for name in names if names.count(name) > 1)!r} twice")
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, strict=False)


def at(data: Any, path: Iterable[str | int]) -> tuple[Any, Any, list[str]]:
    """Follow an error's path as far as it names what is there; give the last holder, its key and the steps taken."""
    holder: Any = None
    key: Any = None
    steps: list[str] = []
    for step in path:
        inside = isinstance(step, int) and is_array(data) and 0 <= step < len(data)
        if inside or (is_object(data) and step in data):
            holder, key = data, step
            data = holder[key]
            steps.append(str(step))
    return holder, key, steps
