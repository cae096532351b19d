"""Outputs as plain JSON values under the names that were asked for."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from agentkit import OutputSpec
from agentkit.cli.output import dumper
from agentkit.errors import SchemaError


class Invoice(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    number: Annotated[str, Field(alias="invoiceNumber")]
    day: date


class Row(TypedDict):
    name: Annotated[str, Field(alias="Name")]


@dataclass
class Point:
    x: int


def total(a: int) -> int:
    """Add up."""
    return a


@pytest.mark.parametrize(
    ("output", "value", "plain"),
    [
        (
            Invoice,
            Invoice(number="7", day=date(2024, 1, 2)),
            {"invoiceNumber": "7", "day": "2024-01-02"},
        ),
        (Row, {"name": "Ann"}, {"Name": "Ann"}),
        (list[Row], [{"name": "Ann"}], [{"Name": "Ann"}]),
        (OutputSpec(Point | None), Point(1), {"x": 1}),
        (Point | str, "text", "text"),
        (str, "text", "text"),
        ({"type": "object"}, {"b": 1, "a": 2}, {"b": 1, "a": 2}),
        (total, 5, 5),
    ],
)
def test_values_are_dumped_by_their_type(output, value, plain):
    assert dumper(output)(value) == plain


def test_what_is_no_type_is_refused_before_anything_is_asked():
    with pytest.raises(SchemaError):
        dumper(5)
