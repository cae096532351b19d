"""The keywords of JSON Schema that judge a value by itself are born here, each as a test and the words for it.

`check` uses them. The source is JSON Schema 2020-12, validation, chapters 6 and 7.
"""

from __future__ import annotations

import datetime as dt
import json
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from ipaddress import AddressValueError, IPv4Address
from typing import Any, Final

from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema

from agentkit.errors import SchemaError
from agentkit.kind import is_array, is_object

__all__ = ["ASSERTIONS", "EVERY", "JSON_TYPES", "identity", "matcher", "show"]

Test = Callable[[Any], bool]

_NUMBERS: Final = (int, float)
_STRINGS: Final = (str,)
_SHOWN: Final = 300

JSON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
"""What `json` makes of each type."""

EVERY: Final = (dict, list, str, int, float, bool, type(None))
"""All of them."""


def identity(value: Any) -> Any:
    """Make a key that is equal for equal JSON values only: 1 is 1.0, but not true."""
    if isinstance(value, bool):
        return "boolean", value
    if is_array(value):
        return "array", *map(identity, value)
    if is_object(value):
        return "object", frozenset((name, identity(inner)) for name, inner in value.items())
    return value


def show(values: Any) -> str:
    """Show a list of JSON values for the model, with at most 300 characters."""
    shown: list[str] = []
    for value in values:
        text = json.dumps(value, ensure_ascii=False)
        if shown and sum(map(len, shown)) + len(text) > _SHOWN:
            return f"{', '.join(shown)}, … ({len(values)} values)"
        shown.append(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    return ", ".join(shown)


def matcher(pattern: str, path: str) -> Test:
    """Make the test whether a pattern (ECMA 262) stands somewhere in a text.

    Rust's engine takes linear time, whatever a model writes; Python's is taken for what that one cannot read, as
    looking around and references back.

    Raises:
        SchemaError: Neither engine can read it.
    """
    try:
        schema = core_schema.str_schema(pattern=_ECMA.sub(partial(_translated, _RUST), pattern))
        return SchemaValidator(schema).isinstance_python
    except PatternError:
        pass
    try:
        search = re.compile(_ECMA.sub(partial(_translated, _PYTHON), pattern)).search
    except (re.error, RecursionError, OverflowError) as error:
        raise SchemaError(f"{path}: the pattern {pattern!r} cannot be read: {error}. Correct it.") from None
    return lambda value: search(value) is not None


_ECMA: Final = re.compile(r"\\.|\[|\]|\$|\(\?<(?![=!])|[&~-]{2}", re.DOTALL)
# What both read otherwise than ECMA 262: letters and digits of all scripts; and `$` before a last line break, Python.
_RUST: Final = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\w": "[A-Za-z0-9_]", r"\W": "[^A-Za-z0-9_]"}
_PYTHON: Final = {"$": r"\Z", "(?<": "(?P<", **_RUST}
# In a class Rust's engine knows classes in it, and `&&`, `--` and `~~` between them.
_IN_CLASS: Final = {r"\d": "0-9", r"\w": "A-Za-z0-9_", "[": r"\[", "&&": r"&\&", "--": r"-\-", "~~": r"~\~"}
_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)


def _translated(engine: Mapping[str, str], found: re.Match[str]) -> str:
    before = _ESCAPED.sub("", found.string[: found.start()])
    is_inside = before.rfind("[") > before.rfind("]")
    return (_IN_CLASS if is_inside else engine).get(found[0], found[0])


def _type(names: Any) -> tuple[Test, str]:
    several = names if is_array(names) else [names]
    known = {kind for name in several for kind in JSON_TYPES[name]}
    whole = "integer" in several and float not in known  # core 4.2.3: 5.0 is an integer

    def test(value: Any) -> bool:
        return type(value) in known or (whole and isinstance(value, float) and value.is_integer())

    return test, f"should be {' or '.join(several)}"


def _enum(values: list[Any]) -> tuple[Test, str]:
    known = {identity(value) for value in values}
    return lambda value: identity(value) in known, f"should be {'one of ' if len(values) > 1 else ''}{show(values)}"


def _multiple(step: float) -> tuple[Test, str]:
    def test(value: float) -> bool:
        if isinstance(value, int) and isinstance(step, int):
            return value % step == 0
        return (Fraction(repr(value)) / Fraction(repr(step))).denominator == 1  # as written: 0.3 is three times 0.1

    return test, f"should be a multiple of {step}"


def _unique(wanted: bool) -> tuple[Test, str] | None:
    words = "should hold no item twice"
    return (lambda value: len(set(map(identity, value))) == len(value), words) if wanted else None


