"""JSON as far as it came: closed where it may be, with names, escapes and brackets known."""

import json

import pytest

from agentkit.output.scan import Scan


def closed(text):
    scan = Scan()
    scan.go_on(text)
    return scan.closed_in_text(text) if scan.in_text else scan.closed(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("  ", ""),
        ("{", "{}"),
        ('{"a', "{}"),
        ('{"a"', "{}"),
        ('{"a":', "{}"),
        ('{"a": 1', "{}"),
        ('{"a": 1,', '{"a": 1}'),
        ('{"a": 1 ', '{"a": 1}'),
        ('{"a": tru', "{}"),
        ('{"a": true', '{"a": true}'),
        ('{"a": "b', '{"a": "b"}'),
        ('{"a": "b\\', '{"a": "b"}'),
        ('{"a": "b\\n', '{"a": "b\\n"}'),
        ('{"a": "b\\u00', '{"a": "b"}'),
        ('{"a": "\\ud83d', '{"a": ""}'),
        ('{"a": "\\ud83d\\ude', '{"a": ""}'),
        ('{"a": "\\ud83d\\ude00', '{"a": "\\ud83d\\ude00"}'),
        ('[1, {"a": [2, ', '[1, {"a": [2]}]'),
        ("[1, 2", "[1]"),
        ('{"a": {}, "b', '{"a": {}}'),
        ('{"a": "}", "b": [', '{"a": "}", "b": []}'),
        ('{"a": "x"} and more', '{"a": "x"}'),
        ('"ab', '"ab"'),
        ("12 ", "12"),
        ("[1, nonsense, 2]", "[1]"),
        ("[1}", "[1]"),
    ],
)
def test_what_came_is_closed_and_what_is_cut_is_left_out(text, shown):
    assert closed(text) == shown


def test_every_cut_of_a_document_is_json_of_a_beginning_of_it():
    document = '{"a": [1, {"b\\"": "x\\\\y\\u00e9 \\ud83d\\ude00"}, null], "c": {"d": -1.5e3, "e": []}}'
    scan = Scan()
    for end in range(1, len(document) + 1):
        scan.go_on(document[:end])
        text = document[:end]
        json.loads(scan.closed_in_text(text) if scan.in_text else scan.closed(text))
    assert scan.is_over
    assert scan.closed(document) == document


def test_the_json_outside_an_open_frame_can_be_had():
    text = '{"a": 1, "b": [2, {"c": 3, '
    scan = Scan()
    scan.go_on(text)
    assert [scan.closed(text, depth) for depth in range(3)] == ["", '{"a": 1}', '{"a": 1, "b": [2]}']
    assert [frame.key for frame in scan.frames] == ["b", 1, None]
    assert scan.frames[0].scalars["a"] == (6, 7)


def test_the_elements_of_the_outermost_array_are_known_once_they_are_finished():
    text = '[{"a": [1]}, "b", 3, [4'
    scan = Scan()
    scan.go_on(text)
    assert [text[start:end] for start, end in scan.elements] == ['{"a": [1]}', '"b"', "3"]


def test_a_value_may_begin_anywhere():
    text = '{"response": [1, 2'
    scan = Scan(13)
    scan.go_on(text)
    assert scan.closed(text) == "[1]"
