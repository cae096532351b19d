"""Functions whose arguments are described by a JSON Schema from elsewhere."""

# ruff: noqa: F821 - odd signatures are the subject

import pytest

from agentkit.schema import ArgumentError
from agentkit.schema.sketch import sketch_signature

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "n": {"type": ["string", "null"]}, "o": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


class Marker: ...


def sketch(function=lambda **kwargs: kwargs, schema=SCHEMA):
    return sketch_signature(function, "f", "D.", schema, is_context=lambda hint: hint is Marker)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "Your arguments are a JSON array, not an object. Send one JSON object with the arguments by name."),
        ("{}", "Argument 'a' is missing."),
        ('{"a": 1, "b": 2}', "There is no argument 'b'. The arguments are: a, n, o."),
    ],
)
def test_the_outline_is_checked(text, said):
    with pytest.raises(ArgumentError) as caught:
        sketch().validate(text)
    assert str(caught.value) == said


def test_deeper_checks_are_the_functions():
    assert sketch().validate('{"a": "text"}') == {"a": "text"}
    assert sketch(schema={"type": "object"}).validate('{"anything": 1}') == {"anything": 1}


def test_null_means_left_out_where_the_schema_itself_allows_none():
    assert sketch().validate('{"a": 1, "n": null, "o": null}', null_means_default=True) == {"a": 1, "n": None}
    assert sketch().validate('{"a": 1, "o": null}') == {"a": 1, "o": None}


def test_a_context_is_found_and_a_value_for_it_dropped():
    def f(a, context: "Marker", missing: "Nowhere" = None): ...

    signature = sketch(f)
    assert (signature.context, signature.hidden) == ("context", {"context"})
    assert signature.validate('{"a": 1, "context": 2}') == {"a": 1}
    assert signature.bind({"a": 1}, "C") == ([], {"a": 1, "context": "C"})
