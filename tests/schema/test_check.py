import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from agentkit.errors import SchemaError
from agentkit.schema.check import compile_check

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, -2, 2.5, 6, "", "a", "ab", "é1"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
TYPES = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])
SIZES = st.integers(0, 3)
PATTERNS = st.sampled_from(["^a", "b$", "[0-9]", "^$", "a|b"])
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=4),
        "const": VALUES,
        "minimum": st.integers(-2, 3),
        "maximum": st.integers(-2, 6),
        "exclusiveMinimum": st.sampled_from([-2, 0.5, 1]),
        "exclusiveMaximum": st.sampled_from([0, 2.5, 6]),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": SIZES,
        "maxLength": SIZES,
        "pattern": PATTERNS,
        "minItems": SIZES,
        "maxItems": SIZES,
        "uniqueItems": st.booleans(),
        "minProperties": SIZES,
        "maxProperties": SIZES,
        "required": st.lists(NAMES, max_size=2, unique=True),
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
        "unheard": st.just({"type": 5}),
    },
)
REFS = st.sampled_from([{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}, {"$ref": "#"}])


def nested(inner):
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(NAMES, inner, min_size=1, max_size=2)
    applied = {
        "properties": named,
        "patternProperties": st.dictionaries(PATTERNS, inner, min_size=1, max_size=2),
        "additionalProperties": inner,
        "propertyNames": inner,
        "dependentSchemas": named,
        "prefixItems": several,
        "items": inner,
        "contains": inner,
        "minContains": SIZES,
        "maxContains": SIZES,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
    }
    picked = st.lists(st.sampled_from([*applied]), min_size=1, max_size=4, unique=True)
    keywords = picked.flatmap(lambda keys: st.fixed_dictionaries({key: applied[key] for key in keys}))
    below = st.builds(lambda name, ref: {"properties": {name: ref}}, NAMES, REFS) | st.builds(
        lambda ref: {"items": ref}, REFS
    )
    return st.builds(lambda one, other: {**one, **other}, keywords, LEAVES) | below


SCHEMAS = st.recursive(st.booleans() | LEAVES, nested, max_leaves=6)
ROOTS = st.builds(
    lambda root, x, y: {**(root if isinstance(root, dict) else {"not": not root}), "$defs": {"x": x, "y": y}},
    SCHEMAS,
    SCHEMAS,
    SCHEMAS,
)


@settings(max_examples=200, deadline=None)
@given(ROOTS, st.lists(VALUES, min_size=3, max_size=6))
def test_what_fits_is_what_fits_for_the_package_jsonschema(schema, values):
    check = compile_check(schema)
    reference = Draft202012Validator(schema)

    for value in values:
        assert (not check(value)) is reference.is_valid(value), value


@settings(max_examples=50, deadline=None)
@given(SCHEMAS | VALUES)
def test_a_real_recursive_schema_judges_as_for_the_package_jsonschema(schema):
    meta = Draft7Validator.META_SCHEMA

    assert (not compile_check(meta)(schema)) is Draft7Validator(meta).is_valid(schema)


@settings(max_examples=50, deadline=None)
@given(ROOTS, VALUES)
def test_each_difference_is_at_a_place_of_the_value(schema, value):
    for difference in compile_check(schema)(value):
        *steps, last = difference.path or [None]
        held = value
        for step in steps:
            held = held[step]
        if difference.is_absence:
            assert last not in held
        elif last is not None and difference.keyword != "propertyNames":
            assert held[last] is difference.seen
        assert difference.expected


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "integer"}, 5.0, True),
        ({"type": "integer"}, True, False),
        ({"enum": [1]}, True, False),
        ({"enum": [[1.0]]}, [1], True),
        ({"const": {"a": False}}, {"a": 0}, False),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}], True),
        ({"uniqueItems": True}, [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], False),
        ({"items": [{"type": "string"}], "additionalItems": False}, ["a", 1], False),
        ({"items": [{"type": "string"}, False]}, ["a"], True),
        ({"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}, {"a": 1, "b": 1, "c": 1}, False),
        ({"$defs": {"x": {"$anchor": "here", "type": "null"}}, "items": {"$ref": "#here"}}, [None, 1], False),
        ({"$defs": {"a/b%~": {"type": "null"}}, "$ref": "#/$defs/a~1b%25~0"}, 1, False),
        ({"minLength": 2}, "\U0001f600", False),
        ({"allOf": []}, 1, True),
        ({"anyOf": [], "type": "integer"}, 1, True),
        (True, 1, True),
        (False, 1, False),
        ({}, None, True),
    ],
)
def test_the_corners_of_the_standard(schema, value, fits):
    assert (not compile_check(schema)(value)) is fits


