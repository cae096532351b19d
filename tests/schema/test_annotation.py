"""Hand-made schemas are pydantic's, less the titles that it makes up."""

import datetime as dt
import decimal
import enum
import typing
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypeVar, Union

import annotated_types
import pytest
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter
from typing_extensions import NotRequired, TypeAliasType, TypedDict

from agentkit.schema import annotation as module
from agentkit.schema.annotation import to_schemas


def schema_of(annotation):
    schemas, definitions = to_schemas({"value": annotation})
    return schemas["value"] | ({"$defs": definitions} if definitions else {})


PLAIN = [
    str,
    int,
    float,
    bool,
    None,
    Any,
    list,
    dict,
    list[int],
    list[list[str]],
    dict[str, int],
    dict[str, Any],
    dict[str, list[float]],
    int | None,
    Optional[str],
    None | str,
    int | str,
    Union[str, int, None],
    list[int | None] | str,
    list[str] | None,
    Literal["a"],
    Literal["a", "b"],
    Literal[1, 2],
    Literal[True],
    Literal["a", 1, True],
    Literal["a"] | None,
    Annotated[int, Field(description="Said.")],
    Annotated[int | None, Field(description="Said.")],
    list[Annotated[str, Field(description="Said.")]],
    Annotated[int, "a note"],
    dt.date,
    dt.datetime,
    list[dt.date] | None,
    Annotated[int, Field(ge=1, le=5)],
    Annotated[int, Field(gt=0, lt=2, description="Said.")],
    Annotated[float, Field(ge=0)],
    Annotated[float, Field(gt=-0.5, le=1)],
    Annotated[str, Field(min_length=1, max_length=3)],
    Annotated[list[int], Field(min_length=1, max_length=0)],
    Annotated[int, annotated_types.Gt(3)],
    Annotated[int, Field(ge=0), Field(le=1)],
    typing.List,
    typing.Dict,
    Annotated[int, "a note"] | int,
    Optional[Annotated[None, "a note"]],
]


@pytest.mark.parametrize("annotation", PLAIN, ids=str)
def test_plain_annotations_give_what_pydantic_gives(annotation, monkeypatch):
    monkeypatch.setattr(module, "TypeAdapter", None)  # so pydantic cannot have been asked
    assert schema_of(annotation) == TypeAdapter(annotation).json_schema()


@pytest.mark.parametrize(
    "annotation",
    [
        Literal["a", None],
        Literal["a", "b"] | Literal["c"] | None,
        Union[int | str, list[int]],
        int | Any,
        bytes,
        dt.time,
        dt.timedelta,
        decimal.Decimal,
        uuid.UUID,
        Path,
        HttpUrl,
        tuple[int, str],
        tuple[int, ...],
        set[str],
        frozenset[int],
        dict[int, str],
        dict[Literal["a"], int],
        NewType("UserId", int),
        NewType("UserId", int) | int,
        Annotated[str, Field(pattern="^a", min_length=1, max_length=3)],
        Annotated[dict[str, int], Field(min_length=1)],
        Annotated[list[int] | None, Field(min_length=1)],
        Annotated[bool, Field(ge=1)],
        Annotated[str, Field(ge=1)],
        Annotated[float, Field(ge=float("inf"))],
        Annotated[int, Field(ge=2**31)],
        Annotated[int, Field(ge=1, strict=True)],
        Annotated[int, annotated_types.Ge(2), Field(ge=3)],
        Annotated[int, Field(ge=3), annotated_types.Ge(2)],
        Annotated[float, annotated_types.Interval(ge=1, lt=2)],
        Annotated[float, Field(multiple_of=0.5, title="Kept", examples=[1.5])],
        Annotated[str, Field(json_schema_extra={"x-more": 1})],
    ],
    ids=str,
)
def test_all_other_annotations_are_asked_of_pydantic(annotation):
    assert schema_of(annotation) == TypeAdapter(annotation).json_schema()


