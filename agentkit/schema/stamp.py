"""Digits in a text where a JSON Schema wants a date are found here, for pydantic reads them as seconds since 1970.

`"1998"` and `"20240506"` would become days of 1970, which nobody meant.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

from pydantic import TypeAdapter

from agentkit.errors import SchemaError
from agentkit.kind import is_array, is_object
from agentkit.schema.applicator import Check
from agentkit.schema.check import compile_check
from agentkit.schema.difference import Difference

__all__ = ["Stamps"]

_DATES: Final = re.compile(r'"format": "date(-time)?"')
_DIGITS: Final = re.compile(r"\s*[-+]?\d+(?:\.\d*)?\s*")
_QUOTED: Final = re.compile(f'"{_DIGITS.pattern}"')
_OPEN: Final = ("patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames")


class Stamps:
    """Where texts of digits were read as dates, by the JSON Schema of a type; compiled at the first use."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema

    def find(self, text: str, value: Any, read: Callable[[str], Any]) -> Sequence[Difference]:
        """Give the places of a JSON text where `read` took digits for seconds; a validator may read them otherwise.

        Args:
            text: Whole JSON that `read` made `value` of.
            value: For comparison with that of the same text in which the dates are written as such.
            read: Raises ValueError for what does not fit.
        """
        if self._check is None or not self._may_be_in(text):
            return ()
        try:
            data = json.loads(text, strict=False)
            found = [one for one in self._check(data) if one.keyword == "format" and _DIGITS.fullmatch(one.seen)]
            for one in found:
                holder: Any = data
                for step in one.path[:-1]:
                    holder = holder[step]
                holder[one.path[-1]] = TypeAdapter(dt.datetime).validate_python(one.seen).isoformat()
            return found if found and read(json.dumps(data)) == value else ()
        except ValueError:
            return ()

    def _may_be_in(self, text: str) -> bool:
        """Tell whether digits stand where a date might: in a list, or in a field that is not known to hold none."""
        for found in _QUOTED.finditer(text):
            name = _field_before(text, found.start())
            if self._fields is None or name is None or name in self._fields:
                return True
        return False

    @cached_property
    def _fields(self) -> frozenset[str] | None:
        """The fields, at any depth, that may hold a date; None where fields of any name may."""
        names, below = set[str](), [self._schema]
        while below:
            schema = below.pop()
            if is_object(schema):
                if any(_may_be_date(schema.get(keyword)) for keyword in _OPEN):
                    return None
                fields = schema.get("properties")
                if is_object(fields):
                    names.update(name for name, one in fields.items() if _may_be_date(one))
                below += schema.values()
            elif is_array(schema):
                below += schema
        return frozenset(names)

    @cached_property
    def _check(self) -> Check | None:
        if not _DATES.search(json.dumps(self._schema, default=repr)):
            return None
        try:
            return compile_check(self._schema)
        except SchemaError:  # of a type, which may say anything of itself
            return None


def _may_be_date(schema: Any) -> bool:
    written = json.dumps(schema, default=repr)
    return _DATES.search(written) is not None or '"$ref"' in written or '"$dynamicRef"' in written


def _field_before(text: str, start: int) -> str | None:
    """Give the name of the field that the text beginning there is the value of; None where that is not plain."""
    end = text.rfind('"', 0, start)
    if text[end + 1 : start].strip() != ":":
        return None
    begin = text.rfind('"', 0, end)
    return None if "\\" in text[begin - 1 : end] else text[begin + 1 : end]
