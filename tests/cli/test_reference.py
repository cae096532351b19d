"""`module[:name]` and `path/to/file.py[:name]` become tools and types."""

import sys

import pytest

from agentkit import Agent
from agentkit.cli.reference import load_agent, load_tools, load_type, load_value
from agentkit.errors import ConfigurationError, ToolDefinitionError


def names(*references):
    return load_tools(references).names


def refusal(*references):
    with pytest.raises(ConfigurationError) as caught:
        load_tools(references)
    return str(caught.value)


def type_refusal(reference):
    with pytest.raises(ConfigurationError) as caught:
        load_type(reference)
    return str(caught.value)


def test_a_module_gives_its_tools_and_toolboxes_each_once(here):
    assert names("weather") == ("get_weather", "pay")


def test_a_name_gives_that_tool_toolbox_or_plain_function(here):
    assert names("weather:get_weather") == ("get_weather",)
    assert names("weather:box") == ("get_weather",)
    assert names("weather:plain") == ("plain",)


def test_several_references_are_put_together_without_doubles(here):
    assert names("weather:plain", "weather:get_weather", "weather") == ("plain", "get_weather", "pay")


def test_all_of_a_module_decides_and_lets_plain_functions_in(here):
    (here / "listed.py").write_text("from weather import get_weather, plain\n__all__ = ['plain']\n")
    assert names("listed") == ("plain",)


def test_private_names_are_left_out(here):
    (here / "hidden.py").write_text("from weather import get_weather, pay as _pay\n")
    assert names("hidden") == ("get_weather",)


def test_a_dotted_name_reaches_into_an_object(here):
    (here / "thing.py").write_text(
        "class Shop:\n    def close(self, day: str) -> str:\n        'Close.'\n        return day\nshop = Shop()\n"
    )
    assert names("thing:shop.close") == ("close",)


def test_a_file_is_named_by_its_path_and_finds_the_files_beside_it(here, monkeypatch):
    (here / "deep").mkdir()
    (here / "deep" / "beside.py").write_text("from agentkit import tool\n")
    (here / "deep" / "filed.py").write_text("from beside import tool\n@tool\ndef ring(text: str) -> str: 'Ring.'\n")
    assert names("deep/filed.py") == ("ring",)
    assert names("deep/filed.py:ring") == ("ring",)
    monkeypatch.chdir(here / "deep")
    assert names(str(here / "deep" / "filed.py")) == ("ring",)


def test_a_file_that_bears_the_name_of_a_module_in_use_is_another_module(here):
    (here / "json.py").write_text("from agentkit import tool\n@tool\ndef ring(text: str) -> str: 'Ring.'\n")
    known = sys.modules["json"]
    assert names("./json.py") == ("ring",)
    assert sys.modules["json"] is known


def test_a_type_is_loaded_by_its_name(here):
    assert load_type("weather:Report").__name__ == "Report"


def test_builtin_types_need_no_module(here):
    assert [load_type(name) for name in ("int", "str", "bool", "float", "list", "dict")] == [
        *(int, str, bool, float, list, dict)
    ]


def test_a_json_file_is_a_schema(here):
    (here / "person.json").write_text('{"type": "object", "properties": {"name": {"type": "string"}}}')
    assert load_type("person.json") == {"type": "object", "properties": {"name": {"type": "string"}}}


def test_a_type_without_a_name_is_refused(here):
    assert type_refusal("weather") == (
        "'weather' names no type. Write module:Type, path/to/file.py:Type, a .json file of a JSON Schema, or one of "
        "bool, dict, float, int, list, str."
    )


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (
            "{",
            "'person.json' holds no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1).",
        ),
        ("[]", "NO_SCHEMA"),
        ('{"name": "Ann"}', "NO_SCHEMA"),
    ],
)
def test_a_json_file_without_a_schema_is_refused(here, text, refusal):
    (here / "person.json").write_text(text)
    no_schema = (
        "'person.json' holds JSON and no JSON Schema. Write an object such as "
        '{"type": "object", "properties": {...}}.'
    )
    assert type_refusal("person.json") == refusal.replace("NO_SCHEMA", no_schema)


def test_a_json_file_that_is_not_there_is_refused_with_the_close_ones(here):
    (here / "person.json").write_text("{}")
    assert type_refusal("persons.json") == "There is no file 'persons.json'. Close to it: person.json."


def test_an_unknown_module_is_refused_with_the_close_files(here):
    assert refusal("wether") == (
        "There is no module 'wether', neither installed nor in this folder. Close to it: weather."
    )