TREE = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["value"],
    "additionalProperties": False,
}


def told(schema, value):
    return [(".".join(map(str, one.path)), one.expected) for one in compile_check(schema)(value)]


def test_a_recursive_schema_is_checked_at_every_depth():
    deep = {"value": 1, "children": [{"value": 2, "children": [{"value": "x", "more": 1}, {}]}]}

    assert told(TREE, deep) == [
        ("children.0.children.0.value", "should be integer"),
        ("children.0.children.0.more", "is not a known field"),
        ("children.0.children.1.value", "is missing"),
    ]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (5, "$: '5' is no schema. Write an object, true or false."),
        (
            {"properties": {"a": {"items": "string"}}},
            "$.properties.a.items: 'string' is no schema. Write an object, true or false.",
        ),
        ({"properties": []}, "$.properties: '[]' is no map of schemas. Write an object."),
        ({"anyOf": {"type": "null"}}, "$.anyOf: \"{'type': 'null'}\" is no list of schemas. Write a list."),
        ({"required": "a"}, "$.required: 'a' is no list of names. Write a list of texts."),
        ({"dependentRequired": ["a"]}, "$.dependentRequired: \"['a']\" is no map. Write an object."),
        ({"pattern": 5}, "$.pattern: '5' is no pattern. Write a text."),
        (
            {"properties": {"a": {"pattern": "("}}},
            (
                "$.properties.a.pattern: the pattern '(' cannot be read: missing ), unterminated subpattern at "
                "position 0. Correct it."
            ),
        ),
        (
            {"items": {"minimum": "5"}},
            "$.items.minimum: '5' is not a number. Write a number.",
        ),
        (
            {"type": "text"},
            (
                "$.type: 'text' is not one or more of object, array, string, number, integer, boolean, null. "
                "Write one or more of object, array, string, number, integer, boolean, null."
            ),
        ),
        ({"items": {"$ref": "#/$defs/x"}}, "$.items.$ref: '#/$defs/x' points at nothing in the schema."),
        ({"items": {"$ref": "#x"}}, "$.items.$ref: '#x' points at nothing in the schema."),
        ({"items": {"$ref": 5}}, "$.items.$ref: '5' is no reference. Write a text, as '#/$defs/name'."),
        (
            {"items": {"$ref": "other.json"}},
            "$.items.$ref: 'other.json' points outside of the schema. Copy what it names into `$defs`.",
        ),
        ({"$ref": "#"}, "$.$ref(#): it refers to itself only."),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
            "$.$ref(#/$defs/a).anyOf[0].$ref(#/$defs/b).$ref(#/$defs/a): it refers to itself only.",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_compiled_is_refused_with_its_path(schema, reason):
    with pytest.raises(SchemaError) as caught:
        compile_check(schema)

    assert str(caught.value) == reason


def test_a_schema_that_nests_too_deep_is_refused():
    schema = {}
    for _ in range(5000):
        schema = {"items": schema}

    with pytest.raises(SchemaError) as caught:
        compile_check(schema)
    assert str(caught.value) == "$: the schema is nested too deep."


def test_a_union_that_recurs_is_judged_once_at_each_place():
    members = [{"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "required": [name]} for name in "xy"]
    check = compile_check({"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": members}}})
    value = {}
    for _ in range(90):
        value = {"a": value}

    assert len(check(value)) == 91  # each place lacks the same; two to the power of 90 ways lead to the last


def test_a_value_that_nests_too_deep_is_no_error():
    deep = []
    for _ in range(5000):
        deep = [deep]

    assert [str(one.expected) for one in compile_check({"items": {"$ref": "#"}})(deep)] == ["should nest less deep"]
