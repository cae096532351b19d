"""The contract's table of statuses, with the whole text of every error."""

import json

import pytest

from agentkit import errors
from agentkit.errors import InvalidResponseError
from agentkit.http.status import Asked, inner_error, redirect_error, status_error
from agentkit.secret import remember_secret

URL = "https://api.test/v1/chat/completions"
ASKED = Asked(endpoint=URL, model="m-1", key_source="TEST_API_KEY")


def failing(status, error=None, headers=None, asked=ASKED):
    body = json.dumps({"error": {"message": "It said so.", "code": "c_1", **(error or {})}}).encode()
    return status_error(status, headers or {}, body, asked)


TABLE = [
    (400, {}, "BadRequestError", "The request cannot be sent again as it is; change what the endpoint names."),
    (422, {}, "BadRequestError", "The request cannot be sent again as it is; change what the endpoint names."),
    (413, {}, "BadRequestError", "The request cannot be sent again as it is; change what the endpoint names."),
    (
        413,  # Cloudflare
        {"type": "context_window_exceeded"},
        "ContextOverflowError",
        "The messages are longer than the model's context; shorten the history or tool results.",
    ),
    (
        500,  # DeepInfra
        {"type": "context_length_exceeded"},
        "ContextOverflowError",
        "The messages are longer than the model's context; shorten the history or tool results.",
    ),
    (
        400,
        {"type": "unknown_parameter", "param": "seed"},
        "BadRequestError",
        (
            "Leave 'seed' out where it was set (Settings, extra_body, a message, a tool). What this endpoint wants "
            "otherwise than most is told by the model's profile: ChatModel(..., profile=Profile(...))."
        ),
    ),
    (
        422,
        {"type": "unknown_parameter", "param": "response_format"},
        "BadRequestError",
        (
            "Tell the model by its profile which ones this endpoint takes, Profile(response_formats=(...)), or ask for "
            "a typed output by OutputSpec(type, mode='tool')."
        ),
    ),
    (
        400,
        {"type": "context_length_exceeded"},
        "ContextOverflowError",
        "The messages are longer than the model's context; shorten the history or tool results.",
    ),
    (
        400,
        {"type": "content_filter"},
        "ContentFilterError",
        "The endpoint's content filter stopped it; word the messages differently.",
    ),
    (
        400,
        {"type": "tool_use_failed", "failed_generation": "<function=f>"},
        "ToolUseFailedError",
        "The endpoint refused the tool call that the model wrote; let the model try again.",
    ),
    (
        401,
        {},
        "AuthenticationError",
        "The key came from TEST_API_KEY; check that it is whole, valid and of this endpoint.",
    ),
    (
        402,
        {},
        "RateLimitError",
        "No quota is left, so waiting does not help; check plan and billing at the provider.",
    ),
    (403, {}, "PermissionDeniedError", "The key (TEST_API_KEY) may not do this; check its project and its models."),
    (404, {}, "NotFoundError", "Check the model name 'm-1', and that base_url ends in `/v1` as most do."),
    (405, {}, "NotFoundError", "Check the model name 'm-1', and that base_url ends in `/v1` as most do."),
    (408, {}, "APIStatusError", ""),
    (409, {}, "ConflictError", ""),
    (425, {}, "APIStatusError", ""),
    (429, {}, "RateLimitError", "Send fewer requests at once, or ask for a higher limit."),
    (
        429,
        {"type": "insufficient_quota"},
        "RateLimitError",
        "No quota is left, so waiting does not help; check plan and billing at the provider.",
    ),
    (500, {}, "InternalServerError", ""),
    (503, {}, "InternalServerError", ""),
    (529, {}, "InternalServerError", ""),
]


@pytest.mark.parametrize(("status", "error", "kind", "advice"), TABLE)
def test_a_status_is_an_error_that_says_what_was_seen_and_what_to_do(status, error, kind, advice):
    raised = failing(status, error, {"x-request-id": "req_9"})
    assert type(raised) is getattr(errors, kind)
    assert str(raised) == f"{URL} answered {status} (c_1): It said so. {advice}".rstrip()
    assert (raised.status_code, raised.code, raised.request_id, raised.endpoint) == (status, "c_1", "req_9", URL)
    assert raised.body["error"]["message"] == "It said so."


def test_what_the_model_wrote_is_kept_where_the_endpoint_could_not_use_it():
    raised = failing(400, {"code": "tool_use_failed", "failed_generation": "<function=f>"})
    assert raised.failed_generation == "<function=f>"


def test_a_wait_that_was_asked_for_is_said():
    raised = failing(429, headers={"retry-after": "2"})
    assert raised.retry_after == 2.0
    assert str(raised) == f"{URL} answered 429 (c_1): It said so. It asks to wait 2 s."


def test_an_empty_body_is_said_to_give_no_reason():
    raised = status_error(500, {}, b"", ASKED)
    assert str(raised) == f"{URL} answered 500: it gave no reason."
    assert raised.body == ""


