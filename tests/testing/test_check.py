"""What the real API refuses, one request each; what it takes has no problem."""

import pytest

from agentkit.testing.check import first_problem

USER = {"role": "user", "content": "Hi"}


def made(*ids):
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(name, content="1"):
    return {"role": "tool", "tool_call_id": name, "content": content}


def tool(name="f", **more):
    return {"type": "function", "function": {"name": name, **more}}


def request(*messages, **fields):
    return {"model": "m", "messages": list(messages or [USER]), **fields}


@pytest.mark.parametrize(
    "good",
    [
        request(),
        request(USER, made("a", "b"), result("b"), result("a"), {"role": "assistant", "content": "done"}),
        request(USER, made("a"), result("a"), made("a"), result("a")),
        request({"role": "developer", "content": "x"}, USER, {"role": "assistant", "content": None, "refusal": "no"}),
        request(tools=[tool(), tool("g")], tool_choice={"type": "function", "function": {"name": "g"}}),
        request(tools=[tool()], tool_choice="required", parallel_tool_calls=False),
        request({"role": "user", "content": "JSON, please"}, response_format={"type": "json_object"}),
        request(stream=True, stream_options={"include_usage": True}, temperature=2, n=3, stop=["a", "b"]),
        request(logprobs=True, top_logprobs=20),
    ],
)
def test_valid_requests_have_no_problem(good):
    assert first_problem(good) is None


UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)
EMPTY = "empty array. Expected an array with minimum length 1, but got an empty array instead."
CALLS = "messages[1].tool_calls"


