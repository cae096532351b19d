"""Whole functions: shape of the schema, texts, defaults, and the way back to Python arguments."""

# ruff: noqa: B006, B008, RUF013, PLR0917 - odd signatures are the subject

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import Doc

from agentkit.errors import ToolDefinitionError
from agentkit.schema import read_signature


def schema(function, **options):
    return read_signature(function, name="f", **options).parameters


def call(function, text):
    signature = read_signature(function, name="f")
    positional, named = signature.bind(signature.validate(text), None)
    return function(*positional, **named)


def test_no_parameters_give_an_empty_closed_object():
    def f(): ...

    assert schema(f) == {"type": "object", "properties": {}, "additionalProperties": False}


def test_all_optional_parameters_leave_required_out():
    def f(a: int = 1, b: str | None = None): ...

    assert "required" not in schema(f)


def test_required_has_the_order_of_the_parameters():
    def f(z: int, b: str = "", *, a: int, m: int = 1): ...

    assert schema(f)["required"] == ["z", "a"]
    assert list(schema(f)["properties"]) == ["z", "b", "a", "m"]


class Color(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int = 1


def test_defaults_are_kept_falsy_ones_too():
    def f(
        a: int = 0,
        b: str = "",
        c: bool = False,
        d: list[int] = [],
        e: dict[str, int] = {},
        f: int | None = None,
        g: Color = Color.RED,
        h: Point = Point(),
        i: set[str] = frozenset({"b", "a"}),
        j: tuple[int, ...] = (),
    ): ...

    defaults = {name: one["default"] for name, one in schema(f)["properties"].items()}
    assert defaults == {
        "a": 0, "b": "", "c": False, "d": [], "e": {}, "f": None, "g": "red", "h": {"x": 1}, "i": ["a", "b"], "j": [],
    }  # fmt: skip
    assert defaults["c"] is False


class Awkward:
    def __eq__(self, other):
        raise RuntimeError("not to be compared")

    __hash__ = None


def test_a_default_whose_eq_misbehaves_or_that_json_cannot_hold_is_optional_without_a_default():
    def f(a: Any = Awkward(), b: Any = object(), c: float = float("inf")):
        return a, b, c

    assert schema(f)["properties"] == {"a": {}, "b": {}, "c": {"type": "number"}}
    assert "required" not in schema(f)
    assert isinstance(call(f, "{}")[0], Awkward)


def test_none_as_default_makes_a_parameter_nullable():
    def f(a: int = None, b: Annotated[int, Field(ge=1, description="B.")] = None):
        return a, b

    assert schema(f)["properties"] == {
        "a": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        "b": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None, "description": "B."},
    }
    assert call(f, '{"a": null}') == (None, None)


def test_field_as_default_gives_constraints_text_and_default():
    def f(a: int = Field(ge=1, description="A."), b: int = Field(3), c: list[int] = Field(default_factory=list)):
        return a, b, c

    made = schema(f)
    assert made["properties"]["a"] == {"type": "integer", "minimum": 1, "description": "A."}
    assert made["properties"]["b"] == {"type": "integer", "default": 3}
    assert made["required"] == ["a"]
    assert call(f, '{"a": 1}') == (1, 3, [])


def test_star_arguments_typed_and_untyped_become_an_array_and_an_open_object():
    def typed(a: int, *rest: str, **more: int):
        return a, rest, more

    def untyped(*rest, **more): ...

    assert schema(typed)["properties"]["rest"] == {"type": "array", "items": {"type": "string"}}
    assert schema(typed)["additionalProperties"] == {"type": "integer"}
    assert schema(typed)["required"] == ["a"]
    assert schema(untyped) == {
        "type": "object",
        "properties": {"rest": {"type": "array", "items": {}}},
        "additionalProperties": True,
    }
    assert call(typed, '{"a": 1, "rest": ["x", "y"], "m": 2}') == (1, ("x", "y"), {"m": 2})
    assert call(typed, '{"a": 1}') == (1, (), {})


def test_positional_only_and_keyword_only_parameters_are_passed_as_they_must_be():
    def f(a: int, b: int = 2, /, c: int = 3, *, d: int):
        return a, b, c, d

    assert call(f, '{"a": 1, "d": 4}') == (1, 2, 3, 4)
    assert call(f, '{"a": 1, "c": 5, "d": 4}') == (1, 2, 5, 4)

    def g(a: int = 1, b: int = 2, *rest: int):
        return a, b, rest

    assert call(g, '{"b": 5, "rest": [6]}') == (1, 5, (6,))


