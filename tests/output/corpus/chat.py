"""What agents and assistants ask for: intents, plans, verdicts, classifications, entities, tool-like commands."""

import datetime as dt
import enum
from typing import Annotated, Generic, Literal, NamedTuple, TypeVar, Union

from pydantic import BaseModel, Field

from corpus.case import Case

__all__ = ["CASES"]


class Greeting(BaseModel):
    intent: Literal["greet"]


class Booking(BaseModel):
    intent: Literal["book"]
    what: Literal["flight", "hotel", "table"]
    when: dt.date | dt.datetime | None = None
    people: int = Field(1, ge=1, le=9)


class Complaint(BaseModel):
    intent: Literal["complain", "escalate"]
    about: str
    urgency: Literal["low", "high"] = "low"
    order_ids: list[int] = []


class Unknown(BaseModel):
    intent: Literal["unknown"] = "unknown"
    reason: str | None = None


Intent = Annotated[Greeting | Booking | Complaint | Unknown, Field(discriminator="intent")]


class Message(BaseModel):
    """A message of a customer, understood."""

    language: Annotated[str, Field(pattern="^[a-z]{2}$")]
    intents: list[Intent]
    confidence: float = Field(ge=0, le=1)


class Box(BaseModel):
    width: int
    height: int
    depth: int
    units: str


class Failure(BaseModel):
    """Say that something could not be read."""

    message: str


class Search(BaseModel):
    """Look for documents."""

    query: str
    limit: int = 10


class Reply(BaseModel):
    """Answer at once."""

    text: str


class UserDetail(BaseModel):
    name: str
    age: int
    role: str | None = Field(default=None, description="What the person does.")


T = TypeVar("T")


class Maybe(BaseModel, Generic[T]):
    result: T | None = None
    error: bool = False
    message: str | None = None


class Task(BaseModel):
    id: int = Field(..., description="Unique id of the task")
    task: str
    needs: list[int] = Field(default_factory=list, description="Ids of what must be done before")
    kind: Literal["single", "merge"] = "single"


class TaskPlan(BaseModel):
    """A question, taken apart."""

    goal: str
    tasks: list[Task]


class Kind(enum.Enum):
    """What a mail is."""

    SPAM = "spam"
    NOT_SPAM = "not_spam"


class Prediction(BaseModel):
    chain_of_thought: str = Field(description="Think step by step.")
    label: Kind
    others: list[Kind] = []


class Quote(BaseModel):
    fact: str
    spans: list[tuple[int, int]] = []
    quotes: list[str] = Field(default_factory=list, max_length=5)


class Entity(NamedTuple):
    text: str
    label: Literal["PER", "LOC"]
    start: int
    end: int = 0


class Move(BaseModel):
    x: int
    y: int


class Say(BaseModel):
    words: list[str]
    loud: bool = False


Command = Union[Move, Say, Literal["stop"]]  # written so in many projects


class Verdict(BaseModel):
    winner: Literal["A", "B", "tie"]
    scores: dict[Literal["A", "B"], Annotated[int, Field(ge=0, le=10)]]
    why: str


ANN = UserDetail(name="Ann", age=30)

CASES = (
    Case(
        "intent",
        Intent,
        (
            Greeting(intent="greet"),
            Booking(intent="book", what="table", when=dt.date(2024, 5, 6), people=2),
            Complaint(intent="escalate", about="x", order_ids=[1]),
            Unknown(),
        ),
    ),
    Case(
        "message",
        Message,
        (
            Message(
                language="no",
                intents=[
                    Booking(intent="book", what="hotel", when=dt.datetime(2024, 5, 6, 7, tzinfo=dt.UTC)),
                    Unknown(reason="?"),
                ],
                confidence=0.5,
            ),
        ),
    ),
    Case("box or failure", Box | Failure, (Box(width=1, height=2, depth=3, units="cm"), Failure(message="no size"))),
    Case("box or text", Box | str, (Box(width=1, height=2, depth=3, units="cm"),)),
    Case("actions", list[Search | Reply], ([Search(query="a"), Reply(text="b"), Search(query="c", limit=1)], [])),
    Case("maybe", Maybe[UserDetail], (Maybe[UserDetail](result=ANN), Maybe[UserDetail](error=True, message="nobody"))),
    Case(
        "plan",
        TaskPlan,
        (TaskPlan(goal="g", tasks=[Task(id=1, task="a"), Task(id=2, task="b", needs=[1], kind="merge")]),),
    ),
    Case(
        "prediction",
        Prediction,
        (Prediction(chain_of_thought='It says "win $1,000,000"; so {spam}.', label=Kind.SPAM, others=[Kind.NOT_SPAM]),),
    ),
    Case("quotes", list[Quote], ([Quote(fact="f", spans=[(1, 2), (3, 4)], quotes=["q]"]), Quote(fact="g")],)),
    Case("entities", list[Entity], ([Entity("Ann", "PER", 0, 3), Entity("Oslo", "LOC", 9)], [])),
    Case("commands", list[Command], ([Move(x=1, y=-2), Say(words=["hi"]), "stop"],)),
    Case("command", Command, (Move(x=1, y=2), "stop")),
    Case("verdict", Verdict, (Verdict(winner="tie", scores={"A": 5, "B": 5}, why="-"),)),
    Case("multi label", list[Literal["bug", "feature", "question"]], (["bug", "question"], [])),
    Case("label", Literal["positive", "negative"], ("positive", "negative")),
    Case("optional detail", UserDetail | None, (ANN, None)),
)
