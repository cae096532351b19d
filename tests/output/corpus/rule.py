"""Models with rules of their own: validators, computed fields, private attributes, extra fields, inheritance."""

import datetime as dt
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    StringConstraints,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)

from corpus.case import Case

__all__ = ["CASES"]


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("an even number is wanted")
    return value


class Period(BaseModel):
    start: dt.date
    end: dt.date

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise ValueError("the end lies before the start")
        return self


class Contact(BaseModel):
    """Someone to write to."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    phone: str | None = None
    pair: Annotated[int, AfterValidator(_even)] = 2
    tags: Annotated[
        list[str], BeforeValidator(lambda value: value.split(",") if isinstance(value, str) else value)
    ] = []

    @field_validator("phone", mode="before")
    @classmethod
    def _digits(cls, value: Any) -> Any:
        return "".join(filter(str.isdigit, value)) if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _old_name(cls, data: Any) -> Any:
        if isinstance(data, dict) and "full_name" in data:
            return {**{key: value for key, value in data.items() if key != "full_name"}, "name": data["full_name"]}
        return data


class Rectangle(BaseModel):
    kinds: ClassVar[int] = 2
    width: float = Field(gt=0)
    height: float = Field(gt=0)
    _seen: int = PrivateAttr(default=0)

    @computed_field
    @property
    def area(self) -> float:
        return self.width * self.height

    @cached_property
    def half(self) -> float:
        return self.area / 2


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: int


class TypedOpen(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int]

    id: int


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: int
    name: str = "x"


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    count: int
    on: dt.date
    flags: set[int] = set()
    pair: tuple[int, str] | None = None


class Being(BaseModel):
    name: str
    legs: int = 4


class Dog(Being):
    name: Annotated[str, Field(max_length=20)]
    kind: Literal["dog"] = "dog"
    tricks: list[str] = []


class Puppy(Dog):
    weeks: Annotated[int, Field(ge=0, lt=52)]
    mother: Dog | None = None


class Temperature(BaseModel):
    celsius: Annotated[float, PlainSerializer(lambda value: f"{value}", return_type=str)]
    at: dt.datetime

    @field_serializer("at")
    def _seconds(self, value: dt.datetime) -> float:
        return value.timestamp()


class Hidden(BaseModel):
    shown: str
    secret: int = Field(7, exclude=True)
    old: str | None = Field(None, deprecated="Use shown.")


class Late(BaseModel):
    created: dt.datetime = Field(default_factory=lambda: dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    ids: list[int] = Field(default_factory=list)
    copy_of: int = Field(default_factory=lambda data: len(data["ids"]))


class Titled(BaseModel):
    model_config = ConfigDict(title="A titled model", json_schema_extra={"examples": [{"a": 1}]})

    a: int = Field(title="The a", examples=[1, 2], json_schema_extra={"x-order": 1})
    b: int | None = Field(5, title="The b")


Wide = type(
    "Wide",
    (BaseModel,),
    {"__annotations__": {f"field_{at}": int | None if at % 3 else str for at in range(60)}, "__module__": __name__},
)

DAY = dt.date(2024, 5, 6)
REX = Dog(name="Rex", tricks=["sit"])

CASES = (
    Case("period", Period, (Period(start=DAY, end=DAY),)),
    Case("contact", Contact, (Contact(name="Ann", phone="+47 12", pair=4, tags=["a"]), Contact(name="B"))),
    Case("rectangle", Rectangle, (Rectangle(width=1.5, height=2.0),)),
    Case("extra allowed", Open, (Open(id=1, more={"a": [1]}, other=None), Open(id=2))),
    Case("typed extra", TypedOpen, (TypedOpen(id=1, more=2), TypedOpen(id=2))),
    Case("extra forbidden", Closed, (Closed(id=1, name="y"), Closed(id=2))),
    Case("strict model", Strict, (Strict(count=1, on=DAY, flags={1}, pair=(1, "a")), Strict(count=2, on=DAY))),
    Case("inheritance", Puppy, (Puppy(name="P", weeks=3, mother=REX, legs=3), Puppy(name="Q", weeks=0))),
    Case("subclasses", list[Puppy | Dog], ([REX, Puppy(name="P", weeks=3)],)),
    Case(
        "serializers",
        Temperature,
        (Temperature(celsius=1.5, at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),),
        ({"celsius": 1.5, "at": "2024-01-01T00:00:00Z"},),
    ),
    Case("excluded field", Hidden, (Hidden(shown="a"),), ({"shown": "a"},)),
    Case("default factories", Late, (Late(ids=[1, 2]), Late())),
    Case("titles", Titled, (Titled(a=1, b=None), Titled(a=2))),
    Case(
        "sixty fields",
        Wide,
        (Wide(**{f"field_{at}": (at if at % 2 else None) if at % 3 else f"v{at}" for at in range(60)}),),
    ),
)
