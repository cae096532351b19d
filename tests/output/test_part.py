"""What types are made of: elements, named parts with their names in JSON, members, Literals."""

import dataclasses
import sys
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar

import pytest
from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, Field, RootModel, StringConstraints
from typing_extensions import NotRequired, TypeAliasType, TypedDict

from agentkit.output.part import alias_of, element_of, is_changed, literals_of, members_of, parts_of, plain_type

T = TypeVar("T")


class City(BaseModel):
    name: str = Field(alias="Name")
    size: int = Field(validation_alias=AliasChoices("s", "Size"))


class Row(TypedDict):
    key: NotRequired[int]


class Point(NamedTuple):
    x: int


@dataclasses.dataclass
class Pair(Generic[T]):
    left: T
    right: list[T]


class Color(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("type_", "element"),
    [
        (list[int], int),
        (Annotated[list[City], Field(min_length=1)], City),
        (set[str], str),
        (frozenset[str], str),
        (tuple[int, ...], int),
        (Iterable[int], int),
        (list, Any),
        (tuple, Any),
        (tuple[int, str], None),
        (str, None),
        (dict[str, int], None),
        (City, None),
        (int | None, None),
        (list[int] | None, int),
        (list[int] | str, None),
    ],
)
def test_the_elements_of_a_list_have_a_type(type_, element):
    assert element_of(type_) == element


@pytest.mark.parametrize(
    ("type_", "parts"),
    [
        (City, {"name": (str, ("Name",)), "size": (int, ("s", "Size"))}),
        (Row, {"key": (NotRequired[int], ())}),
        (Point, {"x": (int, ())}),
        (Pair[int], {"left": (int, ()), "right": (list[int], ())}),
        (RootModel[int], None),
        (int, None),
        (list[int], None),
    ],
)
def test_the_parts_of_a_type_are_known_with_their_names_in_json(type_, parts):
    assert parts_of(type_) == parts


def test_what_does_not_change_how_a_value_looks_is_taken_off():
    alias = TypeAliasType("Many", list[T], type_params=(T,))
    assert plain_type(Annotated[NewType("Id", int), 1]) is int
    assert plain_type(alias[int]) == list[int]
    assert plain_type(NotRequired[int]) is int


def test_members_of_unions_in_unions_are_given_and_the_values_of_literals():
    assert [*members_of(Annotated[int | str, 1] | None)] == [int, str, type(None)]
    assert literals_of(Annotated[Literal[Color.RED, 1], 1]) == ("red", 1)
    assert literals_of(int) == ()


@pytest.mark.parametrize(
    ("type_", "changed"),
    [
        (str, False),
        (Annotated[str, Field(min_length=1), "a note"], False),
        (Annotated[str, StringConstraints(max_length=3)], False),
        (Annotated[str, StringConstraints(strip_whitespace=True)], True),
        (Annotated[NotRequired[Annotated[str, AfterValidator(str.upper)]], "a note"], True),
        (TypeAliasType("Upper", Annotated[str, BeforeValidator(str.upper)]), True),
    ],
)
def test_annotations_that_change_a_value_are_told(type_, changed):
    assert is_changed(type_) is changed


def test_an_alias_is_found_below_annotations():
    days, many = TypeAliasType("Days", list[int]), TypeAliasType("Many", list[T], type_params=(T,))
    assert alias_of(Annotated[days, Field(max_length=3)]) is days
    assert alias_of(many[int]) == many[int]
    assert alias_of(list[days]) is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement `type` is of Python 3.12")
def test_an_alias_of_the_type_statement_is_one_too():
    names = {}
    exec("type Days = list[int]", names)
    assert alias_of(names["Days"]) is names["Days"]
    assert plain_type(names["Days"]) == list[int]
