"""Headers that say how long to wait and what the exchange was, and headers that may not be sent."""

from datetime import UTC, datetime

import pytest

from agentkit.errors import ConfigurationError
from agentkit.http.header import check_header, check_key, request_id, retry_after

NOW = datetime(2026, 11, 22, 9, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 09:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 09:00:30 -0000"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 08:00:00 GMT"}, 0.0),
        ({"retry-after": "1m30s"}, 90.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999 07:28:00 GMT"}, None),
        ({"retry-after": "-4"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
        # the server's clock is an hour ahead of ours
        ({"date": "Sun, 22 Nov 2026 10:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 10:00:05 GMT"}, 5.0),
        ({"date": "now", "retry-after": "Sun, 22 Nov 2026 09:00:05 GMT"}, 5.0),
        ({"x-ratelimit-reset": "7"}, 7.0),
        ({"x-ratelimit-reset": f"{NOW.timestamp() + 8:.0f}"}, 8.0),
        ({"x-ratelimit-reset": f"{(NOW.timestamp() + 9) * 1000:.0f}"}, 9.0),  # OpenRouter
        ({"x-ratelimit-reset": f"{(NOW.timestamp() - 9) * 1000:.0f}"}, 0.0),
        ({"x-ratelimit-reset-tokens": "Sun, 22 Nov 2026 09:00:30 GMT"}, 30.0),
        ({"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "11.38"}, 11.38),  # Cerebras
        ({"x-ratelimit-remaining-requests-day": "5", "x-ratelimit-reset-requests-day": "33011.3"}, None),
        ({"x-ratelimit-reset-requests": "-5"}, None),
    ],
)
def test_what_an_answer_asks_to_wait_is_read_in_every_form(headers, seconds):
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("20ms", 0.02), ("1m30s", 90.0), ("6m0s", 360.0), ("1h2m", 3720.0), ("2.5s", 2.5), ("7", 7.0)]
)
def test_a_reset_is_read_as_a_span(text, seconds):
    assert retry_after({"x-ratelimit-reset-requests": text}) == pytest.approx(seconds)


def test_only_the_limit_with_nothing_left_is_waited_for():
    headers = {
        "x-ratelimit-remaining-requests": "12",
        "x-ratelimit-reset-requests": "1h0m",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1.5s",
    }
    assert retry_after(headers) == 1.5


def test_two_limits_with_nothing_left_are_both_waited_for():
    assert retry_after({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "3s"}) == 3.0


def test_the_id_of_an_exchange_is_found_under_its_many_names():
    assert request_id({}) is None
    assert request_id({"cf-ray": "b", "x-request-id": "a"}) == "a"
    for name in ("request-id", "apim-request-id", "x-ms-request-id", "x-amzn-requestid", "cf-ray"):
        assert request_id({name: "r1"}) == "r1"


def test_white_space_round_a_key_is_dropped():
    assert check_key("  sk-abc\r\n", "OPENAI_API_KEY") == "sk-abc"


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-“abc”", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_may_hold_is_refused_without_showing_it(key):
    with pytest.raises(ConfigurationError) as caught:
        check_key(key, "OPENAI_API_KEY")
    assert str(caught.value) == (
        "The key from OPENAI_API_KEY has a character that no HTTP header may hold (a line break inside, a typographic "
        "quote, a letter beyond ASCII). Copy it again; it is not shown here."
    )


def test_a_header_with_an_illegal_name_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        check_header("X Trace", "1")
    assert str(caught.value) == "Header 'X Trace' is no legal HTTP header name. Write letters, digits and '-'."


def test_a_header_with_an_illegal_value_is_refused_without_showing_it():
    with pytest.raises(ConfigurationError) as caught:
        check_header("X-Trace", "a\r\nX-Admin: 1")
    assert str(caught.value) == (
        "Header 'X-Trace' has a character that no HTTP header may hold (a line break, a letter beyond ASCII). "
        "Write plain ASCII; the value is not shown here."
    )


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_a_header_that_says_how_a_request_is_sent_is_refused(name):
    with pytest.raises(ConfigurationError) as caught:
        check_header(name, "1")
    assert str(caught.value) == (
        f"Header '{name}' says how a request is sent, which the transport decides. Leave it out; where it goes is told "
        "by base_url."
    )


def test_a_header_that_is_no_text_is_refused_without_showing_it():
    with pytest.raises(ConfigurationError) as caught:
        check_header("X-Trace", 77)
    assert str(caught.value) == "Header 'X-Trace' is given as str and int. Write both as text."