def test_an_unknown_file_is_refused_with_the_close_files(here):
    assert refusal("wether.py") == "There is no file 'wether.py'. Close to it: weather.py."


def test_a_path_that_is_no_python_is_refused(here):
    (here / "notes").mkdir()
    (here / "notes" / "list.txt").write_text("x")
    assert refusal("notes/list.txt") == "'notes/list.txt' is no file of Python. Name a .py file."


def test_an_unknown_name_is_refused_with_the_close_names(here):
    assert refusal("weather:get_wether") == "'weather' has no 'get_wether'. Close to it: get_weather."


def test_a_dot_in_the_place_of_the_colon_is_explained(here):
    assert refusal("weather.get_weather") == (
        "'weather.get_weather' is no module: 'get_weather' is a name in 'weather'. Write weather:get_weather."
    )


@pytest.mark.parametrize("reference", ["", ":", "weather:", ":plain", "weather:1x"])
def test_what_names_nothing_is_refused(here, reference):
    assert refusal(reference) == f"{reference!r} names nothing. Write module, module:name or path/to/file.py:name."


def test_a_value_that_is_no_tool_is_refused(here):
    assert refusal("weather:number") == (
        "'weather:number' is a value of type int, which is no tool. Name a tool, a toolbox or a function."
    )


def test_a_module_without_tools_is_refused_with_its_functions(here):
    (here / "untold.py").write_text("import json\ndef one(): ...\ndef two(): ...\ndef _three(): ...\n")
    assert refusal("untold") == (
        "'untold' has no tools. Its functions are one, two: write @tool above them, list them in __all__, "
        "or name one, untold:one."
    )


def test_a_module_without_functions_is_refused(here):
    (here / "blank.py").write_text("x = 1\n")
    assert refusal("blank") == "'blank' has no tools. Write a function with type hints and @tool above it."


def test_a_module_that_raises_is_refused_with_the_line(here):
    (here / "broken.py").write_text("x = 1\ny = x / 0\n")
    text = "could not be imported: ZeroDivisionError: division by zero (broken.py, line 2)."
    assert refusal("broken") == f"'broken' {text}"
    assert refusal("broken.py") == f"'broken.py' {text}"


def test_a_module_with_a_slip_of_syntax_is_refused_with_the_line(here):
    (here / "slip.py").write_text("x = 1\ndef f(:\n")
    assert refusal("slip") == "'slip' could not be imported: SyntaxError: invalid syntax (slip.py, line 2)."


def test_a_module_that_needs_one_that_is_missing_is_no_unknown_module(here):
    (here / "needy.py").write_text("import no_such_thing\n")
    assert refusal("needy") == (
        "'needy' could not be imported: ModuleNotFoundError: No module named 'no_such_thing' (needy.py, line 1)."
    )


def test_a_script_that_exits_when_imported_is_refused(here):
    (here / "script.py").write_text("raise SystemExit('usage: script')\n")
    assert refusal("script") == "'script' could not be imported: SystemExit: usage: script (script.py, line 1)."


def test_a_function_that_cannot_be_a_tool_is_refused_in_its_own_words(here):
    (here / "untyped.py").write_text("from agentkit import tool\n@tool\ndef ring(bell): ...\n")
    with pytest.raises(ToolDefinitionError):
        load_tools(["untyped"])


SHOP = """
from agentkit import Agent

agent = Agent("local", name="shop")

def make():
    return agent

def takes(name):
    return agent

def fail():
    raise SystemExit("no")
"""


def agent_refusal(reference):
    with pytest.raises(ConfigurationError) as caught:
        load_agent(reference)
    return str(caught.value)


@pytest.mark.parametrize("name", ["shop:agent", "shop.py:agent", "shop:make"])
def test_an_agent_is_named_or_made(here, name):
    (here / "shop.py").write_text(SHOP, encoding="utf-8")
    assert isinstance(load_agent(name), Agent)


def test_what_is_no_agent_says_so(here):
    (here / "shop.py").write_text(SHOP, encoding="utf-8")
    assert agent_refusal("shop") == "'shop' names no agent. Write module:agent or path/to/file.py:agent."
    assert agent_refusal("shop:takes") == (
        "'shop:takes' is a value of type function, which is no agent. Name an `Agent`, or a function of nothing that "
        "gives one."
    )
    assert agent_refusal("shop:fail") == "'shop:fail' could not be imported: SystemExit: no (shop.py, line 13)."


def test_any_value_can_be_named(here):
    assert load_value("weather:number", "deps") == 5
