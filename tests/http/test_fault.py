"""Error bodies in the shapes that servers give them."""

import json

import pytest

from agentkit.http.fault import Fault, clean


def read(body):
    return Fault.read(body if isinstance(body, str) else json.dumps(body))


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "No.", "type": "invalid_request_error", "code": "bad"}}, "No.", "bad"),
        ({"error": {"message": "No.", "type": "invalid_request_error", "code": None}}, "No.", "invalid_request_error"),
        ({"error": {"message": "No.", "type": "too_long", "code": 400}}, "No.", "too_long"),
        ({"error": {"message": "No.", "code": 401}}, "No.", "401"),
        ({"error": "No."}, "No.", None),
        ({"detail": "No."}, "No.", None),
        ({"message": "No.", "code": "bad"}, "No.", "bad"),
        ({"object": "error", "message": "No.", "type": "NotFoundError", "code": 404}, "No.", "NotFoundError"),
        ({"errors": [{"message": "No.", "code": 7003}]}, "No.", "7003"),
        ([{"error": {"message": "No.", "code": 400, "status": "INVALID_ARGUMENT"}}], "No.", "400"),
        (
            {"detail": [{"loc": ["body", "n"], "msg": "must be 1"}, {"msg": "and so"}]},
            "body.n: must be 1; and so",
            None,
        ),
        ({"error": {"message": {"detail": "No."}}}, "No.", None),
        ({"error": {"message": "It failed", "metadata": {"raw": "busy"}}}, "It failed: busy", None),
        ({"code": "bad"}, '{"code": "bad"}', "bad"),
        ("plain\n text", "plain text", None),
        ("<html><head><title>502 Bad\nGateway</title></head></html>", "an HTML page: 502 Bad Gateway", None),
        ("<body><h1>Sorry</h1></body>", "an HTML page: Sorry", None),
        ("", "", None),
        ("null", "", None),
        ("[]", "", None),
        ("17", "17", None),
        ({"detail": ["odd"]}, '"odd"', None),
    ],
)
def test_the_words_and_the_code_of_every_shape_are_found(body, message, code):
    fault = read(body)
    assert (fault.message, fault.code) == (message, code)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429}, 429),
        ({"code": "503"}, 503),
        ({"code": "rate_limit_exceeded", "type": "requests"}, 429),
        ({"code": "content_filter", "status": 400}, 400),
        ({"type": "overloaded_error"}, 503),
        ({"type": "invalid_request_error", "code": "model_not_found"}, 404),
        ({"code": "surprise"}, 200),
        ({"code": 12}, 200),
    ],
)
def test_an_error_inside_a_200_names_its_status_by_its_code(error, status):
    assert Fault.of(error).status == status


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
        "prompt too long; exceeded max context length by 12 tokens",
        "the request exceeds the available context size, try increasing it",
        "Invalid request: Your request exceeded model token limit: 8192",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "Input is too long for requested model.",
        "input length and `max_tokens` exceed context limit",
        "The estimated number of input tokens exceeded this model context window limit",
        "Requested token count exceeds the model's maximum context length of 256000 tokens.",
        "Requested input length 99009 exceeds maximum input length 8192",
        "ValidationException: too many total text bytes: 9 > 8",
        "However, the model's context length is only 4096 tokens",
        "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.",
        "too many tokens: size limit exceeded by 10 tokens",
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 280000 tokens.",
        "Please reduce the length of the messages or completion.",
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "The prompt (total length 5000) is too long to fit into the model",
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with 4096",
        "The number of tokens to keep from the initial prompt is greater than the context length",
        "The number of tokens in the prompt exceeds the model's maximum input length",
    ],
)
def test_known_words_of_overflow_are_known(message):
    assert read({"error": {"message": message}}).too_long


@pytest.mark.parametrize("code", ["context_length_exceeded", "exceed_context_size_error", "too_many_prompt_tokens"])
def test_known_codes_of_overflow_are_known(code):
    assert read({"error": {"message": "no", "type": code}}).too_long


def test_other_words_are_no_overflow_no_filter_no_quota():
    fault = read({"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model."}})
    assert not any((fault.too_long, fault.content_filtered, fault.quota_used_up, fault.tool_use_failed))


def test_filters_quota_and_failed_calls_are_known():
    assert read({"error": {"code": "content_filter", "message": ""}}).content_filtered
    assert read({"error": {"message": "triggering Azure OpenAI's content management policy"}}).content_filtered
    assert read({"error": {"code": "insufficient_quota", "message": ""}}).quota_used_up
    assert read({"error": {"type": "exceeded_current_quota_error", "message": ""}}).quota_used_up
    failed = read({"error": {"code": "tool_use_failed", "failed_generation": "<f>", "message": ""}})
    assert failed.tool_use_failed
    assert failed.failed_generation == "<f>"


def test_a_template_that_refuses_is_known():
    assert read({"error": {"message": "Error: Jinja Exception: no"}}).template_refused
    assert not read({"error": {"message": "no"}}).template_refused


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"error": {"message": "no", "param": "a.b[0].c", "code": "unknown_parameter"}}, ("c",)),
        ({"error": {"message": "no", "param": "a", "code": "invalid_value"}}, ()),
        ({"error": {"message": "no", "param": None, "code": "unknown_parameter"}}, ()),
        ({"error": {"message": "Unknown parameter: 'a'. Unknown parameter: 'b'."}}, ("a", "b")),
        ({"error": {"message": "The model is not supported."}}, ()),
        (
            {"detail": [{"type": "value_error.extra", "loc": ["body", "a", 3]}, {"type": "missing", "loc": ["b"]}]},
            ("a",),
        ),
        ({"error": {"message": [{"type": "extra_forbidden", "loc": ["a"]}]}}, ("a",)),
        ({"detail": [{"type": "extra_forbidden"}, 5]}, ()),
        ("Unknown field: 'a'", ("a",)),
        ("", ()),
    ],
)
def test_fields_that_are_called_unknown_or_unsupported_are_found(body, fields):
    assert read(body).refused == fields


def test_a_text_is_put_on_one_line_without_what_could_fool_a_terminal():
    assert clean("a\x1b[31m\n\tb\u202ec") == "a [31m b c"
    assert len(clean("x" * 900)) == 500
