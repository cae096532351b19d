import json
from typing import Literal

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field

from agentkit.output import OutputPlan, OutputSpec, Rejected


class Item(BaseModel):
    name: str
    price: float = 1.5


class Loose(BaseModel):
    """All of it may be missing."""

    number: str = ""
    lines: list[Item] = []


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Renamed(BaseModel):
    held: dict[str, int] = Field(default={}, validation_alias=AliasChoices("kept", AliasPath("result", "x")))


class Call(BaseModel):
    name: str
    arguments: dict[str, int]


def read(type_, text):
    return OutputPlan.of(type_).read(text)


def rejected(type_, text):
    with pytest.raises(Rejected) as caught:
        read(type_, text)
    return caught.value.reason


LAMP = Item(name="lamp", price=20)
JSON = '{"name": "lamp", "price": 20}'


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{JSON}",
        f"```json\n{JSON}\n```",
        f"```\n{JSON}\n```",
        f"```json\n{JSON}",
        f"````md\n```json\n{JSON}\n```\n````",
        f"Sure! Here it is:\n\n{JSON}\n\nAnything else?",
        f'<think>Maybe {{"name": "no"}}? Yes.</think>\n{JSON}',
        f"<think>\nHm.\n</think>\n\n```json\n{JSON}\n```",
        f'So a lamp, as {{"name": "no"}}.\n</think>\n\n{JSON}',
        json.dumps(JSON),
        f"The template {{name}} and [1] filled: {JSON}",
        f"{JSON}\n{JSON}",
        f'{JSON}\n{{"Item": {JSON}}}',
        '{"name": "lamp",\r\n\t"price": 20.0}',
        '{"n\\u0061me": "lamp", "price": 2e1}',
    ],
    ids=[
        "BOM", "fence", "fence without a language", "open fence", "nested fences", "words around it", "thoughts",
        "thoughts and a fence", "thoughts that were not opened", "as a text", "braces in words", "twice",
        "wrapped once", "white space", "escapes",
    ],
)  # fmt: skip
def test_the_value_is_read_out_of_what_stands_around_it(text):
    assert read(Item, text) == LAMP


@pytest.mark.parametrize("name", ["}{", "[", '"', "\\", "</think>{", "```", "é\u2028😀", "a\tb\nc", "null", "{'a': 1}"])
def test_what_stands_in_a_string_is_no_structure(name):
    for text in (json.dumps({"name": name}), json.dumps({"name": name}, ensure_ascii=False)):
        assert read(Item, text) == read(Item, f"So:\n```json\n{text}\n```") == Item(name=name)


def test_control_characters_in_a_string_are_kept():
    assert read(Item, '{"name": "a\tb\nc\x00"}') == Item(name="a\tb\nc\x00")


@pytest.mark.parametrize(
    "text",
    [
        f'{{"Item": {JSON}}}',
        f'{{"item": {JSON}}}',
        f'{{"result": {JSON}}}',
        f'{{"parameters": {JSON}}}',
        f'{{"response": {json.dumps(JSON)}}}',
        f'{{"final_result": {JSON}}}',
        f'{{"name": "final_result", "arguments": {JSON}}}',
        f'{{"name": "final_result", "arguments": {json.dumps(JSON)}}}',
        f'{{"type": "function", "name": "Item", "parameters": {JSON}}}',
        f'I call ```json\n{{"name": "final_result", "arguments": {JSON}}}\n```',
    ],
)
def test_a_value_that_an_object_plainly_wraps_is_taken_out(text):
    assert read(Item, text) == LAMP


def test_a_wrapped_value_of_a_list_or_a_word_is_taken_out():
    assert read(list[Item], f'{{"result": [{JSON}]}}') == [LAMP]
    assert read(list[Item], f'{{"name": "final_result", "arguments": {{"response": [{JSON}]}}}}') == [LAMP]
    assert read(Literal["yes", "no"], '{"answer": "yes"}') == "yes"
    assert read({"type": "object", "title": "Bill", "required": ["a"]}, '{"bill": {"a": 1}}') == {"a": 1}


def test_where_all_may_be_missing_the_wrapping_is_not_read_as_nothing():
    assert read(Loose, '{"Loose": {"number": "7"}}') == Loose(number="7")
    assert read(Loose, "{}") == Loose()
    assert "\n- number: should be string; you gave 7\n" in rejected(Loose, '{"Loose": {"number": 7}}')


@pytest.mark.parametrize(
    "text",
    [
        '{"response": {"result": {"number": "7"}}}',
        '{"name": "final_result", "arguments": {"response": {"number": "7"}}}',
        '{"name": "final_result", "arguments": {"Loose": "{\\"number\\": \\"7\\"}"}}',
    ],
)
def test_a_value_that_is_wrapped_twice_is_taken_out(text):
    assert read(Loose, text) == Loose(number="7")


