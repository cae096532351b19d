"""The arguments of one function are validated here by one pydantic validator, compiled at the first call.

`signature` uses it. What is wrong goes to the model as a short text: which argument, what was seen, what is expected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from agentkit.kind import is_array, is_object
from agentkit.schema.annotation import arguments_type
from agentkit.schema.argument import ArgumentError, read_object, shorten
from agentkit.schema.difference import Difference
from agentkit.schema.parameter import Parameter

__all__ = ["Validator", "no_argument", "refusal", "reread"]

_REST: Final = "**"  # no parameter can bear this name
_SCALARS: Final[dict[str, tuple[type, ...]]] = {"int_type": (int,), "float_type": (int, float), "bool_type": (bool,)}
_COMPLAINTS: Final = 5


class Validator:
    """Turn the text of a call's arguments into keyword arguments that fit the function.

    Args:
        parameters: The function's parameters.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._arguments = [parameter for parameter in parameters if parameter.role == "argument"]
        self._context = next((parameter.name for parameter in parameters if parameter.role == "context"), None)
        self._rest = next((parameter for parameter in parameters if parameter.role == "rest"), None)
        self._known = frozenset[str]().union(*(parameter.accepted for parameter in self._arguments))

    def validate(self, text: str, *, null_means_default: bool = False) -> dict[str, Any]:
        """Read and validate arguments; the result is keyed by the function's own names.

        Raises:
            ArgumentError: When the text or a value in it does not fit.
        """
        data = read_object(text)
        whole = data.keys() <= self._known
        if not whole:
            self._sort_out(data)
        try:
            # the model's own text keeps every digit; only what was taken apart is written anew
            made = self._compiled.validate_json(text if whole and text.startswith("{") else _encode(data), strict=True)
        except ValidationError:
            made = self._mend(data, null_means_default=null_means_default)
        values: dict[str, Any] = made
        if self._rest is not None:
            values.update(values.pop(_REST, {}))
        return values

    def _sort_out(self, data: dict[str, Any]) -> None:
        """Drop a value for the context, move what `**kwargs` takes, refuse the rest."""
        unknown = [name for name in data if name not in self._known]
        rest = {name: data.pop(name) for name in unknown}
        if self._context is not None:
            rest.pop(self._context, None)
        taken = {parameter.name for parameter in self._arguments}
        strange = [name for name in rest if self._rest is None or name in taken]
        if strange:
            raise no_argument(strange, [parameter.key for parameter in self._arguments])
        if rest:
            data[_REST] = rest

    @cached_property
    def _compiled(self) -> Any:
        fields = {parameter.name: parameter.annotation for parameter in self._arguments}
        required = {parameter.name for parameter in self._arguments if parameter.required}
        if self._rest is not None:
            fields[_REST] = dict[str, self._rest.annotation]  # type: ignore[name-defined] # made from a value
        made = arguments_type(fields, required)
        made.__pydantic_config__ = ConfigDict(extra="forbid")
        return TypeAdapter[Any](made).validator

    def _mend(self, data: dict[str, Any], *, null_means_default: bool) -> Any:
        """Read numbers and booleans that came as text, and validate again until nothing is left to mend."""
        while True:
            try:
                return self._compiled.validate_json(_encode(data), strict=True)
            except ValidationError as error:
                details = error.errors(include_url=False)
                mended = [_mend_one(data, detail, null_means_default=null_means_default) for detail in details]
                if not any(mended):
                    raise ArgumentError(_describe(details, data)) from error


def _mend_one(data: dict[str, Any], detail: ErrorDetails, *, null_means_default: bool) -> bool:
    holder, key, value = _locate(data, detail["loc"])
    seen = detail["input"]
    if type(value) is not type(seen) or value != seen:
        return False  # an earlier error of the same place was mended already
    if value is None and null_means_default and isinstance(holder, dict) and detail["type"] != "missing":
        del holder[key]  # strict mode had made it nullable for want of "optional"; if it is required, "missing" says so
        return True
    read = reread(value)
    if type(read) not in _SCALARS.get(detail["type"], ()):
        return False
    holder[key] = read
    return True


