"""Texts made fit for a terminal."""

import json

from hypothesis import given
from hypothesis import strategies as st

from agentkit.cli.text import call_text, clean, json_text, one_line


def test_control_characters_are_removed_and_newlines_and_tabs_stay():
    assert clean("a\x1b[31mb\x07\x00c\rd\x7fe\x9b2Jf\ng\th") == "a[31mbcde2Jf\ng\th"


def test_marks_that_reorder_text_are_removed():
    marks = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    assert clean(f"user{marks}txt.exe") == "usertxt.exe"


def test_separators_of_lines_and_lone_surrogates_are_removed():
    assert clean("a\u2028b\u2029c\ud800d") == "abcd"


def test_letters_of_every_script_and_joined_emoji_stay():
    text = "Zürich, 北京, القاهرة, दिल्ली, 👩‍💻, 🏴󠁧󠁢󠁥󠁮󠁧󠁿"  # the letters are the subject
    assert clean(text) == text


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text):
    assert clean(clean(text)) == clean(text)


def test_one_line_joins_lines_and_cuts():
    assert one_line("a\n  b\x1b\tc") == "a b c"
    assert one_line("x" * 300) == "x" * 200 + "..."
    assert one_line("x" * 300, None) == "x" * 300


def test_json_escapes_what_a_terminal_must_not_get_and_loses_nothing():
    value = {"text": "a\x1b\x9b\u202eb\ud800", "city": "北京"}
    shown = json_text(value)
    assert shown == '{"text":"a\\u001b\\u009b\\u202eb\\ud800","city":"北京"}'
    assert json.loads(shown) == value


def test_json_is_indented_when_asked():
    assert json_text({"a": [1]}, indent=2) == '{\n  "a": [\n    1\n  ]\n}'


def test_json_shows_what_json_has_not_by_its_text():
    assert json_text({"a": object}) == """{"a":"<class 'object'>"}"""


def test_a_call_is_written_as_a_call():
    assert call_text("get_weather", {"city": "Oslo", "days": 2}) == 'get_weather(city="Oslo", days=2)'
    assert call_text("get_weather", '{"city": "Oslo"}') == 'get_weather(city="Oslo")'
    assert call_text("now", "") == "now()"


def test_arguments_that_are_no_object_stand_as_they_came():
    assert call_text("now", '{"city": "Os') == 'now({"city": "Os)'
    assert call_text("now", "[1]\x1b") == "now([1])"
