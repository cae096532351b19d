"""The shape of an output: its JSON Schema, an object at the root, and how a JSON text becomes a value of it.

Three kinds with one face: of a type, of a JSON Schema, of a function's arguments.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from typing import Any, Final, Literal, Protocol, cast

from pydantic import AliasChoices, AliasPath, PydanticUserError, TypeAdapter
from pydantic.fields import FieldInfo

from agentkit.errors import SchemaError
from agentkit.kind import is_array, is_map
from agentkit.output.parse import Rejected
from agentkit.output.part import plain_type
from agentkit.output.remedy import mistakes_of, read_typed, remedied
from agentkit.schema import ArgumentError
from agentkit.schema.annotation import accepts_none, to_schemas
from agentkit.schema.check import compile_check
from agentkit.schema.inline import children, resolve
from agentkit.schema.stamp import Stamps
from agentkit.schema.strict import admits_null
from agentkit.tools.tool import Tool

__all__ = ["FIELD", "FunctionShape", "SchemaShape", "Shape", "TypeShape"]

FIELD: Final = "response"
_DEFINITIONS: Final = ("$defs", "definitions")
_KEPT: Final = (["$defs"], ["definitions"])  # what stays at the root


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
    def drops_unknown(self) -> bool:
        """Whether a property that it does not name is read over, so that a value of it says nothing of such."""
        ...

    @property
    def names(self) -> Collection[str]:
        """The names that a property may bear, all spellings of it."""
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
    def drops_unknown(self) -> bool:
        """Whether pydantic ignores unknown fields, as models do by default."""
        return not self.wrapped and "additionalProperties" not in self.schema

    @property
    def names(self) -> Collection[str]:
        """The properties of the schema, and what else pydantic reads in their place."""
        if self.wrapped:
            return (FIELD,)
        fields: dict[str, FieldInfo] = getattr(plain_type(self._type), "__pydantic_fields__", {})
        others = [spelling for field in fields.values() for spelling in _spellings(field)]
        return {*self.schema.get("properties", ()), *fields, *others}

    @property
    def accepts_none(self) -> bool:
        """Whether None is plainly among the type's values."""
        return accepts_none(self._type)

    def read(self, text: str, *, bare: bool = False) -> Any:
        """Turn whole JSON into the value; null where only a default can stand, and JSON in text, are put right."""
        wrapped = self.wrapped and not bare
        adapter = self._wrapping if wrapped else self._adapter
        value = read_typed(adapter, text, below=FIELD if wrapped else None)
        value = value[FIELD] if wrapped else value
        plain = f'{{"{FIELD}": {text}}}' if self.wrapped and bare else text  # as the schema has it
        if found := self._stamps.find(plain, value, self._read_plain):
            raise Rejected.unfit(mistakes_of(found, below=FIELD if self.wrapped else None))
        return value

    def _read_plain(self, text: str) -> Any:
        return self._wrapping.validate_json(text)[FIELD] if self.wrapped else self._adapter.validate_json(text)

    @cached_property
    def _stamps(self) -> Stamps:
        return Stamps(self.schema)

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
    """Of a JSON Schema, which is checked as a whole.

    Raises:
        SchemaError: With its path, for a pattern that cannot be read, or a `$ref` that points at nothing.
    """

    drops_unknown = False

    def __init__(self, schema: Mapping[str, Any]) -> None:
        own = deepcopy(dict(schema))
        self._check = compile_check(own)
        target: Any = own
        while is_map(target) and isinstance(ref := target.get("$ref"), str):
            target = resolve(own, ref, "$")  # it ends, for a circle was refused above
        self.wrapped = not is_map(target) or target.get("type") != "object"
        self.schema = _in_place(own, wrapped=self.wrapped)
        self.names: Collection[str] = self.schema.get("properties", {})
        self.accepts_none = admits_null(own, own)

    def read(self, text: str, *, bare: bool = False) -> Any:
        """Turn whole JSON into Python's values; null for what is optional, and JSON in text, are put right."""
        value = json.loads(text, strict=False)
        if self.wrapped and not bare:
            value = value[FIELD]
        if (found := self._check(value)) and (left := remedied(value, found, self._check)):
            raise Rejected.unfit(mistakes_of(left))
        return value


