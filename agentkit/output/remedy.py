"""What a model wrote otherwise than asked, but with one meaning only, is put right here, before it is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails

from agentkit.kind import is_array, is_object
from agentkit.output.detail import differences_of
from agentkit.output.parse import Mistake, Rejected, decode, shorten
from agentkit.schema.difference import Difference

__all__ = ["mistakes_of", "read_typed", "remedied"]

_TIMES: Final = frozenset({"date_type", "datetime_type", "time_type", "time_delta_type"})
_SHOWN: Final = ("type", "enum", "const")  # what makes it worth to show a whole object or list


def read_typed(adapter: TypeAdapter[Any], text: str, *, below: str | None = None) -> Any:
    """Read whole JSON by pydantic; again, after what has one meaning only was put right, where it does not fit.

    Args:
        adapter: Of the type.
        text: The model's own, for that keeps every digit.
        below: The property that the value is wrapped in.

    Raises:
        Rejected: It does not fit then either.
    """
    try:
        return _validated(adapter, text)
    except ValidationError as error:
        return _mended(adapter, text, error, below)


def remedied(
    data: Any, found: Sequence[Difference], check: Callable[[Any], Sequence[Difference]]
) -> Sequence[Difference]:
    """Put right in `data` what differs, and give what is left to tell the model; nothing where all is right then.

    A null where the property may be left out means that it is left out, for strict mode has no other way to say so;
    an object or a list that stands as JSON in a string is taken out of it.

    Args:
        data: Decoded JSON; it is changed.
        found: What differs in it, once at least.
        check: Gives what differs, asked again after each change.
    """
    nulls: dict[tuple[str | int, ...], Difference] = {}
    while found:
        changed = [_put_right(data, one) for one in found]
        if not any(changed):
            break
        nulls |= {one.path: one for one, right in zip(found, changed, strict=True) if right and one.seen is None}
        found = check(data)
    return [nulls.get(one.path, one) if one.is_absence else one for one in found]


def mistakes_of(found: Sequence[Difference], *, below: str | None = None) -> list[Mistake]:
    """Write differences for the model; the property `below` that the value was wrapped in is no part of the paths."""
    made: list[Mistake] = []
    for one in found:
        steps = one.path
        if below is not None and steps[:1] == (below,) and not (one.is_absence and len(steps) == 1):
            steps = steps[1:]
        is_worth = one.keyword in _SHOWN or not (is_object(one.seen) or is_array(one.seen))
        seen = shorten(one.seen) if is_worth and not one.is_absence else None
        made.append(Mistake(".".join(map(str, steps)), one.expected, seen))
    return made


def _put_right(data: Any, one: Difference) -> bool:
    key: Any
    if not one.path or one.is_absence:
        return False
    *steps, key = one.path
    holder: Any = data
    for step in steps:
        holder = holder[step] if _has(holder, step) else None
    if not _has(holder, key):
        return False
    value: Any = holder[key]
    if value is None and is_object(holder):
        del holder[key]
        return True
    if isinstance(value, str) and one.keyword == "type":
        try:
            written: Any = decode(value)
        except ValueError:
            return False
        if is_object(written) or is_array(written):
            holder[key] = written
            return True
    return False


def _has(holder: Any, key: Any) -> bool:
    return key in range(len(holder)) if is_array(holder) else is_object(holder) and key in holder


def _validated(adapter: TypeAdapter[Any], text: str) -> Any:
    """Read JSON as the type is set up, but for what would be a guess: 1 of true, a day of 1970 of 1998, nan of a text.

    Raises:
        ValidationError: It does not fit.
    """
    try:
        return adapter.validator.validate_json(text, strict=True)
    except ValidationError as error:
        strict = error.errors(include_url=False)
    value = adapter.validate_json(text)
    guessed = [one for one in strict if _is_guess(one["type"], one["input"])]
    if guessed:
        made = [InitErrorDetails(type=one["type"], loc=one["loc"], input=one["input"]) for one in guessed]
        raise ValidationError.from_exception_data("guess", made)
    return value


def _is_guess(kind: str, seen: Any) -> bool:
    if kind in ("int_type", "float_type"):
        return isinstance(seen, bool) or (isinstance(seen, str) and not math.isfinite(float(seen)))
    return kind in _TIMES and isinstance(seen, int | float)


def _mended(adapter: TypeAdapter[Any], text: str, error: ValidationError, below: str | None) -> Any:
    try:
        data = decode(text)
    except ValueError as broken:
        raise Rejected.broken(str(broken)) from error
    value: list[Any] = []

    def check(data: Any) -> Sequence[Difference]:
        try:
            value.append(_validated(adapter, json.dumps(data)))
        except ValidationError as again:
            return differences_of(again.errors(include_url=False, include_input=False), data)
        return ()

    details = error.errors(include_url=False, include_input=False)
    stretched = details[0]["type"] == "json_invalid"  # bare line breaks in strings, which have one meaning only
    found = check(data) if stretched else differences_of(details, data)
    if left := remedied(data, found, check):
        raise Rejected.unfit(mistakes_of(left, below=below)) from error
    return value[-1]
