"""Partial values of a growing text: never more than came, never what the end contradicts, in the end the same."""

import json
import string
from datetime import date
from enum import Enum
from itertools import pairwise
from typing import Annotated, Any, Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, create_model
from pydantic_core import to_json

from agentkit.errors import ConfigurationError
from agentkit.output import ElementReader, OutputPlan, OutputSpec, PartialReader


class Item(BaseModel):
    name: str
    price: float = Field(ge=0)


class Order(BaseModel):
    customer: str
    items: list[Item]
    state: Literal["open", "opened"] | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Fish(BaseModel):
    fins: int
    name: str = ""


def values(type_, text, step=1, *, reader=PartialReader):
    one = reader(type_)
    seen = []
    for start in range(0, len(text), step):
        one.feed(text[start : start + step])
        seen += one.read()
    return seen + one.read(ended=True)


def shown(type_, text):
    return [
        value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value for value in values(type_, text)
    ]


def test_a_model_grows_and_a_cut_number_or_literal_is_never_shown():
    text = '{"customer": "Al", "items": [{"name": "x", "price": 1.5}], "state": "opened"}'
    assert shown(Order, text) == [
        {},
        {"customer": ""},
        {"customer": "A"},
        {"customer": "Al"},
        {"customer": "Al", "items": []},
        {"customer": "Al", "items": [{}]},
        {"customer": "Al", "items": [{"name": ""}]},
        {"customer": "Al", "items": [{"name": "x"}]},
        {"customer": "Al", "items": [{"name": "x", "price": 1.5}]},
        {"customer": "Al", "items": [{"name": "x", "price": 1.5}], "state": "opened"},
    ]


def test_text_is_shown_as_far_as_it_came():
    assert values(str, "One two", 3) == ["One", "One tw", "One two"]


@pytest.mark.parametrize("text", ['{"response": [1, 23]}', "[1, 23]", "Here:\n```json\n[1, 23]\n```"])
def test_a_value_that_was_wrapped_or_fenced_is_found(text):
    assert values(list[int], text) == [[], [1], [1, 23]]


@pytest.mark.parametrize("type_", [Order, list[Item], int, int | None, dict[str, int], Cat | Dog, Any])
def test_white_space_may_come_first(type_):
    reader = PartialReader(type_)
    seen = []
    for piece in ("\n", "  \n\n", "\t", "{", " \n ", "\n"):
        reader.feed(piece)
        seen += reader.read()
    assert len(seen) <= 1  # an object that has begun
    wrapped = OutputPlan.of(type_).is_wrapped
    whole = {
        Order: {"customer": "A"},
        list[Item]: [{"name": "x"}],
        int: 12,
        int | None: 7,
        dict[str, int]: {"a": 1},
        Cat | Dog: {"kind": "cat", "lives": 9},
        Any: {"a": 1},
    }[type_]
    rest = json.dumps({"response": whole} if wrapped else whole)[1:]
    reader.feed(rest)
    (value,) = reader.read(ended=True)
    assert TypeAdapter(Any).dump_python(value, mode="json", exclude_none=True) == whole


class Address(BaseModel):
    street: str | None = None
    country: "Country | None" = None


class Country(BaseModel):
    code: str | None = None
    size: int | None = None


class Owner(BaseModel):
    name: str
    address: Address | None = None


def test_parts_of_parts_that_may_be_left_out_are_none_until_they_are_there():
    text = '{"name": "A", "address": {"street": "B", "country": {"code": "NO", "size": 38}}}'
    seen = values(Owner, text)
    assert [type(value).__name__ for value in seen if type(value).__name__ != "PartialOwner"] == []
    begun = next(value for value in seen if value.address)
    assert (begun.address.street, begun.address.country) == (None, None)
    inner = [value.address.country for value in seen if value.address and value.address.country]
    assert [(one.code, one.size) for one in inner] == [(None, None), ("", None), ("N", None), ("NO", None), ("NO", 38)]
    assert values(Owner, '{"name": "A", "address": null}')[-1].address is None


