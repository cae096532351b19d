import datetime as dt
from typing import Annotated

import pytest
from pydantic import BaseModel, BeforeValidator

from agentkit.output import OutputPlan, Rejected
from agentkit.schema import ArgumentError
from agentkit.schema.signature import read_signature


class Event(BaseModel):
    at: dt.datetime
    on: dt.date | None = None
    code: str = ""


@pytest.mark.parametrize("digits", ["1998", "20240506", "1714979289", "1714979289.5"])
def test_digits_in_a_text_are_no_date(digits):
    with pytest.raises(Rejected) as caught:
        OutputPlan.of(Event).read(f'{{"at": "{digits}"}}')
    assert f'- at: should be a date-time, as 2024-05-06T07:08:09Z; you gave "{digits}"\n' in caught.value.reason


@pytest.mark.parametrize("text", ['["86400"]', '{"response": ["86400"]}'])
def test_digits_in_a_list_are_no_date(text):
    with pytest.raises(Rejected, match='- 0: should be a date, as 2024-05-06; you gave "86400"'):
        OutputPlan.of(list[dt.date]).read(text)


def test_digits_stay_where_no_date_is_wanted():
    read = OutputPlan.of(Event).read('{"at": "2024-05-06T07:08:09", "code": "20240506"}')
    assert (read.at, read.code) == (dt.datetime.fromisoformat("2024-05-06T07:08:09"), "20240506")


class Trip(BaseModel):
    code: str
    legs: list[Event] = []
    days: list[dt.date] = []


@pytest.mark.parametrize(
    "fields",
    [
        '"code": "1", "legs": [{"at": "1998"}]',
        '"code": "1", "days": ["2024-05-06", "20240507"]',
        r'"code": "1", "legs": [{"\u0061t": "1998"}]',
    ],
)
def test_digits_are_no_date_wherever_they_stand_beside_others(fields):
    with pytest.raises(Rejected, match="should be a date"):
        OutputPlan.of(Trip).read(f"{{{fields}}}")


def test_digits_are_no_date_in_a_field_of_any_name():
    class Calendar(BaseModel):
        days: dict[str, dt.date]

    with pytest.raises(Rejected, match=r'- days\.first: should be a date, as 2024-05-06; you gave "20240506"'):
        OutputPlan.of(Calendar).read('{"days": {"first": "20240506"}}')


def test_digits_beside_a_date_stay_without_a_whole_check(monkeypatch):
    plan = OutputPlan.of(Event)
    plan.read('{"at": "2024-05-06T07:08:09"}')
    monkeypatch.setattr("agentkit.schema.stamp.json.loads", lambda *_, **__: pytest.fail("it was checked"))
    assert plan.read('{"at": "2024-05-06T07:08:09", "code": "20240506"}').code == "20240506"


def test_a_validator_may_read_digits_as_it_likes():
    class Compact(BaseModel):
        on: Annotated[dt.date, BeforeValidator(lambda text: f"{text[:4]}-{text[4:6]}-{text[6:]}")]

    assert OutputPlan.of(Compact).read('{"on": "20240506"}').on == dt.date(2024, 5, 6)


def test_digits_are_no_date_for_arguments_either():
    def plan(at: dt.datetime, days: int = 1): ...

    with pytest.raises(ArgumentError) as caught:
        read_signature(plan).validate('{"at": "1998"}')
    assert str(caught.value) == "Argument 'at' should be a date-time, as 2024-05-06T07:08:09Z, you sent \"1998\"."
