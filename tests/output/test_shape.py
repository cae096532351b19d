import sys
import typing

import pytest
from pydantic import BaseModel, ConfigDict

from agentkit.errors import SchemaError
from agentkit.output.parse import Rejected
from agentkit.output.shape import FunctionShape, SchemaShape, TypeShape
from agentkit.tools.decorator import as_tool


class Item(BaseModel):
    """A thing to buy."""

    name: str
    price: float = 1.5
    tags: list[str] = []


class Node(BaseModel):
    value: int
    next: "Node | None" = None


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    response: int


def test_an_object_is_its_own_root():
    shape = TypeShape(Item)

    assert shape.wrapped is False
    assert shape.schema == {
        "type": "object",
        "description": "A thing to buy.",
        "properties": {
            "name": {"type": "string"},
            "price": {"type": "number", "default": 1.5},
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["name"],
    }


def test_a_recursive_object_is_its_own_root_and_keeps_its_definition():
    schema = TypeShape(Node).schema

    assert (schema["type"], schema["required"], [*schema["$defs"]]) == ("object", ["value"], ["Node"])
    assert schema["$defs"]["Node"]["properties"] == schema["properties"]


def test_anything_else_stands_in_a_field():
    shape = TypeShape(list[Item])

    assert shape.wrapped is True
    assert {name: value for name, value in shape.schema.items() if name != "$defs"} == {
        "type": "object",
        "properties": {"response": {"type": "array", "items": {"$ref": "#/$defs/Item"}}},
        "required": ["response"],
        "additionalProperties": False,
    }


def test_a_model_that_looks_like_the_wrapping_is_not_wrapped():
    assert TypeShape(Answer).wrapped is False
    assert TypeShape(Answer).read('{"response": 5}') == Answer(response=5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"name": "a", "price": null, "tags": null}', Item(name="a")),
        ('{"name": "a", "tags": "[\\"x\\"]"}', Item(name="a", tags=["x"])),
        ('{"name": "a\nb"}', Item(name="a\nb")),
    ],
    ids=["null for a default", "a stringified list", "bare line break"],
)
def test_what_has_one_meaning_only_is_put_right(text, value):
    assert TypeShape(Item).read(text) == value


@pytest.mark.parametrize(
    ("type_", "text", "mistakes"),
    [
        (Item, '{"price": "much", "tags": [1]}', [
            "name: is missing",
            'price: should be number; you gave "much"',
            "tags.0: should be string; you gave 1",
        ]),
        (Item, '{"name": null}', ["name: should be string; you gave null"]),
        (Item, "[]", ["the whole: should be object; you gave []"]),
        (list[Item], '{"response": [{"name": 5}]}', ["0.name: should be string; you gave 5"]),
        (list[Item], '{"response": "[x"}', ['the whole: should be array; you gave "[x"']),
        (dict[str, int], '{"a": 1.5}', [
            "a: should be integer; you gave 1.5"
        ]),
    ],
)  # fmt: skip
def test_mistakes_are_told_by_path_expectation_and_what_came(type_, text, mistakes):
    with pytest.raises(Rejected) as caught:
        TypeShape(type_).read(text)

    assert [str(mistake) for mistake in caught.value.mistakes] == mistakes


SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "note": {"type": "string"},
        "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
    },
    "required": ["id"],
    "additionalProperties": False,
    "$defs": {"row": {"type": ["number", "null"]}},
}


def test_a_raw_schema_is_sent_as_it_is_and_gives_decoded_json():
    shape = SchemaShape(SCHEMA)

    assert (shape.schema, shape.wrapped) == (SCHEMA, False)
    assert shape.read('{"id": 5.0, "rows": [1, 2.5, null], "note": null}') == {"id": 5.0, "rows": [1, 2.5, None]}


def test_a_raw_schema_is_checked_as_a_whole():
    with pytest.raises(Rejected) as caught:
        SchemaShape(SCHEMA).read('{"note": true, "rows": [1, true, "x"], "more": {"a": 1}}')

    assert [str(mistake) for mistake in caught.value.mistakes] == [
        "note: should be string; you gave true",
        "rows.1: should be number or null; you gave true",
        'rows.2: should be number or null; you gave "x"',
        "more: is not a known field",
        "id: is missing",
    ]


def test_a_null_that_is_required_is_told_as_it_came():
    with pytest.raises(Rejected) as caught:
        SchemaShape(SCHEMA).read('{"id": null, "note": null}')

    assert [str(mistake) for mistake in caught.value.mistakes] == ["id: should be integer; you gave null"]


