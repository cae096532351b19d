import datetime as dt
import decimal
import enum
import json
import uuid
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, Optional, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, Json, RootModel, computed_field
from typing_extensions import TypedDict

from agentkit.errors import ConfigurationError, SchemaError
from agentkit.output import OutputPlan, OutputSpec
from agentkit.output.codec import Codec
from agentkit.tools.context import Context

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


class Row(TypedDict, total=False):
    day: dt.date


class Point(NamedTuple):
    x: int
    y: decimal.Decimal


@dataclass
class Box(Generic[T]):
    inner: T
    marks: frozenset[int] = frozenset()


@dataclass(eq=False)
class Bare:
    a: int


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int = Field(validation_alias="Nr", serialization_alias="No")
    raw: Json[list[int]] = Field(default_factory=list[int])

    @computed_field
    @property
    def twice(self) -> int:
        return 2 * self.number


class Secretive(BaseModel):
    shown: int
    hidden: int = Field(default=0, exclude=True)


class Tree(BaseModel):
    children: "list[Tree]" = []


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (str, 'say "é"\n\ud83d'),
        (Optional[str], None),
        (int, 5),
        (float, 3),
        (bytes, b"\xff\x00"),
        (Literal["a", 1], 1),
        (Color, Color.RED),
        (uuid.UUID, uuid.UUID(int=5)),
        (dt.datetime, dt.datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=dt.UTC)),
        (dt.timedelta, dt.timedelta(seconds=1.5)),
        (Row, {"day": dt.date(2024, 5, 6)}),
        (Point, Point(1, decimal.Decimal("1.10"))),
        (Box[int], Box(1, frozenset({2}))),
        (list[tuple[int, str]], [(1, "a")]),
        (dict[int, set[str]], {1: {"a"}}),
        (Named, Named(Nr=5, raw="[1]")),
        (Named | Color | None, Named(Nr=5)),
        (RootModel[list[int]], RootModel[list[int]]([1])),
        (Tree, Tree(children=[Tree(), Tree(children=[Tree()])])),
        ({"type": "array"}, [1, None, {"a": 2.5}]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_finished_value_comes_back_equal_and_typed(type_, value):
    plan = OutputPlan.of(type_)

    text = plan.dump(value)

    assert isinstance(json.loads(text), object)
    assert plan.load(text) == value
    assert type(plan.load(text)) in (type(value), float)


def test_a_value_that_cannot_be_compared_comes_back_by_its_json():
    assert OutputPlan.of(Bare).load(OutputPlan.of(Bare).dump(Bare(5))).a == 5


def made(a: int) -> Box[int]:
    raise AssertionError("not called")


async def made_later(context: Context[None], a: int) -> "Box[int]":
    raise AssertionError("not called")


def unsaid(a: int):
    raise AssertionError("not called")


class Maker:
    def __call__(self, a: int) -> Box[int]:
        raise AssertionError("not called")

    def make(self, a: int) -> Box[int]:
        raise AssertionError("not called")


@pytest.mark.parametrize("function", [made, made_later, Maker(), Maker().make], ids=repr)
def test_a_functions_hint_of_its_result_is_the_type_and_neither_it_nor_validators_are_called(function):
    plan = OutputPlan.of(OutputSpec(function, validators=[unsaid]))

    assert plan.load(plan.dump(Box(5))) == Box(5)


def test_a_function_without_a_hint_of_its_result_has_plain_json():
    plan = OutputPlan.of(unsaid)

    assert plan.load(plan.dump({"a": [1]})) == {"a": [1]}


def refused(type_: Any, value: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        OutputPlan.of(type_).dump(value)
    return str(caught.value)


def test_what_has_no_json_that_gives_it_back_is_refused():
    assert refused(Secretive, Secretive(shown=1, hidden=2)) == (
        "Output 'Secretive' cannot be stored: a value of type Secretive cannot be written as JSON and read back the "
        "same: its JSON gives back another value, Secretive(shown=1, hidden=0). "
        "Give a value that JSON can hold, of the annotated type."
    )
    assert refused(unsaid, object()) == (
        "Output 'unsaid' cannot be stored: a value of type object cannot be written as JSON and read back the same: "
        "Object of type object is not JSON serializable. Give a value that JSON can hold, of the annotated type."
    )


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (float, float("nan")),
        (unsaid, float("inf")),
        (unsaid, (1, 2)),
        (unsaid, {1: 2}),
        (dt.date | str, "2024-05-06"),
        (int, "a text that a validator made"),
        (Secretive, Named(Nr=1)),
    ],
    ids=repr,
)
def test_a_value_that_would_come_back_changed_is_refused(type_, value):
    assert "cannot be written as JSON and read back the same" in refused(type_, value)


def test_a_type_that_nothing_can_be_made_of_is_refused():
    class Opaque:
        pass

    def opaque(a: int) -> Opaque:
        return Opaque()

    def lost(a: int) -> int:
        return a

    lost.__annotations__["return"] = "Nowhere"
    with pytest.raises(SchemaError) as caught:
        OutputPlan.of(lost).dump(5)
    assert str(caught.value) == (
        "Output 'lost' cannot be stored, for nothing can be made of its type: Function 'lost': the annotation of "
        "'return' cannot be resolved: name 'Nowhere' is not defined. Import the name outside of `if TYPE_CHECKING:`, "
        "or define it before the tool is first used. Annotate it with a type that pydantic reads."
    )
    with pytest.raises(SchemaError, match=r"^Output 'opaque' cannot be stored, for nothing can be made of its type: "):
        OutputPlan.of(opaque).load("5")


def test_what_is_of_another_type_is_not_loaded():
    with pytest.raises(ValueError, match="2 validation errors"):
        OutputPlan.of(Point).load('["a", "b"]')
    with pytest.raises(ValueError, match="Expecting value"):
        Codec("any").load("")
