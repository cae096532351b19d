"""Schemas without references, and what cannot be one."""

import copy

import pytest

from agentkit.errors import SchemaError
from agentkit.schema import inline_refs


def refusal(schema):
    with pytest.raises(SchemaError) as caught:
        inline_refs(schema)
    return str(caught.value)


def test_references_are_replaced_by_what_they_name_and_siblings_win():
    schema = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/A", "description": "Mine."},
            "b": {"type": "array", "items": {"$ref": "#/$defs/Chain"}},
            "c": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]},
        },
        "$defs": {"A": {"type": "string", "description": "Theirs."}, "Chain": {"$ref": "#/$defs/A"}},
    }
    before = copy.deepcopy(schema)
    theirs = {"type": "string", "description": "Theirs."}
    assert inline_refs(schema) == {
        "type": "object",
        "properties": {
            "a": {"type": "string", "description": "Mine."},
            "b": {"type": "array", "items": theirs},
            "c": {"anyOf": [theirs, {"type": "null"}]},
        },
    }
    assert schema == before


@pytest.mark.parametrize(
    ("ref", "name"), [("a~1b", "a/b"), ("a~0b", "a~b"), ("100%25", "100%"), ("a%20b", "a b"), ("~01", "~1")]
)
def test_escaped_pointers_are_followed(ref, name):
    schema = {"$ref": f"#/$defs/{ref}", "$defs": {name: {"type": "integer"}}}
    assert inline_refs(schema) == {"type": "integer"}


def test_pointers_into_properties_lists_and_the_old_definitions_are_followed():
    schema = {
        "properties": {
            "a": {"anyOf": [{"type": "string"}]},
            "b": {"$ref": "#/properties/a/anyOf/0"},
            "c": {"$ref": "#/definitions/D"},
        },
        "definitions": {"D": True},
    }
    assert inline_refs(schema)["properties"] == {
        "a": {"anyOf": [{"type": "string"}]},
        "b": {"type": "string"},
        "c": True,
    }


def test_properties_named_like_keywords_are_properties():
    schema = {
        "properties": {
            "$ref": {"type": "string"},
            "properties": {"type": "object", "properties": {"items": {"$ref": "#/$defs/A"}}},
        },
        "$defs": {"A": {"enum": ["$ref"]}},
    }
    assert inline_refs(schema)["properties"] == {
        "$ref": {"type": "string"},
        "properties": {"type": "object", "properties": {"items": {"enum": ["$ref"]}}},
    }


def test_recursion_is_refused_with_its_path():
    node = {"properties": {"next": {"$ref": "#/$defs/Node"}}}
    assert refusal({"properties": {"list": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}) == (
        "$.properties.list.properties.next: #/$defs/Node contains itself, so it cannot be written without references."
    )
    assert "contains itself" in refusal({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}})


def test_what_points_nowhere_or_elsewhere_is_refused():
    assert refusal({"$ref": "#/$defs/No"}) == "$: '#/$defs/No' points at nothing in the schema."
    assert refusal({"items": {"$ref": "http://x/y"}}) == (
        "$.items: 'http://x/y' points outside of the schema. Copy what it names into `$defs`."
    )
    assert refusal({"$ref": "#/title", "title": "T"}) == "$: '#/title' points at something that is no schema."


def test_expansion_bombs_are_refused():
    bomb = {f"L{at}": {"anyOf": [{"$ref": f"#/$defs/L{at + 1}"}] * 10} for at in range(12)} | {"L12": {"type": "null"}}
    assert refusal({"$ref": "#/$defs/L0", "$defs": bomb}) == (
        f"$.{'anyOf[0].' * 8}anyOf[8].anyOf[9].anyOf[9].anyOf[2]: "
        "inlining its references makes more than 20,000 subschemas."
    )


def test_too_deep_nesting_is_refused():
    deep = {"type": "string"}
    for _ in range(5000):
        deep = {"items": deep}
    assert refusal(deep) == "$: the schema is nested too deep to be written without references."
