"""What endpoints' refusals teach, in their own words, and what they never teach."""

import json

import pytest

from agentkit.http.learn import learn
from agentkit.http.profile import Profile
from agentkit.http.status import Asked, status_error
from agentkit.wire import ChatRequest
from agentkit.wire.value import WireValue

ASKED = Asked(endpoint="https://api.test/v1/chat/completions", model="m")
REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "hi"}], "tool_choice": "required"})
ECHOING = Profile(echo=("reasoning_content", "reasoning"))


class Body(WireValue):
    pass


def taught(body, status=400, profile=ECHOING, request=REQUEST):
    error = status_error(status, {}, Body(**body).to_json(), ASKED)
    lesson = learn(error, request, profile)
    return lesson.changes if lesson else None


def said(message, **fields):
    return {"error": {"message": message, "type": "invalid_request_error", **fields}}


def forbidden(*place):
    return {"type": "extra_forbidden", "loc": ["body", *place], "msg": "Extra inputs are not permitted", "input": 1}


NO_REQUIRED = ("none", "auto", "function", "allowed_tools")
LESSONS = {
    "OpenAI: max_tokens": (
        said(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        ),
        {"max_tokens_field": "max_completion_tokens"},
    ),
    "Mistral: max_completion_tokens": (
        {"detail": [forbidden("max_completion_tokens")]},
        {"max_tokens_field": "max_tokens"},
    ),
    "Azure: stream_options": (
        said("Unknown parameter: 'stream_options'.", param="stream_options", code="unknown_parameter"),
        {"stream_usage": False},
    ),
    "Databricks: stream_options": (
        {"error_code": "BAD_REQUEST", "message": 'Bad request: json: unknown field "stream_options"\n'},
        {"stream_usage": False},
    ),
    "plain words: stream_options": (said("stream_options is not supported"), {"stream_usage": False}),
    "Mistral: several at once": (
        {
            "object": "error",
            "message": {"detail": [forbidden("stream_options"), forbidden("tools", 0, "function", "strict")]},
            "type": "invalid_request_error",
        },
        {"stream_usage": False, "strict": False},
    ),
    "OpenAI before 2024: parallel_tool_calls": (
        said("Unrecognized request argument supplied: parallel_tool_calls"),
        {"parallel_tool_calls": False},
    ),
    "Fireworks: parallel_tool_calls": (
        said("Extra inputs are not permitted, field: 'parallel_tool_calls', value: True"),
        {"parallel_tool_calls": False},
    ),
    "LiteLLM: parallel_tool_calls": (
        said("litellm.UnsupportedParamsError: x does not support parameters: ['parallel_tool_calls'], for model=x."),
        {"parallel_tool_calls": False},
    ),
    "vLLM: parallel_tool_calls": (
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'parallel_tool_calls'), 'msg': 'Extra inputs'}]",
        },
        {"parallel_tool_calls": False},
    ),
    "Gemini: strict": (
        {"error": {"code": 400, "message": "Unknown name \"strict\" at 'tools[0].function': Cannot find field."}},
        {"strict": False},
    ),
    "Anthropic: strict": (said("tools.0.custom.strict: Extra inputs are not permitted"), {"strict": False}),
    "OpenAI before 2024: strict": (
        said("Additional properties are not allowed ('strict' was unexpected) - 'tools.0.function'"),
        {"strict": False},
    ),
    "Groq: reasoning_content": (
        said(
            "'messages.1' : for 'role:assistant' the following must be satisfied"
            "[('messages.1' : property 'reasoning_content' is unsupported)]"
        ),
        {"echo": ("reasoning",)},
    ),
    "Mistral: reasoning_content": (
        {"detail": [forbidden("messages", 5, "assistant", "reasoning_content")]},
        {"echo": ("reasoning",)},
    ),
    "Mistral: extra_content": ({"detail": [forbidden("messages", 1, "extra_content")]}, {"extra_content": False}),
    "DeepSeek: reasoning is missing": (
        said("Missing `reasoning_content` field in the assistant message at message index 2."),
        {"echo": ("reasoning_content", "reasoning"), "echo_empty": True},
    ),
    "DeepSeek: reasoning must come back": (
        said("The `reasoning_content` in the thinking mode must be passed back to the API."),
        {"echo": ("reasoning_content", "reasoning"), "echo_empty": True},
    ),
    "Moonshot: reasoning is missing": (
        said("thinking is enabled but reasoning_content is missing in assistant tool call message at index 19"),
        {"echo": ("reasoning_content", "reasoning"), "echo_empty": True},
    ),
    "Qwen's template in llama.cpp": (
        said("Error: Jinja Exception: System message\nmust be at the beginning."),
        {"system_messages": "first"},
    ),
    "Mistral: call id": (
        said("Tool call id was call_x but must be a-z, A-Z, 0-9, with a length of 9."),
        {"call_ids": "nine_alphanumeric"},
    ),
    "Moonshot: empty text": (
        said("Invalid request: the message at position 8 with role 'assistant' must not be empty"),
        {"empty_content": False},
    ),
    "pydantic's servers: null beside calls": (
        said("Input should be a valid string: messages.2.content"),
        {"null_content": False},
    ),
    "OpenAI: null beside calls": (
        said("Invalid value for 'content': expected a string, got null. - 'messages.[1].content'"),
        {"null_content": False},
    ),
    "OpenAI: developer": (
        said(
            "Unsupported value: 'messages[0].role' does not support 'developer' with this model.",
            param="messages[0].role",
            code="unsupported_value",
        ),
        {"developer_role": False},
    ),
    "DeepSeek: developer": (
        said("messages[0].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`"),
        {"developer_role": False},
    ),
    "DeepSeek: tool_choice": (said("Thinking mode does not support this tool_choice"), {"tool_choices": NO_REQUIRED}),
    "Moonshot: tool_choice": (
        said("tool_choice 'required' is incompatible with thinking enabled"),
        {"tool_choices": NO_REQUIRED},
    ),
    "Qwen: tool_choice": (
        said("The tool_choice parameter does not support being set to required or object in thinking mode"),
        {"tool_choices": NO_REQUIRED},
    ),
    "references": (said("Invalid schema: $ref is not supported"), {"inline_refs": True}),
    "store": (
        said("Unknown parameter: 'store'.", param="store", code="unknown_parameter"),
        {"unsupported": ("store",)},
    ),
    "store and user": (
        {"detail": [forbidden("store"), forbidden("user")]},
        {"unsupported": ("store", "user")},
    ),
}


