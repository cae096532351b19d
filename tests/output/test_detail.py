import datetime as dt
import decimal
import enum
import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Optional

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from agentkit.output import OutputPlan, Rejected
from agentkit.output.detail import differences_of, summary_of


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    age: int


class Sum(BaseModel):
    a: int

    @model_validator(mode="after")
    def check(self):
        if self.a <= 3:
            raise AssertionError("a must be above 3")
        return self


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = 0


class Pair(NamedTuple):
    a: int
    b: str


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


def fail(value):
    raise AssertionError


def refuse(value):
    raise ValueError("is a bad one")


Tagged = Annotated[Cat | Dog, Discriminator("kind")]
Told = Annotated[Sum, AfterValidator(lambda value: value)]


@pytest.mark.parametrize(
    ("type_", "data", "told"),
    [
        (int, "x", [": should be integer"]),
        (int, 1.5, [": should be integer"]),
        (float, [], [": should be number"]),
        (str, 5, [": should be string"]),
        (bool, "x", [": should be boolean"]),
        (None, 5, [": should be null"]),
        (set[int], 5, [": should be array"]),
        (dict[str, int], 5, [": should be object"]),
        (Cat, 5, [": should be object"]),
        (dt.date, "x", [": should be a date, as 2024-05-06"]),
        (dt.datetime, "x", [": should be a date-time, as 2024-05-06T07:08:09Z"]),
        (dt.time, "x", [": should be a time, as 07:08:09"]),
        (dt.timedelta, "x", [": should be a duration, as P1DT2H"]),
        (uuid.UUID, "x", [": should be a UUID"]),
        (HttpUrl, "x", [": should be a URL, as https://example.com"]),
        (decimal.Decimal, "x", [": should be a decimal number"]),
        (Color, "x", [": should be 'red' or 'blue'"]),
        (Annotated[list[int], Field(min_length=2)], [1], [": should have at least 2 items"]),
        (Annotated[str, Field(max_length=2)], "abc", [": should have at most 2 characters"]),
        (Annotated[int, Field(ge=3)], 1, [": should be greater than or equal to 3"]),
        (Annotated[int, AfterValidator(refuse)], 1, [": is a bad one"]),
        (Sum, {"a": 1}, [": a must be above 3"]),
        (Annotated[int, AfterValidator(fail)], 1, [": fails a check"]),
        (Closed, {"a": "x", "b": 1}, ["a: should be integer", "b: is not a known field"]),
        (dict[str, Cat], {"x": {"kind": "cat"}}, ["x.lives: is missing"]),
        (dict[int, int], {"x": "y"}, ["x: its name should be integer", "x: should be integer"]),
        (tuple[int, str], [1], ["1: is missing"]),
        (Pair, ["x", "y"], ["0: should be integer"]),
        (Optional[int], "x", [": should be integer"]),
        (int | Color, "x", [": should be 'red' or 'blue'"]),
        (int | list[int], ["x"], ["0: should be integer"]),
        (Cat | Dog, {"kind": "cow"}, ["kind: should be 'cat' or 'dog'"]),
        (Cat | Dog, {"kind": "dog", "age": "x"}, ["age: should be integer"]),
        (list[Told | int], [{"a": 1}], ["0: a must be above 3"]),
        (list[Tagged], [{"kind": "cow"}], ["0.kind: should be one of 'cat', 'dog'"]),
        (list[Tagged], [{}], ["0.kind: is missing"]),
        (list[Tagged], [{"kind": "cat"}], ["0.lives: is missing"]),
    ],
    ids=str,
)  # fmt: skip
def test_pydantics_errors_are_told_by_clean_paths_and_in_few_words(type_, data, told):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(type_).validate_json(json.dumps(data))

    found = differences_of(caught.value.errors(), data)

    assert [f"{'.'.join(map(str, one.path))}: {one.expected}" for one in found] == told


def test_an_error_of_something_else_is_told_in_one_line():
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(list[Told | int]).validate_python([{"a": 1}, "x"])

    assert summary_of(caught.value) == "0: a must be above 3; 0.int: should be integer; 1: should be object; and 1 more"


class Line(BaseModel):
    name: str
    price: float = Field(ge=0)
    quantity: int


class Invoice(BaseModel):
    number: str
    date: dt.date
    lines: list[Line]
    payment: Cat | Dog


LINE = {"name": "a", "price": 1, "quantity": 1}
WHOLE: Mapping[str, Any] = {
    "number": "1", "date": "2024-05-06", "lines": [LINE], "payment": {"kind": "cat", "lives": 1}
}  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "characters"),
    [
        ({"date": "6 May 2024"}, 170),
        ({"lines": [{**LINE, "price": -1, "quantity": "two"}, LINE, {"name": "x" * 5000}]}, 300),
        ({"payment": {"kind": "cow"}}, 180),
        ({"number": {"deep": ["long " * 500] * 3}, "lines": "none", "payment": None}, 350),
        ({"lines": [{"name": 5}] * 50}, 600),
    ],
    ids=["a date", "lines", "a union", "long values", "many"],
)
def test_what_the_model_is_told_is_a_fraction_of_pydantics_errors(wrong, characters):
    text = json.dumps({**WHOLE, **wrong})
    with pytest.raises(ValidationError) as theirs:
        Invoice.model_validate_json(text)
    with pytest.raises(Rejected) as ours:
        OutputPlan.of(Invoice).read(text)

    reason = ours.value.reason
    assert len(reason) < characters
    # as pydantic-ai sends it, and as instructor does, both without the sentences around
    assert len(reason) < len(json.dumps(theirs.value.errors(include_url=False), indent=2, default=repr))
    assert len(reason) < len(str(theirs.value))
