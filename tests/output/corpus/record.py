"""People and facts: CVs, medical notes, papers, news, recipes, surveys, geography, knowledge graphs."""

import datetime as dt
import enum
from typing import Annotated, Literal, NamedTuple

from pydantic import AnyUrl, AwareDatetime, BaseModel, Field, HttpUrl, NonNegativeInt, PastDate, PositiveInt

from corpus.case import Case

__all__ = ["CASES"]


class Degree(enum.StrEnum):
    BACHELOR = "BSc"
    MASTER = "MSc"
    DOCTOR = "PhD"


class Education(BaseModel):
    school: str
    degree: Degree | None = None
    years: tuple[int, int | None]


class Job(BaseModel):
    employer: str
    role: str
    since: dt.date
    until: dt.date | Literal["now"] = "now"
    skills: frozenset[str] = frozenset()


class Resume(BaseModel):
    """The CV of a person."""

    name: str
    born: PastDate | None = None
    links: list[HttpUrl] = []
    languages: dict[str, Literal["A1", "A2", "B1", "B2", "C1", "C2", "native"]] = {}
    education: list[Education] = []
    jobs: list[Job] = []


class Severity(enum.IntEnum):
    MILD = 1
    MODERATE = 2
    SEVERE = 3


class Vital(NamedTuple):
    systolic: int
    diastolic: int
    at: dt.time | None = None


class Dose(BaseModel):
    drug: str
    amount: float = Field(gt=0)
    unit: Literal["mg", "ml", "IU"]
    every: dt.timedelta


class Note(BaseModel):
    """A medical note."""

    patient_age: Annotated[int, Field(ge=0, le=130)] | None = None
    symptoms: dict[str, Severity]
    pressure: Vital | None = None
    diagnosis: list[Annotated[str, Field(pattern=r"^[A-Z]\d\d(\.\d+)?$")]] = []
    doses: list[Dose] = []
    allergic: bool | None = None


class Author(BaseModel):
    given: str | None = None
    family: str
    orcid: Annotated[str, Field(pattern=r"^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$")] | None = None


class Paper(BaseModel):
    title: str
    authors: list[Author]
    year: Annotated[int, Field(gt=1600, lt=2200)]
    doi: str | None = None
    pages: tuple[PositiveInt, PositiveInt] | None = None
    cites: list["Paper"] = []


class Sentiment(float, enum.Enum):
    BAD = -1.0
    SO_SO = 0.5
    GOOD = 1.0


class Article(BaseModel):
    url: AnyUrl
    published: AwareDatetime
    headline: str
    sentiment: Sentiment = Sentiment.SO_SO
    entities: list[tuple[str, Literal["PER", "ORG", "LOC"], float]] = []


class Ingredient(BaseModel):
    name: str
    amount: float | str | None = None


class Recipe(BaseModel):
    name: str
    serves: NonNegativeInt = 4
    time: dt.timedelta
    ingredients: list[Ingredient]
    steps: Annotated[list[str], Field(min_length=1, max_length=30)]


class Mixed(enum.Enum):
    NEVER = "never"
    ONCE = 1
    OFTEN = 2.5
    UNKNOWN = None


class Answer(BaseModel):
    question: int
    choice: Mixed
    agree: Literal[1, 2, 3, 4, 5, "n/a", None] = None
    free: str | None = None


class Survey(BaseModel):
    respondent: str = Field(examples=["r-1"])
    answers: list[Answer]
    done: Literal[True] = True


Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]


class Point(BaseModel):
    type: Literal["Point"] = "Point"
    coordinates: tuple[Longitude, Latitude]


class Line(BaseModel):
    type: Literal["LineString"] = "LineString"
    coordinates: Annotated[list[tuple[Longitude, Latitude]], Field(min_length=2)]


class Polygon(BaseModel):
    type: Literal["Polygon"] = "Polygon"
    coordinates: list[list[tuple[Longitude, Latitude]]]


class Collection(BaseModel):
    type: Literal["GeometryCollection"] = "GeometryCollection"
    geometries: list["Geometry"]


Geometry = Annotated[Point | Line | Polygon | Collection, Field(discriminator="type")]


class Feature(BaseModel):
    type: Literal["Feature"] = "Feature"
    geometry: Geometry | None
    properties: dict[str, str | float | bool | None] = {}
    bbox: tuple[float, float, float, float] | None = None


class Node(BaseModel):
    id: int
    label: str
    kind: Literal["person", "place", "thing"] = "thing"


class Edge(BaseModel):
    source: int
    target: int
    relation: str
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0


