"""A `Signature` is born here from a JSON Schema that somebody else wrote, for functions without hints of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentkit.schema.argument import ArgumentError, read_object, shorten
from agentkit.schema.parameter import context_of
from agentkit.schema.signature import Signature, is_async
from agentkit.schema.strict import admits_null

__all__ = ["sketch_signature"]


def sketch_signature(
    function: Callable[..., Any],
    name: str,
    description: str,
    parameters: dict[str, Any],
    *,
    is_context: Callable[[Any], bool],
) -> Signature:
    """Pair a function with a given JSON Schema of an object; only a hint for the context is read from the function."""
    context = context_of(function, f"Tool {name!r}", is_context)
    return _Sketch(
        name=name,
        description=description,
        parameters=parameters,
        hidden=frozenset({context.name} if context else ()),
        context=context.name if context else None,
        is_async=is_async(function),
        _members=[context] if context else [],
    )


class _Sketch(Signature):
    @cached_property
    def _validator(self) -> _Outline:  # type: ignore[override] # the same one method
        return _Outline(self.parameters, self.context)


@dataclass(frozen=True, slots=True)
class _Outline:
    """The check of an object's outline: what is required is there, what is excluded is not."""

    schema: Mapping[str, Any]
    context: str | None

    def validate(self, text: str, *, null_means_default: bool = False) -> dict[str, Any]:
        data = read_object(text)
        properties: Mapping[str, Any] = self.schema.get("properties", {})
        required = self.schema.get("required", ())
        if self.context is not None and self.context not in properties:
            data.pop(self.context, None)
        if null_means_default:
            absent = {name for name, value in data.items() if value is None and name not in required}
            data = {
                name: value
                for name, value in data.items()
                if name not in absent or admits_null(properties.get(name, True), self.schema)
            }
        if missing := [name for name in required if name not in data]:
            raise ArgumentError(f"Argument {missing[0]!r} is missing.")
        strange = next((name for name in data if name not in properties), None)
        if strange is not None and self.schema.get("additionalProperties") is False:
            known = f"The arguments are: {', '.join(properties)}." if properties else "This tool takes no arguments."
            raise ArgumentError(f"There is no argument {shorten(strange, 64)!r}. {known}")
        return data