def test_json_in_a_text_is_taken_out_where_no_text_fits():
    assert SchemaShape(SCHEMA).read('{"id": 1, "rows": "[1, null]", "note": "[1]"}') == {
        "id": 1,
        "rows": [1, None],
        "note": "[1]",
    }


def test_a_raw_schema_of_no_object_stands_in_a_field():
    shape = SchemaShape(
        {"type": ["array", "null"], "items": {"$ref": "#/definitions/x"}, "definitions": {"x": {"type": "string"}}}
    )

    assert shape.schema == {
        "type": "object",
        "properties": {"response": {"type": ["array", "null"], "items": {"$ref": "#/definitions/x"}}},
        "required": ["response"],
        "additionalProperties": False,
        "definitions": {"x": {"type": "string"}},
    }
    assert shape.accepts_none is True
    assert shape.read('{"response": ["a"]}') == shape.read('["a"]', bare=True) == ["a"]


def test_references_move_along_with_what_they_name():
    nested = SchemaShape({"type": "array", "items": {"$ref": "#"}, "title": "Nested"})

    assert nested.schema["properties"]["response"]["items"] == {"$ref": "#/properties/response"}
    assert nested.read('{"response": [[], [[]]]}') == [[], [[]]]


def test_a_reference_to_the_whole_goes_by_a_definition():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/root_"}}}
    given = {
        "$id": "https://a.example/b",
        "type": "object",
        "properties": {"next": {"$ref": "#"}},
        "$defs": {"root": {}},
    }

    assert SchemaShape(given).schema == {
        **node,
        "$id": "https://a.example/b",
        "$defs": {"root": {}, "root_": node},
    }


def test_a_reference_at_the_root_is_written_out():
    row = {"type": "object", "properties": {"a": {"type": "integer"}}}

    assert SchemaShape({"$ref": "#/$defs/row", "$defs": {"row": row}}).schema == row
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}
    assert SchemaShape({"$ref": "#/$defs/tree", "$defs": {"tree": tree}}).schema == {**tree, "$defs": {"tree": tree}}


def test_a_tuple_in_the_older_spelling_is_sent_in_the_newer():
    pair = {"type": "array", "items": [{"type": "string"}, True], "additionalItems": {"type": "integer"}}
    shape = SchemaShape({"type": "object", "properties": {"items": pair}, "default": {"items": [1]}})

    assert shape.schema == {
        "type": "object",
        "properties": {
            "items": {"type": "array", "prefixItems": [{"type": "string"}, True], "items": {"type": "integer"}}
        },
        "default": {"items": [1]},
    }
    with pytest.raises(Rejected, match=r"items\.2: should be integer"):
        shape.read('{"items": ["a", null, "b"]}')


def test_a_recursive_raw_schema_is_checked_through_its_references():
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}}, "required": ["left"]}

    with pytest.raises(Rejected, match=r"left\.left: is missing"):
        SchemaShape(tree).read('{"left": {}}')


def test_the_arguments_of_a_function_are_read_as_those_of_a_tool():
    def add(a: int, b: int = 2) -> int:
        return a + b

    shape = FunctionShape(as_tool(add))

    assert shape.schema["required"] == ["a"]
    assert shape.read('{"a": 1, "b": null}') == {"a": 1}
    with pytest.raises(Rejected) as caught:
        shape.read('{"a": 1, "c": 2}')
    assert caught.value.reason == "There is no argument 'c'. The arguments are: a, b."


class Opaque:
    pass


def test_a_type_without_a_schema_is_refused():
    with pytest.raises(SchemaError) as caught:
        _ = TypeShape(Opaque).schema

    reason = str(caught.value.__cause__).splitlines()[0]
    assert reason.startswith("Unable to generate pydantic-core schema for <class ")
    assert str(caught.value) == (
        f"Output Opaque: pydantic can make no JSON Schema of it: {reason} "
        "Give a type that it can read, e.g. a BaseModel or a dataclass; for one of several, `A | B`."
    )


def test_a_name_that_is_not_found_is_refused():
    with pytest.raises(SchemaError) as caught:
        _ = TypeShape(list["Nowhere"]).schema  # noqa: F821 # there is no such name, as the test wants

    assert (
        str(caught.value) == "Output list: a type in it is named by a text, which is not found. Name the type itself."
    )


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="typing's own says enough since 3.12")
def test_the_typed_dict_of_typing_is_refused_before_3_12():
    class Row(typing.TypedDict):
        a: int

    with pytest.raises(SchemaError) as caught:
        _ = TypeShape(Row).schema

    assert str(caught.value) == (
        "Output Row: before Python 3.12 the TypedDict of `typing` does not say enough. "
        "Import it from typing_extensions: `from typing_extensions import TypedDict`."
    )