class Color(Enum):
    RED = "red"
    REDDISH = "reddish"


WHOLE_ONLY = [
    (Literal["a", "ab"], '"ab"', "ab"),
    (Literal["a", "ab"] | None, '"ab"', "ab"),
    (Color, '"reddish"', Color.REDDISH),
    (date, '"2026-04-02"', date(2026, 4, 2)),
    (bool, "true", True),
    (int, "1234", 1234),
    (int, "-1234", -1234),
    (float, "1.5", 1.5),
    (float, "15e-1", 1.5),
    (Literal[1, 12], "12", 12),
    (set[str], '["ab", "abc"]', {"ab", "abc"}),
]


@pytest.mark.parametrize(("type_", "written", "value"), WHOLE_ONLY, ids=str)
def test_what_a_beginning_would_say_wrongly_is_shown_once_it_is_whole(type_, written, value):
    assert values(type_, f'{{"response": {written}}}') == [value]
    assert values(create_model("Holder", it=(type_, ...)), f'{{"it": {written} }}')[-1].it == value
    assert {repr(one.it) for one in values(create_model("Holder", it=(type_, ...)), f'{{"it": {written}')} <= {
        "None",
        repr(value),
    }


def test_a_fenced_value_grows_as_a_bare_one_does():
    bare = '{"customer": "Al", "items": [{"name": "x", "price": 1.5}], "state": "opened"}'
    for text in (
        f"```json\n{bare}\n```",
        f"```\n{bare}\n```",
        f"Here it is:\n\n```json\n{bare}\n```\nDone.",
        f"Well, {bare}",
    ):
        assert shown(Order, text) == shown(Order, bare)


ONE = '{"name": "x", "price": 1.5}'
TWO = f"[{ONE}, {ONE}]"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ONE),
        f'{{"Item": {ONE}}}',
        f'{{"name": "final_result", "arguments": {ONE}}}',
        f'Not {{"name": 1}} but {ONE}',
        f'Perhaps {{"name": "y"}}?</think>{ONE}',
    ],
)
def test_the_last_value_is_the_one_that_the_text_is_read_as_wherever_it_stood(text):
    assert OutputPlan.of(Item).read(text) == Item(name="x", price=1.5)
    assert values(Item, text, 3)[-1].model_dump() == {"name": "x", "price": 1.5}


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is: {TWO}",
        f"Both [of them]:\n{TWO}",
        json.dumps(TWO),
        f'{{"response": {json.dumps(TWO)}}}',
        f'{{"answer": {TWO}}}',
    ],
)
def test_elements_come_at_the_end_where_words_hid_them(text):
    item = Item(name="x", price=1.5)
    assert OutputPlan.of(list[Item]).read(text) == [item, item]
    assert values(list[Item], text, 3, reader=ElementReader) == [item, item]
    assert [one.model_dump() for one in values(list[Item], text, 3)[-1]] == [item.model_dump()] * 2


def test_what_ends_twice_gives_nothing_more():
    for reader in (PartialReader(list[int]), ElementReader(list[int])):
        reader.feed("Here: [1, 2]")
        assert (len(reader.read(ended=True)) > 0, reader.read(ended=True)) == (True, [])


def test_a_word_and_a_number_that_stand_alone_are_given_at_the_end():
    assert values(Color, "reddish") == [Color.REDDISH]
    assert values(int, "12") == [12]


@pytest.mark.parametrize(
    "text", [r'{"na\x": 1, "name": "b"}', r'{"a\u12": 1}', r'{"response\x": [1]}', r'{"kind": "do\g"}']
)
@pytest.mark.parametrize("type_", [Item, list[Item], Cat | Dog, dict[str, int]])
def test_escapes_that_are_none_are_no_error_of_the_reader(text, type_):
    assert len(values(type_, text)) <= 1  # an object that has begun


