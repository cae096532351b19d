"""What endpoints say that they do not take at all, in their own words, and what never says so."""

import pytest

from agentkit.http.lack import lacks, without_format, without_keywords
from agentkit.http.profile import Profile
from agentkit.wire import ChatRequest

SCHEMA = {
    "type": "object",
    "title": "A",
    "properties": {"a": {"type": "string", "format": "uri", "minLength": 3}, "n": {"minimum": 1, "maximum": 2}},
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
BOTH = Profile(formats_with_tools=True)
NO_SCHEMA = {"response_formats": ("text", "json_object")}
NO_OBJECT = {"response_formats": ("text", "json_schema")}


def request(kind=None, *, tools=True):
    fields = {"messages": [{"role": "user", "content": "hi"}]}
    if tools:
        fields["tools"] = [TOOL]
    if kind == "json_schema":
        fields["response_format"] = {"type": kind, "json_schema": {"name": "o", "schema": SCHEMA}}
    elif kind:
        fields["response_format"] = {"type": kind}
    return ChatRequest.parse(fields)


def lacking(text, kind="json_schema", *, tools=True, own=""):
    return lacks(text, own, request(kind, tools=tools), BOTH)


@pytest.mark.parametrize(
    "text",
    [
        "This response_format type is unavailable now",  # DeepSeek
        "polza does not support 'json_schema' response format. Supported formats: json_object.",
        "This model does not support response format `json_schema`. See supported models at https://x",  # Groq
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",  # OpenAI
        "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",  # Azure
        "Invalid parameter: 'response_format' must be one of 'json_object', 'text'.",  # Azure
        "`response_format.type` ...: invalid value: `json_schema`, supported values are: `json_object` and `text`. Id",
        "Invalid value: 'json_schema'. Supported values are: 'json_object' and 'text'.",
        "The response_format parameter is unsupported at the moment. Leave it unset.",  # xAI
        "The model does not support formatted output but some have been specified in the request.",  # xAI
        "The model azure/gpt-4o does not support response_format for provider 'azure'.",  # LiteLLM
        "body.response_format.type: Input should be 'text' or 'json_object'",  # FastAPI
        "response_format.type: unknown variant `json_schema`, expected `text` or `json_object` at line 1",  # serde
        'response_format type must be one of "text" or "json_object", but got: json_schema',  # llama.cpp
    ],
)
def test_a_type_of_format_that_is_not_taken_is_known_by_its_words(text):
    assert lacking(text) == NO_SCHEMA
    assert lacking(text, tools=False) == NO_SCHEMA
    assert lacking(text, None) == {}


@pytest.mark.parametrize(
    "text",
    [
        "'response_format.type' must be 'json_schema' or 'text'",  # LM Studio
        "Json mode response is not supported when enable_thinking is true",  # Alibaba
        "Invalid parameter: 'response_format' of type 'json_object' is not supported with this model.",
        "Input tag 'json_object' found using 'type' does not match any of the expected tags: 'text', 'json_schema'",
    ],
)
def test_json_mode_is_no_schema(text):
    assert lacking(text, "json_object") == NO_OBJECT


@pytest.mark.parametrize(
    "text",
    [
        "registry.ollama.ai/library/gemma:2b does not support tools",  # Ollama
        "No endpoints found that support tool use. To learn more, visit: https://x",  # OpenRouter
        "deepseek-reasoner does not support Function Calling",  # DeepSeek
        "deepinfra error: Tool calling is not supported for model: NousResearch/Hermes-3-Llama-3.1-70B",
        "The tool call is not supported",  # Alibaba
        "Unsupported param: tools",  # llama.cpp
        "tools param requires --jinja flag",  # llama.cpp
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',  # vLLM
        "`tool calling` is not supported with this model",  # Groq
        "Function calling is not enabled for models/gemma-3-27b-it",  # Gemini
    ],
)
def test_an_endpoint_without_tools_is_known_by_its_words(text):
    assert lacking(text, None) == lacking(text) == {"tools": False}
    assert lacking(text, None, tools=False) == {}


@pytest.mark.parametrize(
    "text",
    [
        "json mode cannot be combined with tool/function calling",  # Groq
        "'response_format' json_object cannot be combined with tool/function calling",
        "Function calling with a response mime type: 'application/json' is unsupported",  # Gemini
        "Forced function calling (ANY mode) with a response mime type: 'application/json' is unsupported",
        "Tool use with a response mime type: 'application/json' is unsupported",
        "For controlled generation of function calls, set 'mode' to ANY instead of populating 'response_mime_type'",
        "You cannot specify response format and function call at the same time",  # Fireworks
        "Cannot use custom grammar constraints with tools.",  # llama.cpp
        "structured outputs with tools are not supported; send tool_choice none or no tools",
        "response_format and tools are mutually exclusive",
        "'tools' and 'response_format' cannot be used together",
        "response_format is not supported when tools are given",
    ],
)
def test_a_format_that_may_not_stand_beside_tools_is_known_by_its_words(text):
    assert lacking(text) == lacking(text, "json_object") == {"formats_with_tools": False}
    assert lacking(text, tools=False) == lacking(text, "text") == {}


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        (
            "Invalid schema for response_format 'o': In context=('properties', 'n'), 'minimum' is not permitted.",
            "minimum",
        ),
        ("Invalid schema for function 'f': In context=('properties', 'a'), 'uri' is not a valid format.", "format"),
        ("output_format.schema: For 'integer' type, properties maximum, minimum are not supported", "maximum minimum"),
        ("Unsupported JSON schema fields: {'minLength', 'title'}", "minLength title"),
        ("Unknown keyword: title", "title"),
        ("additionalProperties is not supported in the Gemini API.", "additionalProperties"),
        ("The model does not support `minLength`", "minLength"),
    ],
)
def test_keywords_that_are_not_taken_are_known_by_their_names(text, keywords):
    assert lacking(text) == lacking(text, None) == {"unsupported_keywords": (*keywords.split(),)}
    assert lacking(text, "json_object", tools=False) == {}


