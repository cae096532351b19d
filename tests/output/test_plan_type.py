import asyncio
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import json
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Optional, TypeVar

import pydantic.dataclasses
import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    HttpUrl,
    RootModel,
    computed_field,
)
from typing_extensions import TypeAliasType, TypedDict

from agentkit import Agent, Context, OutputSpec
from agentkit.output import OutputPlan
from agentkit.schema.check import compile_check
from agentkit.schema.strict import why_not_strict
from agentkit.testing import ScriptedModel, call

T = TypeVar("T")


class Item(BaseModel):
    """A thing."""

    name: str
    price: float = 1.5
    tags: list[str] = ["new"]


class Aliased(BaseModel):
    number: int = Field(validation_alias="Nr", serialization_alias="No")
    due: dt.date | None = Field(default=None, alias="dueDate")

    @computed_field
    @property
    def twice(self) -> int:
        return 2 * self.number


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    age: Annotated[int, Field(ge=0, le=30)]


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Discriminator("kind")]


class Node(BaseModel):
    value: int
    next: Optional["Node"] = None


class Page(BaseModel, Generic[T]):
    items: list[T]
    cursor: str | None = None


@dataclasses.dataclass
class Point:
    x: int
    y: int = 7
    marks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Box(Generic[T]):
    inner: T


@pydantic.dataclasses.dataclass
class Checked:
    x: Annotated[int, Field(gt=0)]


class Row(TypedDict):
    a: int
    b: NotRequired[str]


class Loose(TypedDict, total=False):
    a: int
    b: list[int]


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


UserId = NewType("UserId", int)
Even = Annotated[int, AfterValidator(lambda value: value if value % 2 == 0 else 1 / 0)]
Stripped = Annotated[str, BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)]
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | None")


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


async def later(context: Context[Any], items: list[Item], *, note: str | None = None) -> str:
    assert context.run_id
    return f"{[item.name for item in items]} {note}"


class Adder:
    def __init__(self, base: int) -> None:
        self.base = base

    def __call__(self, a: int) -> int:
        return self.base + a

    def add(self, a: int) -> int:
        return self.base + a

    @classmethod
    def of(cls, base: int) -> int:
        return cls(base).base


# The type, the value as a model gives it (null for what may be left out), and the value that is read.
CASES = [
    (Item, {"name": "a", "price": None, "tags": None}, Item(name="a")),
    (Aliased, {"Nr": 5, "dueDate": "2024-05-06"}, Aliased(Nr=5, dueDate=dt.date(2024, 5, 6))),
    (Aliased, {"Nr": 5, "dueDate": None}, Aliased(Nr=5)),
    (Owner, {"pet": {"kind": "dog", "age": 3}}, Owner(pet=Dog(kind="dog", age=3))),
    (Owner, {"pet": {"kind": "cat", "lives": 9}}, Owner(pet=Cat(lives=9))),
    (Annotated[Cat | Dog, Discriminator("kind")], {"kind": "dog", "age": 3}, Dog(kind="dog", age=3)),
    (Cat | Dog | None, None, None),
    (Item | Point, {"x": 1, "y": None, "marks": None}, Point(1)),
    (Cat | Dog, {"kind": None, "lives": 9}, Cat(lives=9)),
    (Node, {"value": 1, "next": {"value": 2, "next": None}}, Node(value=1, next=Node(value=2))),
    (RootModel[list[int]], [1, 2], RootModel[list[int]]([1, 2])),
    (RootModel[dict[str, int]], {"a": 1}, RootModel[dict[str, int]]({"a": 1})),
    (Page[Item], {"items": [{"name": "a", "price": 2, "tags": []}], "cursor": None},
     Page[Item](items=[Item(name="a", price=2, tags=[])])),
    (Point, {"x": 1, "y": None, "marks": ["a"]}, Point(1, 7, ("a",))),
    (Box[int], {"inner": 5}, Box(5)),
    (list[Box[Color]], [{"inner": "red"}], [Box(Color.RED)]),
    (Checked, {"x": 5}, Checked(5)),
    (Row, {"a": 1, "b": None}, {"a": 1}),
    (Row, {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
    (Loose, {"a": None, "b": [1]}, {"b": [1]}),
    (Pair, [1, "x"], Pair(1, "x")),
    (Pair, [1], Pair(1)),
    (int, 5, 5),
    (float, 5, 5.0),
    (bool, True, True),
    (type(None), None, None),
    (Literal["a", 1, None], 1, 1),
    (Color, "red", Color.RED),
    (Level, 1, Level.LOW),
    (list[list[int]], [[1], []], [[1], []]),
    (Sequence[int], [1], [1]),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[int, ...], [1, 2], (1, 2)),
    (dict[str, Item], {"x": {"name": "a"}}, {"x": Item(name="a")}),
    (dict[int, dt.date], {"5": "2024-05-06"}, {5: dt.date(2024, 5, 6)}),
    (set[int], [1, 2], {1, 2}),
    (frozenset[Literal["a", "b"]], ["a"], frozenset({"a"})),
    (Json, {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
    (int | str, "x", "x"),
    (Optional[int], None, None),
    (int | list[int] | Color, [1], [1]),
    (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
    (dt.datetime, "2024-05-06T07:08:09Z", dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)),
    (dt.time, "07:08:09", dt.time(7, 8, 9)),
    (dt.timedelta, "P1DT2H", dt.timedelta(days=1, hours=2)),
    (uuid.UUID, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
    (HttpUrl, "https://example.com/a", HttpUrl("https://example.com/a")),
    (bytes, "abc", b"abc"),
    (UserId, 5, 5),
    (Annotated[int, Field(ge=0, description="How many.")], 5, 5),
    (Annotated[list[Even], Field(max_length=2)], [2, 4], [2, 4]),
    (Stripped, " x ", "x"),
    (add, {"a": 1, "b": None}, 3),
    (add, {"a": 1, "b": 5}, 6),
    (later, {"items": [{"name": "a", "price": None, "tags": None}], "note": None}, "['a'] None"),
    (Adder(5), {"a": 1}, 6),
    (Adder(5).add, {"a": 1}, 6),
    (Adder.of, {"base": 1}, 1),
    (functools.partial(add, b=5), {"a": 1}, 6),
    ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]},
     {"a": 1, "b": None}, {"a": 1}),
    ({"enum": ["a", None]}, None, None),
    ({"type": "array", "items": {"type": "integer"}}, [1], [1]),
]  # fmt: skip
MODES = ["native", "tool", "json", "prompted"]


def asked_of(plan, mode):
    """Give the schema that a request carries, in whatever place its mode has for it."""
    asked = plan.ask(mode)
    if mode == "native":
        return asked.response_format.to_dict()["json_schema"]["schema"]
    if mode == "tool":
        return asked.tools[0].to_dict()["function"]["parameters"]
    return json.loads(asked.instructions.rpartition("\n")[2])


def name_of(case):
    return getattr(case, "__name__", None) or str(case)[:50]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("type_", "given", "value"), CASES, ids=name_of)
