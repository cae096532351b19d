"""Annotations as texts: everything here is written under `from __future__ import annotations`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field
from typing_extensions import NotRequired, TypedDict

from corpus.case import Case

__all__ = ["CASES"]


class Team(BaseModel):
    name: str
    lead: Member
    members: list[Member] = []
    parent: Team | None = None


class Member(BaseModel):
    name: str
    since: dt.date
    role: Role = Field(default="dev", description="What they do.")
    mentor: Annotated[Member | None, Field(description="Who helps.")] = None


Role = Literal["dev", "ops"]
Team.model_rebuild()


@dataclass
class Comment:
    text: str
    by: Member | None = None
    replies: list[Comment] = field(default_factory=list)


class Row(TypedDict):
    id: int
    cells: dict[str, float | None]
    comment: NotRequired[Comment]


class Span(NamedTuple):
    start: int
    end: int
    label: Role | None = None


class Sheet(BaseModel):
    rows: list[Row]
    spans: list[Span] = []


KARI = Member(name="Kari", since=dt.date(2020, 1, 1), role="ops")

CASES = (
    Case("team", Team, (Team(name="a", lead=KARI, members=[KARI], parent=Team(name="b", lead=KARI)),)),
    Case("member", Member, (Member(name="x", since=dt.date(2021, 1, 1), mentor=KARI), KARI)),
    Case("comment", Comment, (Comment("a", KARI, [Comment("b")]), Comment(""))),
    Case(
        "sheet",
        Sheet,
        (
            Sheet(
                rows=[{"id": 1, "cells": {"a": 1.5, "b": None}, "comment": Comment("c")}, {"id": 2, "cells": {}}],
                spans=[Span(1, 2, "ops"), Span(3, 4)],
            ),
        ),
    ),
    Case("row", Row, ({"id": 1, "cells": {"a": None}},)),
    Case("span", Span, (Span(1, 2), Span(1, 2, "dev"))),
)
