"""The labelled cases: read from the JSONL beside, checked against their types, spread evenly where few are wanted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_core import ArgsKwargs
from shape import ADAPTERS
from toolset import TOOLSETS

__all__ = ["PARTS", "Case", "load", "plain_call", "plain_value", "thin"]

PARTS: Final = ("extraction", "calls")
_HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled case.

    Attributes:
        id: Unique among all.
        part: "extraction" or "calls".
        kind: For extraction the name of the type, for calls what is tested.
        level: easy, medium or hard, as we thought when we wrote it.
        text: What the user says.
        expected: The label: a value of the type as JSON, or the calls as name and arguments.
        tools: Name of the set of tools; empty for extraction.
        also: By path, other wordings that mean the label: `{"lines[].product": {"lamp": "lamps"}}`.
    """

    id: str
    part: str
    kind: str
    level: str
    text: str
    expected: Any
    tools: str = ""
    also: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def label(self) -> Any:
        """Give the label in the form in which answers are compared with it."""
        if self.part == "extraction":
            return plain_value(self.kind, self.expected)
        return [plain_call(self.tools, call["name"], call["arguments"]) for call in self.expected]


def load(part: str) -> list[Case]:
    """Read the cases of a part, in their order."""
    lines = (_HERE / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Case(part=part, **json.loads(line)) for line in lines]


def thin(cases: Sequence[Case], limit: int | None) -> list[Case]:
    """Take at most so many, spread evenly, so that every kind keeps some."""
    if limit is None or limit >= len(cases):
        return list(cases)
    return [cases[place * len(cases) // limit] for place in range(limit)]


def plain_value(kind: str, value: Any) -> Any:
    """Validate decoded JSON (or a value) of a type as pydantic does by default, and give it as JSON again.

    Raises:
        ValidationError: It does not fit.
    """
    adapter = ADAPTERS[kind]
    return adapter.dump_python(adapter.validate_python(value), mode="json")


def plain_call(tools: str, name: str, arguments: Any) -> dict[str, Any]:
    """Validate a call and give it as `{name: {argument: value}}` without what is the default anyway.

    Raises:
        KeyError: There is no such tool.
        TypeError: The arguments are no object.
        ValidationError: They do not fit.
    """
    function = {tool.__name__: tool for tool in TOOLSETS[tools]}[name]
    given = _adapter(function).validate_python(ArgsKwargs((), dict(arguments)))
    defaults = {parameter.name: parameter.default for parameter in signature(function).parameters.values()}
    kept = {key: value for key, value in given.items() if value != defaults[key]}
    return {name: TypeAdapter(dict[str, Any]).dump_python(kept, mode="json")}


@cache
def _adapter(function: Any) -> TypeAdapter[Any]:
    return TypeAdapter(function)