@pytest.mark.parametrize(("body", "changes"), LESSONS.values(), ids=LESSONS)
@pytest.mark.parametrize("status", [400, 422])
def test_a_clear_text_teaches(body, changes, status):
    assert taught(body, status) == changes


def test_the_reason_is_the_endpoints_words():
    error = status_error(400, {}, Body(**said("stream_options is not supported")).to_json(), ASKED)
    assert learn(error, REQUEST, Profile()).reason == "stream_options is not supported"


def test_what_is_known_already_is_taught_again_the_same():
    known = Profile(unsupported=("store",))
    assert taught(said("Unknown parameter: 'store'."), profile=known) == {"unsupported": ("store",)}


@pytest.mark.parametrize(
    "body",
    [
        said("Invalid request."),
        said("max_tokens is not allowed to be greater than 4096"),
        said("max_tokens is too large: 9000. This model supports at most 4096 completion tokens.", param="max_tokens"),
        said("Unsupported parameter: 'temperature' is not supported with this model.", code="unsupported_parameter"),
        said("Unsupported value: 'temperature' does not support 0.5 with this model.", code="unsupported_value"),
        said("Unknown parameter: 'stop'."),
        said("Unknown parameter: 'n'."),
        said("tools is not supported by this model"),
        said("Unknown parameter: 'response_format'."),
        said("Unknown parameter: 'tools[0].function.parameters'."),
        said("image_url is not supported by this model"),
        said("stream_options is not supported when stream is false"),
        said("The developer of this application has no access."),
        {"detail": [{"type": "missing", "loc": ["body", "messages"], "msg": "Field required"}]},
        {"detail": [forbidden("tools")]},
    ],
)
def test_a_vague_text_and_a_wish_for_the_reply_itself_teach_nothing(body):
    assert taught(body) is None