@pytest.mark.parametrize("name", ["self_", "schema", "model_config", "json", "copy", "_private", "class_", "values"])
def test_parameters_may_bear_any_name(name):
    def f(**kwargs):
        return kwargs

    made = {}
    exec(f"def f({name}: int = 1):\n    return {name}", made)
    assert call(made["f"], f'{{"{name}": 5}}') == 5


def test_annotated_and_field_descriptions_win_over_the_docstring():
    def f(
        a: Annotated[int, Field(description="Field.")],
        b: Annotated[int, "Note."],
        c: Annotated[int, Doc("Doc.")],
        d: Annotated[Color, Field(description="Field.")],
        e: int = Field(description="Field."),
        g: Annotated[int | None, Field(description="")] = None,
    ):
        """F.

        Args:
            a: Docstring.
            b: Docstring.
            c: Docstring.
            d: Docstring.
            e: Docstring.
            g: Docstring.
        """

    made = {name: one["description"] for name, one in schema(f)["properties"].items()}
    assert made == {"a": "Field.", "b": "Note.", "c": "Doc.", "d": "Field.", "e": "Field.", "g": "Docstring."}


def test_a_note_inside_a_container_describes_nothing_else():
    def f(a: list[Annotated[int, "Inner."]]): ...

    assert "description" not in schema(f)["properties"]["a"]


def test_the_docstring_describes_parameters_beside_references():
    def f(a: Color):
        """F.

        Args:
            a: The color.
        """

    assert schema(f)["properties"]["a"] == {"$ref": "#/$defs/Color", "description": "The color."}


def test_the_description_is_the_docstrings_without_sections():
    def f(a: int):
        """Do it.

        At length.

        Args:
            a: The a.

        Returns:
            The sum.
        """

    assert read_signature(f).description == "Do it.\n\nAt length."
    assert read_signature(f, description="Mine.").description == "Mine."


def test_returns_describe_a_function_that_says_nothing_else():
    def f():
        """Returns:
            The sum.
        """  # fmt: skip

    assert read_signature(f).description == "Returns: The sum."


def test_methods_and_objects_take_the_words_of_their_class():
    class Parent:
        def run(self, a: int):
            """Words of the parent."""

    class Child(Parent):
        def run(self, a: int): ...

    class Callable:
        """Words of the class."""

        def __call__(self, a: int): ...

    assert read_signature(Child().run).description == "Words of the parent."
    assert read_signature(Callable(), name="c").description == "Words of the class."


def test_descriptions_can_be_required_of_every_parameter():
    def f(a: int, b: int):
        """F.

        Args:
            a: The a.
        """

    with pytest.raises(ToolDefinitionError) as caught:
        schema(f, require_descriptions=True)
    assert str(caught.value) == (
        "Tool 'f': parameter 'b' has no description, and one is required. "
        "Describe it under `Args:` in the docstring, or write `Annotated[..., Field(description=...)]`."
    )


class Attributed(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    size: int
    """How large."""


def test_attribute_docstrings_of_models_are_used():
    def f(a: Attributed): ...

    assert schema(f)["$defs"]["Attributed"]["properties"]["size"]["description"] == "How large."


def test_a_single_model_stays_one_parameter_by_its_name():
    def f(request: Attributed):
        return request

    assert schema(f)["properties"] == {"request": {"$ref": "#/$defs/Attributed"}}
    assert call(f, '{"request": {"size": 3}}') == Attributed(size=3)


def test_two_models_of_one_name_are_both_defined():
    def make(hint):
        class Item(BaseModel):
            value: hint

        return Item

    a, b = make(int), make(str)

    def f(x: a, y: b, z: int = 3):
        return x, y, z

    assert len(schema(f)["$defs"]) == 2
    assert schema(f)["properties"]["z"] == {"type": "integer", "default": 3}
    assert call(f, '{"x": {"value": 1}, "y": {"value": "1"}}') == (a(value=1), b(value="1"), 3)


def test_colours_are_told_apart():
    async def f(): ...

    class Async:
        async def __call__(self): ...

    def awaitable():
        return f()

    assert read_signature(f).is_async
    assert read_signature(Async(), name="f").is_async
    assert not read_signature(awaitable).is_async


class Parent(BaseModel):
    a: "int | None" = None


def test_literals_and_inherited_annotations_are_read():
    class Child(Parent):
        b: Literal["x"]

    def f(child: Child, mode: Literal["a", 1, None] = None): ...

    assert list(schema(f)["$defs"]["Child"]["properties"]) == ["a", "b"]
    assert schema(f)["properties"]["mode"] == {"enum": ["a", 1, None], "default": None}
