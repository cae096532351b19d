"""Generics, dataclasses, TypedDicts, NamedTuples, sets, maps, bytes."""

import datetime as dt
import enum
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from pydantic import Base64Bytes, BaseModel, ByteSize, ConfigDict, Field, Json, RootModel, SecretStr
from pydantic import dataclasses as pydantic_dataclasses
from typing_extensions import NotRequired, Required, TypedDict

from corpus.case import Case

__all__ = ["CASES"]

T = TypeVar("T")
K = TypeVar("K")


class Page(BaseModel, Generic[T]):
    items: list[T]
    total: int
    next: str | None = None


class Envelope(BaseModel, Generic[K, T]):
    key: K
    data: T
    errors: list[str] = []


class User(BaseModel):
    id: int
    name: str


@dataclass
class Point:
    """A place on a plane."""

    x: float
    y: float = 0.0
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    start: Point
    end: Point
    tags: tuple[str, ...] = ()


@dataclass
class Shape:
    name: str
    _: KW_ONLY
    points: list[Point] = field(default_factory=list)
    meta: dict[str, int] = field(default_factory=dict, metadata={"why": "none"})


@pydantic_dataclasses.dataclass(config=ConfigDict(extra="forbid"))
class Size:
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0, description="In pixels.")] = 1


class Drawing(BaseModel):
    shapes: list[Shape]
    size: Size
    path: Segment | None = None


class Movie(TypedDict):
    title: str
    year: int
    rating: NotRequired[float]


class Options(TypedDict, total=False):
    verbose: bool
    name: Required[str]
    movies: list[Movie]


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Triple(NamedTuple):
    subject: str
    relation: str
    weight: float = 1.0


class Matrix(RootModel[list[list[float]]]):
    pass


class Names(RootModel[Annotated[list[str], Field(min_length=1)]]):
    pass


class Blob(BaseModel):
    raw: bytes
    coded: Base64Bytes
    size: ByteSize
    config: Json[dict[str, int]]
    secret: SecretStr = SecretStr("")


class Rule(BaseModel):
    pattern: re.Pattern[str]
    names: Annotated[set[str], Field(max_length=3)] = set()
    queue: deque[int] = deque()


class Many(BaseModel):
    seq: Sequence[int]
    mapping: Mapping[str, Decimal]
    fixed: tuple[int, str, bool]
    pairs: dict[str, list[tuple[int, str]]]
    colors: dict[Color, User]
    nested: dict[str, dict[str, dict[int, list[str]]]]
    several: set[Literal["a", "b"]] = set()
    ids: frozenset[UUID] = frozenset()


class Anything(BaseModel):
    name: str
    value: Any = None
    data: dict[str, Any] = {}
    things: list[Any] = []
    thing: object = None


ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
ANN = User(id=1, name="Ann")
ORIGIN = Point(0.0)

CASES = (
    Case(
        "page",
        Page[User],
        (Page[User](items=[ANN, User(id=2, name="Bo")], total=2, next="x"), Page[User](items=[], total=0)),
    ),
    Case(
        "page of pages",
        Page[Page[Movie]],
        (Page[Page[Movie]](items=[Page[Movie](items=[{"title": "M", "year": 1931}], total=1)], total=1),),
    ),
    Case(
        "envelope",
        Envelope[Color, dict[str, User] | None],
        (
            Envelope[Color, dict[str, User] | None](key=Color.RED, data={"a": ANN}),
            Envelope[Color, dict[str, User] | None](key=Color.BLUE, data=None, errors=["e"]),
        ),
    ),
    Case("dataclass", Point, (Point(1.5, -2.0, "a"), ORIGIN)),
    Case("dataclass with slots", Segment, (Segment(start=ORIGIN, end=Point(1.0, 1e-7), tags=("a",)),)),
    Case(
        "drawing",
        Drawing,
        (
            Drawing(
                shapes=[Shape("s", points=[ORIGIN], meta={"z": 1})],
                size=Size(3),
                path=Segment(start=ORIGIN, end=ORIGIN),
            ),
        ),
    ),
    Case("typed dict", Movie, ({"title": "M", "year": 1931}, {"title": "N", "year": 2, "rating": 7.5})),
    Case(
        "partial typed dict",
        Options,
        ({"name": "n"}, {"name": "n", "verbose": True, "movies": [{"title": "M", "year": 1}]}),
    ),
    Case("typed dicts", list[Movie], ([{"title": "M", "year": 1931}, {"title": "N", "year": 2, "rating": 7.5}],)),
    Case("named tuple", Triple, (Triple("a", "b"), Triple("a", "c", 0.5))),
    Case("matrix", Matrix, (Matrix([[1.0, 2.5], [], [-3e10]]), Matrix([]))),
    Case("names", Names, (Names(["a", "b"]),)),
    Case(
        "blob",
        Blob,
        (Blob(raw=b"abc", coded=b"aGk=", size=1024, config='{"a": 1}', secret="s"),),
        ({"raw": "abc", "coded": "aGk=", "size": "1KiB", "config": '{"a": 1}', "secret": "s"},),
    ),
    Case("rule", Rule, (Rule(pattern=r"^a{2}\d+$", names={"x", "y"}, queue=[1, 2]), Rule(pattern=""))),
    Case(
        "many containers",
        Many,
        (
            Many(
                seq=[1, 2],
                mapping={"a": Decimal("1.10")},
                fixed=(1, "a", True),
                pairs={"p": [(1, "x"), (2, "y")]},
                colors={Color.RED: ANN},
                nested={"a": {"b": {3: ["c"]}}},
                several={"a", "b"},
                ids={ID},
            ),
        ),
    ),
    Case(
        "anything",
        Anything,
        (
            Anything(name="n", value=[1, {"a": None}], data={"b": [2.5]}, things=[None, "x"], thing={"y": 1}),
            Anything(name="m"),
        ),
        open=False,
    ),
    Case("open map", dict[str, Any], ({"a": 1, "b": [None, "x"]}, {}), open=True),
    Case("map of lists", dict[str, list[tuple[int, str]]], ({"a": [(1, "x")], "b c": []},)),
    Case("map by enum", dict[Color, User], ({Color.RED: ANN, Color.BLUE: ANN},)),
    Case("map by int", dict[int, float], ({1: 2.5, -3: 4.0},)),
    Case("map by date", dict[dt.date, list[int]], ({dt.date(2024, 5, 6): [1, 2]},)),
    Case("set", set[int], ({1, 2, 3}, set())),
    Case("triples", list[tuple[str, int, bool]], ([("a", 1, True), ("b", 2, False)],)),
)