def _format(name: str) -> tuple[Test, str] | None:
    if name not in _FORMATS:
        return None  # as the standard says of formats that are not known
    test, words = _FORMATS[name]
    return test, f"should be {words}"


def _parsed(pattern: str, read: Callable[[str], Any]) -> Test:
    shape = re.compile(pattern, re.ASCII)

    def test(value: str) -> bool:
        if shape.fullmatch(value) is None:
            return False
        try:
            read(value)
        except (ValueError, AddressValueError):
            return False
        return True

    return test


def _read_time(text: str) -> dt.time:
    """Read a time whose second may be a leap second."""
    return dt.time.fromisoformat(re.sub(r"^(..:..):60", r"\1:59", text.upper())[:15].split("Z")[0])


_DATE: Final = r"\d{4}-\d\d-\d\d"
# RFC 3339, but for the offset from UTC, which may be missing: many schemas say date-time and mean local time
_TIME: Final = r"\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?"
_UUID: Final = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_FORMATS: Final[Mapping[str, tuple[Test, str]]] = {
    "date": (_parsed(_DATE, dt.date.fromisoformat), "a date, as 2024-05-06"),
    "time": (_parsed(_TIME, lambda text: _read_time(text[:8])), "a time, as 07:08:09"),
    "date-time": (
        _parsed(f"{_DATE}[Tt ]{_TIME}", lambda text: (dt.date.fromisoformat(text[:10]), _read_time(text[11:19]))),
        "a date-time, as 2024-05-06T07:08:09Z",
    ),
    "uuid": (
        _parsed(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", str),
        "a UUID, as 123e4567-e89b-12d3-a456-426614174000",
    ),
    "email": (_parsed(r"[^\n]+@[^@\s]+", str), "an email address, as ann@example.com"),
    "ipv4": (_parsed(r"[0-9.]+", IPv4Address), "an IPv4 address, as 192.0.2.1"),
}


def _bound(fits: Callable[[Any, Any], bool], words: str) -> _Maker:
    return lambda bound: (lambda value: fits(value, bound), words.format(bound))


def _sized(fits: Callable[[int, Any], bool], words: str) -> _Maker:
    return lambda bound: (lambda value: fits(len(value), bound), words.format(bound, "" if bound == 1 else "s"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_size(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _are_types(value: Any) -> bool:
    names = value if is_array(value) else [value]
    return bool(names) and all(isinstance(name, str) and name in JSON_TYPES for name in names)


_Maker = Callable[[Any], tuple[Test, str] | None]
_NUMBER: Final = (_is_number, "a number")
_SIZE: Final = (_is_size, "a whole number of 0 or more")
_LIST: Final = (is_array, "a list")

ASSERTIONS: Final[Mapping[str, tuple[tuple[type, ...], tuple[Test, str], _Maker]]] = {
    "type": (EVERY, (_are_types, f"one or more of {', '.join(JSON_TYPES)}"), _type),
    "enum": (EVERY, _LIST, _enum),
    "const": (EVERY, (lambda _: True, ""), lambda value: _enum([value])),
    "minimum": (_NUMBERS, _NUMBER, _bound(operator.ge, "should be at least {}")),
    "maximum": (_NUMBERS, _NUMBER, _bound(operator.le, "should be at most {}")),
    "exclusiveMinimum": (_NUMBERS, _NUMBER, _bound(operator.gt, "should be more than {}")),
    "exclusiveMaximum": (_NUMBERS, _NUMBER, _bound(operator.lt, "should be less than {}")),
    "multipleOf": (_NUMBERS, (lambda step: _is_number(step) and step > 0, "a number above 0"), _multiple),
    "minLength": (_STRINGS, _SIZE, _sized(operator.ge, "should have at least {} character{}")),
    "maxLength": (_STRINGS, _SIZE, _sized(operator.le, "should have at most {} character{}")),
    "format": (_STRINGS, (lambda name: isinstance(name, str), "a text"), _format),
    "minItems": ((list,), _SIZE, _sized(operator.ge, "should have at least {} item{}")),
    "maxItems": ((list,), _SIZE, _sized(operator.le, "should have at most {} item{}")),
    "uniqueItems": ((list,), (lambda value: isinstance(value, bool), "true or false"), _unique),
    "minProperties": ((dict,), _SIZE, _sized(operator.ge, "should have at least {} field{}")),
    "maxProperties": ((dict,), _SIZE, _sized(operator.le, "should have at most {} field{}")),
}
"""By keyword: the types that it judges, what its own value must be, and what makes test and words of that value."""
