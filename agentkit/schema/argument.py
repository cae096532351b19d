"""The text of a call's arguments becomes a dict here, whole and without loss, or an `ArgumentError` for the model.

It knows neither tools nor types; `validator` goes on from the dict.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

from agentkit.kind import is_array, is_object

__all__ = ["ArgumentError", "nests_deeper", "read_object", "shorten"]

_DEPTH: Final = 64
_SEEN: Final = 200
_FENCE = re.compile(r"```(?:[A-Za-z][\w.+-]*(?=[\s{\[\"]))?\s*(.*?)\s*```", re.DOTALL)
_KINDS: Final[dict[Any, str]] = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
# What an unfinished JSON value may end with, besides a string and a structure.
_BEGUN = re.compile(r"|-|\.|[eE][+-]?|t|tr|tru|f|fa|fal|fals|n|nu|nul")


class ArgumentError(ValueError):
    """The model's arguments cannot be used; the text is short, for the model, and says what to send instead."""


def read_object(text: str) -> dict[str, Any]:
    """Read a call's arguments as a JSON object, refusing whatever is not complete and unambiguous.

    Nothing, whitespace and `null` mean no arguments. One code fence and one level of double encoding (a JSON string
    that holds the object) are unwrapped; raw line breaks inside strings are kept, for they have one meaning only.

    Raises:
        ArgumentError: For what is cut off, goes on after the object, is no object, names a key twice (at any depth),
            holds NaN, Infinity, half of a surrogate pair or a number too large to keep, or nests deeper than 64.
    """
    value = _decode(text)
    if isinstance(value, str):
        value = _decode(value)
    if value is None:
        return {}
    if not is_object(value):
        raise ArgumentError(
            f"Your arguments are a JSON {_KINDS[type(value)]}, not an object. "
            "Send one JSON object with the arguments by name."
        )
    return value


def shorten(text: str, limit: int = _SEEN) -> str:
    """Cut a text to `limit` characters and say how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def nests_deeper(value: Any, levels: int) -> bool:
    """Tell whether decoded JSON nests deeper than some levels."""
    level: list[Any] = [value]
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if is_object(outer) else outer if is_array(outer) else ())
        ]
    return any(isinstance(inner, dict | list) for inner in level)


def _decode(text: str) -> Any:
    text = text.strip().removeprefix("\ufeff")
    if text.startswith("```") and (fenced := _FENCE.fullmatch(text)):
        text = fenced[1]
    if not text:
        return None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _refuse(text, error)
    except RecursionError:
        _refuse_depth()
    except ArgumentError:
        raise
    except ValueError as error:  # more digits than Python turns into an int
        raise ArgumentError("Your arguments hold a number with too many digits. Send a shorter one.") from error
    if text.count("{") + text.count("[") > _DEPTH and nests_deeper(value, _DEPTH):
        _refuse_depth()
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _refuse(text: str, error: json.JSONDecodeError) -> NoReturn:
    rest = text[error.pos :].strip()
    if error.msg == "Extra data":
        if rest.startswith("{"):
            raise ArgumentError("You sent several JSON objects. Send one object in each call.") from error
        raise ArgumentError(
            f"Your arguments go on after their end: {shorten(rest)!r}. Send one JSON object and nothing else."
        ) from error
    unfinished = error.msg.startswith("Unterminated") or _BEGUN.fullmatch(rest)
    if unfinished or (error.msg.startswith("Invalid") and len(rest) < len("\\u0000")):
        raise ArgumentError(f"Your arguments are cut off after {text[-40:]!r}. Send the whole JSON object.") from error
    raise ArgumentError(
        f"Your arguments are no valid JSON: {error.msg} at character {error.pos}, before {rest[:40]!r}. "
        "Send one JSON object."
    ) from error


def _refuse_depth() -> NoReturn:
    raise ArgumentError(f"Your arguments are nested deeper than {_DEPTH} levels. Send something flatter.")


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(
            "Your arguments hold half of a surrogate pair (\\ud800 to \\udfff), which is no text. Send both halves."
        ) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value] # set.add gives None, hence false
        raise ArgumentError(f"Your arguments name {shorten(twice)!r} twice. Send each name once.")
    return made


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ArgumentError(f"The number {shorten(digits)} is too large. Send a smaller one.")
    return value


def _constant(name: str) -> NoReturn:
    raise ArgumentError(f"{name} is no JSON number. Send a number or null.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_float, parse_constant=_constant, strict=False)