class Graph(BaseModel):
    """What a text says, as nodes and edges."""

    nodes: list[Node] = Field(default_factory=list, description="The nodes.")
    edges: list[Edge] = Field(default_factory=list, description="The edges.")


class Person(BaseModel):
    name: str
    mother: "Person | None" = None
    father: "Person | None" = None
    children: "list[Person]" = []


OSLO = Point(coordinates=(10.75, 59.91))
ROAD = Line(coordinates=[(1.0, 2.0), (1.5, -2.25)])

CASES = (
    Case(
        "resume",
        Resume,
        (
            Resume(
                name="Kari Ås",
                born=dt.date(1990, 2, 3),
                links=["https://example.org/kari?x=1&y=ø"],
                languages={"Norsk": "native", "English": "C1"},
                education=[
                    Education(school="NTNU", degree=Degree.MASTER, years=(2008, 2013)),
                    Education(school="-", years=(1, None)),
                ],
                jobs=[
                    Job(employer="A", role="b", since=dt.date(2014, 1, 1), skills={"C"}),
                    Job(employer="", role="", since=dt.date(2013, 1, 1), until=dt.date(2014, 1, 1)),
                ],
            ),
            Resume(name="N. N."),
        ),
    ),
    Case(
        "medical note",
        Note,
        (
            Note(
                patient_age=40,
                symptoms={"cough": Severity.MILD, "fever": Severity.SEVERE},
                pressure=Vital(120, 80, dt.time(8, 30)),
                diagnosis=["J10.1"],
                doses=[Dose(drug="X", amount=0.5, unit="mg", every=dt.timedelta(hours=8))],
                allergic=False,
            ),
            Note(symptoms={}),
        ),
    ),
    Case(
        "paper",
        Paper,
        (
            Paper(
                title="On «x < y»",
                authors=[Author(given="Ada", family="L", orcid="0000-0002-1825-009X")],
                year=1843,
                pages=(1, 17),
                cites=[Paper(title="Old", authors=[], year=1801)],
            ),
        ),
    ),
    Case(
        "article",
        Article,
        (
            Article(
                url="https://news.example/a#b",
                published=dt.datetime(2024, 1, 2, 3, 4, 5, 678000, dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
                headline="Nothing: 100% \u2028 new 😀",
                sentiment=Sentiment.BAD,
                entities=[("Oslo", "LOC", 0.75), ("UN", "ORG", 1.0)],
            ),
        ),
    ),
    Case(
        "recipe",
        Recipe,
        (
            Recipe(
                name="Soup",
                time=dt.timedelta(minutes=90),
                ingredients=[
                    Ingredient(name="salt", amount="some"),
                    Ingredient(name="water", amount=1.5),
                    Ingredient(name="5", amount="5"),
                ],
                steps=["```boil```", "eat"],
            ),
        ),
    ),
    Case(
        "survey",
        Survey,
        (
            Survey(
                respondent="r",
                answers=[
                    Answer(question=1, choice=Mixed.NEVER, agree=3),
                    Answer(question=2, choice=Mixed.ONCE, agree="n/a"),
                    Answer(question=3, choice=Mixed.OFTEN, free="null"),
                    Answer(question=4, choice=Mixed.UNKNOWN),
                ],
            ),
        ),
    ),
    Case("point", Point, (OSLO,)),
    Case("geometry", Geometry, (OSLO, Collection(geometries=[OSLO, ROAD, Collection(geometries=[])]))),
    Case(
        "feature",
        Feature,
        (
            Feature(geometry=ROAD, properties={"name": "E6", "lanes": 4.0, "toll": True, "x": None}, bbox=(1, 2, 3, 4)),
            Feature(geometry=None),
        ),
    ),
    Case(
        "knowledge graph",
        Graph,
        (
            Graph(
                nodes=[Node(id=1, label="Ann", kind="person"), Node(id=2, label="Oslo")],
                edges=[Edge(source=1, target=2, relation="lives in", weight=0.25)],
            ),
            Graph(),
        ),
    ),
    Case(
        "family",
        Person,
        (
            Person(name="a", mother=Person(name="b", father=Person(name="c")), children=[Person(name="d")]),
            Person(name="z"),
        ),
    ),
    Case("mixed enum", Mixed, (Mixed.NEVER, Mixed.ONCE, Mixed.OFTEN)),
    Case("int enum", Severity, (Severity.MILD, Severity.SEVERE)),
    Case("str enum list", list[Degree], ([Degree.DOCTOR, Degree.MASTER], [Degree.BACHELOR])),
    Case("nullable enum", Degree | None, (Degree.MASTER, None)),
)
