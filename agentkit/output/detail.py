"""pydantic's error details become differences by clean paths and short words; of a union, the nearest member's only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails, ValidationError

from agentkit.kind import is_array, is_object
from agentkit.schema.difference import Difference, closest

__all__ = ["differences_of", "summary_of"]

_KEY: Final = "[key]"
_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "integer": ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
    "number": ("float_type", "float_parsing"),
    "string": ("string_type",),
    "boolean": ("bool_type", "bool_parsing"),
    "null": ("none_required",),
    "array": ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"),
    "object": ("dict_type", "mapping_type", "model_type", "dataclass_type", "model_attributes_type", "arguments_type"),
    "a date, as 2024-05-06": ("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"),
    "a date-time, as 2024-05-06T07:08:09Z": ("datetime_type", "datetime_parsing", "datetime_from_date_parsing"),
    "a time, as 07:08:09": ("time_type", "time_parsing"),
    "a duration, as P1DT2H": ("time_delta_type", "time_delta_parsing"),
    "a UUID": ("uuid_type", "uuid_parsing"),
    "a URL, as https://example.com": ("url_type", "url_parsing"),
    "a decimal number": ("decimal_type", "decimal_parsing"),
    "base64": ("bytes_invalid_encoding",),
}
_NAMED: Final = {name: words for words, names in _TYPES.items() for name in names}
_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("required", "is missing"),
    "extra_forbidden": ("additionalProperties", "is not a known field"),
    "unexpected_keyword_argument": ("additionalProperties", "is not a known field"),
}
_ENUMS: Final = ("literal_error", "enum")
_OWNER: Final = re.compile(r"^\w+ (?=should )")
_ASIDE: Final = re.compile(r" after validation, not (more than )?\d+$|, (?=got |input |unable |invalid )[^\n]*$")
_MARK: Final = re.compile(r"^(Value error|Assertion failed), ")


def differences_of(details: Sequence[ErrorDetails], data: Any) -> list[Difference]:
    """Turn the details of one validation into differences of the data that was read."""
    return _gather([(detail["loc"], detail) for detail in details], data)


def summary_of(error: ValidationError) -> str:
    """Say in one line what did not fit where nothing is known of what was read, three places at most."""
    details = error.errors(include_url=False, include_input=False)
    said = [": ".join(filter(None, (_path(detail["loc"]), _words(detail)))) for detail in details[:3]]
    return "; ".join([*said, f"and {len(details) - 3} more"] if len(details) > len(said) else said)


def _path(loc: tuple[str | int, ...]) -> str:
    return ".".join(str(step) for step in loc if isinstance(step, int) or step.isidentifier())  # no names of unions


def _words(detail: ErrorDetails) -> str:
    """Say in few words what is expected."""
    name, message = detail["type"], detail["msg"]
    if name in _SAID:
        return _SAID[name][1]
    if name in _NAMED:
        return f"should be {_NAMED[name]}"
    if marked := _MARK.match(message):
        return message[marked.end() :].strip() or "fails a check"
    return _ASIDE.sub("", _OWNER.sub("", message))


def _gather(located: Sequence[tuple[tuple[str | int, ...], ErrorDetails]], data: Any) -> list[Difference]:
    """Sort by the first step: into a part of the data, or a name that pydantic gives to a member of a union."""
    found: list[Difference] = []
    inside: dict[str | int, list[tuple[tuple[str | int, ...], ErrorDetails]]] = {}
    members: dict[str | int, list[tuple[tuple[str | int, ...], ErrorDetails]]] = {}
    for loc, detail in located:
        if not loc:
            found.append(_told(detail, data))
        elif len(loc) == 1 and detail["type"] == "missing":
            found.append(_told(detail, None).below(loc[0]))
        else:
            (inside if _holds(data, loc[0]) else members).setdefault(loc[0], []).append((loc[1:], detail))
    for step, several in inside.items():
        keys = [detail for rest, detail in several if rest == (_KEY,)]
        found += [Difference((step,), "propertyNames", f"its name {_words(detail)}", step) for detail in keys]
        rest = [one for one in several if one[0] != (_KEY,)]
        found += [one.below(step) for one in _gather(rest, data[step])]
    if members:
        found += closest([_gather(several, data) for several in members.values()])
    return found


def _holds(data: Any, step: str | int) -> bool:
    if is_array(data):
        return isinstance(step, int) and 0 <= step < len(data)
    return is_object(data) and step in data


def _told(detail: ErrorDetails, data: Any) -> Difference:
    name, context = detail["type"], detail.get("ctx", {})
    if name in ("union_tag_invalid", "union_tag_not_found"):
        field = str(context.get("discriminator", "")).strip("'")
        if name == "union_tag_not_found" and field.isidentifier():
            return Difference((field,), "required", "is missing")
        if _holds(data, field):
            return Difference((field,), "enum", f"should be one of {context.get('expected_tags')}", data[field])
    keyword = _SAID[name][0] if name in _SAID else "type" if name in _NAMED else "enum" if name in _ENUMS else name
    return Difference((), keyword, _words(detail), data)
