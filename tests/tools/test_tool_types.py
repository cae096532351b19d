"""Every type that a parameter may have: what the model is told of it, and what the function gets."""

import datetime as dt
import decimal
import enum
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypeVar

import pytest
from pydantic import AliasChoices, BaseModel, Field, HttpUrl
from typing_extensions import NotRequired, TypeAliasType, TypedDict

from agentkit.tools import ArgumentError, Context, tool


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Single(enum.Enum):
    ONLY = "only"


@dataclass
class Point:
    x: int
    y: int = 0


class Total(TypedDict):
    a: int
    b: NotRequired[str]


class Partial(TypedDict, total=False):
    a: int


class Pair(NamedTuple):
    left: int
    right: str


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]


class Validated(BaseModel):
    name: str = Field(validation_alias=AliasChoices("label", "title"))


class Serialised(BaseModel):
    name: str = Field(serialization_alias="label")


class Node(BaseModel):
    value: int
    next: Optional["Node"] = None


UserId = NewType("UserId", int)
Ids = TypeAliasType("Ids", list[int])

INT, STR, NULL = {"type": "integer"}, {"type": "string"}, {"type": "null"}
KEY = uuid.UUID(int=5)


def ref(name, **beside):
    return {"$ref": f"#/$defs/{name}", **beside}


TYPES = {
    "enum of strings": (Colour, ref("Colour"), '"red"', Colour.RED),
    "enum of numbers": (Level, ref("Level"), "2", Level.HIGH),
    "enum of both": (Mixed, ref("Mixed"), '"two"', Mixed.TWO),
    "enum of one": (Single, ref("Single"), '"only"', Single.ONLY),
    "nullable enum": (Colour | None, {"anyOf": [ref("Colour"), NULL]}, "null", None),
    "literal of strings": (Literal["a", "b"], {"enum": ["a", "b"], "type": "string"}, '"b"', "b"),
    "literal of numbers": (Literal[1, 2], {"enum": [1, 2], "type": "integer"}, "2", 2),
    "literal of both": (Literal["a", 1], {"enum": ["a", 1]}, "1", 1),
    "literal of one": (Literal["a"], {"const": "a", "type": "string"}, '"a"', "a"),
    "nullable literal": (Literal["a", None], {"enum": ["a", None]}, "null", None),
    "optional that is required": (Optional[int], {"anyOf": [INT, NULL]}, "null", None),
    "union": (int | list[str], {"anyOf": [INT, {"type": "array", "items": STR}]}, '["a"]', ["a"]),
    "tuple": (
        tuple[int, str],
        {"type": "array", "prefixItems": [INT, STR], "minItems": 2, "maxItems": 2},
        '[1, "a"]',
        (1, "a"),
    ),
    "tuple of any length": (tuple[int, ...], {"type": "array", "items": INT}, "[1, 2]", (1, 2)),
    "set": (set[int], {"type": "array", "items": INT, "uniqueItems": True}, "[1]", {1}),
    "dict of values": (dict[str, int], {"type": "object", "additionalProperties": INT}, '{"a": 1}', {"a": 1}),
    "bare dict": (dict, {"type": "object", "additionalProperties": True}, '{"a": [1]}', {"a": [1]}),
    "bare list": (list, {"type": "array", "items": {}}, '[1, "a"]', [1, "a"]),
    "any": (Any, {}, '{"a": null}', {"a": None}),
    "datetime": (
        dt.datetime,
        {"type": "string", "format": "date-time"},
        '"2026-01-02T03:04:05Z"',
        dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    ),
    "date": (dt.date, {"type": "string", "format": "date"}, '"2026-01-02"', dt.date(2026, 1, 2)),
    "UUID": (uuid.UUID, {"type": "string", "format": "uuid"}, f'"{KEY}"', KEY),
    "URL": (
        HttpUrl,
        {"type": "string", "format": "uri", "minLength": 1, "maxLength": 2083},
        '"http://a.b/"',
        HttpUrl("http://a.b/"),
    ),
    "bytes": (bytes, {"type": "string", "format": "binary"}, '"ab"', b"ab"),
    "dataclass": (Point, ref("Point"), '{"x": 1}', Point(1)),
    "TypedDict": (Total, ref("Total"), '{"a": 1}', {"a": 1}),
    "partial TypedDict": (Partial, ref("Partial"), "{}", {}),
    "generic": (Box[int], ref("Box_int_"), '{"content": 1}', Box[int](content=1)),
    "NewType": (UserId, INT, "5", 5),
    "named alias": (Ids, ref("Ids"), "[1]", [1]),
    "validation alias": (Validated, ref("Validated"), '{"title": "a"}', Validated(label="a")),
    "serialisation alias": (Serialised, ref("Serialised"), '{"name": "a"}', Serialised(name="a")),
    "recursive model": (Node, ref("Node"), '{"value": 1, "next": {"value": 2}}', Node(value=1, next=Node(value=2))),
}


def made(hint, **default):
    """Make a tool with one parameter, which gives back what it got."""

    def f(x):
        return x

    f.__annotations__, f.__defaults__ = {"x": hint}, tuple(default.values())
    return tool(f)


