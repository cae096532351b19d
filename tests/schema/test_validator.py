"""Validated arguments: what is read as which type, and the words of refusals."""

# ruff: noqa: B006, B008, PLR0917 - odd signatures are the subject

import datetime as dt
import decimal
import enum
import functools
import ipaddress
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import AfterValidator, AliasChoices, BaseModel, Field, HttpUrl
from typing_extensions import TypedDict

from agentkit.schema import ArgumentError, read_signature


def reader(hint, **options):
    def f(x): ...

    f.__annotations__ = {"x": hint}
    signature = read_signature(f)
    return lambda text: signature.validate(f'{{"x": {text}}}', **options)["x"]


def refusal(read, text):
    with pytest.raises(ArgumentError) as caught:
        read(text)
    return str(caught.value)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


@dataclass
class Point:
    x: int


class Options(TypedDict, total=False):
    depth: int


class Pair(NamedTuple):
    left: int
    right: str


class Person(BaseModel):
    name: str
    age: int | None = None
    friends: list["Person"] = []


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (str, '"  a\\n"', "  a\n"),
        (int, "5", 5),
        (float, "1", 1.0),
        (bool, "true", True),
        (list, "[1, [2]]", [1, [2]]),
        (dict, '{"a": 1}', {"a": 1}),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict[int, str], '{"1": "a"}', {1: "a"}),
        (Any, "null", None),
        (int | None, "null", None),
        (int | str, '"5"', "5"),
        (Color, '"red"', Color.RED),
        (Level, "2", Level.HIGH),
        (Literal["a", 1, None], "null", None),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (tuple[int, ...], "[1, 2]", (1, 2)),
        (set[int], "[1, 2]", {1, 2}),
        (frozenset[str], '["a"]', frozenset("a")),
        (dt.date, '"2025-01-02"', dt.date(2025, 1, 2)),
        (dt.datetime, '"2025-01-02T03:04:05Z"', dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
        (dt.time, '"03:04"', dt.time(3, 4)),
        (dt.timedelta, '"PT90S"', dt.timedelta(seconds=90)),
        (decimal.Decimal, '"1.10"', decimal.Decimal("1.10")),
        (decimal.Decimal, "1.5", decimal.Decimal("1.5")),
        (uuid.UUID, '"12345678123456781234567812345678"', uuid.UUID("12345678123456781234567812345678")),
        (Path, '"a/b"', Path("a/b")),
        (ipaddress.IPv4Address, '"127.0.0.1"', ipaddress.IPv4Address("127.0.0.1")),
        (HttpUrl, '"http://a.b/"', HttpUrl("http://a.b/")),
        (bytes, '"ab"', b"ab"),
        (Point, '{"x": 1}', Point(1)),
        (Options, "{}", {}),
        (Pair, '[1, "a"]', Pair(1, "a")),
        (Person, '{"name": "A", "friends": [{"name": "B"}]}', Person(name="A", friends=[Person(name="B")])),
        (Annotated[int, AfterValidator(lambda value: value * 2)], "4", 8),
    ],
    ids=str,
)
def test_every_type_is_read_from_its_json_form(hint, text, value):
    read = reader(hint)(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (int, '"5"', 5),
        (int, '"-12"', -12),
        (int, "5.0", 5),
        (float, '"2.5"', 2.5),
        (float, '"5"', 5.0),
        (bool, '"true"', True),
        (bool, '"false"', False),
        (int | None, '"5"', 5),
        (int | bool, '"true"', True),
        (list[int], '[1, "2", 3]', [1, 2, 3]),
        (dict[str, float], '{"a": "0.5"}', {"a": 0.5}),
        (list[Person], '[{"name": "5", "age": "5"}]', [Person(name="5", age=5)]),
    ],
    ids=str,
)
def test_scalars_that_print_back_the_same_are_read_from_text(hint, text, value):
    read = reader(hint)(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("hint", "text", "said"),
    [
        (int, "true", "Argument 'x' should be a valid integer, you sent true."),
        (float, "false", "Argument 'x' should be a valid number, you sent false."),
        (int, '"05"', "Argument 'x' should be a valid integer, you sent \"05\"."),
        (int, '" 5"', "Argument 'x' should be a valid integer, you sent \" 5\"."),
        (int, '"1_000"', "Argument 'x' should be a valid integer, you sent \"1_000\"."),
        (int, '"2.5"', "Argument 'x' should be a valid integer, you sent \"2.5\"."),
        (int, "2.5", "Argument 'x' should be a valid integer, you sent 2.5."),
        (float, '"nan"', "Argument 'x' should be a valid number, you sent \"nan\"."),
        (bool, "1", "Argument 'x' should be a valid boolean, you sent 1."),
        (bool, '"yes"', "Argument 'x' should be a valid boolean, you sent \"yes\"."),
        (str, "5", "Argument 'x' should be a valid string, you sent 5."),
        (int, "null", "Argument 'x' should be a valid integer, you sent null."),
        (int | bool, '"x"', "Argument 'x' should be a valid integer or a valid boolean, you sent \"x\"."),
        (Literal["a", "b"], '"c"', "Argument 'x' should be 'a' or 'b', you sent \"c\"."),
        (Color, '"blue"', "Argument 'x' should be 'red', you sent \"blue\"."),
        (list[int], '[1, "x"]', "Argument 'x[1]' should be a valid integer, you sent \"x\"."),
        (list[int], '"[1]"', "Argument 'x' should be a valid array, you sent \"[1]\"."),
        (Person, "{}", "Argument 'x.name' is missing."),
        (Person, '"Ann"', "Argument 'x' should be an object, you sent \"Ann\"."),
        (
            Person,
            '{"name": "A", "friends": [{"name": 1}]}',
            "Argument 'x.friends[0].name' should be a valid string, you sent 1.",
        ),
        (Annotated[int, Field(ge=1)], "0", "Argument 'x' should be greater than or equal to 1, you sent 0."),
        (
            Annotated[str, Field(pattern="^a$")],
            '"b"',
            "Argument 'x': String should match pattern '^a$', you sent \"b\".",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_by_name_sight_and_expectation(hint, text, said):
    assert refusal(reader(hint), text) == said


def test_a_validators_own_words_reach_the_model():
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value

    assert refusal(reader(Annotated[int, AfterValidator(even)]), "3") == "Argument 'x': must be even, you sent 3."


def test_long_values_are_not_echoed_at_length():
    said = refusal(reader(int), f'"{"a" * 5000}"')
    assert said == f"Argument 'x' should be a valid integer, you sent \"{'a' * 199}… (5,002 characters)."


def test_many_complaints_are_counted():
    said = refusal(reader(list[int]), str(["a"] * 8).replace("'", '"'))
    assert said.count("should be a valid integer") == 5
    assert said.endswith(" 3 more are wrong.")


def test_unknown_arguments_are_refused_with_the_known_names():
    def f(city: str, unit: str = "c"): ...

    validate = read_signature(f).validate
    assert (
        refusal(validate, '{"town": "Oslo", "city": "x"}')
        == "There is no argument 'town'. The arguments are: city, unit."
    )
    assert refusal(validate, "{}") == "Argument 'city' is missing."
    assert refusal(read_signature(lambda: 1, name="f").validate, '{"a": 1}') == (
        "There is no argument 'a'. This tool takes no arguments."
    )


def test_open_keywords_take_unknown_arguments_typed_and_untyped():
    def typed(a: int, **more: int): ...

    def untyped(a: int, **more): ...

    assert read_signature(typed).validate('{"a": 1, "b": "2"}') == {"a": 1, "b": 2}
    assert read_signature(untyped).validate('{"a": 1, "b": [2]}') == {"a": 1, "b": [2]}
    assert refusal(read_signature(typed).validate, '{"a": 1, "b": "x"}') == (
        "Argument 'b' should be a valid integer, you sent \"x\"."
    )


def test_aliases_are_read_into_the_functions_own_names():
    def f(
        from_: Annotated[str, Field(alias="from")],
        to: Annotated[str, Field(validation_alias=AliasChoices("to", "target"))] = "x",
    ): ...

    signature = read_signature(f)
    assert list(signature.parameters["properties"]) == ["from", "to"]
    assert signature.validate('{"from": "a", "target": "b"}') == {"from_": "a", "to": "b"}
    assert refusal(signature.validate, '{"from_": "a"}') == "There is no argument 'from_'. The arguments are: from, to."


def test_defaults_are_left_to_the_function_and_falsy_ones_apply():
    def f(
        a: int = 0,
        b: str = "",
        c: list[int] = [],
        d: int | None = None,
        e: int = Field(7),
        g: list = Field(default_factory=list),
    ):
        return a, b, c, d, e, g

    values = read_signature(f).validate("{}")
    assert values == {"e": 7, "g": []}
    assert f(**values) == (0, "", [], None, 7, [])


def test_null_means_the_default_only_where_strict_mode_made_it_so():
    def f(a: int, b: int = 5, c: int | None = 6, d: Person | None = None): ...

    validate = functools.partial(read_signature(f).validate, null_means_default=True)
    assert validate('{"a": 1, "b": null, "c": null}') == {"a": 1, "c": None}
    assert validate('{"a": 1, "d": {"name": "A", "friends": null}}')["d"] == Person(name="A")
    assert refusal(validate, '{"a": null}') == "Argument 'a' is missing."
    assert refusal(read_signature(f).validate, '{"a": 1, "b": null}') == (
        "Argument 'b' should be a valid integer, you sent null."
    )


def test_arguments_that_were_fenced_or_hold_raw_line_breaks_are_validated_alike():
    assert reader(str)('"a\nb"') == "a\nb"
    assert read_signature(reader_of_int).validate('```json\n{"x": 5}\n```') == {"x": 5}
    assert read_signature(reader_of_int).validate(b'{"x": 5}') == {"x": 5}


def reader_of_int(x: int): ...


def test_the_validator_is_compiled_once_and_at_the_first_call(monkeypatch):
    from agentkit.schema import validator

    signature = read_signature(reader_of_int)
    made = []
    monkeypatch.setattr(validator, "arguments_type", lambda *args: made.append(args) or compiled(*args))
    compiled = __import__("agentkit.schema.annotation", fromlist=["x"]).arguments_type
    assert made == []
    assert [signature.validate('{"x": 1}'), signature.validate('{"x": 2}')] == [{"x": 1}, {"x": 2}]
    assert len(made) == 1


@pytest.mark.parametrize("hint", [Iterable[int], Iterable[int] | None])
def test_an_iterable_is_read_at_once_and_not_inside_the_function(hint):
    read = reader(hint)
    assert read('[1, "2"]') == [1, 2]
    assert refusal(read, '["x"]') == "Argument 'x[0]' should be a valid integer, you sent \"x\"."
