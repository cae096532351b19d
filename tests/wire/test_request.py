import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import InvalidRequestError
from agentkit.wire import ChatRequest, JsonSchema, ResponseFormat, ToolDefinition, UserMessage
from agentkit.wire.value import WireValue

HI = {"role": "user", "content": "hi"}
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}
WHOLE = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "hi"}], "name": "ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "ok"},
    ],
    "model": "m",
    "tools": [TOOL, {"type": "custom", "custom": {"name": "c"}}, {"type": "web_search"}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "strict": True, "schema": {"type": "object", "default": None}},
    },
    "temperature": 0.5,
    "top_p": 1.0,
    "presence_penalty": -2.0,
    "frequency_penalty": 2.0,
    "n": 2,
    "stop": ["a", "b"],
    "max_completion_tokens": 10,
    "logit_bias": {"5": -100.0},
    "logprobs": True,
    "top_logprobs": 20,
    "seed": 7,
    "reasoning_effort": "xhigh",
    "verbosity": "low",
    "metadata": {"k": "v"},
    "store": True,
    "user": "u",
    "safety_identifier": "s",
    "prompt_cache_key": "p",
    "prompt_cache_retention": "24h",
    "service_tier": "flex",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "prediction": {"type": "content", "content": "x"},
    "web_search_options": {"search_context_size": "low"},
    "stream": True,
    "stream_options": {"include_usage": True},
    "top_k": 40,
}


@pytest.mark.parametrize(
    "form", [dict, json.dumps, lambda request: json.dumps(request).encode()], ids=["dict", "text", "bytes"]
)
def test_every_field_of_the_contract_comes_out_as_it_went_in(form):
    request = ChatRequest.parse(form(WHOLE))

    assert json.loads(request.encode()) == WHOLE
    assert ChatRequest.parse(request.encode()) == request


def test_a_body_is_the_join_of_bytes_that_were_encoded_once(monkeypatch):
    encoded = []
    to_json = WireValue.to_json
    monkeypatch.setattr(
        WireValue, "to_json", lambda self, **how: encoded.append(type(self).__name__) or to_json(self, **how)
    )
    request = ChatRequest.parse(WHOLE)
    first = request.encode()
    assert encoded == [
        "ChatRequest",
        *["ToolDefinition"] * 3,
        "SystemMessage",
        "UserMessage",
        "AssistantMessage",
        "ToolMessage",
    ]

    encoded.clear()
    longer = request.replace(messages=(*request.messages, UserMessage(content="more")))
    second = longer.encode()

    assert encoded == ["ChatRequest", "UserMessage"]
    assert all(message.encoded in second and message.encoded in first for message in request.messages)
    assert second.startswith(first[: first.index(b'],"tools"')])


def test_a_request_without_settings_is_its_messages():
    assert ChatRequest(messages=(UserMessage(content="x"),)).encode() == b'{"messages":[{"role":"user","content":"x"}]}'


def test_what_needs_tools_or_a_stream_is_not_sent_without():
    request = ChatRequest.parse({**WHOLE, "tools": [], "stream": None})

    assert not {"tools", "tool_choice", "parallel_tool_calls", "stream_options"} & json.loads(request.encode()).keys()
    assert ChatRequest.parse({**WHOLE, "tools": None}).tools == ()


def test_extra_body_overrides_any_field_and_is_not_sent_itself():
    body = {"messages": [], "tools": [1], "model": "other", "top_k": 1, "temperature": None, "new": {"a": None}}
    request = ChatRequest.parse({**WHOLE, "extra_body": body, "extra_headers": {"x": "1"}})
    sent = json.loads(request.encode())

    assert sent == {**WHOLE, **body}
    assert request.encode().count(b'"messages":[') == 1


def test_a_schema_is_reached_beside_its_name():
    schema = JsonSchema.model_validate({"name": "n", "schema": {"type": "object"}})

    assert schema.definition == {"type": "object"}
    assert ResponseFormat(type="json_schema", json_schema=schema).to_dict() == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}},
    }


def test_the_name_of_a_tool_is_that_of_its_kind():
    tools = ChatRequest.parse(WHOLE).tools

    assert [tool.name for tool in tools] == ["f", "c", ""]
    assert ToolDefinition.model_validate(TOOL).to_dict() == TOOL


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ("{", "The request is not JSON: EOF while parsing an object at line 1 column 1."),
        ("[]", "The request has no list `messages`. Give an object with `messages`."),
        ({"messages": "hi"}, "The request has no list `messages`. Give an object with `messages`."),
        (
            {"messages": [], "stream": "perhaps"},
            "Request field 'stream': Input should be a valid boolean; seen: 'perhaps'.",
        ),
        (
            {"messages": [], "tools": [{"function": {}}]},
            "Request field 'tools.0.function.name': Field required; seen: {}.",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_its_field(request_, text):
    with pytest.raises(InvalidRequestError) as caught:
        ChatRequest.parse(request_)

    assert str(caught.value) == text


def test_an_extra_body_that_json_cannot_hold_is_refused():
    request = ChatRequest(messages=(UserMessage(content="x"),), extra_body={"x": object()})
    with pytest.raises(InvalidRequestError) as caught:
        request.encode()
    assert str(caught.value) == (
        "Settings.extra_body cannot be written as JSON: Unable to serialize unknown type: <class 'object'>. "
        "Give it only text, numbers, booleans, lists and maps."
    )


def test_half_a_surrogate_pair_in_an_extra_body_is_replaced():
    request = ChatRequest(messages=(UserMessage(content="x"),), extra_body={"x": "a\ud800", "y": None})
    assert json.loads(request.encode()) | {"messages": []} == {"messages": [], "x": "a\ufffd", "y": None}


@pytest.mark.parametrize("spelling", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_in_the_extra_body_stands_for_either_spelling(spelling):
    limited = {"max_completion_tokens": 3, "extra_body": {spelling: 9}}
    request = ChatRequest(messages=(UserMessage(content="x"),), **limited)
    assert json.loads(request.encode()) | {"messages": []} == {"messages": [], spelling: 9}


SOME = {name: WHOLE[name] for name in ("tools", "tool_choice", "max_tokens", "top_k", "user", "model") if name in WHOLE}


@given(st.sets(st.sampled_from(sorted(SOME))), st.none() | st.text(), st.none() | st.text())
def test_a_request_of_few_fields_has_the_bytes_that_all_its_fields_give(names, own, model):
    fields = {name: SOME[name] for name in names} | ({} if own is None else {"model": own})
    request = ChatRequest.parse({"messages": [HI], **fields})
    walked = request.replace(temperature=None)  # a field that was set, so that none is passed over
    assert request.encode(model=model) == walked.encode(model=model)
    named = request if model is None else request.replace(model=model)
    assert request.encode(model=model) == named.encode() == walked.replace(model=named.model).encode()


def test_a_model_name_that_no_utf8_holds_is_mended():
    request = ChatRequest.parse({"messages": [HI]})
    assert request.encode(model="m\ud800") == request.replace(temperature=None).encode(model="m\ud800")
    assert json.loads(request.encode(model="m\ud800"))["model"] == "m\ufffd"


def test_a_model_that_is_given_stands_in_the_place_of_the_requests_own():
    request = ChatRequest.parse({"messages": [HI], "model": "own", "temperature": 1})
    assert json.loads(request.encode(model="other")) == {"messages": [HI], "model": "other", "temperature": 1}
    assert json.loads(request.encode()) == {"messages": [HI], "model": "own", "temperature": 1}
