import pytest

from agentkit.wire.reading import json_text, new_call_id, part_text, whole_number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3), (3.9, 3), ("3", 3), (" 3.0 ", 3), ("x", None), ("", None), (None, None), ([], None), ({}, None),
        (float("nan"), None), (float("inf"), None), ("1e400", None),
    ],
)  # fmt: skip
def test_a_whole_number_is_read_from_what_may_stand_for_one(value, number):
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), ("é", "é"), ({"x": "é"}, '{"x": "é"}'), ([1], "[1]"), (0, "0")]
)
def test_what_stands_where_text_should_is_its_json(value, text):
    assert json_text(value) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("a", "a"),
        ({"type": "text", "text": "a"}, "a"),
        ({"thinking": [{"type": "text", "text": "a"}, "b"]}, "ab"),
        ({"content": "a"}, "a"),
        ({"text": None, "summary": "a"}, "a"),
        ([{"text": "a"}, {"text": 5}, None, 5, {"text": "b"}], "ab"),
        ({"type": "image_url"}, ""),
    ],
)
def test_the_words_of_a_part_are_found_where_servers_put_them(part, text):
    assert part_text(part) == text


def test_an_id_of_ours_is_like_no_other():
    first, second = new_call_id(), new_call_id()

    assert (first[:5], len(first)) == ("call_", 29)
    assert first != second
