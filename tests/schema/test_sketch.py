"""Functions whose arguments are described by a JSON Schema from elsewhere."""

# ruff: noqa: F821 - odd signatures are the subject

import pytest

from agentkit.errors import ToolDefinitionError
from agentkit.schema import ArgumentError
from agentkit.schema.sketch import sketch_signature

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "n": {"type": ["string", "null"]}, "o": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}

ITEM = {
    "type": "object",
    "properties": {"b": {"type": "boolean"}, "n": {"type": "number"}},
    "additionalProperties": False,
}
WHOLE = {**SCHEMA, "properties": {**SCHEMA["properties"], "l": {"type": "array", "minItems": 1, "items": ITEM}}}


class Marker: ...


def sketch(function=lambda **kwargs: kwargs, schema=SCHEMA):
    return sketch_signature(function, "f", "D.", schema, is_context=lambda hint: hint is Marker)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "Your arguments are a JSON array, not an object. Send one JSON object with the arguments by name."),
        ("{}", "Argument 'a' is missing."),
        ('{"a": 1, "b": 2}', "There is no argument 'b'. The arguments are: a, n, o."),
        ('{"a": "x"}', "Argument 'a' should be integer, you sent \"x\"."),
        ('{"a": true}', "Argument 'a' should be integer, you sent true."),
        ('{"a": 1, "o": null}', "Argument 'o' should be string, you sent null."),
        (
            '{"a": "1", "l": [{"b": "true"}, {"b": "1", "z": 0}]}',
            "Argument 'l[1].b' should be boolean, you sent \"1\". Argument 'l[1].z' is not a known field, you sent 0.",
        ),
        ('{"a": 1, "l": []}', "Argument 'l' should have at least 1 item, you sent []."),
    ],
)
def test_arguments_are_checked_by_the_whole_schema(text, said):
    with pytest.raises(ArgumentError) as caught:
        sketch(schema=WHOLE).validate(text)
    assert str(caught.value) == said.replace("n, o.", "n, o, l.")


def test_what_concerns_the_whole_is_said_of_the_arguments():
    with pytest.raises(ArgumentError) as caught:
        sketch(schema={"type": "object", "minProperties": 1}).validate("{}")
    assert str(caught.value) == "Your arguments should have at least 1 field, you sent {}."


def test_scalars_that_came_as_texts_are_read():
    assert sketch(schema=WHOLE).validate('{"a": "1", "l": [{"b": "true"}, {"n": "1.5"}]}') == {
        "a": 1,
        "l": [{"b": True}, {"n": 1.5}],
    }
    assert sketch(schema={"type": "object"}).validate('{"anything": 1}') == {"anything": 1}


def test_null_means_left_out_where_the_schema_itself_allows_none():
    assert sketch().validate('{"a": 1, "n": null, "o": null}', null_means_default=True) == {"a": 1, "n": None}
    assert sketch(schema=WHOLE).validate('{"a": 1, "l": [{"b": null}]}', null_means_default=True) == {"a": 1, "l": [{}]}


def test_a_schema_that_cannot_be_read_is_refused():
    with pytest.raises(ToolDefinitionError) as caught:
        sketch(schema={"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}})
    assert str(caught.value) == (
        "Tool 'f': the schema of its parameters cannot be read: $.properties.a.$ref: '#/$defs/none' points at nothing "
        "in the schema."
    )


def test_a_context_is_found_and_a_value_for_it_dropped():
    def f(a, context: "Marker", missing: "Nowhere" = None): ...

    signature = sketch(f)
    assert (signature.context, signature.hidden) == ("context", {"context"})
    assert signature.validate('{"a": 1, "context": 2}') == {"a": 1}
    assert signature.bind({"a": 1}, "C") == ([], {"a": 1, "context": "C"})
