"""JSON Schemas that are given as they are, in the manner of several drafts."""

from corpus.case import Case

__all__ = ["CASES"]

PERSON = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$id": "https://example.org/person.json",
    "title": "Person",
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": "integer", "minimum": 0},
        "address": {"$ref": "#/definitions/address"},
        "friends": {"type": "array", "items": {"$ref": "#"}},
    },
    "required": ["name"],
    "definitions": {
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            "required": ["city"],
        }
    },
}
MERGED = {
    "type": "object",
    "allOf": [
        {"properties": {"id": {"type": "integer"}}, "required": ["id"]},
        {"properties": {"name": {"type": "string"}}, "required": ["name"]},
    ],
}
CHOICE = {
    "title": "Payment",
    "oneOf": [
        {
            "type": "object",
            "properties": {"card": {"type": "string"}},
            "required": ["card"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"iban": {"type": "string"}},
            "required": ["iban"],
            "additionalProperties": False,
        },
    ],
}
PATTERNED = {
    "type": "object",
    "properties": {"version": {"type": "integer"}},
    "patternProperties": {"^x-": {"type": "string"}},
    "additionalProperties": False,
    "required": ["version"],
}
TUPLE_7 = {
    "type": "object",
    "properties": {
        "point": {
            "type": "array",
            "items": [{"type": "number"}, {"type": "number"}],
            "additionalItems": False,
            "minItems": 2,
        }
    },
    "required": ["point"],
}
TUPLE = {
    "type": "array",
    "prefixItems": [{"type": "string"}, {"type": "integer"}],
    "items": False,
    "minItems": 2,
    "maxItems": 2,
}
ENUMS = {
    "type": "object",
    "properties": {
        "unit": {"enum": ["celsius", "fahrenheit", None]},
        "kind": {"const": "weather"},
        "days": {"type": "array", "items": {"type": "integer", "enum": [1, 2, 3]}, "uniqueItems": True},
    },
    "required": ["unit", "kind"],
    "additionalProperties": False,
}
TREE = {
    "type": "object",
    "properties": {
        "value": {"type": ["string", "number"]},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
    "required": ["value"],
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value"],
        }
    },
}
REFERENCED = {
    "$ref": "#/$defs/a/b",
    "$defs": {
        "a/b": {"type": "object"},
        "a": {"b": {"type": "object", "properties": {"c": {"type": "boolean"}}, "required": ["c"]}},
    },
}
CONDITIONAL = {
    "type": "object",
    "properties": {"country": {"type": "string"}, "code": {"type": "string"}},
    "if": {"properties": {"country": {"const": "NO"}}},
    "then": {"properties": {"code": {"pattern": "^[0-9]{4}$"}}},
    "required": ["country"],
}
OPEN_API = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid", "readOnly": True},
        "when": {"type": "string", "format": "date-time", "nullable": True},
        "limit": {"type": "integer", "format": "int32", "default": 10, "minimum": 1, "maximum": 100, "example": 5},
        "meta": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["id"],
}

CASES = (
    Case(
        "raw person",
        PERSON,
        ({"name": "Ann", "age": 3, "address": {"city": "Oslo"}, "friends": [{"name": "Bo"}]}, {"name": "Cy"}),
    ),
    Case("raw allOf", MERGED, ({"id": 1, "name": "a"},)),
    Case("raw oneOf", CHOICE, ({"card": "1"}, {"iban": "2"})),
    Case("raw pattern properties", PATTERNED, ({"version": 1, "x-a": "b"}, {"version": 2})),
    Case("raw tuple of draft 7", TUPLE_7, ({"point": [1.5, 2]},)),
    Case("raw tuple", TUPLE, (["a", 1],)),
    Case(
        "raw enums", ENUMS, ({"unit": None, "kind": "weather"}, {"unit": "celsius", "kind": "weather", "days": [1, 3]})
    ),
    Case(
        "raw tree",
        TREE,
        ({"value": "a", "children": [{"value": 1, "next": {"value": 2, "next": None}}]}, {"value": 1.5}),
    ),
    Case("raw reference at the root", REFERENCED, ({"c": True},)),
    Case("raw condition", CONDITIONAL, ({"country": "NO", "code": "0150"}, {"country": "SE"})),
    Case("raw OpenAPI", OPEN_API, ({"id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "limit": 5, "meta": {"a": "b"}},)),
    Case("raw array", {"type": "array", "items": {"type": "string"}}, (["a", "b"], [])),
    Case("raw scalar", {"type": "integer", "minimum": 1}, (3,)),
    Case("raw nullable", {"type": ["string", "null"]}, ("a", None)),
    Case("raw anything", {}, ({"a": 1},), open=True),
    Case("raw empty object", {"type": "object"}, ({"a": [1]}, {}), open=True),
)
