"""Parameters of every kind of callable, and the words that refuse what cannot be told to a model."""

# ruff: noqa: F821, F722 - odd signatures are the subject

import functools
import socket
import typing
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict, Unpack

from agentkit.errors import ToolDefinitionError
from agentkit.schema import read_signature
from agentkit.schema.parameter import UnresolvedHintError

if typing.TYPE_CHECKING:
    from nowhere import Missing


class Context: ...


def read(function, **options):
    return read_signature(function, name="f", is_context=lambda hint: hint is Context, **options)


def names(function):
    return list(read(function).parameters["properties"])


def refusal(function, **options):
    with pytest.raises(ToolDefinitionError) as caught:
        read(function, **options)
    return str(caught.value)


def plain(a: int, b: str = "x"): ...


class Weather:
    def method(self, city: str): ...

    @classmethod
    def of_class(cls, city: str): ...

    @staticmethod
    def static(city: str): ...

    def __call__(self, city: str): ...


class Child(Weather): ...


@functools.wraps(plain)
def wrapped(*args, **kwargs):
    return plain(*args, **kwargs)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (plain, ["a", "b"]),
        (lambda: None, []),
        (Weather().method, ["city"]),
        (Weather.of_class, ["city"]),
        (Weather().of_class, ["city"]),
        (Weather.static, ["city"]),
        (Weather(), ["city"]),
        (Child().method, ["city"]),
        (Child(), ["city"]),
        (wrapped, ["a", "b"]),
        (functools.lru_cache(plain), ["a", "b"]),
        (functools.partial(plain, b="y"), ["a"]),
        (functools.partial(plain, 1), ["b"]),
        (functools.partial(functools.partial(plain, 1), b="y"), []),
        (functools.partial(Weather().method), ["city"]),
    ],
    ids=[
        "function", "lambda", "bound method", "class method", "class method of an object", "static method",
        "callable object", "inherited method", "inherited callable object", "wrapped", "cached", "partial by name",
        "partial by position", "partial of a partial", "partial of a method",
    ],
)  # fmt: skip
def test_every_callable_shows_the_parameters_that_are_left(function, expected):
    assert names(function) == expected


def test_a_method_not_yet_bound_hides_its_object():
    assert names(Weather.method) == ["city"]
    assert read(Weather.method).hidden == {"self"}


@pytest.mark.parametrize(
    "function",
    [
        lambda context, a: None,
        lambda a, context: None,
        lambda a, *, context: None,
        lambda context, /, a: None,
    ],
    ids=["first", "not first", "keyword-only", "positional-only"],
)
def test_the_context_is_hidden_wherever_it_stands(function):
    function.__annotations__ = {"a": int, "context": Context}
    signature = read(function)
    assert list(signature.parameters["properties"]) == ["a"]
    assert (signature.context, signature.hidden) == ("context", {"context"})
    positional, named = signature.bind(signature.validate('{"a": 1, "context": "sent by the model"}'), "C")
    assert [*positional, *named.values()].count("C") == 1


def test_the_context_may_be_missing():
    assert read(plain).context is None


def test_a_parameter_named_context_of_another_type_is_an_argument():
    def f(context: int): ...

    signature = read(f)
    assert signature.context is None
    assert signature.parameters["properties"] == {"context": {"type": "integer"}}
    assert signature.validate('{"context": 5}') == {"context": 5}


def test_the_context_is_found_although_its_own_argument_cannot_be_resolved():
    class Generic:
        def __class_getitem__(cls, item): ...

    def f(ctx: "Context[Missing]", a: int): ...

    assert read(f).context == "ctx"


def test_names_under_type_checking_are_refused_with_what_to_do():
    def f(a: "Missing"): ...

    with pytest.raises(UnresolvedHintError) as caught:
        read(f)
    assert str(caught.value) == (
        "Tool 'f': the annotation of 'a' cannot be resolved: name 'Missing' is not defined. "
        "Import the name outside of `if TYPE_CHECKING:`, or define it before the tool is first used."
    )


def test_an_annotation_of_the_result_that_cannot_be_resolved_does_not_matter():
    def f(a: int) -> "Missing": ...

    assert names(f) == ["a"]


def test_names_of_the_closure_are_resolved():
    class Local(BaseModel):
        a: int

    def f(x: "Local", y: "list[Local]"):
        return Local

    assert read(f).parameters["properties"]["x"] == {"$ref": "#/$defs/Local"}


class Later(BaseModel):
    inner: "NotYet"


def test_a_model_that_is_not_complete_is_unresolved():
    def f(a: Later): ...

    with pytest.raises(UnresolvedHintError) as caught:
        read(f)
    assert str(caught.value) == f"Tool 'f': the type of parameter 'a' is not complete: {caught.value.__cause__}"


