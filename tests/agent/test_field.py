"""The fields of an agent that are checked at once; how a model is found is in `test_agent`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

import agentkit
from agentkit.agent.field import check_fields, model_of, settings_of, tools_of
from agentkit.errors import ConfigurationError, InvalidRequestError, ToolDefinitionError, UnknownModelError
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import Context, Toolbox, tool
from agentkit.wire.setting import Settings

if TYPE_CHECKING:
    from nowhere import Elsewhere


def test_a_model_is_taken_as_it_is():
    model = ScriptedModel([])
    assert model_of(model) is model


def test_what_is_no_model_is_told():
    with pytest.raises(UnknownModelError) as refused:
        model_of(7)
    assert str(refused.value) == (
        "A model of type int lacks `name`, `complete` or `stream`. "
        'Give a name, `"provider:model"`, or a `ChatModel(...)`.'
    )


def test_what_cannot_be_a_field_is_refused():
    with pytest.raises(ConfigurationError, match="on_tool_error is 'never', which is unknown"):
        check_fields("never", ())
    with pytest.raises(ConfigurationError, match="'x' is no middleware"):
        check_fields("report", ("x",))


@pytest.mark.parametrize(("given", "seen"), [(5, "5"), (["a", None], "None"), (b"x", "b'x'"), ({"a": 1}, "{'a': 1}")])
def test_what_is_no_instruction_is_refused(given, seen):
    with pytest.raises(ConfigurationError) as refused:
        check_fields("report", (), given)
    assert str(refused.value) == (
        f"The instructions are or hold {seen}, which is neither a text nor a function. "
        "Give a text, a function of the context, or a list of these."
    )


class Chooser:
    def __call__(self, context: Context):
        return []

    def choose(self, context: Context[Elsewhere]):
        return []


def plain(context):
    return []


def spelled(context: agentkit.Context[Elsewhere]):
    return []


def positional(context: Context | None, /, *, verbose: bool = False):
    return []


def of_two(context: Context, name: str = "x"):
    return []


CHOOSERS = [plain, spelled, positional, Chooser(), Chooser().choose, partial(of_two, name="y"), lambda context: []]


@pytest.mark.parametrize("given", CHOOSERS, ids=str)
def test_a_function_of_the_context_is_left_to_choose_tools(given):
    assert tools_of(given) is given


@pytest.mark.parametrize("given", [list, len, print, of_two, lambda *contexts: [], lambda a, *, b: []], ids=str)
def test_other_functions_are_tools_that_stand_alone_or_cannot_be_any(given):
    with pytest.raises(ToolDefinitionError):
        tools_of(given)


def test_a_lone_tool_is_told_to_be_put_in_a_list():
    def look(city: str) -> str:
        return city

    said = "Tool 'look' stands alone where several are taken. Put it in a list: `[look]`."
    for given in (look, tool(look)):
        with pytest.raises(ToolDefinitionError) as refused:
            tools_of(given)
        assert str(refused.value) == said


def test_a_toolbox_is_taken_as_it_is():
    box = Toolbox()
    assert tools_of(box) is box


def test_what_does_not_tell_its_parameters_is_no_chooser():
    class Silent:
        __signature__ = "none"

        def __call__(self, context):
            raise AssertionError

    with pytest.raises(ToolDefinitionError):
        tools_of(Silent())


def test_settings_are_a_value_or_a_function():
    function = lambda context: None
    assert settings_of(function) is function
    assert settings_of(None) is None
    assert settings_of(Settings(seed=1)) == Settings(seed=1)
    with pytest.raises(InvalidRequestError, match=r"a ModelMetaclass\. Write Settings\(temperature=0\.2\)\.$"):
        settings_of(Settings)
