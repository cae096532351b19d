import pytest

from agentkit.schema.assertion import identity, matcher, show
from agentkit.schema.check import compile_check


def fits(schema, value):
    return not compile_check(schema)(value)


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": ["integer", "null"]}, "x", "should be integer or null"),
        ({"enum": ["a", 1, None]}, "x", 'should be one of "a", 1, null'),
        ({"const": {"a": 1}}, "x", 'should be {"a": 1}'),
        ({"minimum": 1}, 0, "should be at least 1"),
        ({"maximum": 1.5}, 2, "should be at most 1.5"),
        ({"exclusiveMinimum": 1}, 1, "should be more than 1"),
        ({"exclusiveMaximum": 1}, 1, "should be less than 1"),
        ({"multipleOf": 5}, 4, "should be a multiple of 5"),
        ({"minLength": 1}, "", "should have at least 1 character"),
        ({"maxLength": 2}, "abc", "should have at most 2 characters"),
        ({"minItems": 2}, [], "should have at least 2 items"),
        ({"maxItems": 0}, [1], "should have at most 0 items"),
        ({"uniqueItems": True}, [1, 1], "should hold no item twice"),
        ({"minProperties": 1}, {}, "should have at least 1 field"),
        ({"maxProperties": 0}, {"a": 1}, "should have at most 0 fields"),
        ({"format": "date"}, "6 May", "should be a date, as 2024-05-06"),
        ({"format": "date-time"}, "6 May", "should be a date-time, as 2024-05-06T07:08:09Z"),
        ({"format": "time"}, "7", "should be a time, as 07:08:09"),
        ({"format": "uuid"}, "7", "should be a UUID, as 123e4567-e89b-12d3-a456-426614174000"),
        ({"format": "email"}, "7", "should be an email address, as ann@example.com"),
        ({"format": "ipv4"}, "7", "should be an IPv4 address, as 192.0.2.1"),
    ],
    ids=str,
)
def test_each_keyword_says_what_it_expects(schema, value, expected):
    (difference,) = compile_check(schema)(value)

    assert (difference.path, difference.expected, difference.seen) == ((), expected, value)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "date",
            ["2024-02-29"],
            ["2023-02-29", "20240229", "2024-W01-1", "2024-2-9", "\u0662\u0660\u0662\u0664-01-01", "2024-05-06\n"],
        ),
        ("time", ["07:08:09Z", "07:08:09.5+01:00", "07:08:09", "23:59:60Z"], ["24:00:00Z", "07:08", "07:08:09+24:00"]),
        (
            "date-time",
            ["2024-05-06T07:08:09Z", "2024-05-06t07:08:09.123456789-00:30", "2024-05-06 07:08:09"],
            ["2024-05-06", "2024-13-06T07:08:09Z", "2024-05-06T7:08Z"],
        ),
        ("uuid", ["6BA7B810-9dad-11d1-80b4-00c04fd430c8"], ["6BA7B8109dad11d180b400c04fd430c8", "x"]),
        ("email", ["a@b", '"a b"@c.de', "ä@ö.de"], ["a", "@b", "a@", "a@b c"]),
        ("ipv4", ["0.0.0.0", "255.1.2.3"], ["256.1.1.1", "1.1.1", "01.1.1.1", "1.1.1.1/8"]),
        ("color", ["anything"], []),
    ],
)
def test_formats_that_have_one_meaning_are_checked(name, good, bad):
    assert [text for text in good if not fits({"format": name}, text)] == []
    assert [text for text in bad if fits({"format": name}, text)] == []
    assert fits({"format": name}, 5)


@pytest.mark.parametrize(
    ("value", "step", "is_multiple"),
    [(0.3, 0.1, True), (19.99, 0.01, True), (0.35, 0.1, False), (1e308, 0.5, True), (10**400, 7, False), (0, 3, True)],
)
def test_multiples_are_those_of_the_numbers_as_written(value, step, is_multiple):
    assert fits({"multipleOf": step}, value) is is_multiple


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^ab$", "ab", "ab\n"),
        (r"^\d$", "5", "\u0665"),
        (r"^\w$", "a", "é"),
        (r"^[\d\w-]+$", "a-5", "é"),
        (r"^\D\W$", "a-", "5a"),
        (r"^[$[]\$$", "[$", "a$"),
        (r"^(?<year>[0-9]{4})\/$", "2024/", "24/"),
        (r"(?<=a)b(?<!c)", "ab", "b"),
        (r"^\p{Lu}$", "É", "é"),
        ("b", "abc", "ac"),
    ],
)
def test_patterns_are_read_as_ecma_262_has_them(pattern, good, bad):
    test = matcher(pattern, "$")

    assert (test(good), test(bad)) == (True, False)


def test_what_is_equal_in_json_has_one_identity():
    assert identity({"a": [1, None]}) == identity({"a": [1.0, None]})
    assert len({*map(identity, [1, True, "1", [1], [True], {"1": 1}, None, 0, False])}) == 9


def test_long_lists_are_shown_short():
    assert show(["a", 1]) == '"a", 1'
    assert show(range(1000)).endswith(", … (1000 values)")
    assert len(show([str(n) * 50 for n in range(99)])) < 350
    assert show(["x" * 999]) == '"' + "x" * 299 + "…"


def test_a_pattern_takes_linear_time_unless_it_looks_around():
    assert not matcher("^(a+)+$", "$")("a" * 5000 + "!")
    assert matcher("^(?!x)a", "$")("ab")


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("[a&&b]", "&", "c"),
        ("[[]", "[", "]"),
        ("[+--]", ",", "0"),
        (r"^\d+$", "12", "١٢"),
        ("a$", "a", "a\n"),
        (r"^[^\d]$", "x", "1"),
        (r"^(?<year>\d{4})$", "2024", "24"),
        (r"^[\w.-]+$", "a.b-c", "é"),
        (r"\u0041", "A", "u"),
        (r"^(?=.*\d)[a-z\d]+$", "a1", "a"),
        (r"^(a|b)\1$", "aa", "ab"),
    ],
)
def test_patterns_mean_the_same_in_both_engines(pattern, fitting, other):
    assert (matcher(pattern, "$")(fitting), matcher(pattern, "$")(other)) == (True, False)
