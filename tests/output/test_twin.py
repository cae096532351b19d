"""Twins of types: everything optional, and known what of them may be shown half."""

import collections
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypeVar, Union

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, Json, RootModel, TypeAdapter
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypeAliasType, TypedDict

from agentkit.output.twin import twin_of

T = TypeVar("T")


class Color(Enum):
    RED = "red"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=0)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Ant(BaseModel):
    legs: int


class Node(BaseModel):
    value: str
    children: list["Node"] = []


class Box(BaseModel, Generic[T]):
    held: T


@dataclasses.dataclass
class Pair(Generic[T]):
    left: T
    right: list[T]
    size: int = dataclasses.field(init=False, default=0)


@pydantic_dataclass
class Aliased:
    size: int = Field(alias="Size")


class Entry(TypedDict, total=False):
    key: int
    text: str


class Point(NamedTuple):
    x: int
    y: int


class Rows(RootModel[list[int]]):
    pass


class Named(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="allow")
    size: int = Field(alias="Size")
    name: str = Field(validation_alias=AliasChoices("n", "nom"))
    other: int = Field(default=3, gt=2)


def read(type_, document):
    return TypeAdapter(twin_of(type_).type).validate_json(document)


def dumped(type_, document):
    adapter = TypeAdapter(twin_of(type_).type)
    return adapter.dump_python(adapter.validate_json(document))


@pytest.mark.parametrize(
    ("type_", "document", "value"),
    [
        (Cat, "{}", {"kind": None, "lives": None}),
        (Cat, '{"lives": -1, "kind": "cat"}', {"kind": "cat", "lives": None}),
        (Named, '{"Size": 1, "nom": "x", "more": 2}', {"size": 1, "name": "x", "other": None, "more": 2}),
        (Named, '{"size": 1, "n": "x", "other": 1}', {"size": 1, "name": "x", "other": None}),
        (Box[int], "{}", {"held": None}),
        (Box[Cat], '{"held": {}}', {"held": {"kind": None, "lives": None}}),
        (Pair[int], '{"left": 1, "right": [1, "x"]}', {"left": 1, "right": [1]}),
        (Aliased, '{"Size": 2}', {"size": 2}),
        (Entry, '{"key": "no"}', {}),
        (Entry, '{"text": "t"}', {"text": "t"}),
        (Point, "[1]", Point(1, None)),
        (Point, '{"y": 2}', Point(None, 2)),
        (Rows, '[1, "x"]', [1]),
        (list[Cat], "[{}, 5]", [{"kind": None, "lives": None}]),
        (Sequence[int], "[1]", [1]),
        (set[int], "[1, 1]", {1}),
        (dict[str, int], '{"a": 1, "b": "x"}', {"a": 1}),
        (Mapping[str, Ant], '{"a": {}}', {"a": {"legs": None}}),
        (tuple[int, str], "[1]", (1, None)),
        (tuple[int, ...], '[1, "x"]', (1,)),
        (Annotated[list[int], Field(min_length=3)], "[1]", [1]),
        (Optional[Cat], "null", None),
        (Cat | None, '{"kind": "cat"}', {"kind": "cat", "lives": None}),
        (Cat | Dog, '{"name": "R", "kind": "dog"}', {"kind": "dog", "name": "R"}),
        (Annotated[Cat | Dog, Field(discriminator="kind")], '{"kind": "cat"}', {"kind": "cat", "lives": None}),
        (Union[Cat, list[Ant]], "[{}]", [{"legs": None}]),
        (dict[str, Any], '{"a": [1]}', {"a": [1]}),
        (list, "[1]", [1]),
        (dict, '{"a": 1}', {"a": 1}),
        (Color, '"red"', Color.RED),
        (NewType("Name", str), '"x"', "x"),
        (TypeAliasType("Days", list[date]), '["2024-01-02"]', [date(2024, 1, 2)]),
        (TypeAliasType("Many", list[T], type_params=(T,))[int], "[1]", [1]),
    ],
)
@pytest.mark.filterwarnings("error")
def test_everything_in_a_twin_is_optional(type_, document, value):
    assert dumped(type_, document) == value


def test_a_type_that_holds_itself_has_a_twin_all_the_way_down():
    node = read(Node, '{"value": "a", "children": [{"children": [{"value": "c"}, 5]}]}')
    assert repr(node.children[0]) == "PartialNode(value=None, children=[PartialNode(value='c', children=None)])"


class Tree(RootModel[dict[str, "int | Tree"]]):
    pass


class Linked(BaseModel, Generic[T]):
    value: T
    next: "Optional[Linked[T]]" = None


def test_a_generic_that_holds_itself_has_a_twin_all_the_way_down():
    linked = read(Linked[int], '{"value": 1, "next": {"value": 2, "next": {"value": "no"}}}')
    assert linked.next.value == 2
    assert (linked.next.next.value, linked.next.next.next) == (None, None)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement `type` is of Python 3.12")
def test_an_alias_that_holds_itself_is_shown_whole_inside():
    names = {}
    exec("type Nested = int | list[Nested]", names)
    assert dumped(names["Nested"], "[1, [2, [3]]]") == [1, [2, [3]]]


def test_a_root_that_holds_itself_has_a_twin_too():
    assert dumped(Tree, '{"a": 1, "b": {"c": 2, "d": {}}}') == {"a": 1, "b": {"c": 2, "d": {}}}
    assert read(Tree, '{"a": {"b": "no"}, "c": 1}').model_dump() == {"c": 1}


class Service(BaseModel):
    service_name: str = Field(alias="serviceName", default="x")
    port: int = Field(validation_alias="p", serialization_alias="portNumber", default=80)
    labels: Json[dict[str, int]] | None = None
    tags: list[str] = ["a"]


def test_a_twin_is_written_by_the_names_of_its_type_and_knows_no_defaults():
    value = read(Service, '{"serviceName": "s", "p": 1, "labels": "{\\"a\\": 1}"}')
    assert value.model_dump(by_alias=True) == {"serviceName": "s", "portNumber": 1, "labels": {"a": 1}, "tags": None}
    assert read(Service, "{}").model_dump(exclude_none=True) == {}


def test_a_twin_bears_the_name_of_its_type():
    assert repr(read(Cat, "{}")) == "PartialCat(kind=None, lives=None)"
    assert repr(read(Pair[int], "{}")) == "PartialPair(left=None, right=None)"
    assert repr(read(Point, "[]")) == "PartialPoint(x=None, y=None)"


def test_objects_that_nothing_tells_apart_are_of_their_own_type_and_whole():
    assert read(Dog | Ant, '{"legs": 6}') == Ant(legs=6)
    assert twin_of(Dog | Ant).kinds == {}


@pytest.mark.parametrize(
    ("type_", "shows"),
    [
        (str, True),
        (Annotated[str, Field(pattern="^a")], True),
        (str | None, True),
        (str | int, True),
        (Any, True),
        (Literal["a", "ab"], False),
        (Color, False),
        (date, False),
        (str | date, False),
        (bytes, False),
    ],
)
def test_an_open_string_is_shown_of_a_text_only(type_, shows):
    assert twin_of(type_).is_text is shows


def test_what_says_nothing_of_its_parts_is_shown_whole():
    untyped = collections.namedtuple("untyped", "a b")
    assert twin_of(untyped).opener == ""
