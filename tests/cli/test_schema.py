"""`agentkit schema`: the tools as they are sent."""

import json

from agentkit.cli.reference import load_tools


def test_a_pipe_gets_the_bytes_that_are_sent(run):
    code, out, err = run("schema", "weather")
    assert (code, err) == (0, "")
    assert out == load_tools(["weather"]).encoded.decode() + "\n"


def test_one_name_gives_one_tool(run):
    _, out, _ = run("schema", "weather:plain")
    assert json.loads(out) == [
        {
            "type": "function",
            "function": {
                "name": "plain",
                "description": "Return a text.",
                "parameters": {
                    "type": "object",
                    "properties": {"text": {"type": "string"}},
                    "required": ["text"],
                    "additionalProperties": False,
                },
            },
        }
    ]


def test_a_terminal_gets_it_indented(terminal):
    with terminal("schema", "weather:plain") as shown:
        assert shown.end() == 0
    assert shown.shown.startswith('[\r\n  {\r\n    "type": "function",')


def test_compact_is_one_line_on_a_terminal_too(terminal, here):
    with terminal("schema", "weather:plain", "--compact") as shown:
        assert shown.end() == 0
    assert shown.shown == load_tools(["weather:plain"]).encoded.decode() + "\r\n"


def test_strict_shows_the_strict_form(run):
    code, out, _ = run("schema", "weather", "--strict")
    assert code == 0
    assert [tool["function"]["strict"] for tool in json.loads(out)] == [True, True]


def test_strict_says_why_a_tool_has_no_strict_form_and_shows_the_others(run, here):
    (here / "open.py").write_text(
        "from agentkit import tool\nfrom weather import get_weather\n"
        "@tool\ndef store(data: dict[str, int]) -> str: 'Store.'\n"
    )
    code, out, err = run("schema", "open", "--strict")
    assert code == 2
    assert [tool["function"]["name"] for tool in json.loads(out)] == ["get_weather"]
    assert err.startswith("error: Tool 'store' cannot be strict.")
    assert err.count("\n") == 1
