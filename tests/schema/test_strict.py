"""The strict form of schemas, and the reasons why some have none."""

import copy
import datetime as dt
import decimal
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from agentkit.errors import SchemaError
from agentkit.schema import read_signature, to_strict, why_not_strict
from agentkit.schema.inline import resolve


def obj(required=None, defs=None, **properties):
    made = {"type": "object", "properties": properties, "required": list(properties) if required is None else required}
    return made | ({"$defs": defs} if defs else {})


def strict(**properties):
    return to_strict(obj(**properties))["properties"]


STRING = {"type": "string"}


def test_all_properties_become_required_and_others_are_excluded():
    made = to_strict({"type": "object", "properties": {"a": STRING, "o": obj(b=STRING)}, "required": ["a", "o"]})
    assert made["required"] == ["a", "o"]
    assert made["additionalProperties"] is False
    assert made["properties"]["o"]["additionalProperties"] is False


def test_no_parameters_are_strict_too():
    assert to_strict({"type": "object", "properties": {}, "additionalProperties": False}) == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }


def test_the_input_is_not_mutated():
    schema = obj(
        [],
        {"D": {"type": "integer", "minLength": 3}},
        a={"$ref": "#/$defs/D", "default": 1},
        b={"type": "string", "enum": ["x"]},
    )
    before = copy.deepcopy(schema)
    made = to_strict(schema)
    made["properties"]["b"]["anyOf"][0]["enum"].append("y")
    assert schema == before


@pytest.mark.parametrize(
    ("optional", "expected"),
    [
        (STRING, {"anyOf": [STRING, {"type": "null"}]}),
        ({"type": "string", "description": "D."}, {"anyOf": [STRING, {"type": "null"}], "description": "D."}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"anyOf": [STRING, {"type": "null"}], "default": None}, {"anyOf": [STRING, {"type": "null"}]}),
        ({"anyOf": [STRING, {"type": "integer"}]}, {"anyOf": [STRING, {"type": "integer"}, {"type": "null"}]}),
        ({"enum": ["a", None]}, {"enum": ["a", None], "type": ["string", "null"]}),
        ({"const": None}, {"const": None, "type": "null"}),
        (
            {"$ref": "#/$defs/D", "description": "Mine."},
            {"anyOf": [{"$ref": "#/$defs/D"}, {"type": "null"}], "description": "Mine."},
        ),
        ({"$ref": "#/$defs/N"}, {"$ref": "#/$defs/N"}),
    ],
    ids=str,
)
def test_optional_properties_become_nullable_once(optional, expected):
    defs = {"D": STRING, "N": {"anyOf": [STRING, {"type": "null"}]}}
    assert to_strict(obj([], defs, a=optional))["properties"]["a"] == expected


@pytest.mark.parametrize(
    ("schema", "description"),
    [
        ({"type": "integer", "default": 5}, "Default: 5."),
        ({"type": "boolean", "default": False}, "Default: false."),
        ({"type": "string", "default": "", "description": "City."}, 'City. Default: "".'),
        ({"type": "string", "minLength": 1, "maxLength": 3}, "At least 1 characters. At most 3 characters."),
        ({"type": "string", "format": "uri"}, "Format: uri."),
        ({"type": "string", "pattern": "^(?!a)"}, "Pattern: ^(?!a)."),
        ({"type": "array", "items": STRING, "uniqueItems": True}, "No item twice."),
    ],
    ids=str,
)
def test_what_strict_cannot_check_moves_into_the_description(schema, description):
    made = strict(a=schema)["a"]
    assert made["description"] == description
    assert made.keys() <= {"type", "items", "description"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "format": "date-time", "pattern": "^a$"},
        {"type": "integer", "minimum": 1, "maximum": 2, "exclusiveMinimum": 0, "exclusiveMaximum": 3, "multipleOf": 1},
        {"type": "array", "items": STRING, "minItems": 1, "maxItems": 2},
        {"type": "string", "enum": ["a"], "title": "Kept"},
        {"type": "string", "const": "a"},
    ],
    ids=str,
)
def test_known_keywords_are_kept(schema):
    assert strict(a=schema)["a"] == schema


def test_unknown_keywords_are_dropped():
    assert (
        strict(a={"type": "string", "examples": ["x"], "x-mine": 1, "deprecated": True, "uniqueItems": False})["a"]
        == STRING
    )


def test_one_of_becomes_any_of_and_a_single_all_of_is_merged():
    assert strict(a={"oneOf": [STRING, {"type": "null"}], "discriminator": {}})["a"] == {
        "anyOf": [STRING, {"type": "null"}]
    }
    assert strict(a={"allOf": [STRING], "description": "D."})["a"] == {"type": "string", "description": "D."}