def test_each_type_is_asked_for_and_read_in_each_mode(type_, given, value, mode):
    spec = OutputSpec(type_, mode)
    plan = OutputPlan.of(spec)
    schema = asked_of(plan, mode)
    written = {"response": given} if "response" in schema.get("properties", {}) else given
    name = schema and plan.ask("tool").tools[0].name
    model = ScriptedModel([call(name, written) if mode == "tool" else json.dumps(written)])

    result = asyncio.run(Agent(model, output=spec).run("Read it."))

    assert schema["type"] == "object"
    assert (result.output, type(result.output)) == (value, type(value))
    assert result.attempts == ()


@pytest.mark.parametrize(("type_", "given"), [case[:2] for case in CASES], ids=name_of)
def test_the_strict_schema_is_sent_where_there_is_one_and_fits_what_the_model_gives(type_, given):
    plan = OutputPlan.of(type_)
    made = plan.ask("native").response_format.to_dict()["json_schema"]

    assert made.get("strict", False) is (why_not_strict(plan.schema) is None)
    if made.get("strict"):
        missing = [
            one.keyword for one in compile_check(made["schema"])({"response": given} if plan.is_wrapped else given)
        ]
        assert {*missing} <= {"required"}


@pytest.mark.parametrize(("type_", "value"), [(Optional[Item], None), (Item | str | None, None), (Optional[str], None)])
def test_an_empty_reply_is_none_where_that_is_a_value(type_, value):
    model = ScriptedModel([""])

    assert asyncio.run(Agent(model, output=type_).run("Read it.")).output is value


def test_beside_text_a_value_is_read_and_a_text_is_taken_as_it_is():
    for mode in MODES:
        for given, value in (('{"name": "a"}', Item(name="a")), ("Which one?", "Which one?")):
            model = ScriptedModel([given])
            result = asyncio.run(Agent(model, output=OutputSpec(Item | str, mode)).run("Read it."))
            assert result.output == value


def test_the_name_of_a_union_is_that_union():
    answer = OutputPlan.of(TypeAliasType("Answer", Item | str))

    assert (answer.allows_text, answer.read("Which { one?"), answer.read('{"name": "a"}')) == (
        True,
        "Which { one?",
        Item(name="a"),
    )
    assert OutputPlan.of(TypeAliasType("Maybe", str | None)).is_text


def test_a_list_that_stands_in_a_text_is_taken_out_in_a_union_too():
    assert OutputPlan.of(Item | Node | Point).read('{"x": 1, "marks": "[\\"a\\"]"}') == Point(1, 7, ("a",))
