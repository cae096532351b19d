"""Examples fit their schemas: pydantic itself says so."""

import datetime as dt
import decimal
import enum
import uuid
from typing import Annotated, Any, Literal, Optional

import pydantic
import pytest
from annotated_types import Ge, Gt, Le, Lt, MultipleOf

from agentkit.testing.example import example


class Colour(enum.Enum):
    RED = "red"


class Tree(pydantic.BaseModel):
    name: str
    children: list["Tree"]
    parent: Optional["Tree"] = None


class Kept(pydantic.BaseModel):
    when: dt.datetime
    day: dt.date
    at: dt.time
    span: dt.timedelta
    id: uuid.UUID
    price: decimal.Decimal
    link: pydantic.HttpUrl
    anything: Any


@pytest.mark.parametrize(
    "wanted",
    [
        str,
        int,
        float,
        bool,
        None,
        Colour,
        Literal["a", "b"],
        Literal[3],
        Tree,
        Kept,
        list[int],
        dict[str, int],
        tuple[int, str],
        set[str],
        int | None,
        Annotated[int, Ge(5)],
        Annotated[int, Gt(5)],
        Annotated[float, Le(-2)],
        Annotated[float, Lt(-2)],
        Annotated[int, MultipleOf(7)],
        Annotated[str, pydantic.Field(min_length=20)],
        Annotated[str, pydantic.Field(max_length=3)],
        Annotated[list[int], pydantic.Field(min_length=3)],
        Annotated[list[int], pydantic.Field(max_length=0)],
        Annotated[set[str], pydantic.Field(min_length=3)],
    ],
)
def test_the_example_of_a_type_is_valid_for_it(wanted):
    adapter = pydantic.TypeAdapter(wanted)
    value = example(adapter.json_schema())
    adapter.validate_python(value)
    assert example(adapter.json_schema()) == value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (True, "example"),
        ({}, "example"),
        ({"const": None}, None),
        ({"default": 0, "type": "integer"}, 0),
        ({"examples": ["x"]}, "x"),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": ["null", "integer"]}, 1),
        ({"oneOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"allOf": [{"type": "object", "properties": {"a": {"const": 1}}}, {"required": ["a"]}]}, {"a": 1}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"$ref": "#/$defs/c"}, "c": {"const": 2}}}, 2),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}]}, [1, 2]),
    ],
)
def test_keywords_that_pydantic_does_not_write_are_read_too(schema, value):
    assert example(schema) == value


def test_a_schema_that_demands_itself_without_end_is_left_at_some_depth():
    endless = {"$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}}}
    assert isinstance(example({**endless, "$ref": "#/$defs/A"}), dict)
