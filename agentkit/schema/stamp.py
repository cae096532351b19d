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
from agentkit.schema.applicator import Check
from agentkit.schema.check import compile_check
from agentkit.schema.difference import Difference

__all__ = ["Stamps"]

_DATES: Final = re.compile(r'"format": "date(-time)?"')
_DIGITS: Final = re.compile(r"\s*[-+]?\d+(\.\d*)?\s*")
_QUOTED: Final = re.compile(f'"{_DIGITS.pattern}"')


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
        if self._check is None or not _QUOTED.search(text):
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

    @cached_property
    def _check(self) -> Check | None:
        if not _DATES.search(json.dumps(self._schema, default=repr)):
            return None
        try:
            return compile_check(self._schema)
        except SchemaError:  # of a type, which may say anything of itself
            return None
