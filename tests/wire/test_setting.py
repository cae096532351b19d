import json

import pytest

from agentkit.wire import ChatRequest, Settings, ToolDefinition, UserMessage


def test_only_what_is_set_is_sent():
    assert (
        Settings(temperature=0, stop=("a",), logprobs=False).encoded
        == b'{"temperature":0,"stop":["a"],"logprobs":false}'
    )


def test_the_nearer_setting_wins_and_what_it_leaves_unset_stays():
    merged = Settings(temperature=1, seed=1, top_k=5).merge(Settings(temperature=0, seed=None, top_k=7))

    assert json.loads(merged.encoded) == {"temperature": 0.0, "seed": 1, "top_k": 7}
    assert Settings(seed=1).merge(None) == Settings(seed=1)


def test_extra_body_and_headers_are_joined_and_never_among_the_fields():
    merged = Settings(extra_body={"a": 1, "b": 1}, extra_headers={"x": "1"}).merge(
        Settings(extra_body={"b": 2}, extra_headers={"y": "2"}, check_contract=False)
    )

    assert merged.extra_body == {"a": 1, "b": 2}
    assert merged.extra_headers == {"x": "1", "y": "2"}
    assert merged.encoded == b"{}"


def test_set_fields_are_those_given_unknown_ones_too():
    assert Settings(n=1, user=None, top_k=5).set_fields() == {"n": 1, "top_k": 5}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        ("any", "any"),
        ("get_weather", {"type": "function", "function": {"name": "get_weather"}}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}},
        ),
    ],
)
def test_a_tool_choice_is_spelt_as_the_contract_has_it(choice, sent):
    tool = ToolDefinition.model_validate({"function": {"name": "get_weather"}})
    request = ChatRequest(messages=(UserMessage(content="x"),), tools=(tool,), tool_choice=choice)

    assert json.loads(request.encode())["tool_choice"] == sent
