import json

import pytest

from agentkit.errors import InvalidRequestError
from agentkit.wire import ChatRequest, Settings, ToolDefinition, UserMessage


def test_only_what_is_set_is_sent():
    assert (
        Settings(temperature=0, stop=("a",), logprobs=False).encoded
        == b'{"temperature":0,"stop":["a"],"logprobs":false}'
    )


def test_the_nearer_setting_wins_and_what_it_leaves_unset_stays():
    merged = Settings(temperature=1, seed=1, top_k=5).merge(Settings(temperature=0, top_k=7))

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
    assert Settings(n=1, user=None, top_k=5).set_fields() == {"n": 1, "user": None, "top_k": 5}


def test_a_none_switches_off_what_farther_settings_set():
    far = Settings(seed=1, top_k=5, max_tokens=9, extra_body={"a": 1}, extra_headers={"x": "1"})
    off = Settings(seed=None, top_k=None, max_completion_tokens=None, extra_body=None, extra_headers=None)
    merged = far.merge(off)

    assert merged.encoded == b"{}"
    assert (merged.extra_body, merged.extra_headers) == (None, None)
    assert merged.merge(Settings(seed=2)).encoded == b'{"seed":2}'


def test_a_header_replaces_one_of_the_same_name_in_any_case():
    merged = Settings(extra_headers={"x-a": "1", "Y": "1"}).merge(Settings(extra_headers={"X-A": "2"}))

    assert merged.merge(Settings(extra_headers={"x-a": "3"})).extra_headers == {"Y": "1", "x-a": "3"}


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


def test_a_token_limit_in_either_spelling_replaces_the_other():
    merged = Settings(max_tokens=5, seed=1).merge(Settings(max_completion_tokens=9))

    assert merged.encoded == b'{"max_completion_tokens":9,"seed":1}'
    older = Settings(max_completion_tokens=9).merge(merged).merge(Settings(max_tokens=7))
    assert older.encoded == b'{"max_tokens":7,"seed":1}'


def test_settings_do_not_change_and_merging_makes_new_ones():
    settings = Settings(seed=1)
    settings.merge(Settings(seed=2))

    assert settings == Settings(seed=1)
    with pytest.raises(ValueError, match="frozen"):
        settings.seed = 2


NO_NUMBER = "Input should be a valid number"
NO_INTEGER = "Input should be a valid integer"
NO_TEXT = "Input should be a valid string"
NO_FLAG = "Input should be a valid boolean"
WRONG = [
    ({"temperature": "hot"}, f"Request field 'temperature': {NO_NUMBER}; seen: 'hot'."),
    ({"top_p": True}, f"Request field 'top_p': {NO_NUMBER}; seen: True."),
    ({"n": True}, f"Request field 'n': {NO_INTEGER}; seen: True."),
    ({"seed": "7"}, f"Request field 'seed': {NO_INTEGER}; seen: '7'."),
    ({"max_tokens": 5.0}, f"Request field 'max_tokens': {NO_INTEGER}; seen: 5.0."),
    ({"logprobs": 1}, f"Request field 'logprobs': {NO_FLAG}; seen: 1."),
    ({"user": 5}, f"Request field 'user': {NO_TEXT}; seen: 5."),
    ({"logit_bias": {"5": "x"}}, f"Request field 'logit_bias.5': {NO_NUMBER}; seen: 'x'."),
    ({"metadata": {"k": 5}}, f"Request field 'metadata.k': {NO_TEXT}; seen: 5."),
    ({"extra_headers": {"k": 5}}, f"Request field 'extra_headers.k': {NO_TEXT}; seen: 5."),
    ({"stop": 5}, "Request field 'stop': Input should be a text or a list of texts; seen: 5."),
    ({"stop": ["a", 5]}, "Request field 'stop': Input should be a text or a list of texts; seen: ['a', 5]."),
    ({"modalities": "text"}, "Request field 'modalities': Input should be a list of texts; seen: 'text'."),
    ({"audio": {"voice": "a"}}, "Request field 'audio.format': Field required; seen: {'voice': 'a'}."),
    (
        {"prediction": {"type": "x", "content": ""}},
        "Request field 'prediction.type': Input should be 'content'; seen: 'x'.",
    ),
    (
        {"stream_options": {"include_usage": "yes"}},
        f"Request field 'stream_options.include_usage': {NO_FLAG}; seen: 'yes'.",
    ),
    *(
        (
            {"tool_choice": choice},
            (
                "Request field 'tool_choice': Input should be none, auto, required, a tool's name, "
                f"or the contract's object with its `type`; seen: {choice!r}."
            ),
        )
        for choice in (5, "", {"name": "f"})
    ),
    ({"messages": []}, "'messages' is no setting. Give the prompt and the history to `agent.run`."),
    ({"model": "m"}, "'model' is no setting. Name the model where the agent is made or run."),
    ({"tools": []}, "'tools' is no setting. Give them to the agent: Agent(tools=[...])."),
    ({"stream": True}, "'stream' is no setting. Use `agent.stream` or `model.stream`."),
]


@pytest.mark.parametrize(("fields", "text"), WRONG, ids=[text[:60] for _, text in WRONG])
def test_a_setting_of_the_wrong_type_is_refused_by_field_and_value(fields, text):
    with pytest.raises(InvalidRequestError) as caught:
        Settings(**fields)

    assert str(caught.value) == text


def test_only_settings_are_merged():
    with pytest.raises(InvalidRequestError) as caught:
        Settings().merge({"temperature": 1})

    assert str(caught.value) == "Settings are given as {'temperature': 1}, a dict. Write Settings(temperature=0.2)."


def test_the_wrong_type_in_a_request_is_the_same_error():
    with pytest.raises(InvalidRequestError) as caught:
        ChatRequest(messages=(), n="2")

    assert str(caught.value) == f"Request field 'n': {NO_INTEGER}; seen: '2'."