@pytest.mark.parametrize(
    ("bad", "message", "param"),
    [
        ([], "We could not parse the JSON body of your request. The API expects a JSON payload.", None),
        ({"messages": [USER]}, "you must provide a model parameter", None),
        ({"model": "m"}, "Missing required parameter: 'messages'.", "messages"),
        ({"model": "m", "messages": []}, f"Invalid 'messages': {EMPTY}", "messages"),
        (
            request({"role": "robot", "content": "x"}),
            (
                "Invalid value: 'robot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', "
                "'developer'."
            ),
            "messages[0].role",
        ),
        (
            request({"role": "user"}),
            "Invalid value for 'content': expected a string, got null.",
            "messages.[0].content",
        ),
        (request(USER, made("a", "b"), result("a")), f"{UNANSWERED}b", "messages.[3].role"),
        (request(USER, made("a"), USER), f"{UNANSWERED}a", "messages.[2].role"),
        (request(USER, made("a"), USER, result("a")), f"{UNANSWERED}a", "messages.[2].role"),
        (
            request(USER, result("a")),
            "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
            "messages.[1].role",
        ),
        (
            request(USER, made("a"), result("b")),
            "Invalid parameter: 'tool_call_id' of 'b' not found in 'tool_calls' of previous message.",
            "messages.[2].tool_call_id",
        ),
        (
            request(USER, made("a"), result("a"), result("a")),
            "Duplicate value for 'tool_call_id' of 'a' in message[3]",
            "messages.[3].tool_call_id",
        ),
        (
            request(USER, made("a"), {"role": "tool", "content": "1"}),
            "Missing required parameter: 'messages[2].tool_call_id'.",
            "messages[2].tool_call_id",
        ),
        (
            request(USER, made("a"), result("a", None)),
            "Invalid value for 'content': expected a string, got null.",
            "messages.[2].content",
        ),
        (
            request(USER, {"role": "assistant", "content": None}),
            "Invalid value for 'content': expected a string, got null.",
            "messages.[1].content",
        ),
        (request(USER, made()), f"Invalid '{CALLS}': {EMPTY}", CALLS),
        (
            request(USER, made("a", "a"), result("a")),
            f"Duplicate value for 'id' of 'a' in {CALLS}",
            f"{CALLS}[1].id",
        ),
        (request(USER, made("")), f"Missing required parameter: '{CALLS}[0].id'.", f"{CALLS}[0].id"),
        (
            request(USER, {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}),
            f"Missing required parameter: '{CALLS}[0].type'.",
            f"{CALLS}[0].type",
        ),
        (
            request(
                USER,
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}],
                },
            ),
            f"Invalid type for '{CALLS}[0].function.arguments': expected a string.",
            f"{CALLS}[0].function.arguments",
        ),
        (request(tools=[]), f"Invalid 'tools': {EMPTY}", "tools"),
        (
            request(tools=[tool(f"f{n}") for n in range(129)]),
            (
                "Invalid 'tools': array too long. Expected an array with maximum length 128, "
                "but got an array with length 129 instead."
            ),
            "tools",
        ),
        (request(tools=[{"function": {"name": "f"}}]), "Missing required parameter: 'tools[0].type'.", "tools[0].type"),
        (
            request(tools=[tool("has space")]),
            (
                "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the "
                "pattern '^[a-zA-Z0-9_-]+$'."
            ),
            "tools[0].function.name",
        ),
        (
            request(tools=[tool("f" * 65)]),
            (
                "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, "
                "but got a string with length 65 instead."
            ),
            "tools[0].function.name",
        ),
        (request(tools=[tool(), tool()]), "Tool names must be unique.", "tools[1].function.name"),
        (
            request(tool_choice="auto"),
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            "tool_choice",
        ),
        (
            request(parallel_tool_calls=True),
            (
                "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are "
                "specified."
            ),
            "parallel_tool_calls",
        ),
        (
            request(tools=[tool()], tool_choice={"type": "function", "function": {"name": "g"}}),
            "Invalid value for 'tool_choice': Tool choice 'g' not found in 'tools' parameter.",
            "tool_choice",
        ),
        (
            request(tools=[tool()], tool_choice="always"),
            "Invalid value: 'always'. Supported values are: 'none', 'auto', and 'required'.",
            "tool_choice",
        ),
        (
            request(response_format={"type": "json_object"}),
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        ),
        (
            request(response_format={"type": "json_schema", "json_schema": {"schema": {}}}),
            "Missing required parameter: 'response_format.json_schema.name'.",
            "response_format.json_schema.name",
        ),
        (
            request(response_format={"type": "xml"}),
            "Invalid value: 'xml'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            "response_format.type",
        ),
        (
            request(temperature=2.5),
            "Invalid 'temperature': number above maximum value. Expected a value <= 2, but got 2.5 instead.",
            "temperature",
        ),
        (
            request(n=0),
            "Invalid 'n': number below minimum value. Expected a value >= 1, but got 0 instead.",
            "n",
        ),
        (
            request(stream_options={}),
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        ),
        (
            request(top_logprobs=1),
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
            "top_logprobs",
        ),
        (
            request(max_tokens=1, max_completion_tokens=1),
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
        ),
        (
            request(stop=["a"] * 5),
            (
                "Invalid 'stop': array too long. Expected an array with maximum length 4, "
                "but got an array with length 5 instead."
            ),
            "stop",
        ),
        (request("text"), "The request has the wrong shape: AttributeError 'str' object has no attribute 'get'.", None),
    ],
)
def test_invalid_requests_are_refused_in_openai_s_words(bad, message, param):
    problem = first_problem(bad)
    assert problem is not None
    assert (problem.message, problem.param) == (message, param)


OPEN = "'additionalProperties' is required to be supplied and to be false."
LEFT = "'required' is required to be supplied and to be an array including every key in properties. Missing 'b'."
INNER = {"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": False}
CLOSED = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "object"}, f"In context=(), {OPEN}"),
        (INNER, f"In context=(), {LEFT}"),
        (
            {**CLOSED, "properties": {"a": {"type": "array", "items": INNER}}, "required": ["a"]},
            f"In context=('properties', 'a', 'items'), {LEFT}",
        ),
        ({**CLOSED, "$defs": {"D": {"anyOf": [INNER]}}}, f"In context=('$defs', 'D', 'anyOf', '0'), {LEFT}"),
    ],
)
def test_schemas_that_claim_to_be_strict_are_held_to_it(schema, told):
    function = first_problem(request(tools=[tool(strict=True, parameters=schema)]))
    assert function.message == f"Invalid schema for function 'f': {told}"
    shape = {"type": "json_schema", "json_schema": {"name": "out", "strict": True, "schema": schema}}
    assert first_problem(request(response_format=shape)).message == f"Invalid schema for response_format 'out': {told}"
    assert first_problem(request(tools=[tool(parameters=schema)])) is None


def test_a_strict_response_format_is_an_object():
    shape = {"type": "json_schema", "json_schema": {"name": "out", "strict": True, "schema": {"type": "array"}}}
    told = "Invalid schema for response_format 'out': schema must be a JSON Schema of 'type: \"object\"'."
    assert first_problem(request(response_format=shape)).message == told
