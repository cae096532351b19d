"""The shape of an output: its JSON Schema, an object at the root, and how a JSON text becomes a value of it.

Three kinds with one face: of a type, of a JSON Schema, of a function's arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cached_property
from typing import Any, Final, Literal, Protocol, cast

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_json

from agentkit.errors import SchemaError
from agentkit.kind import is_array, is_object
from agentkit.output.parse import Mistake, Rejected, at, shorten
from agentkit.schema import ArgumentError, inline_refs
from agentkit.schema.annotation import accepts_none, to_schemas
from agentkit.schema.strict import admits_null
from agentkit.tools.tool import Tool

__all__ = ["FIELD", "FunctionShape", "SchemaShape", "Shape", "TypeShape"]

FIELD: Final = "response"
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


class Shape(Protocol):
    """How an output looks."""

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema, an object at the root; read-only."""
        ...

    @property
    def wrapped(self) -> bool:
        """Whether the value stands in a field `response`, for it is no object itself."""
        ...

    @property
    def accepts_none(self) -> bool:
        """Whether None is plainly a value of it."""
        ...

    def read(self, text: str, *, bare: bool = False) -> Any:
        """Turn whole JSON into the value; `bare` reads it without the wrapping.

        Raises:
            Rejected: It does not fit.
        """
        ...


class TypeShape:
    """Of a type, by pydantic's JSON mode as the type itself sets it up; built at the first use."""

    def __init__(self, type_: Any) -> None:
        self._type = type_

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema.

        Raises:
            SchemaError: pydantic cannot read the type.
        """
        return self._made[0]

    @property
    def wrapped(self) -> bool:
        """Whether the type is no object."""
        return self._made[1]

    @property
    def accepts_none(self) -> bool:
        """Whether None is plainly among the type's values."""
        return accepts_none(self._type)

    def read(self, text: str, *, bare: bool = False) -> Any:
        """Turn whole JSON into the value; null where only a default can stand, and JSON in text, are put right."""
        wrapped = self.wrapped and not bare
        try:
            value = _validated(self._wrapping if wrapped else self._adapter, text)
        except ValidationError as error:
            data = json.loads(text, strict=False)
            raise Rejected.unfit(_mistakes(error.errors(include_url=False), data, wrapped=wrapped)) from error
        return value[FIELD] if wrapped else value

    @cached_property
    def _made(self) -> tuple[dict[str, Any], bool]:
        try:
            made, definitions = to_schemas({FIELD: self._type})
        except (PydanticUserError, TypeError) as error:
            raise _no_schema(self._type, error) from error
        return _rooted(made[FIELD], definitions)

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._type)

    @cached_property
    def _wrapping(self) -> TypeAdapter[Any]:
        return TypeAdapter(cast("Any", dict)[Literal["response"], self._type])


class SchemaShape:
    """Of a JSON Schema; values are checked for types, and for required and excluded properties, nothing else."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            self._plain = inline_refs(schema)
        except SchemaError:  # recursive, say: what is behind a reference then is not looked into
            self._plain = deepcopy(dict(schema))
        self.wrapped = self._plain.get("type") != "object"
        self.schema = _rooted(self._plain, {})[0] if self.wrapped else deepcopy(dict(schema))
        self.accepts_none = "null" in _types(self._plain)

    def read(self, text: str, *, bare: bool = False) -> Any:
        """Turn whole JSON into Python's values."""
        value = json.loads(text, strict=False)
        if self.wrapped and not bare:
            value = value[FIELD]
        if mistakes := [*_differences(value, self._plain, ())]:
            raise Rejected.unfit(mistakes)
        return value


class FunctionShape:
    """Of a function's arguments; the value is what `Tool.call` takes."""

    wrapped = False
    accepts_none = False

    def __init__(self, tool: Tool[Any]) -> None:
        self._tool = tool

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        return self._tool.parameters

    def read(self, text: str, *, bare: bool = False) -> Any:  # noqa: ARG002 # never wrapped
        """Turn whole JSON into the arguments."""
        try:
            return self._tool.signature.validate(text, null_means_default=True)
        except ArgumentError as error:
            raise Rejected(str(error)) from error