def test_a_page_is_named_by_its_title():
    raised = status_error(502, {}, b"<html><title>Bad Gateway</title>", ASKED)
    assert str(raised) == f"{URL} answered 502: an HTML page: Bad Gateway."


def test_a_missing_key_is_said_to_be_missing():
    raised = failing(401, asked=Asked(endpoint=URL, model="m-1"))
    assert str(raised) == (
        f"{URL} answered 401 (c_1): It said so. No key was sent. Give api_key=..., or name the model as "
        "'provider:model' to use the provider's variable."
    )


def test_a_missing_key_may_have_its_own_reason():
    raised = failing(401, asked=Asked(endpoint=URL, model="m-1", no_key="Set X."))
    assert str(raised) == f"{URL} answered 401 (c_1): It said so. Set X."


def test_the_usual_slip_is_named_where_the_address_has_no_version():
    url = "https://api.test/chat/completions"
    raised = failing(404, asked=Asked(endpoint=url, model="m-1"))
    assert str(raised) == (
        f"{url} answered 404 (c_1): It said so. Check the model name 'm-1', and that base_url ends in `/v1` as most do "
        "(this one has no `/v1`)."
    )


def test_a_key_that_the_endpoint_repeats_is_blotted_out():
    remember_secret("sk-very-secret-1")
    raised = failing(401, {"message": "Incorrect API key provided: sk-very-secret-1"})
    assert "sk-very-secret-1" not in f"{raised} {raised.body} {raised!r}"
    assert raised.body["error"]["message"] == "Incorrect API key provided: [secret]"


def test_a_redirect_names_the_target_and_is_not_followed():
    raised = redirect_error(307, {"location": "https://other.test/v1"}, ASKED)
    assert raised.location == "https://other.test/v1"
    assert str(raised) == (
        f"{URL} answered 307, a redirect to https://other.test/v1. agentkit does not follow it, for it would send the "
        "key and the messages there. If that address is right, give it as base_url."
    )


def inside(error):
    seen = InvalidResponseError("an error")
    seen.error = error
    return inner_error(seen, {"retry-after": "4"}, ASKED)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (429, "RateLimitError"),
        ("429", "RateLimitError"),
        ("rate_limit_exceeded", "RateLimitError"),
        (401, "AuthenticationError"),
        (404, "NotFoundError"),
        (400, "BadRequestError"),
        ("context_length_exceeded", "ContextOverflowError"),
        ("content_filter", "ContentFilterError"),
        ("tool_use_failed", "ToolUseFailedError"),
        (502, "InternalServerError"),
        ("server_error", "InternalServerError"),
        ("surprise", "APIStatusError"),
    ],
)
def test_an_error_inside_a_200_is_of_the_class_of_its_code(code, kind):
    raised = inside({"message": "It said so", "code": code})
    assert type(raised) is getattr(errors, kind)
    assert raised.status_code == 200
    assert str(raised).startswith(f"{URL} answered 200 with an error ({code}): It said so.")
    assert raised.retry_after == 4.0


def test_what_is_no_reply_keeps_its_text_and_gains_its_place():
    seen = InvalidResponseError("It is no reply.")
    seen.body = "<html>"
    raised = inner_error(seen, {"x-request-id": "r"}, ASKED)
    assert (str(raised), raised.body, raised.endpoint, raised.request_id) == ("It is no reply.", "<html>", URL, "r")


@pytest.mark.parametrize("written", ["sk-ab/cdefgh", "sk-ab\\/cdefgh", "\\u0073k-ab/cdefgh"])
def test_a_key_is_hidden_however_the_body_writes_it(written):
    remember_secret("sk-ab/cdefgh")
    raised = status_error(401, {}, f'{{"error": {{"message": "Bad key {written}."}}}}'.encode(), ASKED)
    assert str(raised) == (
        f"{URL} answered 401: Bad key [secret]. The key came from TEST_API_KEY; check that it is whole, valid and of "
        "this endpoint."
    )
    assert raised.body == {"error": {"message": "Bad key [secret]."}}


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ([{"error": {"code": 429, "details": [{"@type": "x"}, {"@type": "RetryInfo", "retryDelay": "34.5s"}]}}], 34.5),
        ({"error": {"code": 429, "metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": 7}}}}, 7),
        (
            {"error": {"code": 429, "metadata": {"headers": {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": 7}}}},
            None,
        ),
        ({"error": {"code": 429, "metadata": {"headers": ["x"]}, "details": {"retryDelay": "1s"}}}, None),
    ],
)
def test_how_long_to_wait_is_read_in_the_body_where_no_header_says_it(body, seconds):
    encoded = json.dumps(body).encode()
    assert status_error(429, {}, encoded, ASKED).retry_after == seconds
    assert status_error(429, {"retry-after": "2"}, encoded, ASKED).retry_after == 2
