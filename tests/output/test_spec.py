import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypeVar, Union

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType, TypedDict

from agentkit.errors import ConfigurationError
from agentkit.output import OutputPlan, OutputSpec

MODES = ("native", "tool", "json", "prompted")


def test_a_spec_is_a_frozen_value():
    spec = OutputSpec(int, "tool", name="n", description="d", strict=True, retries=0, validators=[abs])

    assert spec == OutputSpec(int, mode="tool", name="n", description="d", strict=True, retries=0, validators=(abs,))
    assert (spec.type, spec.mode, spec.validators) == (int, "tool", (abs,))
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.mode = "json"


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"mode": "xml"}, "Output mode 'xml' is unknown. The modes are: auto, native, tool, json, prompted."),
        (
            {"name": "my output"},
            "'my output' is no name for an output: the contract allows 1 to 64 letters, digits, `_` and `-`.",
        ),
        ({"retries": -1}, "Output retries are -1. Give 0 or more, or None for the default, 2."),
    ],
)
def test_what_cannot_work_is_refused_at_once(how, text):
    with pytest.raises(ConfigurationError) as caught:
        OutputSpec(int, **how)

    assert str(caught.value) == text


class Item(BaseModel):
    """A thing to buy."""

    name: str
    price: float = 1.5


class Other(BaseModel):
    code: int


class Node(BaseModel):
    value: int
    next: "Node | None" = None


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]


class Row(TypedDict, total=False):
    a: int


class Point(NamedTuple):
    x: int
    y: int = 0


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Tree:
    value: int
    children: "list[Tree]" = dataclasses.field(default_factory=list)


UserId = NewType("UserId", int)
Alias = TypeAliasType("Alias", list[int])
DAY, KEY = dt.date(2024, 5, 6), uuid.UUID(int=5)

VALUES = {
    "model": (Item, '{"name": "a"}', Item(name="a")),
    "recursive model": (Node, '{"value": 1, "next": {"value": 2, "next": null}}', Node(value=1, next=Node(value=2))),
    "generic model": (Page[Item], '{"items": [{"name": "a"}]}', Page[Item](items=[Item(name="a")])),
    "dataclass": (Tree, '{"value": 1, "children": [{"value": 2}]}', Tree(1, [Tree(2)])),
    "TypedDict": (Row, '{"a": 1}', {"a": 1}),
    "NamedTuple": (Point, "[1, 2]", Point(1, 2)),
    "int": (int, "5", 5),
    "float": (float, "5", 5.0),
    "bool": (bool, "true", True),
    "Decimal": (decimal.Decimal, '"0.12345678901234567890"', decimal.Decimal("0.12345678901234567890")),
    "date": (dt.date, '"2024-05-06"', DAY),
    "UUID": (uuid.UUID, f'"{KEY}"', KEY),
    "Literal": (Literal["a", 1], '"a"', "a"),
    "Enum": (Color, '"red"', Color.RED),
    "list": (list[Item], '[{"name": "a"}]', [Item(name="a")]),
    "bare list": (list, '[1, "a"]', [1, "a"]),
    "tuple": (tuple[int, str], '[1, "a"]', (1, "a")),
    "set": (set[int], "[1, 2]", {1, 2}),
    "dict": (dict[str, int], '{"response": 1}', {"response": 1}),
    "union": (Item | Other, '{"code": 1}', Other(code=1)),
    "Union": (Union[Item, list[int]], "[1]", [1]),
    "optional": (Optional[Item], "null", None),
    "constrained": (Annotated[int, Field(ge=3)], "5", 5),
    "NewType": (UserId, "5", 5),
    "alias": (Alias, "[1]", [1]),
    "any": (Any, '{"a": [1]}', {"a": [1]}),
    "schema": ({"type": "object", "properties": {"a": {"type": "integer"}}}, '{"a": 1}', {"a": 1}),
    "schema of a list": ({"type": "array", "items": {"type": "integer"}}, "[1]", [1]),
}
PARAMETERS = pytest.mark.parametrize(("type_", "text", "value"), VALUES.values(), ids=VALUES)


@PARAMETERS
def test_each_type_is_read_as_it_was_asked_for(type_, text, value):
    plan = OutputPlan.of(type_)
    wrapped = "response" in plan.schema.get("properties", {})
    asked = f'{{"response": {text}}}' if wrapped else text

    assert plan.schema["type"] == "object"
    assert plan.read(asked) == plan.read(text) == value
    assert plan.read(f"Sure!\n```json\n{asked}\n```\nAnything else?") == value
    assert plan.read(json.dumps(asked)) == value


@PARAMETERS
@pytest.mark.parametrize("mode", MODES)
def test_each_type_is_asked_for_in_each_mode(mode, type_, text, value):
    asked = OutputPlan.of(type_).ask(mode)

    assert (asked.response_format is not None) == (mode in ("native", "json"))
    assert (asked.instructions is not None) == (mode in ("json", "prompted"))
    assert [tool.name for tool in asked.tools] == (["final_result"] if mode == "tool" else [])
    assert asked.tool_choice == ("required" if mode == "tool" else None)
