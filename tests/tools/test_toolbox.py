"""Toolboxes: unique names, and copies that combine and change them."""

# ruff: noqa: F821, RUF005 - odd signatures are the subject

import json

import pytest

from agentkit.errors import ToolDefinitionError
from agentkit.tools import Toolbox, tool


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def sub(a: int, b: int) -> int:
    """Subtract."""
    return a - b


@tool(sequential=True)
def halt() -> None: ...


def make_other():
    def add(x: str): ...

    return add


class Lamp:
    @tool
    def switch(self) -> None: ...


def test_functions_and_tools_are_taken_in_order():
    box = Toolbox([add, halt, sub])
    assert box.names == ("add", "halt", "sub")
    assert [made.name for made in box] == ["add", "halt", "sub"]
    assert len(box) == 3
    assert "add" in box
    assert "mul" not in box
    assert box["halt"] is halt
    assert box.get("mul") is None
    assert repr(box) == "Toolbox(add, halt, sub)"


def test_duplicate_names_are_refused_naming_both_functions():
    with pytest.raises(ToolDefinitionError) as caught:
        Toolbox([add, make_other()])
    assert str(caught.value) == (
        f"Two tools are named 'add': {__name__}:add and {__name__}:make_other.<locals>.add. "
        "Rename one, `tool(function, name=...)`, or set one toolbox apart, `toolbox.prefix(...)`."
    )


def test_collisions_between_toolboxes_are_refused_and_a_prefix_sets_them_apart():
    with pytest.raises(ToolDefinitionError):
        Toolbox([add]) + Toolbox([make_other()])
    assert (Toolbox([add]) + Toolbox([make_other()]).prefix("gh_")).names == ("add", "gh_add")


def test_adding_takes_tools_functions_and_toolboxes_on_either_side():
    assert (Toolbox([add]) + [sub]).names == ("add", "sub")
    assert ([sub] + Toolbox([add])).names == ("sub", "add")


def test_filter_takes_names_or_a_predicate():
    box = Toolbox([add, sub, halt])
    assert box.filter(["sub", "add"]).names == ("add", "sub")
    assert box.filter("halt").names == ("halt",)
    assert box.filter(lambda made: made.sequential).names == ("halt",)
    assert box.names == ("add", "sub", "halt")


def test_rename_takes_a_map_or_a_function():
    box = Toolbox([add, sub])
    assert box.rename({"add": "plus"}).names == ("plus", "sub")
    assert box.rename(str.upper).names == ("ADD", "SUB")
    assert box.rename({"add": "plus"})["plus"](1, 2) == 3


@pytest.mark.parametrize("use", [lambda b: b["mul"], lambda b: b.filter(["mul"]), lambda b: b.rename({"mul": "x"})])
def test_unknown_names_are_answered_with_the_known_ones(use):
    with pytest.raises(KeyError) as caught:
        use(Toolbox([add, sub]))
    assert caught.value.args == ("There is no tool 'mul'. The tools are: add, sub.",)


def test_illegal_new_names_are_refused():
    with pytest.raises(ToolDefinitionError) as caught:
        Toolbox([add]).prefix("git hub ")
    assert str(caught.value).startswith("'git hub add' is no name for a tool: ")


def test_definitions_are_encoded_once_and_joined():
    box = Toolbox([add, halt])
    assert json.loads(box.encoded) == box.definitions
    assert box.encoded == b"[" + box["add"].encoded + b"," + halt.encoded + b"]"
    assert box.encoded is box.encoded
    assert Toolbox().encoded == b"[]"
    box.definitions[0]["function"].clear()
    assert json.loads(box.encoded) == box.definitions


def test_a_method_without_its_object_is_refused():
    with pytest.raises(ToolDefinitionError) as caught:
        Toolbox([Lamp.switch])
    assert str(caught.value) == "Tool 'switch' is a method without its object. Take it from one, `thing.switch`."
    assert Toolbox([Lamp().switch]).names == ("switch",)


def test_hints_that_never_resolved_are_refused_when_the_toolbox_is_made():
    @tool
    def f(a: "Never"): ...

    with pytest.raises(ToolDefinitionError) as caught:
        Toolbox([f])
    assert "the annotation of 'a' cannot be resolved: name 'Never' is not defined." in str(caught.value)


def test_a_lambda_without_a_list_is_told_what_one_that_gives_tools_takes():
    with pytest.raises(ToolDefinitionError) as caught:
        Toolbox(lambda: [add])
    assert str(caught.value) == (
        "A lambda stands alone where several tools are taken. One that gives an agent's tools takes the context: "
        "`tools=lambda context: [...]`."
    )


@pytest.mark.parametrize(("alone", "name"), [(add, "add"), (halt, "halt")])
def test_one_tool_without_a_list_is_refused(alone, name):
    with pytest.raises(ToolDefinitionError) as caught:
        Toolbox(alone)
    assert str(caught.value) == f"Tool '{name}' stands alone where several are taken. Put it in a list: `[{name}]`."
