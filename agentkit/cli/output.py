"""An output as plain JSON values under the names that were asked for; `extract` and `run` print it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from agentkit.kind import is_map
from agentkit.output import OutputPlan

__all__ = ["dumper"]


def dumper(output: Any) -> Callable[[Any], Any]:
    """Give the function that turns a value of an output into JSON's own, by the type's aliases and serialisers.

    What a function gives, and the values of a JSON Schema, stay as they are.

    Args:
        output: What `Agent(output=)` takes.

    Raises:
        ConfigurationError: Nothing can be asked for by it.
    """
    plan = OutputPlan.of(output)
    type_ = plan.spec.type
    if not plan.is_text:
        plan.schema  # noqa: B018 # a type that has none says so here, before anything is sent or written
    if plan.is_function or is_map(type_):
        return lambda value: value
    adapter = TypeAdapter[Any](type_)
    return lambda value: adapter.dump_python(value, mode="json", by_alias=True, warnings=False)