def test_what_the_caller_put_into_the_body_himself_teaches_nothing():
    own = REQUEST.replace(extra_body={"reasoning": {"effort": "low"}})
    assert taught(said("Unknown parameter: 'reasoning'."), request=own) is None


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_other_statuses_teach_nothing(status):
    assert taught(said("Unknown parameter: 'stream_options'."), status) is None


OFFERING = ChatRequest.parse(
    {
        "messages": [{"role": "user", "content": "does not support tools"}],
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"title": "F"}, "description": "no tools"}}
        ],
        "tool_choice": "required",
        "response_format": {"type": "json_object"},
    }
)
NO_TOOL_USE = "No endpoints found that support tool use. To learn more about provider routing, visit: https://x"


@pytest.mark.parametrize(
    ("message", "status", "changes"),
    [
        (NO_TOOL_USE, 404, {"tools": False}),
        ("deepinfra error: Tool calling is not supported for model: x", 405, {"tools": False}),
        ("tools param requires --jinja flag", 500, {"tools": False}),
        ("Unsupported parameter: 'tools' is not supported with this model.", 400, {"tools": False}),
        ("Unknown parameter: 'response_format'.", 400, {"response_formats": ("text", "json_schema")}),
        (
            "Unknown name \"title\" at 'tools[0].parameters': Cannot find field.",
            400,
            {"unsupported_keywords": ("title",)},
        ),
        ("No endpoints found that support the provided 'tool_choice' value.", 404, {"tool_choices": NO_REQUIRED}),
        ("json mode cannot be combined with tool/function calling", 400, {"formats_with_tools": False}),
        ("gemma: does not support tools", 400, None),  # in our own words
        ("The tools are overloaded. Tool calling is unavailable.", 503, None),
        ("The model does not support tools: no key", 401, None),
        ("The model gpt-9 was not found.", 404, None),
    ],
)
def test_what_is_not_taken_at_all_is_learned_from_whatever_status_says_it(message, status, changes):
    assert taught(said(message), status, request=OFFERING) == changes


def test_a_tools_own_words_teach_nothing():
    parameters = {"type": "object", "description": "This response_format type is unavailable now"}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    asked = OFFERING.replace(tools=ChatRequest.parse({"messages": [], "tools": [tool]}).tools)
    assert taught(said("Bad schema: This response_format type is unavailable now"), request=asked) is None


@pytest.mark.parametrize("form", [str, json.dumps, lambda text: json.dumps(json.dumps(text)), repr])
@pytest.mark.parametrize("place", ["content", "reasoning_content", "arguments"])
@pytest.mark.parametrize(
    "text",
    [
        'It says "response_format" type "json_schema" is not supported',
        'It says: json mode\ncannot be combined with "tool/function calling"',
        "unknown parameter: 'strict'; 'title' is not permitted; role 'developer' is not",
    ],
)
def test_a_conversation_that_is_repeated_in_whatever_form_teaches_nothing(text, place, form):
    held = {"role": "assistant", "content": "x", place: text}
    if place == "arguments":
        function = {"name": "f", "arguments": json.dumps({"a": text})}
        held = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    asked = OFFERING.replace(messages=ChatRequest.parse({"messages": [held], "check_contract": False}).messages)
    assert taught(said(f"Cannot read this message: {form(text)}"), request=asked) is None


def test_a_template_that_refuses_with_a_500_teaches_all_the_same():
    body = said("Jinja Exception: System message must be at the beginning.", type="server_error", code=500)
    assert taught(body, 500) == {"system_messages": "first"}


def test_an_overflow_teaches_nothing():
    assert taught(said("maximum context length is 8; stream_options is not supported")) is None
