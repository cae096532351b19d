import pytest

from agentkit.schema.check import compile_check


def told(schema, value):
    return [f"{'.'.join(map(str, one.path))}: {one.expected}" for one in compile_check(schema)(value)]


CAT = {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}, "required": ["lives"]}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("schema", "value", "differences"),
    [
        ({"properties": {"a": False}}, {"a": 1}, ["a: should not be there"]),
        ({"patternProperties": {"^x-": {"type": "string"}}}, {"x-a": 1, "y": 1}, ["x-a: should be string"]),
        (
            {"patternProperties": {"^x-": {}}, "additionalProperties": False},
            {"x-a": 1, "y": 1},
            ["y: is not a known field"],
        ),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}, ["a: should be string"]),
        ({"propertyNames": {"pattern": "^[a-z]+$"}}, {"a1": 1}, ["a1: its name should match ^[a-z]+$"]),
        ({"required": ["a", "b"]}, {"b": 1}, ["a: is missing"]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, ["b: is missing"]),
        ({"dependentSchemas": {"a": {"maxProperties": 1}}}, {"a": 1, "b": 1}, [": should have at most 1 field"]),
        ({"prefixItems": [{}, {"type": "null"}], "items": False}, [1, 2], ["1: should be null"]),
        ({"prefixItems": [{}], "items": False}, [1, 2], [": should have at most 1 item"]),
        ({"contains": {"type": "null"}}, [1], [": should hold at least 1 as `contains` says, and holds 0"]),
        (
            {"contains": {"type": "null"}, "minContains": 0, "maxContains": 1},
            [None, None],
            [": should hold at most 1 as `contains` says, and holds 2"],
        ),
        ({"not": {"const": "a"}}, "a", [': should not be "a"']),
        ({"not": {"enum": ["a", "b"]}}, "a", [': should not be any of "a", "b"']),
        ({"not": {"required": ["a"]}}, {"a": 1}, [": should not be as `not` of the schema says"]),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, ["b: is missing"]),
        ({"if": {"required": ["a"]}, "else": {"required": ["b"]}}, {}, ["b: is missing"]),
        ({"allOf": [{"minimum": 3}, {"maximum": 1}]}, 2, [": should be at least 3", ": should be at most 1"]),
        ({"oneOf": [{"minimum": 1}, {"minimum": 2}]}, 3, [
            ": should fit one alternative of the schema only, and fits 2"
        ]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "x", [": should be integer or null"]),
        ({"oneOf": [CAT, DOG]}, {"kind": "cow"}, ['kind: should be "cat" or "dog"']),
        ({"oneOf": [CAT, DOG]}, {"kind": "dog", "age": "x"}, ["age: should be integer"]),
        ({"anyOf": [{"type": "array", "items": CAT}, CAT]}, [{"lives": "x"}], ["0.lives: should be integer"]),
        ({"pattern": "^a"}, "b", [": should match ^a"]),
    ],
    ids=str,
)  # fmt: skip
def test_what_differs_is_told_by_path_in_few_words(schema, value, differences):
    assert told(schema, value) == differences
