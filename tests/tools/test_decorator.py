"""The decorator: what it takes, what it refuses, when hints are resolved."""

# ruff: noqa: F821 - hints that do not resolve are the subject

import pytest
from pydantic import BaseModel

from agentkit.errors import ToolDefinitionError
from agentkit.tools import ArgumentError, as_tool, tool


@tool
def get_weather(city: str) -> str:
    """Get the weather."""
    return city


def refusal(*args, **options):
    with pytest.raises(ToolDefinitionError) as caught:
        tool(*args, **options)
    return str(caught.value)


def test_a_tool_is_not_made_into_a_tool_again():
    assert refusal(get_weather) == "Tool 'get_weather' is a tool already. Change it by `.replace(...)`."
    assert as_tool(get_weather) is get_weather


def test_what_cannot_be_a_tool_is_refused_at_decoration():
    with pytest.raises(ToolDefinitionError) as caught:

        @tool
        def get_city(city): ...

    assert str(caught.value) == (
        "Tool 'get_city': parameter 'city' has no type annotation, so no JSON Schema can be made for it. "
        "Write `city: str`."
    )


def test_a_name_that_comes_later_is_resolved_at_first_use():
    @tool
    def f(a: "Later") -> int:
        return a.value

    assert f.description == ""
    globals()["Later"] = type("Later", (BaseModel,), {"__annotations__": {"value": int}, "__module__": __name__})
    try:
        assert f(**f.read('{"a": {"value": 3}}')) == 3
    finally:
        del globals()["Later"]


def test_a_name_that_never_comes_is_refused_at_first_use():
    @tool
    def f(a: "Never"): ...

    with pytest.raises(ToolDefinitionError) as caught:
        _ = f.definition
    assert str(caught.value) == (
        "Tool 'f': the annotation of 'a' cannot be resolved: name 'Never' is not defined. "
        "Import the name outside of `if TYPE_CHECKING:`, or define it before the tool is first used."
    )


def test_names_local_to_the_defining_function_are_resolved():
    class Local(BaseModel):
        value: int

    def inner():
        class Toolset:
            class Nested(BaseModel):
                value: int

            @tool
            def method(self, a: "Local", b: "Nested"): ...

        return Toolset().method

    assert list(inner().parameters["$defs"]) == ["Local", "Nested"]


def test_an_external_function_only_has_its_hints():
    @tool(external=True)
    def ask_customer(question: str, days: int = 3) -> str:
        """Ask the customer.

        Args:
            question: In one sentence.
        """
        raise AssertionError(question)

    assert ask_customer.is_external
    assert not get_weather.is_external
    assert ask_customer.read('{"question": "Which size?"}') == {"question": "Which size?"}
    assert ask_customer.definition["function"]["description"] == "Ask the customer."
    with pytest.raises(ArgumentError):
        ask_customer.read('{"question": 1}')
    assert ask_customer.replace(name="ask").is_external


def test_an_external_tool_needs_no_approval_and_takes_none():
    def f(): ...

    assert refusal(f, external=True, approval=True) == (
        "Tool 'f' is external: each of its calls waits for whoever carries it out, who may deny it too. "
        "Leave `approval` out."
    )


def test_a_tool_says_whether_a_call_of_it_may_run_again():
    @tool(idempotent=True)
    def order(article: str) -> str:
        """Order."""
        return article

    assert order.idempotent
    assert order.replace(name="buy").idempotent
    assert not tool(order.function).idempotent
    assert "idempotent" not in str(order.definition)