def test_what_nests_deeper_than_is_read_is_shown_no_further():
    assert len(json.dumps(values(list, "[" * 5_000)[-1])) == 200
    assert values(list, "[" * 5_000, reader=ElementReader) == []


@pytest.mark.parametrize("name", ["response", "r" * 50, "r" * 51, '\\"' * 60])
def test_a_first_name_of_any_length_is_told_from_the_wrapping(name):
    text = f'{{"{name}": [1, 2]}}'
    assert values(dict[str, list[int]] | list[int], text)[-1] == (
        [1, 2] if name == "response" else {json.loads(f'"{name}"'): [1, 2]}
    )


def test_braces_among_words_are_no_beginning():
    assert shown(Item, 'The set {a, b} and {"name": "x"}') == [{}, {"name": ""}, {"name": "x"}]
    assert shown(Item, '{note} {"name": "x"}')[-1] == {"name": "x"}


def test_a_number_in_the_place_of_the_whole_waits_for_its_delimiter():
    assert values(int, '{"response": 123}') == [123]
    assert values(list[int], f'{{"response": [ \n{" " * 9} 12{" " * 9}]}}', 4) == [[], [12]]
    assert values(int, '{"response": 12') == []  # what ends here may have been cut


def test_a_bare_object_is_read_where_it_was_asked_for_wrapped():
    assert [v.model_dump() for v in values(Cat | None, '{"kind": "cat", "lives": 9}')][-1] == {
        "kind": "cat",
        "lives": 9,
    }


def test_a_union_is_withheld_until_its_kind_is_known():
    text = '{"response": {"name": "Rex", "kind": "dog"}}'
    (value,) = values(Cat | Dog, text)
    assert repr(value) == "PartialDog(kind='dog', name='Rex')"
    first, *_, last = values(list[Cat | Dog], '{"response": [{"kind": "cat", "lives": 9}, {"kind": "do')
    assert (first, [one.lives for one in last]) == ([], [9])


def test_a_union_that_nothing_tells_apart_is_shown_whole():
    assert values(Dog | Fish, '{"response": {"fins": 2, "name": "Nemo"}}') == [Fish(fins=2, name="Nemo")]


def test_text_beside_a_type_is_withheld_for_json_may_come():
    assert values(Order | str, "I do not know.") == []


def test_a_raw_schema_and_a_function_give_the_json_so_far():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert values(schema, '{"a": "xy"}', 8) == [{"a": "x"}, {"a": "xy"}]

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    assert values(add, '{"a": 1, "b": 2}')[-1] == {"a": 1, "b": 2}


def test_equal_values_come_once():
    text = '{"customer": "A", "unknown": 1, "more": [1, 2, 3], "items": "no"}'
    assert shown(Order, text) == [{}, {"customer": ""}, {"customer": "A"}]


def test_line_breaks_in_strings_are_read():
    assert values(Item, '{"name": "a\nb"}')[-1].name == "a\nb"


def test_a_value_that_is_changed_does_not_leak_into_later_ones():
    reader = PartialReader(Order)
    reader.feed('{"customer": "A", "items": [{"name": "x"}, ')
    (first,) = reader.read()
    first.items[0].name = "changed"
    first.items.clear()
    first.customer = None
    reader.feed('{"name": "y"}')
    (second,) = reader.read()
    assert (second.customer, [one.name for one in second.items]) == ("A", ["x", "y"])


@pytest.mark.parametrize("type_", [dict[str, list[int]], Any, {"type": "object"}, list[dict[str, list[int]]]])
def test_maps_and_lists_that_are_changed_do_not_leak_either(type_):
    wrapped = OutputPlan.of(type_).is_wrapped
    reader = PartialReader(type_)
    reader.feed('{"response": ' if wrapped else "")
    reader.feed('[{"a": [1, 2], ' if type_ == list[dict[str, list[int]]] else '{"a": [1, 2], ')
    (first,) = reader.read()
    holder = first[0] if isinstance(first, list) else first
    holder["a"].clear()
    holder.clear()
    reader.feed('"b": [3], ')
    (second,) = reader.read()
    assert (second[0] if isinstance(second, list) else second) == {"a": [1, 2], "b": [3]}


