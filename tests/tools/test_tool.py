"""Tools: made from every callable, sent, read, called."""

# ruff: noqa: B008 - odd signatures are the subject

import asyncio
import functools
import json
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from agentkit.errors import ConfigurationError, ToolDefinitionError
from agentkit.tools import ArgumentError, Context, Tool, as_tool, tool


@tool
def get_weather(location: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Get the current weather for a location.

    Args:
        location: City name, e.g. Beijing.
        unit: Temperature unit.
    """
    return f"{location} in {unit}"


DEFINITION = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather for a location.",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "City name, e.g. Beijing."},
                "unit": {
                    "enum": ["celsius", "fahrenheit"],
                    "type": "string",
                    "default": "celsius",
                    "description": "Temperature unit.",
                },
            },
            "required": ["location"],
            "additionalProperties": False,
        },
    },
}


def context(deps=None):
    return Context(
        deps=deps, run_id="r", call_id="c", tool_name="t", arguments="{}", turn=1, usage=None, retry=0, emit=print
    )


def call(made, arguments, deps=None):
    return made.call(made.read(arguments), context(deps))


def refusal(*args, **options):
    with pytest.raises(ToolDefinitionError) as caught:
        tool(*args, **options)
    return str(caught.value)


def test_definition_is_what_is_sent_in_tools():
    assert get_weather.definition == DEFINITION
    assert json.loads(get_weather.encoded) == DEFINITION
    assert b": " not in get_weather.encoded.replace(b"City name, e.g", b"")
    assert get_weather.encoded is get_weather.encoded


def test_definition_is_a_fresh_copy():
    get_weather.definition["function"]["parameters"]["properties"].clear()
    assert get_weather.definition == DEFINITION


def test_a_decorated_function_stays_callable():
    assert get_weather("Oslo", unit="fahrenheit") == "Oslo in fahrenheit"


def test_read_and_call_run_the_function():
    assert call(get_weather, '{"location": "Oslo"}') == "Oslo in celsius"
    with pytest.raises(ArgumentError) as caught:
        get_weather.read('{"location": 5}')
    assert str(caught.value) == "Argument 'location' should be a valid string, you sent 5."


def test_options_are_kept():
    @tool(
        name="other",
        description="D.",
        strict=False,
        retries=1,
        timeout=2.5,
        sequential=True,
        thread=False,
        approval=True,
    )
    def f(): ...

    assert (f.name, f.description, f.strict, f.retries, f.timeout) == ("other", "D.", False, 1, 2.5)
    assert (f.sequential, f.thread, f.approval) == (True, False, True)
    assert f.definition["function"]["strict"] is False
    plain = tool(lambda: None, name="plain")
    assert (plain.strict, plain.retries, plain.timeout, plain.sequential, plain.thread) == (
        None,
        None,
        None,
        False,
        True,
    )
    assert "strict" not in plain.definition["function"]
    assert "description" not in plain.definition["function"]


def test_a_tool_is_immutable_and_replace_copies():
    with pytest.raises(AttributeError):
        get_weather.name = "x"
    other = get_weather.replace(name="weather", timeout=1.0)
    assert (other.name, other.timeout, get_weather.name) == ("weather", 1.0, "get_weather")
    assert other.definition["function"]["name"] == "weather"
    assert call(other, '{"location": "Oslo"}') == "Oslo in celsius"
    with pytest.raises(TypeError) as caught:
        get_weather.replace(nme="x", function=print)
    assert str(caught.value) == "Tool.replace() knows no function, nme."


NO_NAME = (
    "'{}' is no name for a tool: the contract allows 1 to 64 letters, digits, `_` and `-`. "
    "Give another one, `tool(function, name=...)`."
)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "get weather"}, None),
        ({"name": "a" * 65}, None),
        ({"name": "a.b"}, None),
        ({"name": "wetter_für"}, None),
        ({"retries": -1}, "Tool 'f': retries is -1. Give 0 or more."),
        ({"timeout": 0}, "Tool 'f': timeout is 0. Give seconds above 0, or None."),
        ({"max_characters": 0}, "Tool 'f': max_characters is 0. Give 1 or more, or None."),
    ],
    ids=["name with a space", "name of 65", "name with a dot", "name beyond ASCII", "retries", "timeout", "characters"],
)
def test_illegal_names_and_values_are_refused(options, said):
    def f(): ...

    assert refusal(f, **options) == (said or NO_NAME.format(options["name"]))


def test_a_lambda_needs_a_name():
    assert refusal(lambda: 1) == NO_NAME.format("<lambda>")
    assert call(tool(lambda: 1, name="one"), "") == 1


class Weather:
    """Weather."""

    def __init__(self, unit="celsius"):
        self.unit = unit

    @tool
    def get(self, city: str) -> str:
        """Get it."""
        return f"{city} in {self.unit}"

    @tool
    @classmethod
    def inner(cls, city: str) -> str:
        return f"{city} of {cls.__name__}"

    @classmethod
    @tool
    def outer(cls, city: str) -> str:
        return f"{city} of {cls.__name__}"

    @tool
    @staticmethod
    def under(city: str) -> str:
        return city

    @staticmethod
    @tool
    def over(city: str) -> str:
        return city

    def plain(self, city: str) -> str:
        return f"{city} in {self.unit}"

    def __call__(self, city: str) -> str:
        return f"{city} in {self.unit}"


class Northern(Weather): ...


def test_methods_bind_to_their_object():
    assert list(Weather("k").get.parameters["properties"]) == ["city"]
    assert call(Weather("k").get, '{"city": "Oslo"}') == "Oslo in k"
    assert Weather("k").get("Oslo") == "Oslo in k"
    assert Weather.get.is_method
    assert not Weather().get.is_method
    assert call(Weather("k").get.replace(name="other"), '{"city": "Oslo"}') == "Oslo in k"
    assert call(Northern("k").get, '{"city": "Oslo"}') == "Oslo in k"


@pytest.mark.parametrize("holder", [Weather, Weather()], ids=["class", "object"])
def test_class_and_static_methods_are_tools_in_either_order(holder):
    assert call(as_tool(holder.inner), '{"city": "Oslo"}') == "Oslo of Weather"
    assert call(as_tool(holder.outer), '{"city": "Oslo"}') == "Oslo of Weather"
    assert call(holder.under, '{"city": "Oslo"}') == "Oslo"
    assert call(holder.over, '{"city": "Oslo"}') == "Oslo"
    assert call(as_tool(Northern.inner), '{"city": "Oslo"}') == "Oslo of Northern"


@pytest.mark.parametrize(
    ("function", "name", "result"),
    [
        (Weather("k").plain, "plain", "Oslo in k"),
        (Weather("k"), "Weather", "Oslo in k"),
        (functools.partial(get_weather.function, unit="fahrenheit"), "get_weather", "Oslo in fahrenheit"),
    ],
    ids=["bound method", "callable object", "partial"],
)
def test_methods_objects_and_partials_are_tools(function, name, result):
    made = tool(function)
    assert made.name == name
    assert "unit" not in made.parameters["properties"]
    argument = next(iter(made.parameters["properties"]))
    assert call(made, json.dumps({argument: "Oslo"})) == result


async def same(a: int) -> int:
    return a


class Async:
    async def __call__(self, a: int) -> int:
        return a

    async def method(self, a: int) -> int:
        return a


@pytest.mark.parametrize(
    "function",
    [same, Async(), Async().method, functools.partial(same)],
    ids=["async function", "async callable object", "async method", "partial of an async function"],
)
def test_what_gives_a_coroutine_is_async(function):
    made = tool(function)
    assert made.is_async
    assert asyncio.run(call(made, '{"a": 1}')) == 1


def test_a_sync_function_that_returns_an_awaitable_is_not_async():
    awaitable = tool(lambda: same(1), name="awaitable")
    assert not awaitable.is_async
    assert asyncio.run(call(awaitable, "")) == 1


@tool
def first(context: Context[str], a: int) -> str:
    return f"{context.deps} {a}"


@tool
def last(a: int, context: Context[str] | None = None) -> str:
    return f"{context.deps} {a}"


@tool
def keyword_only(a: int, *, context: "Annotated[Context, 'note']") -> str:
    return f"{context.deps} {a}"


@tool
def positional_only(a: int, context: Context, /) -> str:
    return f"{context.deps} {a}"


@pytest.mark.parametrize("made", [first, last, keyword_only, positional_only], ids=lambda made: made.name)
def test_the_context_is_injected_and_never_taken_from_the_model(made):
    assert made.takes_context
    assert list(made.parameters["properties"]) == ["a"]
    assert call(made, '{"a": 1, "context": {"deps": "evil"}}', deps="ours") == "ours 1"


def test_a_tool_without_context_takes_none():
    assert not get_weather.takes_context


class Item(BaseModel):
    name: str
    count: int = 1


def test_strict_sends_the_strict_schema_and_null_means_the_default():
    @tool(strict=True)
    def f(a: int, b: int = 5, c: int | None = 6, item: Item = Item(name="x")):
        return a, b, c, item

    sent = f.definition["function"]
    assert sent["strict"] is True
    assert sent["parameters"]["required"] == ["a", "b", "c", "item"]
    assert sent["parameters"]["properties"]["b"] == {
        "anyOf": [{"type": "integer"}, {"type": "null"}],
        "description": "Default: 5.",
    }
    text = '{"a": 1, "b": null, "c": null, "item": {"name": "y", "count": null}}'
    assert call(f, text) == (1, 5, None, Item(name="y"))


def test_strict_is_refused_with_its_reason_at_decoration_and_at_replace():
    def f(a: dict[str, int]): ...

    said = (
        "Tool 'f' cannot be strict. $.a: it is an open map, and strict mode wants every property named. "
        "Use a model with named fields, or a list of models with a key and a value. "
        "Change the parameter, or leave `strict=True` out."
    )
    assert refusal(f, strict=True) == said
    with pytest.raises(ToolDefinitionError) as caught:
        tool(f).replace(strict=True)
    assert str(caught.value) == said


def test_a_tool_from_a_schema_checks_its_arguments_and_passes_keywords():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}

    def f(context: Context, **kwargs):
        return context.deps, kwargs

    made = Tool.from_schema("raw", "D.", schema, f)
    assert made.definition["function"] == {"name": "raw", "description": "D.", "parameters": schema}
    assert call(made, '{"a": 2, "b": 1}', deps="d") == ("d", {"a": 2, "b": 1})
    with pytest.raises(ArgumentError) as caught:
        made.read("{}")
    assert str(caught.value) == "Argument 'a' is missing."
    assert made.replace(strict=True).parameters["additionalProperties"] is False
    with pytest.raises(ToolDefinitionError) as refused:
        Tool.from_schema("raw", "D.", {"type": "string"}, f)
    assert str(refused.value) == "Tool 'raw': its parameters are no schema of an object. Begin with `type: object`."


def test_an_external_tool_is_declared_by_its_schema_and_cannot_be_called():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    made = Tool.external("scan", "Scan pages.", schema)
    assert (made.is_external, made.is_async, made.takes_context) == (True, False, False)
    assert made.definition["function"] == {"name": "scan", "description": "Scan pages.", "parameters": schema}
    assert made.read('{"n": 2}') == {"n": 2}
    with pytest.raises(ArgumentError):
        made.read('{"n": 0}')
    with pytest.raises(ConfigurationError) as caught:
        made(n=2)
    assert str(caught.value) == (
        "Tool 'scan' is carried out elsewhere and cannot be called here. Its calls wait in `result.pending`; give "
        "their results, `call.give(...)`."
    )


def test_a_description_can_be_required():
    def f(a: int): ...

    assert "parameter 'a' has no description" in refusal(f, require_descriptions=True)
    assert tool(require_descriptions=True)(get_weather.function).definition == DEFINITION


def test_annotations_from_the_future_are_resolved():
    source = (
        "from __future__ import annotations\n"
        "from typing import Annotated\n"
        "from pydantic import Field\n"
        "from agentkit.tools import Context, tool\n"
        "@tool\n"
        "def f(ctx: Context[int], a: Annotated[int, Field(ge=1)], b: list[str] | None = None) -> Missing: ...\n"
    )
    names = {"__name__": "elsewhere"}
    exec(source, names)
    assert list(names["f"].parameters["properties"]) == ["a", "b"]
    assert names["f"].parameters["properties"]["a"] == {"type": "integer", "minimum": 1}


def test_the_context_is_hidden_under_future_annotations():
    source = (
        "from __future__ import annotations\n"
        "from agentkit.tools import Context, tool\n"
        "@tool\n"
        "def f(a: int, ctx: Context[str]) -> str:\n"
        "    return f'{ctx.deps} {a}'\n"
    )
    names = {"__name__": "elsewhere"}
    exec(source, names)
    assert names["f"].takes_context
    assert list(names["f"].parameters["properties"]) == ["a"]
    assert call(names["f"], '{"a": 1, "ctx": {"deps": "evil"}}', deps="ours") == "ours 1"


def test_constraints_are_sent_and_checked():
    @tool
    def f(a: Annotated[str, Field(min_length=2, pattern="^[a-z]+$")]) -> str:
        return a

    assert f.parameters["properties"]["a"] == {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"}
    with pytest.raises(ArgumentError):
        f.read('{"a": "A"}')
