"""JSON found in the text of a reply, whole and unambiguous or not at all, and the words that ask again; pure.

It knows nothing of types: `shape` says whether what was found fits.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from agentkit.schema.argument import nests_deeper

__all__ = ["Mistake", "Rejected", "decode", "find_json", "python_in", "shorten"]

_AGAIN: Final = "Answer again with one complete JSON object that fits the schema."
_SEEN: Final = 60
_DEPTH: Final = 100
_WORDS: Final = 400
_MISTAKES: Final = 10
_TRIES: Final = 100
_CLOSING: Final[Mapping[str, str]] = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that does not fit.

    Attributes:
        path: Where, as `items.0.price`; empty for the whole value.
        expected: What should be there, as `should be integer` or `is missing`.
        seen: What stands there, as short JSON; None where nothing does.
    """

    path: str
    expected: str
    seen: str | None = None

    def __str__(self) -> str:
        came = "" if self.seen is None else f"; you gave {self.seen}"
        return f"{_shortly(self.path) or 'the whole'}: {_shortly(self.expected, _WORDS)}{came}"


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
    def echo(cls, names: Iterable[str]) -> Rejected:
        """Say that the schema came back."""
        keys = _shortly(", ".join(names), _WORDS)
        return cls(f"You sent the schema back. Send values: one JSON object with the keys {keys}.")

    @classmethod
    def scattered(cls, count: int) -> Rejected:
        """Say that there are too many pieces to look for one that fits."""
        return cls(f"Your answer holds {count:,} separate pieces of JSON. {_AGAIN}")

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
        ValueError: It is no JSON, or names a key twice, holds NaN, Infinity, a number too large or half of a surrogate
            pair, or nests deeper than 100 levels.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(_what(error)) from None
    if text.count("{") + text.count("[") > _DEPTH and nests_deeper(value, _DEPTH):
        raise ValueError(_TOO_DEEP)
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half of a surrogate pair (\\ud800 to \\udfff), which is no text") from None
    return value


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
                raise Rejected.broken(_what(error)) from None
            position = start + 1 if end is None else end
    return found


def python_in(text: str) -> str | None:
    """Say what is wrong where an object stands in a text as Python writes it; None where none does.

    It is not read: Python's texts and JSON's differ in their escapes.
    """
    for found in _PYTHON.finditer(text):
        try:
            _DECODER.raw_decode(text, found.start())
        except json.JSONDecodeError as error:
            return _what(error)
        except (ValueError, RecursionError):
            continue
    return None


def shorten(value: Any) -> str:
    """Show a value as JSON of at most 60 characters."""
    return _shortly(json.dumps(value, ensure_ascii=False, default=repr))


def _shortly(text: str, limit: int = _SEEN) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


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
    """Say what is wrong with JSON, in words that do not depend on Python's version."""
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if not isinstance(error, json.JSONDecodeError):
        return "it holds a number with too many digits" if "int_max_str_digits" in str(error) else str(error)
    text, position = error.doc, error.pos
    rest = text[position:].lstrip()
    if error.msg.startswith("Unterminated string"):
        return f"the string that begins at character {position} does not end"
    if not rest or (error.msg.startswith("Invalid") and _CUT_ESCAPE.fullmatch(rest)):
        return f"it breaks off after {text[-30:].strip()!r}"
    trailing = rest.removeprefix(",").lstrip()[:1]  # the comma itself is told of since Python 3.13
    if trailing in ("]", "}") and (rest[0] == "," or text[:position].rstrip().endswith(",")):
        return f"a comma stands before the {trailing!r} at character {text.index(trailing, position)}"
    for sign, wrong in _SIGNS.items():
        if rest.startswith(sign):
            return f"{wrong} at character {position}"
    return f"{rest[:20]!r} does not belong at character {position}, after {text[max(0, position - 30) : position]!r}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value] # set.add gives None, hence false
        raise ValueError(f"it names {_shortly(twice)!r} twice")
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"it holds {_shortly(digits)}, a number too large")
    return value


_TOO_DEEP: Final = f"it nests deeper than {_DEPTH} levels"
_CUT_ESCAPE: Final = re.compile(r"\\|\\?u[0-9a-fA-F]{0,3}")
_PYTHON: Final = re.compile(r"[{\[]\s*(?='|True\b|False\b|None\b)")
_SIGNS: Final[Mapping[str, str]] = {
    "'": "a single quote, where JSON has double ones,",
    "True": "`True`, which JSON writes `true`,",
    "False": "`False`, which JSON writes `false`,",
    "None": "`None`, which JSON writes `null`,",
    "//": "a comment, which JSON does not have,",
    "/*": "a comment, which JSON does not have,",
    "#": "a comment, which JSON does not have,",
    "\\": "an escape that JSON does not have",
}
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_float, parse_constant=_constant, strict=False
)