def test_types_left_unsaid_are_read_from_values_and_shape():
    made = strict(a={"enum": ["x", 1]}, b={"const": True}, c={"properties": {"d": STRING}}, e={"items": STRING})
    assert [made[name]["type"] for name in "abce"] == [["string", "integer"], "boolean", "object", "array"]


def test_tuples_keep_their_length_and_their_kinds():
    pair = {"type": "array", "prefixItems": [STRING, {"type": "integer"}], "minItems": 2, "maxItems": 2}
    assert strict(a=pair)["a"] == {
        "type": "array",
        "items": {"anyOf": [STRING, {"type": "integer"}]},
        "minItems": 2,
        "maxItems": 2,
    }


def test_references_with_siblings_and_chains_are_resolved():
    defs = {"A": {"$ref": "#/$defs/B"}, "B": {"type": "string", "description": "B."}, "a/b": STRING, "unused": STRING}
    made = to_strict(
        obj(
            None,
            defs,
            a={"$ref": "#/$defs/B", "description": "Mine."},
            b={"$ref": "#/$defs/A"},
            c={"$ref": "#/$defs/B"},
            d={"$ref": "#/properties/a"},
        )
    )
    assert made["properties"]["a"] == {"type": "string", "description": "Mine."}
    assert made["properties"]["b"] == {"$ref": "#/$defs/B"}
    assert made["properties"]["c"] == {"$ref": "#/$defs/B"}
    assert made["properties"]["d"] == {"type": "string", "description": "Mine."}
    assert made["$defs"] == {"B": {"type": "string", "description": "B."}}


@pytest.mark.parametrize(("ref", "name"), [("a~1b", "a/b"), ("a~0b", "a~b"), ("100%25", "100%"), ("a%20b", "a b")])
def test_escaped_pointers_are_followed(ref, name):
    made = to_strict(obj(None, {name: STRING}, a={"$ref": f"#/$defs/{ref}", "description": "Mine."}))
    assert made["properties"]["a"] == {"type": "string", "description": "Mine."}


def test_recursion_through_plain_references_is_kept():
    node = obj([], None, next={"$ref": "#/$defs/Node"}, told={"$ref": "#/$defs/Node", "description": "D."})
    made = to_strict({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    optional = [{"$ref": "#/$defs/Node"}, {"type": "null"}]
    assert made["properties"] == {"next": {"anyOf": optional}, "told": {"anyOf": optional, "description": "D."}}
    assert made["$defs"]["Node"]["properties"] == made["properties"]
    required = obj(None, None, next={"$ref": "#/$defs/Node", "description": "D."})
    made = to_strict(obj(None, {"Node": required}, a={"$ref": "#/$defs/Node"}))
    assert "$ref" not in made["$defs"]["Node"]["properties"]["next"]


def test_root_reference_to_itself_is_kept():
    made = to_strict(obj([], None, children={"type": "array", "items": {"$ref": "#"}}))
    assert made["properties"]["children"]["anyOf"][0]["items"] == {"$ref": "#"}


def test_properties_named_like_keywords_are_properties():
    made = strict(anyOf=STRING, additionalProperties=STRING, default=STRING)
    assert list(made) == ["anyOf", "additionalProperties", "default"]


def test_repeated_definitions_inside_are_followed_by_their_path():
    inner = obj(None, {"X": STRING}, x={"$ref": "#/properties/o/$defs/X"})
    assert strict(o=inner)["o"]["properties"]["x"] == STRING


def nested(levels):
    made = STRING
    for _ in range(levels):
        made = obj(a=made)
    return made


def test_ten_levels_are_allowed():
    assert why_not_strict(nested(10)) is None


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (
            obj(a={"type": "object", "additionalProperties": STRING}),
            (
                "$.a: it is an open map, and strict mode wants every property named. "
                "Use a model with named fields, or a list of models with a key and a value."
            ),
        ),
        (
            obj(a={"type": "object"}),
            (
                "$.a: it is an open map, and strict mode wants every property named. "
                "Use a model with named fields, or a list of models with a key and a value."
            ),
        ),
        (
            obj(a=STRING) | {"additionalProperties": True},
            (
                "$: it is an open map, and strict mode wants every property named. "
                "Use a model with named fields, or a list of models with a key and a value."
            ),
        ),
        ({"anyOf": [obj()]}, "$: the root is a union, and strict mode wants an object there. Put it into a property."),
        (
            {"type": ["object", "null"], "properties": {}},
            "$: the root is no object, and strict mode wants one there. Put it into a property.",
        ),
        (
            {"type": "array", "items": STRING},
            "$: the root is no object, and strict mode wants one there. Put it into a property.",
        ),
        (obj(a={}), "$.a: no type is given, so any value fits, and strict mode wants one type named."),
        (obj(a=True), "$.a: a boolean schema names no type, and strict mode wants one."),
        (obj(a={"type": "array"}), "$.a: no type is given for the items, and strict mode wants one."),
        (
            obj(a={"type": "array", "items": {}}),
            "$.a.items: no type is given, so any value fits, and strict mode wants one type named.",
        ),
        (obj(a={"not": STRING}), "$.a: strict mode knows no `not`."),
        (obj(a={"type": "object", "patternProperties": {}}), "$.a: strict mode knows no `patternProperties`."),
        (
            obj(a={"allOf": [STRING, {"type": "integer"}]}),
            "$.a: strict mode knows no `allOf`, and only a single one can be merged. Write one schema.",
        ),
        (
            obj(a=obj(b=STRING) | {"anyOf": [STRING]}),
            "$.a: strict mode knows no union beside properties or items.",
        ),
        (nested(11), "$: more than 10 levels of nesting."),
        (obj(a={"$ref": "#/$defs/No"}), "$.a: '#/$defs/No' points at nothing in the schema."),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
            "$: #/$defs/A refers to itself only.",
        ),
        (
            obj(o=obj(a={"$ref": "#/properties/o"})),
            "$.o.a.a: #/properties/o contains itself, which strict mode allows through plain references only.",
        ),
        (obj(a={"enum": list(range(1001))}), "$: the enums have more than 1,000 values together."),
        (
            obj(**{f"p{at}": STRING for at in range(5001)}),
            "$: more than 5,000 properties, or 120,000 characters of names and enums.",
        ),
    ],
    ids=[
        "map of values", "open map", "open root", "root union", "nullable root", "root array", "any type",
        "boolean schema", "array of nothing said", "array of any type", "not", "pattern properties", "allOf of two",
        "union beside properties", "depth limit", "dangling reference", "circle of references",
        "recursion by a path", "too many enum values", "too many properties",
    ],
)  # fmt: skip
def test_what_strict_mode_cannot_say_is_refused_with_path_and_reason(schema, reason):
    with pytest.raises(SchemaError) as caught:
        to_strict(schema)
    assert str(caught.value) == reason == why_not_strict(schema)


