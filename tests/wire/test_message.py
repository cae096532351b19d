import json

import pytest

from agentkit.errors import InvalidRequestError
from agentkit.wire import (
    AssistantMessage,
    ChatCompletion,
    DeveloperMessage,
    FunctionCall,
    FunctionMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
    open_calls,
    parse_messages,
)

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
MESSAGES = [
    (SystemMessage, {"role": "system", "content": "Be brief."}),
    (DeveloperMessage, {"role": "developer", "content": "Be brief.", "name": "dev"}),
    (UserMessage, {"role": "user", "content": "hi", "cache_control": {"type": "ephemeral"}}),
    (AssistantMessage, {"role": "assistant", "content": "hello", "reasoning_content": "hm"}),
    (AssistantMessage, {"role": "assistant", "content": None, "tool_calls": [CALL]}),
    (
        AssistantMessage,
        {"role": "assistant", "content": "", "tool_calls": [CALL], "reasoning_details": [{"text": "hm"}]},
    ),
    (AssistantMessage, {"role": "assistant", "refusal": "no"}),
    (AssistantMessage, {"role": "assistant", "audio": {"id": "audio_1"}}),
    (AssistantMessage, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}),
    (ToolMessage, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}),
    (ToolMessage, {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "sunny"}]}),
    (FunctionMessage, {"role": "function", "name": "f", "content": "sunny"}),
]


@pytest.mark.parametrize(("kind", "message"), MESSAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_message_is_read_by_its_role_and_sent_as_it_came(kind, message):
    (read,) = parse_messages([message])

    assert type(read) is kind
    assert json.loads(read.encoded) == message


def test_messages_that_are_values_already_are_kept_with_their_bytes():
    message = UserMessage(content="hi")

    assert parse_messages([{"role": "system", "content": "x"}, message])[1] is message


def test_a_reply_may_stand_in_a_history():
    reply = ChatCompletion.parse(
        {"choices": [{"message": {"role": "assistant", "content": "hello", "reasoning": "hm"}}]}
    )

    assert parse_messages([reply.message]) == (AssistantMessage(content="hello", reasoning="hm"),)


@pytest.mark.parametrize(
    ("held", "reasoning"),
    [
        ({}, None),
        ({"reasoning": "a"}, "a"),
        ({"reasoning_content": "b"}, "b"),
        ({"reasoning_details": [{"text": "c"}, {"summary": "d"}]}, "cd"),
    ],
)
def test_reasoning_is_one_field_whatever_it_came_in_and_json_brings_it_back(held, reasoning):
    (message,) = parse_messages([{"role": "assistant", "content": "x", **held}])

    assert message.reasoning == reasoning
    assert json.loads(message.encoded) == {"role": "assistant", "content": "x", **held}
    assert parse_messages([json.loads(message.encoded)]) == (message,)


def test_content_is_null_beside_calls_and_left_out_alone():
    call = ToolCall(id="call_1", function=FunctionCall(name="f"))

    assert AssistantMessage(tool_calls=(call,)).encoded == (
        b'{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",'
        b'"function":{"name":"f","arguments":""}}]}'
    )
    assert AssistantMessage(refusal="no").encoded == b'{"role":"assistant","refusal":"no"}'


@pytest.mark.parametrize("calls", [None, []])
def test_null_and_empty_tool_calls_are_none_and_are_not_sent(calls):
    (message,) = parse_messages([{"role": "assistant", "content": "x", "tool_calls": calls}])

    assert message.tool_calls == ()
    assert message.encoded == b'{"role":"assistant","content":"x"}'


def test_unknown_fields_of_a_call_are_sent_back():
    call = {**CALL, "extra_content": {"google": {"thought_signature": "abc"}}}
    (message,) = parse_messages([{"role": "assistant", "content": None, "tool_calls": [call]}])

    assert json.loads(message.encoded)["tool_calls"] == [call]


def test_a_custom_call_is_read_like_a_function_and_sent_back_without_one():
    custom = {"id": "call_1", "type": "custom", "custom": {"name": "math", "input": "4 + 4"}}
    reply = ChatCompletion.parse({"choices": [{"message": {"content": None, "tool_calls": [custom]}}]})
    (call,) = reply.message.tool_calls

    assert (call.function.name, call.function.arguments) == ("math", "4 + 4")
    assert json.loads(reply.message.to_history().encoded) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [custom],
    }


WRITE = 'Write e.g. {"role": "user", "content": "..."}.'


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            {"role": "robot"},
            (
                "message: Input tag 'robot' found using 'role' does not match any of the expected tags: "
                "'system', 'developer', 'user', 'assistant', 'tool', 'function'; seen: {'role': 'robot'}"
            ),
        ),
        (
            {"role": "tool", "content": "sunny"},
            "tool.tool_call_id: Field required; seen: {'role': 'tool', 'content': 'sunny'}",
        ),
        (
            "hi",
            "message: Input should be a valid dictionary or object to extract fields from; seen: 'hi'",
        ),
    ],
    ids=["role", "field", "text"],
)
def test_what_is_no_message_is_refused_with_its_place(message, reason):
    with pytest.raises(InvalidRequestError) as caught:
        parse_messages([{"role": "user", "content": "hi"}, message])

    assert str(caught.value) == f"messages[1] is not a message of the contract: {reason}. {WRITE}"


def _assistant(*ids):
    return AssistantMessage(tool_calls=tuple(ToolCall(id=one, function=FunctionCall(name="f")) for one in ids))


@pytest.mark.parametrize(
    ("messages", "still_open"),
    [
        ((), []),
        ((UserMessage(content="x"),), []),
        ((_assistant("a", "b"),), ["a", "b"]),
        ((_assistant("a", "b"), ToolMessage(tool_call_id="a", content="")), ["b"]),
        ((_assistant("a"), ToolMessage(tool_call_id="a", content="")), []),
        ((_assistant("a"), ToolMessage(tool_call_id="a", content=""), _assistant("c")), ["c"]),
        ((_assistant("a"), UserMessage(content="x")), []),
    ],
)
def test_open_calls_are_those_of_the_last_reply_without_an_answer(messages, still_open):
    assert [call.id for call in open_calls(messages)] == still_open


def test_a_call_of_a_custom_tool_comes_and_goes_as_openai_has_it():
    custom = {"id": "b", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    told = {"role": "assistant", "content": None, "tool_calls": [custom]}
    message = parse_messages([told])[0]
    assert (message.tool_calls[0].function.name, message.tool_calls[0].function.arguments) == ("shell", "ls")
    assert json.loads(message.encoded) == told
    with pytest.raises(InvalidRequestError, match=r"tool_calls\.0\.function: Field required"):
        parse_messages([{"role": "assistant", "tool_calls": [{"id": "b", "type": "custom", "custom": "ls"}]}])
