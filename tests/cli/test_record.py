"""A line or a text becomes an input, or a fault that says what to do."""

import json

import pytest

from agentkit.cli.record import Item, line_item, text_item


def read(line, field="text"):
    return line_item(line if isinstance(line, bytes) else line.encode(), 7, "docs.jsonl", field)


def test_a_json_text_is_an_input_named_by_its_line():
    assert read('"Pay 5"\r') == Item(7, "docs.jsonl, line 7", "Pay 5")


def test_an_object_gives_its_text_and_keeps_its_id():
    assert read('{"id": "a-1", "text": "Pay 5"}') == Item("a-1", "docs.jsonl, line 7", "Pay 5")
    assert read('{"id": 0, "text": "Pay 5"}').id == 0
    assert read('{"id": null, "text": "Pay 5"}').id == 7


def test_a_field_is_reached_by_dots_and_by_a_name_that_has_dots():
    assert read('{"mail": {"body": "Pay 5"}}', "mail.body").prompt == "Pay 5"
    assert read('{"mail.body": "Pay 6", "mail": {"body": "Pay 5"}}', "mail.body").prompt == "Pay 6"


def test_a_line_without_a_field_is_plain_text():
    assert read("{not json}", None) == Item(7, "docs.jsonl, line 7", "{not json}")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            "{broken",
            (
                "The line is no JSON: Expecting property name enclosed in double quotes at column 2. Write a JSON "
                "string or an object with 'text' on each line; lines of plain text are read from stdin, --in -."
            ),
        ),
        (
            "[" * 100_000,
            (
                "The line is no JSON: nested too deep. Write a JSON string or an object with 'text' on each line; "
                "lines of plain text are read from stdin, --in -."
            ),
        ),
        (
            '{"id": NaN, "text": "a"}',
            (
                "The line is no JSON: NaN is no value of JSON. Write a JSON string or an object with 'text' on each "
                "line; lines of plain text are read from stdin, --in -."
            ),
        ),
        (b'"\xff"', "The line is not UTF-8 (byte 2). Convert the file to UTF-8."),
        ("5", "The line is a number. Write a JSON string or an object with 'text'."),
        ("true", "The line is true. Write a JSON string or an object with 'text'."),
        ("[1]", "The line is a list. Write a JSON string or an object with 'text'."),
        ('" "', "The line has no text."),
        ('{"text": ""}', "The field 'text' has no text."),
        (
            '{"id": 3, "body": "x"}',
            "The field 'text' is missing; there is 'id', 'body'. Name the field that holds a text: --field NAME.",
        ),
        ('{"text": {"a": 1}}', "The field 'text' is an object. Name the field that holds a text: --field NAME."),
        ('{"text": "a\\ud800"}', "The field 'text' is not Unicode (character 2). Convert it to UTF-8."),
    ],
)
def test_what_cannot_be_read_says_why(line, fault):
    item = read(line)
    assert (item.prompt, item.fault, item.place) == (None, fault, "docs.jsonl, line 7")


def test_a_faulty_object_keeps_its_id():
    assert read(json.dumps({"id": "a", "body": "x"})).id == "a"


def test_a_text_is_an_input():
    assert text_item("a.txt", "docs/a.txt", "Größe", "file") == Item("a.txt", "docs/a.txt", "Größe")