class Options(TypedDict, total=False):
    depth: typing.Required[Annotated[int, Field(description="How deep.")]]
    wide: bool


def test_unpacked_keywords_become_parameters():
    def f(a: int, **options: Unpack[Options]):
        return options

    signature = read(f)
    assert signature.parameters["properties"]["depth"] == {"type": "integer", "description": "How deep."}
    assert signature.parameters["required"] == ["a", "depth"]
    positional, named = signature.bind(signature.validate('{"a": 1, "depth": 2}'), None)
    assert f(*positional, **named) == {"depth": 2}


def unannotated(city): ...
def with_default(unit="c"): ...
def context_without_hint(ctx, a: int): ...
def not_a_type(a: 5): ...
def not_an_expression(a: "5 +"): ...
def two_contexts(a: Context, b: Context): ...
def star_context(*a: Context): ...
def a_socket(a: socket.socket): ...
def a_function(a: Callable[[], int]): ...
def two_defaults(a: Annotated[int, Field(default=1)] = 2): ...
def one_alias(a: Annotated[int, Field(alias="b")], b: int): ...
def bad_unpack(**a: Unpack[int]): ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            unannotated,
            (
                "Tool 'f': parameter 'city' has no type annotation, so no JSON Schema can be made for it. "
                "Write `city: str`."
            ),
        ),
        (
            with_default,
            (
                "Tool 'f': parameter 'unit' has no type annotation, so no JSON Schema can be made for it. "
                "Write `unit: str = 'c'`."
            ),
        ),
        (
            context_without_hint,
            (
                "Tool 'f': parameter 'ctx' has no type annotation, so no JSON Schema can be made for it. "
                "Write `ctx: Context`."
            ),
        ),
        (
            not_a_type,
            (
                "Tool 'f': parameter 'a' is of type 5, which has no JSON Schema. "
                "Take what JSON can hold (str, int, a list, a model) and build the object inside the function."
            ),
        ),
        (
            a_socket,
            (
                "Tool 'f': parameter 'a' is of type socket, which has no JSON Schema. "
                "Take what JSON can hold (str, int, a list, a model) and build the object inside the function."
            ),
        ),
        (
            a_function,
            (
                "Tool 'f': parameter 'a' is of type collections.abc.Callable[[], int], which has no JSON Schema. "
                "Take what JSON can hold (str, int, a list, a model) and build the object inside the function."
            ),
        ),
        (two_contexts, "Tool 'f': a and b both take the context. Keep one of them."),
        (star_context, "Tool 'f': `*a` cannot take the context. Write `a: Context`."),
        (two_defaults, "Tool 'f': parameter 'a' has two defaults. Keep the one after `=`."),
        (one_alias, "Tool 'f': two parameters bear the name 'b'. Give one another alias."),
        (bad_unpack, "Tool 'f': `**a` unpacks something that is no TypedDict."),
        (Weather, "Tool 'f' is a class. Give a function, or an object whose class has a `__call__` method."),
        (5, "Tool 'f' is of type int, which cannot be called. Give a function that uses it."),
        (
            len,
            (
                "Tool 'f' has no annotations that can be read, for it is not written in Python. "
                "Wrap it in a function with annotations."
            ),
        ),
        (
            max,
            (
                "Tool 'f' has no annotations that can be read, for it is not written in Python. "
                "Wrap it in a function with annotations."
            ),
        ),
    ],
    ids=[
        "missing annotation", "missing annotation with a default", "missing hint of the context", "value as a type",
        "socket", "type of a function", "two contexts", "context of star arguments", "two defaults",
        "one alias twice", "unpacked no TypedDict", "class", "no callable", "builtin len", "builtin max",
    ],
)  # fmt: skip
def test_what_cannot_be_a_tool_is_refused_with_what_to_write(function, said):
    assert refusal(function) == said


def test_an_annotation_that_is_no_expression_is_refused():
    with pytest.raises(ToolDefinitionError) as caught:
        read(not_an_expression)
    assert isinstance(caught.value.__cause__, SyntaxError)
    assert str(caught.value) == (
        f"Tool 'f': the annotation of 'a' is no type: {caught.value.__cause__}. Write one, as `a: str`."
    )


def test_typing_typed_dict_is_refused_where_it_hides_optional_keys():
    class Old(typing.TypedDict):
        a: int

    def f(a: Old): ...

    import sys

    if sys.version_info >= (3, 12):
        assert names(f) == ["a"]
    else:
        assert refusal(f) == (
            "Tool 'f': parameter 'a' uses `typing.TypedDict`, which hides its optional keys before Python 3.12. "
            "Import TypedDict from typing_extensions."
        )


def test_any_is_an_annotation():
    def f(a: Any): ...

    assert read(f).parameters["properties"] == {"a": {}}
