from agentkit.output.parse import Mistake
from agentkit.output.remedy import mistakes_of, remedied
from agentkit.schema.check import compile_check
from agentkit.schema.difference import Difference

CHECK = compile_check(
    {
        "properties": {"a": {"type": "integer"}, "rows": {"type": "array", "items": {"type": "integer"}}},
        "required": ["a"],
    }
)


def left(data):
    return remedied(data, CHECK(data), CHECK)


def test_what_has_one_meaning_is_put_right_in_place():
    data = {"a": 1, "rows": "[1, 2]"}
    assert left(data) == []
    assert data == {"a": 1, "rows": [1, 2]}

    data = {"a": 1, "rows": None}
    assert left(data) == []
    assert data == {"a": 1}


def test_what_is_left_is_told_as_it_came():
    assert left({"a": None, "rows": None}) == [Difference(("a",), "type", "should be integer", None)]
    assert left({"a": 1, "rows": '["x"]'}) == [Difference(("rows", 0), "type", "should be integer", "x")]
    assert left({"a": 1, "rows": "[1"}) == [Difference(("rows",), "type", "should be array", "[1")]
    assert left({"a": 1, "rows": [None]}) == [Difference(("rows", 0), "type", "should be integer", None)]
    assert left({}) == [Difference(("a",), "required", "is missing")]


def test_mistakes_show_what_came_where_that_says_something():
    path = ("response", 0, "a")
    assert mistakes_of([Difference(path, "type", "should be string", {"b": 1})], below="response") == [
        Mistake("0.a", "should be string", '{"b": 1}')
    ]
    assert mistakes_of([Difference(path, "minItems", "should have at least 2 items", [1])]) == [
        Mistake("response.0.a", "should have at least 2 items")
    ]
    assert mistakes_of([Difference(("response",), "type", "should be array", 5)], below="response") == [
        Mistake("", "should be array", "5")
    ]
    assert mistakes_of([Difference(("response",), "required", "is missing")], below="response") == [
        Mistake("response", "is missing")
    ]