def _no_schema(type_: Any, error: Exception) -> SchemaError:
    name = getattr(type_, "__name__", None) or str(type_)
    if "typing_extensions.TypedDict" in str(error):
        return SchemaError(
            f"Output {name}: before Python 3.12 the TypedDict of `typing` does not say enough. "
            "Import it from typing_extensions: `from typing_extensions import TypedDict`."
        )
    if "not fully defined" in str(error):
        return SchemaError(f"Output {name}: a type in it is named by a text, which is not found. Name the type itself.")
    return SchemaError(
        f"Output {name}: pydantic can make no JSON Schema of it: {str(error).splitlines()[0]} "
        "Give a type that it can read, e.g. a BaseModel or a dataclass; for one of several, `A | B`."
    )


def _rooted(schema: dict[str, Any], definitions: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Give a schema whose root is an object, and whether it had to be put in one for that."""
    reference = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if named := definitions.get(reference):
        schema = {**named, **{key: value for key, value in schema.items() if key != "$ref"}}
        if f'"#/$defs/{reference}"' not in json.dumps(definitions, default=repr):
            definitions = {name: body for name, body in definitions.items() if name != reference}
    wrapped = schema.get("type") != "object"
    if wrapped:
        definitions = {**schema.get("$defs", {}), **definitions}
        inner = {key: value for key, value in schema.items() if key != "$defs"}
        schema = {"type": "object", "properties": {FIELD: inner}, "required": [FIELD], "additionalProperties": False}
    return {**schema, "$defs": definitions} if definitions else schema, wrapped


def _validated(adapter: TypeAdapter[Any], text: str) -> Any:
    try:
        return adapter.validate_json(text)  # the model's own text keeps every digit
    except ValidationError as error:
        data = json.loads(text, strict=False)
        details = error.errors(include_url=False)
        stretched = details[0]["type"] == "json_invalid"  # bare line breaks in strings, which have one meaning only
        if not stretched and not [True for detail in details if _mend(data, detail)]:
            raise
        try:
            return adapter.validate_json(to_json(data))
        except ValueError:  # ValidationError, or half of a surrogate pair
            raise error from None  # what the model wrote is what it is told of


def _mend(data: Any, detail: ErrorDetails) -> bool:
    """Put one thing right that loses nothing: null where it means the default, an object or list written as text."""
    holder, key, _ = at(data, detail["loc"])
    if holder is None or key not in (holder if is_object(holder) else range(len(holder))):
        return False
    value = holder[key]
    if value is None and is_object(holder):
        del holder[key]  # strict mode has no other way to leave a property out
        return True
    if isinstance(value, str) and detail["type"].endswith("_type"):
        try:
            written = json.loads(value)
        except (ValueError, RecursionError):
            return False
        if isinstance(written, dict | list):
            holder[key] = written
            return True
    return False


def _mistakes(details: Iterable[ErrorDetails], data: Any, *, wrapped: bool) -> Iterator[Mistake]:
    for detail in details:
        holder, key, steps = at(data, detail["loc"])
        missing = detail["type"] == "missing"
        if missing:
            steps.append(str(detail["loc"][-1]))
        if wrapped and steps[:1] == [FIELD]:
            steps = steps[1:]
        seen = None if missing else shorten(data if holder is None else holder[key])
        yield Mistake(".".join(steps), detail["msg"], seen)


def _types(schema: Mapping[str, Any]) -> list[str]:
    kinds: Any = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds if is_array(kinds) else []


def _differences(value: Any, schema: Any, path: tuple[str, ...]) -> Iterator[Mistake]:
    """Find what differs from a schema in types, required and excluded properties; take out what null leaves out."""
    if not is_object(schema):
        return
    kinds = _types(schema)
    known = [kind for name in kinds for kind in _KINDS.get(name, ())]
    whole = isinstance(value, float) and value.is_integer() and "integer" in kinds  # JSON Schema: 5.0 is an integer
    if kinds and not whole and type(value) not in known:
        yield Mistake(".".join(path), f"Input should be {' or '.join(kinds)}", shorten(value))
        return
    if is_array(value):
        for position, inner in enumerate(value):
            yield from _differences(inner, schema.get("items"), (*path, str(position)))
    if not is_object(value):
        return
    for name in schema.get("required", ()):
        if name not in value:
            yield Mistake(".".join((*path, str(name))), "Field required")
    properties: Any = schema.get("properties", {})
    for name, inner in [*value.items()]:
        if name in properties:
            if inner is None and name not in schema.get("required", ()) and not admits_null(properties[name], {}):
                del value[name]  # strict mode has no other way to leave a property out
                continue
            yield from _differences(inner, properties[name], (*path, name))
        elif schema.get("additionalProperties") is False:
            yield Mistake(".".join((*path, name)), "There is no such field", shorten(inner))
