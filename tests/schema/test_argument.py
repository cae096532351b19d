"""From a model's text to a dict: what is read, and what is refused in which words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.schema import ArgumentError, read_object


def refusal(text):
    with pytest.raises(ArgumentError) as caught:
        read_object(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "  \n", "null", "{}", '"{}"', '""', "```json\n```", '"null"'])
def test_nothing_means_no_arguments(text):
    assert read_object(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        ' \ufeff{"a": 1}\n',
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}\n```',
        '```{"a": 1}```',
        '```json {"a": 1} ```',
        r'"{\"a\": 1}"',
        '```json\n"{\\"a\\": 1}"\n```',
    ],
)
def test_one_fence_and_one_double_encoding_are_unwrapped(text):
    assert read_object(text) == {"a": 1}


def test_whitespace_and_line_breaks_in_strings_are_preserved():
    assert read_object('{"a": "  x\n\ty  ", "b": "\\n "}') == {"a": "  x\n\ty  ", "b": "\n "}
    assert read_object('{"a": "``` {} ```"}') == {"a": "``` {} ```"}


def test_large_integers_keep_every_digit():
    assert read_object('{"a": 12345678901234567890123}') == {"a": 12345678901234567890123}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "x',
        '{"a": 1',
        '{"a": 1,',
        '{"a":',
        '{"a',
        "{",
        '{"a": tr',
        '{"a": [1, {"b": 2}',
        '{"a": "\\u00',
        '{"a": 1.',
        '{"a": -',
    ],
)
def test_cut_json_is_never_completed(text):
    assert refusal(text) == f"Your arguments are cut off after {text!r}. Send the whole JSON object."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "Your arguments are a JSON array, not an object. Send one JSON object with the arguments by name."),
        ("5", "Your arguments are a JSON number, not an object. Send one JSON object with the arguments by name."),
        (
            "```5```",
            "Your arguments are a JSON number, not an object. Send one JSON object with the arguments by name.",
        ),
        ("true", "Your arguments are a JSON boolean, not an object. Send one JSON object with the arguments by name."),
        (
            r'"\"\\\"{}\\\"\""',
            "Your arguments are a JSON string, not an object. Send one JSON object with the arguments by name.",
        ),
        (
            '{"a": 1} and so on',
            "Your arguments go on after their end: 'and so on'. Send one JSON object and nothing else.",
        ),
        ('{"a": 1}\n{"a": 2}', "You sent several JSON objects. Send one object in each call."),
        ('{"a": 1, "a": 1}', "Your arguments name 'a' twice. Send each name once."),
        ('{"o": [{"b": 1, "\\u0062": 2}]}', "Your arguments name 'b' twice. Send each name once."),
        ('{"a": NaN}', "NaN is no JSON number. Send a number or null."),
        ('{"a": [-Infinity]}', "-Infinity is no JSON number. Send a number or null."),
        ('{"a": 1e999}', "The number 1e999 is too large. Send a smaller one."),
        ('{"a": ' + "9" * 5000 + "}", "Your arguments hold a number with too many digits. Send a shorter one."),
        (
            '{"a": "\\ud83d"}',
            "Your arguments hold half of a surrogate pair (\\ud800 to \\udfff), which is no text. Send both halves.",
        ),
        (
            "city=Oslo",
            (
                "Your arguments are no valid JSON: Expecting value at character 0, before 'city=Oslo'. "
                "Send one JSON object."
            ),
        ),
        ('{"a": ' * 65 + "1" + "}" * 65, "Your arguments are nested deeper than 64 levels. Send something flatter."),
        ("[" * 100_000 + "]" * 100_000, "Your arguments are nested deeper than 64 levels. Send something flatter."),
    ],
    ids=lambda value: value[:30],
)
def test_damaged_or_ambiguous_arguments_are_refused_in_words(text, said):
    assert refusal(text) == said


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), st.booleans())
def test_every_whole_object_is_read_and_no_beginning_of_one(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert read_object(text) == read_object(json.dumps(text)) == read_object(f"```json\n{text}\n```") == value
    for end in range(1, len(text)):
        assert "are cut off after" in refusal(text[:end])


def test_nesting_of_64_levels_is_read():
    assert read_object('{"a": ' * 64 + "1" + "}" * 64)


def test_long_rests_are_not_echoed():
    assert refusal('{"a": 1}' + "x" * 5000).endswith("x… (5,000 characters)'. Send one JSON object and nothing else.")


def test_surrogate_pairs_are_one_character():
    assert read_object('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}