class FunctionShape:
    """Of a function's arguments; the value is what `Tool.call` takes."""

    wrapped = False
    drops_unknown = False
    accepts_none = False

    def __init__(self, tool: Tool[Any]) -> None:
        self._tool = tool

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments."""
        return self._tool.parameters

    @property
    def names(self) -> Collection[str]:
        """The arguments."""
        return cast("dict[str, Any]", self.schema.get("properties", {}))

    def read(self, text: str, *, bare: bool = False) -> Any:  # noqa: ARG002 # never wrapped
        """Turn whole JSON into the arguments."""
        try:
            return self._tool.signature.validate(text, null_means_default=True)
        except ArgumentError as error:
            raise Rejected(str(error)) from error


def _spellings(field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    aliases = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return [str(one.path[0] if isinstance(one, AliasPath) else one) for one in aliases if one is not None]


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
        schema = _wrapping(inner)
    return {**schema, "$defs": definitions} if definitions else schema, wrapped


def _wrapping(inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {FIELD: inner}, "required": [FIELD], "additionalProperties": False}


def _in_place(schema: dict[str, Any], *, wrapped: bool) -> dict[str, Any]:
    """Give a JSON Schema with an object at its root, in today's spelling, definitions and references along."""
    place = f"#/properties/{FIELD}" if wrapped else "#"
    recurring: list[dict[str, Any]] = []

    def copy(node: Any, path: str = "$") -> Any:
        if not is_map(node):
            return node
        made: dict[str, Any] = {}
        for key, value in node.items():
            if key in _DEFINITIONS and is_map(value):
                made[key] = {name: copy(inner) for name, inner in value.items()}
            else:
                made[key] = children(key, value, path, copy)
        if is_array(made.get("items")):  # of a tuple, until 2019
            made["prefixItems"] = made.pop("items")
            if "additionalItems" in made:
                made["items"] = copy(made.pop("additionalItems"))
        if isinstance(ref := made.get("$ref"), str) and (ref == "#" or ref.startswith("#/")):
            made["$ref"] = ref if ref.split("/")[1:2] in _KEPT else f"{place}{ref[1:]}"
            if made["$ref"] == "#":
                recurring.append(made)
        return made

    made = copy(schema)
    if not wrapped:
        rooted = _with_root(made)
        return _with_name(rooted, recurring) if recurring else rooted
    definitions = {name: made.pop(name) for name in _DEFINITIONS if name in made}
    return {**_wrapping(made), **definitions}


def _with_root(schema: dict[str, Any]) -> dict[str, Any]:
    """Write what a reference at the root names in its place, as many endpoints want it."""
    while isinstance(ref := schema.get("$ref"), str):
        target = resolve(schema, ref, "$")
        named = {**target} if is_map(target) else {}
        schema = {**named, **{key: value for key, value in schema.items() if key != "$ref"}}
        own, _, name = ref.rpartition("/")
        if own == "#/$defs" and f'"{ref}"' not in json.dumps(schema, default=repr) and name in schema["$defs"]:
            schema["$defs"] = {key: value for key, value in schema["$defs"].items() if key != name}
    return {key: value for key, value in schema.items() if key != "$defs" or value}


def _with_name(schema: dict[str, Any], recurring: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Let references to the whole go by a definition, for llama.cpp takes no `#` alone."""
    definitions: dict[str, Any] = schema.get("$defs", {})
    name = "root"
    while name in definitions:
        name += "_"
    for node in recurring:
        node["$ref"] = f"#/$defs/{name}"
    body = {key: value for key, value in schema.items() if key not in (*_DEFINITIONS, "$id", "$schema")}
    return {**schema, "$defs": {**definitions, name: body}}