def test_an_object_of_which_nothing_would_be_read_is_refused():
    assert rejected(Loose, '{"invoice": {"number": "7"}}') == (
        "Your answer does not fit the schema:\n"
        '- the whole: should have some of the keys number, lines; you gave {"invoice": {"number": "7"}}\n'
        "Answer again with one complete JSON object that fits the schema."
    )
    assert read(Loose, '{"number": null}') == Loose()


@pytest.mark.parametrize("type_", [Item, Loose, list[Item], Item | str, Item | None])
@pytest.mark.parametrize("mode", ["native", "tool"])
def test_a_schema_that_comes_back_is_told_as_such(type_, mode):
    plan = OutputPlan.of(type_)
    asked = plan.ask(mode)
    made = (
        asked.tools[0].function.parameters if asked.tools else asked.response_format.json_schema.model_dump()["schema"]
    )
    echo = json.dumps(made)
    keys = ", ".join(made["properties"])
    for text in (echo,) if type_ == Item | str else (echo, f"```json\n{echo}\n```"):
        with pytest.raises(Rejected) as caught:
            plan.read(text)
        assert caught.value.reason == f"You sent the schema back. Send values: one JSON object with the keys {keys}."


def test_a_schema_that_is_wanted_is_no_echo():
    class Described(BaseModel):
        type: str
        properties: dict[str, dict[str, str]]

    text = '{"type": "object", "properties": {"type": {"type": "string"}, "properties": {"type": "object"}}}'
    assert read(Described, text).type == "object"
    assert read({"type": "object"}, text)["type"] == "object"
    assert read(Item, f"By {json.dumps(OutputPlan.of(Item).schema)} it is {JSON}") == LAMP


def test_a_thought_that_breaks_off_json_is_passed_over():
    assert read(Item, 'Perhaps {"name": "la\n</think>\n' + JSON) == LAMP
    assert rejected(Item, "Hm.</think>") == (
        "You answered with nothing. Answer again with one complete JSON object that fits the schema."
    )


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Call, '{"name": "final_result", "arguments": {"a": 1}}', Call(name="final_result", arguments={"a": 1})),
        (Renamed, '{"result": {"x": {"a": 1}}}', Renamed(kept={"a": 1})),
        (dict[str, Item], f'{{"result": {JSON}}}', {"result": LAMP}),
        (Open, '{"result": {"a": 1}}', Open(result={"a": 1})),
        ({"type": "object"}, '{"result": {"a": 1}}', {"result": {"a": 1}}),
        (Item, '{"name": "lamp", "arguments": {"name": "x"}}', Item(name="lamp")),
    ],
    ids=[
        "fields of the type",
        "a spelling of a field",
        "a map",
        "an open model",
        "an open schema",
        "of another name",
    ],
)
def test_what_fits_as_it_stands_is_read_as_it_stands(type_, text, value):
    assert read(type_, text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f'{{"error": {JSON}}}', "name: is missing"),
        ('{"Item": {"price": 1}}', "name: is missing"),
        ('{"Item": {"name": 5}}', "name: should be string; you gave 5"),
        (f'{{"Item": {JSON}, "more": 1}}', "name: is missing"),
        ('{"name": "final_result", "arguments": {"price": "x"}}', "name: is missing"),
        ('{"name": "final_result", "input": 5}', "the whole: should be object; you gave 5"),
        ('{"name": "final_result", "arguments": null}', "the whole: should be object; you gave null"),
    ],
)
def test_what_is_not_plainly_wrapped_is_no_guess(text, told):
    assert f"\n- {told}\n" in rejected(Item, text)


def test_a_source_that_is_cited_is_no_value():
    assert read(list[int], "By [1] and table[2] it is: [3, 4]") == [3, 4]
    assert rejected(list[int], "By [1] nothing is known.").startswith("Your answer holds no JSON.")
    assert read(list[int], "So:\n[5]\nThat is all.") == read(list[int], "```\n[5]\n```") == [5]


def test_json_of_python_is_told_and_not_read():
    assert rejected(Item, "{'name': 'lamp'}") == (
        "The JSON of your answer is not complete or not valid: a single quote, where JSON has double ones, at "
        "character 1. Answer again with one complete JSON object that fits the schema."
    )


def test_what_nests_too_deep_is_told_in_our_words():
    for text in ('{"name":' * 500 + "1" + "}" * 500, "So: " + '{"name":' * 100_000):
        assert rejected(Item, text) == (
            "The JSON of your answer is not complete or not valid: it nests deeper than 100 levels. "
            "Answer again with one complete JSON object that fits the schema."
        )


def test_a_tool_of_another_name_is_known_by_it():
    plan = OutputPlan.of(OutputSpec(Item, "tool", name="bill"))

    assert plan.read(f'{{"name": "bill", "arguments": {JSON}}}') == LAMP


def test_a_text_of_thousands_of_pieces_is_not_searched():
    pieces = " and ".join(f'{{"name": "{number}"}}' for number in range(1001))
    assert rejected(Item, pieces).startswith("Your answer holds 1,001 separate pieces of JSON.")