@pytest.mark.parametrize("kind", ["json_schema", "json_object", None])
@pytest.mark.parametrize(
    "text",
    [
        "Invalid schema for response_format 'x': In context=(), 'required' is required to be supplied. Missing 'a'.",
        "Invalid schema for response_format 'json_schema': schema must be a JSON Schema of 'type: \"object\"'.",
        "Invalid schema for response_format 'o': 'additionalProperties' is required to be supplied and to be false.",
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        "Missing required parameter: 'response_format.json_schema'.",
        "Invalid 'response_format.json_schema.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.",
        "response_format.text.type: Input should be 'text'; body.response_format.json_schema.name: Field required",
        "response_format is not supported when stream is true",
        "deepseek-reasoner does not support this tool_choice",
        "No endpoints found that support the provided 'tool_choice' value.",
        "parallel tool calls are not supported",
        "Custom tools are not supported with this model",
        "tools[0].type 'custom' is not supported",
        "Tools with mixed values for 'strict' are not allowed.",
        "Invalid type for 'tools[0].function.parameters': expected an object",
        "Invalid schema for function 'f': In context=('properties', 'title'), schema must have a 'type' key.",
        "input_schema does not support oneOf, allOf, or anyOf at the top level",
        "The audio format is not supported. default is not allowed",
        "'pattern' is not permitted",  # no schema of the request has one
        "messages[0]: unknown variant `image_url`, expected `text` at line 1 column 20",  # DeepSeek
        "body.messages.0.content.1.type: Input should be 'text'",
        "messages.0.content.0: Input tag 'image_url' does not match any of the expected tags: 'text'",
        "Invalid value: 'input_text'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal'.",
        "Invalid 'modalities': must be one of 'text', 'audio'",
        "json_schema validation failed: '/kind' must be one of 'text', 'xml'",
        "Rate limit reached: json_object and tools are not available until 3 pm",
        "Tool calling is not supported on this tier: quota used up",
        "Request too large: tools combined with response_format have 9000 tokens",
        "Function calling is not supported in thinking mode",
        "Structured outputs is not available with vision inputs",
        "json_schema is not supported with strict false",
        "JSON mode is not supported in streaming",
    ],
)
def test_faults_of_a_schema_and_of_other_fields_say_nothing_of_these(text, kind):
    assert lacking(text, kind) == {}


@pytest.mark.parametrize(
    "text",
    [
        "This response_format type is unavailable now",
        "gemma does not support tools",
        "json mode cannot be combined with tool/function calling",
        "'minimum' is not permitted",
        "response_format must be one of 'json_object', 'text'",
    ],
)
def test_a_text_that_repeats_the_request_says_nothing(text):
    assert lacking(f"Cannot read the message: {text}") != {}
    assert lacking(f"Cannot read the message: {text}", own=f"Why do I get: {text}?") == {}


def test_what_is_known_already_is_kept_and_what_was_not_asked_for_says_nothing():
    assert without_format(request("json_object"), Profile(response_formats=("text", "json_object"))) == {
        "response_formats": ("text",)
    }
    assert without_format(request("text"), Profile()) == without_format(request(), Profile()) == {}
    known = Profile(unsupported_keywords=("title", "const"))
    assert without_keywords(["format", "title", "const"], request(), known) == {
        "unsupported_keywords": ("title", "const", "format")
    }
    assert without_keywords(["const"], request(), known) == {}


LONG = (
    "max_tokens is too large: 90000. This model supports at most 16384 completion tokens, whereas you provided 90000."
)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        (LONG, 16_384),  # OpenAI
        ("max_tokens: 90000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-sonnet", 8192),
        ("`max_tokens` must be less than or equal to `32768`, the maximum value for `max_tokens`", 32_768),  # Groq
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),  # DeepSeek
        ("Range of max_tokens should be [1, 16384]", 16_384),  # Alibaba
        (
            "it has a maxOutputTokens value of 90000 but the supported range is from 1 (inclusive) to 8193 (exclusive)",
            8192,
        ),
        ("max_tokens is too large: 90000. This model supports at most 99999 completion tokens", None),
        ("This model's maximum context length is 4096 tokens; max_tokens is 90000", None),
    ],
)
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_how_long_a_reply_can_be_is_learned_where_a_longer_one_was_asked_for(field, text, most):
    asked = request(tools=False).replace(**{field: 90_000})
    assert lacks(text, "", asked, BOTH) == ({} if most is None else {"max_output_tokens": most})
    assert lacks(text, text, asked, BOTH) == {}  # the request's own words
    assert lacks(text, "", request(tools=False), BOTH) == {}
