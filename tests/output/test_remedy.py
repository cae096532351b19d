import datetime as dt

import pytest
from pydantic import BaseModel, TypeAdapter

from agentkit.output.parse import Mistake, Rejected
from agentkit.output.remedy import mistakes_of, read_typed, remedied
from agentkit.schema.check import compile_check
from agentkit.schema.difference import Difference

CHECK = compile_check(
    {
        "properties": {"a": {"type": "integer"}, "rows": {"type": "array", "items": {"type": "integer"}}},
        "required": ["a"],
    }
)


def left(data):
    return remedied(data, CHECK(data), CHECK)


def test_what_has_one_meaning_is_put_right_in_place():
    data = {"a": 1, "rows": "[1, 2]"}
    assert left(data) == []
    assert data == {"a": 1, "rows": [1, 2]}

    data = {"a": 1, "rows": None}
    assert left(data) == []
    assert data == {"a": 1}


def test_what_is_left_is_told_as_it_came():
    assert left({"a": None, "rows": None}) == [Difference(("a",), "type", "should be integer", None)]
    assert left({"a": 1, "rows": '["x"]'}) == [Difference(("rows", 0), "type", "should be integer", "x")]
    assert left({"a": 1, "rows": "[1"}) == [Difference(("rows",), "type", "should be array", "[1")]
    assert left({"a": 1, "rows": [None]}) == [Difference(("rows", 0), "type", "should be integer", None)]
    assert left({}) == [Difference(("a",), "required", "is missing")]


def test_mistakes_show_what_came_where_that_says_something():
    path = ("response", 0, "a")
    assert mistakes_of([Difference(path, "type", "should be string", {"b": 1})], below="response") == [
        Mistake("0.a", "should be string", '{"b": 1}')
    ]
    assert mistakes_of([Difference(path, "minItems", "should have at least 2 items", [1])]) == [
        Mistake("response.0.a", "should have at least 2 items")
    ]
    assert mistakes_of([Difference(("response",), "type", "should be array", 5)], below="response") == [
        Mistake("", "should be array", "5")
    ]
    assert mistakes_of([Difference(("response",), "required", "is missing")], below="response") == [
        Mistake("response", "is missing")
    ]


class Event(BaseModel):
    at: dt.datetime | None = None
    long: dt.timedelta | None = None
    count: int = 0
    share: float = 0.0
    kind: int | str = ""


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('{"at": 1998}', "at: should be a date-time, as 2024-05-06T07:08:09Z; you gave 1998"),
        ('{"long": 5}', "long: should be a duration, as P1DT2H; you gave 5"),
        ('{"count": true}', "count: should be integer; you gave true"),
        ('{"share": false}', "share: should be number; you gave false"),
        ('{"share": "nan"}', 'share: should be number; you gave "nan"'),
        ('{"share": "1e999"}', 'share: should be number; you gave "1e999"'),
        ('{"kind": true}', "kind: should be integer; you gave true"),
        ('{"count": null, "share": "-inf"}', 'share: should be number; you gave "-inf"'),
    ],
)
def test_what_pydantic_would_guess_is_refused(text, mistake):
    with pytest.raises(Rejected) as caught:
        read_typed(TypeAdapter(Event), text)
    assert [str(one) for one in caught.value.mistakes] == [mistake]


def test_what_keeps_its_meaning_is_taken_as_the_type_is_set_up():
    read = read_typed(TypeAdapter(Event), '{"at": "2024-05-06", "count": "5", "share": "1.5"}')
    assert read == Event(at=dt.datetime.fromisoformat("2024-05-06"), count=5, share=1.5)
    assert read_typed(TypeAdapter(bool), '"yes"') is True