def got(one, text):
    """Give what the function gets for a call's arguments."""
    context = Context(None, "r", "c", "f", text, 1, None, 0, print)
    return one.call(one.read(text), context)


@pytest.mark.parametrize(("hint", "schema", "text", "value"), TYPES.values(), ids=TYPES)
def test_a_parameter_may_be_of_this_type(hint, schema, text, value):
    one = made(hint)
    assert one.parameters["properties"] == {"x": schema}
    assert one.parameters["required"] == ["x"]
    read = got(one, f'{{"x": {text}}}')
    assert (read, type(read)) == (value, type(value))


def test_a_decimal_keeps_its_digits():
    one = made(decimal.Decimal)
    assert {part["type"] for part in one.parameters["properties"]["x"]["anyOf"]} == {"number", "string"}
    assert str(got(one, '{"x": "1.10"}')) == "1.10"
    assert str(got(one, '{"x": 1.5}')) == "1.5"


def test_a_named_tuple_comes_as_an_array():
    one = made(Pair)
    assert one.parameters["$defs"]["Pair"]["prefixItems"] == [INT, STR]
    assert got(one, '{"x": [1, "a"]}') == Pair(1, "a")


def test_a_discriminated_union_is_read_by_its_discriminator():
    one = made(Annotated[Cat | Dog, Field(discriminator="kind")])
    schema = one.parameters["properties"]["x"]
    assert schema["oneOf"] == [ref("Cat"), ref("Dog")]
    assert schema["discriminator"]["propertyName"] == "kind"
    assert got(one, '{"x": {"kind": "dog"}}') == Dog(kind="dog")
    with pytest.raises(ArgumentError) as caught:
        one.read('{"x": {"kind": "cow"}}')
    assert str(caught.value) == (
        "Argument 'x': Input tag 'cow' found using 'kind' does not match any of the expected tags: 'cat', 'dog', "
        'you sent {"kind": "cow"}.'
    )


def test_an_optional_parameter_with_a_default_is_not_required():
    one = made(Optional[int], x=None)
    assert one.parameters == {
        "type": "object",
        "properties": {"x": {"anyOf": [INT, NULL], "default": None}},
        "additionalProperties": False,
    }
    assert [got(one, text) for text in ("{}", '{"x": null}', '{"x": 5}')] == [None, None, 5]


def test_a_single_model_argument_stays_under_its_name():
    one = made(Cat)
    assert one.parameters["properties"] == {"x": ref("Cat")}
    assert got(one, '{"x": {"kind": "cat"}}') == Cat(kind="cat")


def test_enums_name_their_values():
    kinds = (Colour, Level, Mixed, Single)
    defs = {kind.__name__: made(kind).parameters["$defs"][kind.__name__] for kind in kinds}
    assert defs == {
        "Colour": {"enum": ["red", "blue"], "type": "string"},
        "Level": {"enum": [1, 2], "type": "integer"},
        "Mixed": {"enum": [1, "two"]},
        "Single": {"enum": ["only"], "type": "string"},
    }


def test_aliases_are_told_as_they_are_read():
    assert list(made(Validated).parameters["$defs"]["Validated"]["properties"]) == ["label"]
    assert list(made(Serialised).parameters["$defs"]["Serialised"]["properties"]) == ["name"]


CONSTRAINTS = {
    "ge": ({"ge": 1}, int, {"minimum": 1}, "0", "Argument 'x' should be greater than or equal to 1, you sent 0."),
    "gt": ({"gt": 1}, int, {"exclusiveMinimum": 1}, "1", "Argument 'x' should be greater than 1, you sent 1."),
    "le": ({"le": 1}, int, {"maximum": 1}, "2", "Argument 'x' should be less than or equal to 1, you sent 2."),
    "lt": ({"lt": 1}, int, {"exclusiveMaximum": 1}, "1", "Argument 'x' should be less than 1, you sent 1."),
    "multiple_of": (
        {"multiple_of": 2},
        int,
        {"multipleOf": 2},
        "3",
        "Argument 'x' should be a multiple of 2, you sent 3.",
    ),
    "pattern": (
        {"pattern": "^a$"},
        str,
        {"pattern": "^a$"},
        '"b"',
        "Argument 'x': String should match pattern '^a$', you sent \"b\".",
    ),
    "min_length": (
        {"min_length": 2},
        str,
        {"minLength": 2},
        '"b"',
        "Argument 'x': String should have at least 2 characters, you sent \"b\".",
    ),
    "max_length": (
        {"max_length": 1},
        str,
        {"maxLength": 1},
        '"bb"',
        "Argument 'x': String should have at most 1 character, you sent \"bb\".",
    ),
    "min_length of a list": (
        {"min_length": 1},
        list,
        {"minItems": 1},
        "[]",
        "Argument 'x': List should have at least 1 item after validation, not 0, you sent [].",
    ),
}


@pytest.mark.parametrize(("given", "hint", "keywords", "text", "said"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_a_constraint_is_told_and_checked(given, hint, keywords, text, said):
    one = made(Annotated[hint, Field(**given)])
    schema = one.parameters["properties"]["x"]
    assert {key: schema[key] for key in keywords} == keywords
    with pytest.raises(ArgumentError) as caught:
        one.read(f'{{"x": {text}}}')
    assert str(caught.value) == said
