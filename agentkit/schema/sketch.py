"""A `Signature` is born here from a JSON Schema that somebody else wrote, for functions without hints of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentkit.errors import SchemaError, ToolDefinitionError
from agentkit.kind import is_object
from agentkit.schema.applicator import Check
from agentkit.schema.argument import read_object
from agentkit.schema.check import compile_check
from agentkit.schema.difference import Difference
from agentkit.schema.parameter import context_of
from agentkit.schema.signature import Signature, is_async
from agentkit.schema.validator import no_argument, refusal, reread

__all__ = ["sketch_signature"]


def sketch_signature(
    function: Callable[..., Any],
    name: str,
    description: str,
    parameters: dict[str, Any],
    *,
    is_context: Callable[[Any], bool],
) -> Signature:
    """Pair a function with a given JSON Schema of an object; only a hint for the context is read from the function.

    Raises:
        ToolDefinitionError: With the path, for what in the schema cannot be read.
    """
    try:
        check = compile_check(parameters)
    except SchemaError as error:
        raise ToolDefinitionError(f"Tool {name!r}: the schema of its parameters cannot be read: {error}") from error
    context = context_of(function, f"Tool {name!r}", is_context)
    return _Sketch(
        name=name,
        description=description,
        parameters=parameters,
        hidden=frozenset({context.name} if context else ()),
        context=context.name if context else None,
        is_async=is_async(function),
        _members=[context] if context else [],
        _check=check,
    )


@dataclass(frozen=True, kw_only=True)
class _Sketch(Signature):
    _check: Check

    @cached_property
    def _validator(self) -> _Outline:  # type: ignore[override] # the same one method
        return _Outline(self.parameters, self.context, self._check)


@dataclass(frozen=True, slots=True)
class _Outline:
    """The check of arguments by a schema; scalars that came as texts are read, as they are for hints."""

    schema: Mapping[str, Any]
    context: str | None
    check: Check

    def validate(self, text: str, *, null_means_default: bool = False) -> dict[str, Any]:
        data = read_object(text)
        properties: Mapping[str, Any] = self.schema.get("properties", {})
        if self.context is not None and self.context not in properties:
            data.pop(self.context, None)
        found = self.check(data)
        while any([_mend(data, one, null_means_default=null_means_default) for one in found]):  # noqa: C419 # all of them
            found = self.check(data)
        if strange := [str(one.path[0]) for one in found if one.keyword == "additionalProperties" and not one.path[1:]]:
            raise no_argument(strange, properties)
        if found:
            raise refusal(found)
        return data


def _mend(data: Any, one: Difference, *, null_means_default: bool) -> bool:
    """Put right what has one meaning only: a number or a boolean that came as text, null for nothing in strict mode."""
    if not one.path or one.is_absence:
        return False
    key: Any
    holder: Any = data
    *steps, key = one.path
    for step in steps:
        holder = holder[step]
    if one.seen is None and null_means_default and is_object(holder):
        holder.pop(key, None)
        return True
    read = reread(one.seen) if one.keyword == "type" and isinstance(one.seen, str) else None
    kinds = ("boolean",) if isinstance(read, bool) else ("number", "integer") if isinstance(read, int) else ("number",)
    if read is None or not any(kind in one.expected for kind in kinds):
        return False
    holder[key] = read
    return True
