import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.output.parse import Mistake, Rejected, decode, find_json, python_in, shorten

AGAIN = "Answer again with one complete JSON object that fits the schema."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no JSON at all", []),
        ('{"a": 1}', ['{"a": 1}']),
        ('Here it is:\n```json\n{"a": 1}\n```\nDone.', ['{"a": 1}']),
        ('```\n{"a": 1}', ['{"a": 1}']),
        ('````md\n```json\n{"a": "```"}\n```\n````', ['{"a": "```"}']),
        ('First {"a": 1}, then {"a": {"b": 2}} and [3].', ['{"a": 1}', '{"a": {"b": 2}}', "[3]"]),
        ('{"a": "}{[\\"\\\\"}', ['{"a": "}{[\\"\\\\"}']),
        ('{"a": "\\u00e9 é\n\t"}', ['{"a": "\\u00e9 é\n\t"}']),
        ('Use {braces} and {these {too}}: {"a": 1}', ['{"a": 1}']),
        ("{'items': [1, 2]}", []),
        ('See [note] and f[ or: {"a": 1}', ['{"a": 1}']),
        ("{}", ["{}"]),
    ],
)
def test_json_is_found_whole_among_words(text, found):
    assert find_json(text) == found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": 1, "b": {"c": 2}', 'it breaks off after \'{"a": 1, "b": {"c": 2}\''),
        ('{"a": "x', "the string that begins at character 6 does not end"),
        ('{"a": "x\\u00', 'it breaks off after \'{"a": "x\\\\u00\''),
        ('[{"a": 1}, {"a"', 'it breaks off after \'[{"a": 1}, {"a"\''),
        ('{"a": 1} and {', "it breaks off after '{\"a\": 1} and {'"),
        ('{"a": 1, oops, "b": 2}', "'oops, \"b\": 2}' does not belong at character 9, after '{\"a\": 1, '"),
        ('{"a": 1, "b": [1, ], "c": 2}', "a comma stands before the ']' at character 18"),
        ('{"a": 1, }', "a comma stands before the '}' at character 9"),
        ('{"a": True}', "`True`, which JSON writes `true`, at character 6"),
        ('{"a": False}', "`False`, which JSON writes `false`, at character 6"),
        ('{"a": None}', "`None`, which JSON writes `null`, at character 6"),
        ("{\"a\": 'x'}", "a single quote, where JSON has double ones, at character 6"),
        ('{"a": 1, // one\n"b": 2}', "a comment, which JSON does not have, at character 9"),
        ('{"a": "C:\\dir"}', "an escape that JSON does not have at character 9"),
        ('Take {"a": 1, "a": 2}', "it names 'a' twice"),
        ('Take {"a": NaN}', "it holds NaN, which is no JSON"),
        ('Take {"a": 1e999}', "it holds 1e999, a number too large"),
        ('Take {"a": ' + "1" * 5000 + "}", "it holds a number with too many digits"),
        ("Take " + '{"a":' * 100_000, "it nests deeper than 100 levels"),
    ],
    ids=lambda text: text[:30],
)
def test_json_that_is_cut_or_broken_spoils_the_text_and_is_never_completed(text, what):
    with pytest.raises(Rejected) as caught:
        find_json(text)

    assert caught.value.reason == f"The JSON of your answer is not complete or not valid: {what}. {AGAIN}"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('{}[]"\\a'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab{"), inner, max_size=3),
)


@given(st.dictionaries(st.text(), VALUES, min_size=1), st.data())
def test_no_cut_gives_a_value(value, data):
    import json

    text = json.dumps(value)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]

    assert find_json(f"Take {text}!") == [text]
    with pytest.raises(Rejected):
        find_json(f"Take {cut}")


def test_many_open_brackets_are_given_up():
    with pytest.raises(Rejected, match="not complete or not valid"):
        find_json(":[ " * 1000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a":1,"a":2}', "it names 'a' twice"),
        ("[NaN]", "it holds NaN, which is no JSON"),
        ("[-Infinity]", "it holds -Infinity, which is no JSON"),
        ("[" * 100_000, "it nests deeper than 100 levels"),
        ("[" * 101 + "]" * 101, "it nests deeper than 100 levels"),
        ("[" + "1" * 5000 + "]", "it holds a number with too many digits"),
        ('{"a":1} b', "Extra data: line 1 column 9 (char 8)"),
        ('{"a":"\\ud83d"}', "it holds half of a surrogate pair (\\ud800 to \\udfff), which is no text"),
    ],
    ids=[
        "a name twice",
        "NaN",
        "Infinity",
        "far too deep",
        "too deep",
        "too many digits",
        "more behind it",
        "half a pair",
    ],
)
def test_only_unambiguous_json_is_decoded(text, said):
    with pytest.raises(ValueError) as caught:
        decode(text)
    assert str(caught.value) == said


def test_a_mistake_says_where_what_and_what_came():
    assert (
        str(Mistake("items.0.price", "Input should be a number", '"abc"'))
        == 'items.0.price: Input should be a number; you gave "abc"'
    )
    assert str(Mistake("", "Field required")) == "the whole: Field required"
    assert shorten({"a": "é" * 200}) == '{"a": "' + "é" * 53 + "… (209 characters)"
    assert str(Mistake("a" * 99, "b" * 999)) == "a" * 60 + "… (99 characters): " + "b" * 400 + "… (999 characters)"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("So: {'a': 1}", "a single quote, where JSON has double ones, at character 5"),
        ("[True]", "`True`, which JSON writes `true`, at character 1"),
        ('Here {"a": 1}', None),
        ("It is {that}, isn't it?", None),
    ],
)
def test_what_python_writes_is_told_and_not_read(text, wrong):
    assert python_in(text) == wrong


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [
        (Rejected.echo("ab"), "You sent the schema back. Send values: one JSON object with the keys a, b."),
        (Rejected.nothing(), f"You answered with nothing. {AGAIN}"),
        (Rejected.no_json(), f"Your answer holds no JSON. {AGAIN}"),
        (Rejected.several(2), f"Your answer holds 2 different JSON values that fit. {AGAIN}"),
        (Rejected.scattered(80_000), f"Your answer holds 80,000 separate pieces of JSON. {AGAIN}"),
        (
            Rejected.unfit([Mistake("a", "Field required")] * 2 + [Mistake("b", "Too long", "5")]),
            f"Your answer does not fit the schema:\n- a: Field required\n- b: Too long; you gave 5\n{AGAIN}",
        ),
        (
            Rejected.unfit(Mistake(str(n), "No") for n in range(12)),
            "Your answer does not fit the schema:\n"
            + "".join(f"- {n}: No\n" for n in range(10))
            + f"- and 2 more\n{AGAIN}",
        ),
    ],
)
def test_a_rejection_tells_the_model_what_to_do(rejected, reason):
    assert rejected.reason == str(rejected) == reason