def test_the_order_of_a_union_is_that_of_its_annotation():
    assert schema_of(int | str) == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert schema_of(str | int) == {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert schema_of(set[int | str]) != schema_of(set[str | int])
    assert schema_of(Literal["b", "a"])["enum"] == ["b", "a"]


class Color(enum.Enum):
    """A color."""

    RED = "red"
    BLUE = "blue"


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


@dataclass
class Point:
    x: int
    y: int = 0


class Options(TypedDict):
    """Options.

    Attributes:
        depth: How deep.
    """

    depth: int
    wide: NotRequired[bool]


class Partial(TypedDict, total=False):
    a: int


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Node(BaseModel):
    """A node."""

    name: str = Field(alias="label", description="Its name.")
    children: list["Node"] = []


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


class Documented(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, title="Shown")

    size: int
    """How large."""


def test_enums_dataclasses_and_typed_dicts_become_definitions_without_titles():
    assert schema_of(Color) == {
        "$ref": "#/$defs/Color",
        "$defs": {"Color": {"description": "A color.", "enum": ["red", "blue"], "type": "string"}},
    }
    assert schema_of(Mixed)["$defs"]["Mixed"] == {"enum": [1, "two"]}
    assert schema_of(Point)["$defs"]["Point"] == {
        "properties": {"x": {"type": "integer"}, "y": {"default": 0, "type": "integer"}},
        "required": ["x"],
        "type": "object",
    }
    assert schema_of(Partial)["$defs"]["Partial"] == {"properties": {"a": {"type": "integer"}}, "type": "object"}
    assert schema_of(Pair)["$defs"]["Pair"]["prefixItems"] == [{"type": "integer"}, {"default": "r", "type": "string"}]


def test_attributes_section_of_a_class_describes_its_properties():
    assert schema_of(Options)["$defs"]["Options"] == {
        "description": "Options.",
        "properties": {"depth": {"type": "integer", "description": "How deep."}, "wide": {"type": "boolean"}},
        "required": ["depth"],
        "type": "object",
    }


def test_attribute_docstrings_and_titles_that_were_written_are_kept():
    assert schema_of(Documented)["$defs"]["Documented"] == {
        "properties": {"size": {"description": "How large.", "type": "integer"}},
        "required": ["size"],
        "title": "Shown",
        "type": "object",
    }


def test_recursive_models_refer_to_themselves_by_alias():
    node = schema_of(Node)["$defs"]["Node"]
    assert node["properties"]["label"] == {"description": "Its name.", "type": "string"}
    assert node["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}


def test_generic_models_and_aliases_get_legal_names():
    assert list(schema_of(Box[int])["$defs"]) == ["Box_int_"]
    assert schema_of(TypeAliasType("Ids", list[int])) == {
        "$ref": "#/$defs/Ids",
        "$defs": {"Ids": {"items": {"type": "integer"}, "type": "array"}},
    }


def test_discriminated_unions_keep_their_discriminator():
    class Cat(BaseModel):
        kind: Literal["cat"]

    class Dog(BaseModel):
        kind: Literal["dog"]

    made = schema_of(Annotated[Cat | Dog, Field(discriminator="kind")])
    assert made["oneOf"] == [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]
    assert made["discriminator"]["propertyName"] == "kind"
    assert schema_of(Cat | Dog | None)["anyOf"][2] == {"type": "null"}


def test_two_classes_of_one_name_are_told_apart():
    def make(hint):
        class Item(BaseModel):
            value: hint

        return Item

    schemas, definitions = to_schemas({"a": make(int), "b": make(str), "c": int})
    assert schemas["a"] != schemas["b"]
    assert schemas["c"] == {"type": "integer"}
    kinds = {definitions[schemas[name]["$ref"].rpartition("/")[2]]["properties"]["value"]["type"] for name in "ab"}
    assert kinds == {"integer", "string"}


def test_changing_a_schema_leaves_later_ones_alone():
    to_schemas({"a": Color})[1]["Color"]["enum"].append("green")
    schema_of(uuid.UUID)["format"] = "changed"
    assert schema_of(Color)["$defs"]["Color"]["enum"] == ["red", "blue"]
    assert schema_of(uuid.UUID)["format"] == "uuid"


def test_schemas_are_cached_per_annotation(monkeypatch):
    schema_of(dict[int, bytes])
    monkeypatch.setattr(module, "TypeAdapter", None)
    assert schema_of(dict[int, bytes])["type"] == "object"
