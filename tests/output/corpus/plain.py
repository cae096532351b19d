"""What is no object: scalars, dates, literals, unions of scalars, constrained ones, new types."""

import datetime as dt
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal, NewType
from uuid import UUID

from pydantic import AnyUrl, Field, conint
from typing_extensions import TypeAliasType

from corpus.case import Case

__all__ = ["CASES"]

UserId = NewType("UserId", int)
Score = Annotated[float, Field(ge=0, le=1, description="How sure.")]
Scores = TypeAliasType("Scores", list[Score])

CASES = (
    Case("int", int, (0, -17, 10**18)),
    Case("float", float, (0.1, -2.5e-9, 3.0)),
    Case("bool", bool, (True, False)),
    Case("date", dt.date, (dt.date(2024, 2, 29),)),
    Case(
        "datetime",
        dt.datetime,
        (dt.datetime(2024, 2, 29, 1, 2, 3, 4000, dt.timezone(dt.timedelta(hours=5, minutes=30))),),
    ),
    Case("time", dt.time, (dt.time(1, 2, 3),)),
    Case("duration", dt.timedelta, (dt.timedelta(days=2, seconds=3),)),
    Case("decimal", Decimal, (Decimal("1234567890.123456789012345"), Decimal(-1))),
    Case("uuid", UUID, (UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),)),
    Case("url", AnyUrl, (AnyUrl("https://a.example/b?c=d#e"),)),
    Case("ip", IPv4Address, (IPv4Address("10.0.0.1"),)),
    Case("path", Path, (Path("/a b/c"),)),
    Case("bounded int", conint(ge=1, le=6), (1, 6)),
    Case("new type", UserId, (UserId(5),)),
    Case("score", Score, (0.25,)),
    Case("scores", Scores, ([0.25, 1.0], [])),
    Case("mixed literal", Literal["a", 1, True, None], ("a", 1, None)),
    Case("number literal", Literal[1, 2, 3], (1, 3)),
    Case("one literal", Literal["only"], ("only",)),
    Case("int or word", int | Literal["many"], (3, "many")),
    Case("number or list", int | list[int] | None, (3, [1, 2], None)),
    Case("optional date", dt.date | None, (dt.date(2024, 5, 6), None)),
    Case("tuple", tuple[int, str, float], ((1, "a", 0.5),)),
    Case("tuple of any length", tuple[str, ...], (("a", "b"), ())),
    Case("optional list", list[int] | None, ([1], None)),
    Case("nested lists of dates", list[list[dt.date]], ([[dt.date(2024, 5, 6)], []],)),
    Case("text list", list[str], (["a", "[1]", '{"b": 2}', "```", "null"], [])),
)