def test_levels_through_references_count():
    defs = {f"D{at}": obj(a={"$ref": f"#/$defs/D{at + 1}"}) for at in range(12)} | {"D12": obj(a=STRING)}
    assert why_not_strict(obj(None, defs, a={"$ref": "#/$defs/D0"})).endswith("more than 10 levels of nesting.")


def test_expansion_bombs_and_endless_nesting_are_refused():
    told = {"description": "so that it is written out"}
    bomb = {f"L{at}": {"anyOf": [{"$ref": f"#/$defs/L{at + 1}"} | told] * 10} for at in range(12)} | {"L12": STRING}
    assert why_not_strict(obj(None, bomb, a={"$ref": "#/$defs/L0"} | told)) == (
        f"$.a.{'anyOf[0].' * 8}anyOf[8].anyOf[9].anyOf[9].anyOf[1]: "
        "the schema grows beyond 20,000 subschemas when its references are written out."
    )
    deep = STRING
    for _ in range(5000):
        deep = {"items": deep}
    assert why_not_strict(obj(a=deep)) == "$: more than 10 levels of nesting."


class Line(BaseModel):
    """A line."""

    price: Annotated[decimal.Decimal, Field(ge=0)]
    kind: Literal["a", "b"] = "a"
    parent: "Line | None" = None


def test_schemas_of_functions_have_a_strict_form():
    def order(lines: list[Line], pair: tuple[int, str], due: dt.date | None = None, tags: set[str] = frozenset()):
        """Order."""

    made = to_strict(read_signature(order).parameters)
    assert made["required"] == ["lines", "pair", "due", "tags"]
    assert made["$defs"]["Line"]["required"] == ["price", "kind", "parent"]
    assert why_not_strict(made) is None
    assert to_strict(made) == made


@pytest.mark.parametrize(("ref", "name"), [("a~1b", "a/b"), ("a~0b", "a~b"), ("100%25", "100%"), ("a%20b", "a b")])
def test_escaped_pointers_lead_to_their_definition(ref, name):
    properties = {"x": {"$ref": f"#/$defs/{ref}"}}
    made = to_strict(
        {"type": "object", "properties": properties, "required": ["x"], "$defs": {name: {"type": "string"}}}
    )
    assert resolve(made, made["properties"]["x"]["$ref"], "$") == {"type": "string"}


def test_definitions_of_one_name_in_two_places_stay_two():
    properties = {"x": {"$ref": "#/$defs/A"}, "y": {"$ref": "#/definitions/A"}}
    schema = {"type": "object", "properties": properties, "required": ["x", "y"]}
    made = to_strict({**schema, "$defs": {"A": {"type": "string"}}, "definitions": {"A": {"type": "integer"}}})
    kinds = [resolve(made, made["properties"][key]["$ref"], "$")["type"] for key in ("x", "y")]
    assert kinds == ["string", "integer"]
