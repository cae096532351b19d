"""One annotation becomes a JSON Schema here: the plain ones by hand, at a hundredth of the price, others by pydantic.

`signature` uses it. Both ways give the same schema, which is pydantic's without the titles that it makes up from names.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from copy import deepcopy
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NotRequired, Union, cast, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticUndefined, core_schema
from typing_extensions import Doc, TypedDict

from agentkit.schema.docstring import parse_docstring

__all__ = ["accepts_none", "arguments_type", "field_of", "note_of", "to_schemas"]

_PLAIN: Final[dict[Any, dict[str, Any]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    Any: {},
    list: {"type": "array", "items": {}},
    dict: {"type": "object", "additionalProperties": True},
    date: {"format": "date", "type": "string"},
    datetime: {"format": "date-time", "type": "string"},
}
_LITERALS: Final[dict[Any, str]] = {str: "string", int: "integer", bool: "boolean"}
# What of a `Field(...)` shows in a schema, besides description, default and constraints (its metadata).
_UNSET: Final = ("title", "examples", "discriminator", "deprecated", "json_schema_extra", "default_factory")
_UNIONS: Final = (Union, types.UnionType)
# Which keyword a constraint is, by the type that it is on; pydantic checks others, and values of other types, itself.
_ENDS: Final = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_KEYWORDS: Final[dict[Any, dict[str, str]]] = {
    int: _ENDS,
    float: _ENDS,
    str: {"min_length": "minLength", "max_length": "maxLength"},
    list: {"min_length": "minItems", "max_length": "maxItems"},
}
_CONSTRAINTS: Final = {FieldInfo.metadata_lookup[name]: name for names in _KEYWORDS.values() for name in names}
_MOST: Final = 2**31  # of a constraint's value: beyond, pydantic may refuse it


class _Untitled(GenerateJsonSchema):
    """pydantic's generator without made-up titles, reading the `Attributes:` of class docstrings."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - so pydantic declares it

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the name of pydantic's hook
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _plainly(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _plainly(super().dataclass_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        return _plainly(super().typed_dict_schema(schema), schema.get("cls"))


def to_schemas(annotations: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Give the JSON Schema of each annotation, by name, and the definitions that these refer to as `#/$defs/...`.

    The schemas are the caller's to change. pydantic's errors pass through.
    """
    definitions: dict[str, Any] = {}
    try:
        schemas = {name: _to_schema(annotation, definitions) for name, annotation in annotations.items()}
    except _ClashError:  # two classes of one name: only pydantic, seeing all at once, names them apart
        made = deepcopy(_ask(arguments_type(annotations, annotations)))
        return dict(zip(annotations, made["properties"].values(), strict=True)), made.get("$defs", {})
    return schemas, definitions


def arguments_type(annotations: Mapping[str, Any], required: Any) -> Any:
    """Make the type of a call's arguments: a TypedDict, for its keys may bear any name and may be absent."""
    fields = {name: hint if name in required else NotRequired[hint] for name, hint in annotations.items()}
    return TypedDict("_", fields)  # type: ignore[operator] # built from values, which the checker cannot follow


def field_of(annotation: Any) -> FieldInfo | None:
    """Find the outermost `Field(...)` of an `Annotated`."""
    metadata: tuple[Any, ...] = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
    return next((item for item in reversed(metadata) if isinstance(item, FieldInfo)), None)


def note_of(annotation: Any) -> str | None:
    """Find the text of `Annotated[T, "text"]` or `Annotated[T, Doc("text")]`."""
    for item in annotation.__metadata__ if get_origin(annotation) is Annotated else ():
        if isinstance(item, str):
            return item
        if isinstance(item, Doc):
            return item.documentation
    return None


def accepts_none(annotation: Any) -> bool:
    """Tell whether None is plainly among the values of an annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return accepts_none(annotation.__origin__)
    if origin in _UNIONS:
        return any(accepts_none(member) for member in get_args(annotation))
    if origin is Literal:
        return None in get_args(annotation)
    return annotation in (None, type(None), Any, object)


class _ClashError(Exception):
    """Two definitions bear one name."""


def _to_schema(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    quick = _quick(annotation, definitions)
    if quick is not None:
        return quick
    try:
        # equal annotations may differ in the order of a union; only the text tells
        asked = _ask_once(annotation, repr(annotation))
    except TypeError:  # unhashable metadata
        asked = _ask(arguments_type({"value": annotation}, {"value"}))
    made = deepcopy(asked)
    for name, definition in made.get("$defs", {}).items():
        if definitions.setdefault(name, definition) != definition:
            raise _ClashError
    (schema,) = made["properties"].values()
    return schema  # type: ignore[no-any-return] # decoded JSON


def _quick(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any] | None:
    """Give the schema of a plain annotation, or None where only pydantic knows."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if not arguments:
        bare = origin or annotation  # `typing.List` has an origin all the same
        plain = _PLAIN.get(bare) if isinstance(bare, type) or bare in (None, Any) else None
        return None if plain is None else plain.copy()
    if origin is Annotated:
        return _quick_annotated(annotation, definitions)
    if origin is list:
        return {"type": "array", "items": _to_schema(arguments[0], definitions)}
    if origin is dict and arguments[0] is str:
        return {"type": "object", "additionalProperties": _to_schema(arguments[1], definitions) or True}
    found: set[Any] = {type(value) for value in arguments}
    if origin is Literal and found <= _LITERALS.keys():
        made: dict[str, Any] = {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
        return made | ({"type": _LITERALS[found.pop()]} if len(found) == 1 else {})
    if origin in _UNIONS:
        members = [_to_schema(member, definitions) for member in arguments if member is not type(None)]
        if any("anyOf" in member or not member for member in members):
            return None  # nested unions are flattened by rules of pydantic's own
        if type(None) in arguments:
            members.append({"type": "null"})
        apart = [member for at, member in enumerate(members) if member not in members[:at]]
        return {"anyOf": apart} if len(apart) > 1 else apart[0]
    return None


def _quick_annotated(annotation: Any, definitions: dict[str, Any]) -> dict[str, Any] | None:
    description: str | None = None
    constraints: list[Any] = []
    for item in annotation.__metadata__:
        if isinstance(item, FieldInfo):
            if not all(getattr(item, name) is None for name in _UNSET) or item.default is not PydanticUndefined:
                return None
            constraints += item.metadata
            description = item.description or description
        elif not isinstance(item, str | Doc):
            constraints.append(item)
    limits = _limits(annotation.__origin__, constraints)
    if limits is None:
        return None
    made = _to_schema(annotation.__origin__, definitions)
    made.update(limits)
    if description:
        made["description"] = description
    return made


def _limits(annotation: Any, constraints: list[Any]) -> dict[str, Any] | None:
    """Write constraints as keywords, or None where only pydantic knows what they say of the annotation."""
    keywords = _KEYWORDS.get(get_origin(annotation) or annotation, {})
    lowest = -_MOST if keywords is _ENDS else -1
    made: dict[str, Any] = {}
    for constraint in constraints:
        name = _CONSTRAINTS.get(constraint.__class__, "")
        keyword, value = keywords.get(name), cast("Any", getattr(constraint, name, None))
        is_number = type(value) is int or (type(value) is float and annotation is float)  # True is none
        if keyword is None or keyword in made or not is_number or not lowest < value < _MOST:
            return None
        made[keyword] = value
    return made


@lru_cache(maxsize=1024)
def _ask_once(annotation: Any, text: str) -> dict[str, Any]:  # noqa: ARG001 - part of the key
    return _ask(arguments_type({"value": annotation}, {"value"}))


def _ask(arguments: Any) -> dict[str, Any]:
    made = TypeAdapter(arguments).json_schema(schema_generator=_Untitled)
    for definition in made.get("$defs", {}).values():
        if "enum" in definition:
            definition.pop("title", None)  # pydantic writes an enum's own after the generator's hooks
    return made


def _plainly(schema: JsonSchemaValue, cls: type[Any] | None) -> JsonSchemaValue:
    """Take out the title made from the class's name, and spread the text of its `Attributes:` over its properties."""
    if cls is None:
        return schema
    config: Any = getattr(cls, "model_config", None) or getattr(cls, "__pydantic_config__", None) or {}
    if schema.get("title") == cls.__name__ and not config.get("title"):
        del schema["title"]
    said = schema.get("description")
    if said:
        properties: dict[str, Any] = schema.get("properties", {})
        read = parse_docstring(said, properties, where=cls.__name__)
        if read.description:
            schema["description"] = read.description
        else:
            del schema["description"]
        for name, text in read.params.items():
            properties[name].setdefault("description", text)
    return schema
