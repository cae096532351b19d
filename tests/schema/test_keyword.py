"""Schemas without some keywords: what they say is said otherwise, and names that look like keywords stay."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import SchemaError
from agentkit.schema.keyword import NOTES, SPARABLE, without_keywords


def made(schema, *keywords):
    before = copy.deepcopy(schema)
    result = without_keywords(schema, keywords or SPARABLE)
    assert schema == before
    return result


@pytest.mark.parametrize(
    ("keyword", "value", "note"),
    [
        ("minLength", 3, "At least 3 characters."),
        ("maxLength", 5, "At most 5 characters."),
        ("uniqueItems", True, "No item twice."),
        ("minProperties", 1, "At least 1 properties."),
        ("maxProperties", 9, "At most 9 properties."),
        ("minimum", 0, "At least 0."),
        ("maximum", 1.5, "At most 1.5."),
        ("exclusiveMinimum", 0, "More than 0."),
        ("exclusiveMaximum", 10, "Less than 10."),
        ("multipleOf", 0.5, "A multiple of 0.5."),
        ("minItems", 2, "At least 2 items."),
        ("maxItems", 4, "At most 4 items."),
        ("propertyNames", {"pattern": "^a"}, 'Names of properties: {"pattern": "^a"}.'),
        ("format", "date", "Format: date."),
        ("pattern", "^[A-Z]+$", "Pattern: ^[A-Z]+$."),
        ("contentEncoding", "base64", "Encoding: base64."),
        ("contentMediaType", "image/png", "Media type: image/png."),
        ("default", "größer", 'Default: "größer".'),
        ("default", False, "Default: false."),
    ],
)
def test_what_a_keyword_says_is_said_in_the_description(keyword, value, note):
    assert made({"type": "string", keyword: value}, keyword) == {"type": "string", "description": note}
    told = {"description": "A name.", keyword: value}
    assert made(told, keyword) == {"description": f"A name. {note}"}


def test_every_note_is_of_a_keyword_that_can_be_spared():
    assert set(NOTES) < SPARABLE


@pytest.mark.parametrize(
    "schema",
    [
        {"title": "A", "examples": [1], "deprecated": True, "readOnly": True, "writeOnly": True},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "a", "$comment": "b"},
        {"uniqueItems": False, "default": None, "discriminator": {"propertyName": "kind"}},
        {"additionalProperties": False},
        {"additionalProperties": True},
        {"additionalProperties": {}},
    ],
)
def test_what_only_describes_or_is_checked_here_anyway_leaves_without_a_word(schema):
    assert made({"type": "object", **schema}) == {"type": "object"}


def test_a_constant_becomes_an_enum_and_a_choice_any_of_its_members():
    schema = {"oneOf": [{"const": 1}, {"const": None}, {"$ref": "#/$defs/A"}], "$defs": {"A": {"const": "a"}}}
    assert made(schema) == {
        "anyOf": [{"enum": [1]}, {"enum": [None]}, {"$ref": "#/$defs/A"}],
        "$defs": {"A": {"enum": ["a"]}},
    }


def test_a_tuple_becomes_an_array_of_what_its_places_allow():
    text, number = {"type": "string"}, {"type": "integer"}
    schema = {"type": "array", "prefixItems": [text, number, text], "minItems": 3, "maxItems": 3}
    assert made(schema, "prefixItems") == {
        "type": "array",
        "items": {"anyOf": [text, number]},
        "minItems": 3,
        "maxItems": 3,
    }
    assert made({"prefixItems": [text], "items": False}, "prefixItems") == {"items": text}
    assert made({"prefixItems": [text], "items": number}, "prefixItems") == {"items": {"anyOf": [text, number]}}


def test_only_the_keywords_that_are_named_leave():
    schema = {"type": "string", "format": "date", "minLength": 3, "title": "Day"}
    assert made(schema, "minLength") == {
        "type": "string",
        "format": "date",
        "title": "Day",
        "description": "At least 3 characters.",
    }
    assert without_keywords(schema, ()) == schema


def test_properties_definitions_and_values_that_are_named_like_keywords_stay():
    names = ("title", "format", "default", "const", "oneOf", "pattern", "$schema", "additionalProperties")
    schema = {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{name}"} for name in names},
        "required": list(names),
        "$defs": {name: {"type": "string"} for name in names},
        "enum": [{"title": "a", "format": "b"}],
    }
    assert made(schema) == schema


def test_every_schema_inside_a_schema_is_reached():
    leaf = {"type": "string", "format": "uri"}
    bare = {"type": "string", "description": "Format: uri."}

    def around(inner):
        return {
            "anyOf": [inner],
            "allOf": [inner],
            "items": inner,
            "additionalProperties": inner,
            "patternProperties": {"^a": inner},
            "properties": {"a": {"properties": {"b": inner}}},
            "definitions": {"D": inner},
        }

    assert made(around(leaf), "format") == around(bare)


def test_a_condition_keeps_what_it_says():
    schema = {"not": {"const": 3, "title": "Three"}, "if": {"enum": [1]}, "then": {"minimum": 1}}
    assert made(schema) == {"not": {"enum": [3]}, "if": {"enum": [1]}, "then": {"description": "At least 1."}}


def test_members_that_may_overlap_then_are_no_longer_exclusive():
    few, many = {"type": "integer", "maximum": 3}, {"type": "integer", "minimum": 4}
    assert made({"oneOf": [few, many], "title": "N"}, "minimum") == {
        "anyOf": [few, {"type": "integer", "description": "At least 4."}],
        "title": "N",
    }
    assert made({"oneOf": [few, many]}, "format") == {"oneOf": [few, many]}


def test_a_recursive_schema_stays_one():
    node = {"type": "object", "title": "Node", "properties": {"next": {"$ref": "#/$defs/Node", "default": None}}}
    schema = {"$ref": "#/$defs/Node", "$defs": {"Node": node}}
    assert made(schema) == {
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    }


def test_what_cannot_be_said_otherwise_is_refused_with_its_path():
    def refusal(schema):
        with pytest.raises(SchemaError) as caught:
            without_keywords(schema, SPARABLE)
        return str(caught.value)

    counts = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert refusal({"type": "object", "properties": {"counts": counts}}) == (
        "$.properties.counts: the values of an open map get their type from `additionalProperties`. "
        "Use a model with named fields, or a list of models with a key and a value."
    )
    assert refusal({"items": {"oneOf": [{}], "anyOf": [{}]}}) == (
        "$.items: `oneOf` stands beside `anyOf`, so it cannot become one. Write one union."
    )
    assert refusal({"items": {"not": {"anyOf": [{"type": "integer", "minimum": 3}]}}}) == (
        "$.items.not.anyOf[0]: `minimum` stands within a condition, where words cannot take its place."
    )
    deep = {}
    for _ in range(5_000):
        deep = {"items": deep}
    assert refusal(deep) == "$: the schema is nested too deep to be written without some keywords."


@given(
    st.recursive(
        st.fixed_dictionaries({"type": st.sampled_from(["string", "integer"])}, optional={"format": st.text()}),
        lambda inner: st.fixed_dictionaries(
            {"properties": st.dictionaries(st.sampled_from(sorted(SPARABLE)), inner, max_size=3)},
            optional={"title": st.text(), "default": st.none() | st.integers(), "description": st.text()},
        ),
        max_leaves=8,
    )
)
def test_a_schema_without_keywords_has_none_left_and_the_same_names(schema):
    def keywords(node):
        yield from node.keys() & SPARABLE
        for child in node.get("properties", {}).values():
            yield from keywords(child)

    def names(node):
        return {name: names(child) for name, child in node.get("properties", {}).items()}

    bare = without_keywords(schema, SPARABLE)
    assert not [*keywords(bare)]
    assert names(bare) == names(schema)
    assert without_keywords(bare, SPARABLE) == bare