def reread(value: Any) -> int | float | bool | None:
    """Read a scalar of a text that prints back the same, or a whole float, an integer for JSON Schema (core 6.3)."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else None
    if not isinstance(value, str) or len(value) > 400:
        return None
    if value in {"true", "false"}:
        return value == "true"
    for read in (int, float):
        try:
            number = read(value)
        except ValueError:
            continue
        if str(number) == value and value not in {"nan", "inf", "-inf"}:
            return number
    return None


def _locate(data: Any, location: Iterable[str | int]) -> tuple[Any, Any, Any]:
    """Follow an error's location, passing over the names of union members in it."""
    holder: Any = None
    key: Any = None
    value: Any = data
    for step in location:
        if _has(value, step):
            holder, key, value = value, step, value[step]
    return holder, key, value


def _has(value: Any, step: str | int) -> bool:
    if is_array(value):
        return isinstance(step, int) and 0 <= step < len(value)
    return is_object(value) and step in value


def _path(data: dict[str, Any], detail: ErrorDetails) -> str:
    made = ""
    value: Any = {**data, **data.get(_REST, {})}
    location = [step for step in detail["loc"] if step != _REST]
    for at, step in enumerate(location):
        named_last = at == len(location) - 1 and detail["type"] in {"missing", "extra_forbidden"}
        if _has(value, step) or named_last:
            made += f"[{step}]" if isinstance(step, int) else f".{step}"
            value = value[step] if _has(value, step) else None
    return made.removeprefix(".")


def _describe(details: Sequence[ErrorDetails], data: dict[str, Any]) -> str:
    wanted: dict[str, list[str]] = {}
    seen: dict[str, tuple[Any]] = {}
    for detail in details:
        path = _path(data, detail)
        message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        if detail["type"] == "missing":
            message = " is missing"
        elif detail["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
            message = " is not known"
        else:
            seen[path] = (detail["input"],)
            message = f" {message[6:]}" if message.startswith("Input should ") else f": {message}"
        said = wanted.setdefault(path, [])
        if said and message.startswith(" should be "):
            message = message.removeprefix(" should be")
        if message not in said and f" should be{message}" not in said:
            said.append(message)
    return _complain({path: (" or".join(said), *seen.get(path, ())) for path, said in wanted.items()})


def _complain(wrong: Mapping[str, tuple[Any, ...]]) -> str:
    """Say what is wrong with arguments, five at most, by path: what is expected, and what came, where anything did."""
    lines = [
        (f"Argument {path!r}" if path else "Your arguments")
        + shorten(expected, 400)
        + "".join(f", you sent {shorten(json.dumps(one, ensure_ascii=False, default=str))}" for one in seen)
        + "."
        for path, (expected, *seen) in list(wrong.items())[:_COMPLAINTS]
    ]
    if len(wrong) > _COMPLAINTS:
        lines.append(f"{len(wrong) - _COMPLAINTS} more are wrong.")
    return " ".join(lines)


def refusal(found: Iterable[Difference]) -> ArgumentError:
    """Say where arguments differ from their schema."""
    wrong: dict[str, tuple[Any, ...]] = {}
    for one in found:
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in one.path).removeprefix(".")
        wrong.setdefault(path, (f" {one.expected}", *(() if one.is_absence else (one.seen,))))
    return ArgumentError(_complain(wrong))


def no_argument(names: Sequence[str], known: Iterable[str]) -> ArgumentError:
    """Say that there are no arguments of some names, and which there are."""
    listed = ", ".join(known)
    return ArgumentError(
        f"There is no argument {' or '.join(repr(shorten(name, 64)) for name in names[:_COMPLAINTS])}. "
        + (f"The arguments are: {listed}." if listed else "This tool takes no arguments.")
    )


def _encode(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()