def test_another_attempt_begins_anew():
    reader = PartialReader(Item)
    reader.feed('{"name": "x"')
    reader.read()
    reader.restart()
    assert reader.read() == []
    reader.feed('{"name": "y"')
    assert [value.name for value in reader.read()] == ["y"]


def test_a_value_that_equals_the_last_one_of_another_attempt_comes_only_where_that_was_taken_away():
    reader = PartialReader(Item)
    seen = []
    for cleared in (True, False, True):
        reader.restart(cleared=cleared)
        reader.feed('{"name": "x"')
        seen.append(len(reader.read()))
    assert seen == [1, 0, 1]


def test_one_value_comes_for_each_read_and_above_64_kb_for_each_2_percent():
    text = json.dumps({"response": [{"name": f"name {n}", "price": n / 4} for n in range(6_000)]})
    reader = PartialReader(list[Item])
    sizes = []
    for start in range(0, len(text), 1000):
        reader.feed(text[start : start + 1000])
        sizes += [start + 1000] * len(reader.read())
    (last,) = reader.read(ended=True)
    assert len(last) == 6_000
    assert len([size for size in sizes if size <= 64 * 1024]) == 65
    late = [size for size in sizes if size > 64 * 1024]
    assert all(after >= before * 1.02 for before, after in pairwise(late))
    assert 40 < len(late) < 70


def test_text_that_is_no_json_gives_nothing():
    assert values(Order, "Sorry, I cannot do that.") == []
    assert shown(Order, '{"customer": oops}') == [{}]


def test_elements_come_once_each_when_they_are_finished_and_valid():
    text = '{"response": [{"name": "a", "price": 1}, {"name": "b", "price": -1}, {"name": "c", "price": 3}]}'
    reader = ElementReader(list[Item])
    seen = []
    for end, char in enumerate(text, 1):
        reader.feed(char)
        seen += [(text[:end][-1], item.name, type(item)) for item in reader.read()]
    assert seen == [("}", "a", Item), ("}", "c", Item)]
    assert reader.read(ended=True) == []


def test_elements_of_numbers_wait_for_their_delimiter():
    assert values(list[int], "[1, 23, 456]", reader=ElementReader) == [1, 23, 456]


def test_elements_of_a_schema_are_read():
    schema = {"type": "array", "items": {"type": "object", "required": ["a"]}}
    assert values(schema, '{"response": [{"a": 1}, {}]}', reader=ElementReader) == [{"a": 1}]


def test_an_element_that_another_attempt_repeats_is_not_given_again():
    reader = ElementReader(OutputSpec(list[int]))
    reader.feed("[1, 2, 3]")
    assert reader.read() == [1, 2, 3]
    reader.restart()
    reader.feed("[1, 5, 3, 4]")
    assert reader.read() == [5, 4]
    reader.restart(cleared=True)
    reader.feed("[1, 5]")
    assert reader.read() == [1, 5]


@pytest.mark.parametrize(("output", "name"), [(str, "str"), (Item, "Item"), ({"type": "object"}, "{'type': 'object'}")])
def test_elements_of_no_list_are_an_error(output, name):
    with pytest.raises(ConfigurationError) as caught:
        ElementReader(output)
    assert str(caught.value) == (
        f"Elements were asked for of {name}, which is no list. "
        "Give the agent `output=list[...]`, or read `stream.partials()`."
    )


def test_half_a_surrogate_pair_is_no_error_of_the_reader():
    assert values(str, "a\ud83d")[-1] == "a\ud83d"
    assert shown(Any, r'{"a": "x\ud83d", "b": 1}')[-1] == {"a": "x\ud83d", "b": 1}


class Trimmed(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)
    name: str = ""
    code: Annotated[str, StringConstraints(to_upper=True)] = ""
    key: Annotated[str, AfterValidator(str.title)] | None = None
    word: Annotated[str, Field(min_length=3)] = ""


def test_a_text_that_is_changed_when_it_is_read_is_shown_as_it_will_be():
    seen = shown(Trimmed, '{"name": "  A b ", "code": "ab", "key": "cd", "word": "efg"}')
    assert seen[-1] == {"name": "A b", "code": "AB", "key": "Cd", "word": "efg"}
    assert [one["name"] for one in seen if "name" in one][:4] == ["", "A", "A b", "A b"]
    assert {one.get("code") for one in seen} == {None, "AB"}
    assert {one.get("key") for one in seen} == {None, "Cd"}
    assert {one.get("word") for one in seen} == {None, "", "e", "ef", "efg"}


def test_a_validator_that_raises_what_it_should_not_ends_no_reader():
    def fail(_value):
        raise RuntimeError("boom")

    failing = Annotated[int, AfterValidator(fail)]
    assert values(failing, '{"response": 1}') == []
    assert values(list[failing], "[1, 2]", reader=ElementReader) == []


def test_parts_of_a_partial_value_can_be_written_by_themselves():
    value = values(Order, '{"items": [{"name": "x"')[-1]
    assert to_json(value.items[0]) == b'{"name":"x","price":null}'


SCALARS = [
    (int, st.integers(-(10**6), 10**6)),
    (float, st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))),
    (bool, st.booleans()),
    (str, st.text(max_size=6)),
    (date, st.dates().map(str)),
    (Literal["a", "ab", "abc"], st.sampled_from(["a", "ab", "abc"])),
    (int | str | None, st.one_of(st.integers(), st.text(max_size=3), st.none())),
    (Any, st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))),
]


def grow(inner):
    """A type with a strategy of its JSON, from such ones of its parts."""
    lists = inner.map(lambda one: (list[one[0]], st.lists(one[1], max_size=3)))
    maps = inner.map(lambda one: (dict[str, one[0]], st.dictionaries(st.text(max_size=3), one[1], max_size=3)))
    pairs = st.tuples(inner, inner).map(lambda two: (tuple[two[0][0], two[1][0]], st.tuples(two[0][1], two[1][1])))
    models = st.lists(inner, min_size=1, max_size=3).map(
        lambda many: (
            create_model("Made", **{string.ascii_letters[n]: (one[0], ...) for n, one in enumerate(many)}),
            st.fixed_dictionaries({string.ascii_letters[n]: one[1] for n, one in enumerate(many)}),
        )
    )
    options = inner.map(lambda one: (one[0] | None, st.one_of(st.none(), one[1])))
    return st.one_of(lists, maps, pairs, models, options)


TYPES = st.recursive(st.sampled_from(SCALARS), grow, max_leaves=5)


def agrees(part, whole):
    """A partial value says nothing that the whole contradicts: texts and lists are beginnings, all else is the same."""
    if part is None:
        return True
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and agrees(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(agrees, part, whole))
    return type(part) is type(whole) and part == whole


@settings(max_examples=150, deadline=None)
@given(TYPES, st.data(), st.booleans(), st.booleans())
def test_no_cut_of_any_value_shows_what_the_end_contradicts(one, data, ascii_only, spaced):
    type_, strategy = one
    value = data.draw(strategy)
    wrapped = json.dumps({"response": value}, ensure_ascii=ascii_only, indent=1 if spaced else None)
    plan = OutputPlan.of(type_)
    assume(not plan.is_text)
    text = wrapped if plan.is_wrapped else json.dumps(value, ensure_ascii=ascii_only)
    adapter = TypeAdapter(type_)
    whole = adapter.dump_python(adapter.validate_json(json.dumps(value)), mode="json")
    parts = [TypeAdapter(Any).dump_python(part, mode="json") for part in values(type_, text)]
    assert all(agrees(part, whole) for part in parts)
    assert all(before != after for before, after in pairwise(parts))
    if value is not None:
        assert parts[-1] == whole
