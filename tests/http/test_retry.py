"""Attempts, waits and when there is no more to hope for."""

import asyncio

import pytest

from agentkit import errors
from agentkit.http.retry import Retry, is_passing, send
from agentkit.model import RequestRetried, listener

FAST = Retry(wait=0.001, longest=0.002)


def failing(kind, status=0, code=None, retry_after=None):
    error = getattr(errors, kind)("It failed.")
    if isinstance(error, errors.APIStatusError):
        error.status_code, error.code, error.retry_after = status, code, retry_after
    return error


def run(outcomes, retry=FAST):
    """Make attempts with these outcomes; give what came of it, the attempts' numbers and the events."""
    numbers, events = [], []

    async def attempt(number):
        numbers.append(number)
        outcome = outcomes[number - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def main():
        listener.set(events.append)
        try:
            return await send(attempt, retry)
        except errors.APIError as error:
            return error

    return asyncio.run(main()), numbers, events


@pytest.mark.parametrize(
    ("kind", "status", "code", "passing"),
    [
        *((kind, 0, None, True) for kind in ("APIConnectionError", "APITimeoutError", "StreamCutError")),
        *(("APIStatusError", status, None, True) for status in (408, 425)),
        ("ConflictError", 409, None, True),
        ("RateLimitError", 429, None, True),
        ("RateLimitError", 429, "insufficient_quota", False),
        ("RateLimitError", 429, "quota_exceeded", False),
        ("RateLimitError", 402, None, False),
        ("RateLimitError", 200, "402", False),
        *(("InternalServerError", status, None, True) for status in (500, 502, 503, 504, 520, 524, 529)),
        *(("InternalServerError", status, None, False) for status in (501, 505)),
        ("ToolUseFailedError", 500, None, False),
        ("ContextOverflowError", 500, None, False),
        *(("BadRequestError", status, None, False) for status in (400, 413, 422)),
        ("AuthenticationError", 401, None, False),
        ("PermissionDeniedError", 403, None, False),
        ("NotFoundError", 404, None, False),
        ("InvalidResponseError", 0, None, False),
        ("RedirectError", 0, None, False),
        ("RateLimitError", 200, None, True),
        ("InternalServerError", 200, None, True),
        ("BadRequestError", 200, None, False),
        ("APIStatusError", 200, None, False),
    ],
)
def test_what_is_tried_again_is_the_table_of_the_contract(kind, status, code, passing):
    assert is_passing(failing(kind, status, code)) is passing


def test_a_quota_that_only_the_type_names_is_used_up_too():
    error = failing("RateLimitError", 429, "429")
    error.body = {"error": {"code": 429, "type": "insufficient_quota", "message": "Pay."}}
    assert not is_passing(error)


def test_a_success_is_one_attempt_and_no_event():
    assert run(["a"]) == ("a", [1], [])


def test_a_passing_failure_is_tried_again_and_told():
    found, numbers, events = run([failing("InternalServerError", 503), "a"])
    assert (found, numbers) == ("a", [1, 2])
    assert [(event.attempt, event.error) for event in events] == [(1, "InternalServerError: It failed.")]
    assert isinstance(events[0], RequestRetried)


def test_four_attempts_are_the_most_and_the_error_counts_them():
    last = failing("APIConnectionError")
    found, numbers, events = run([failing("InternalServerError", 500), *[failing("APIConnectionError")] * 2, last])
    assert found is last
    assert found.attempts == 4
    assert numbers == [1, 2, 3, 4]
    assert [event.attempt for event in events] == [1, 2, 3]
    assert (str(found), found.__cause__, found.__context__) == ("It failed.", None, None)


def test_waits_grow():
    outcomes = [failing("InternalServerError", 500)] * 3 + ["a"]
    _, _, events = run(outcomes, Retry(wait=0.004, longest=1))
    first, second, third = (event.wait for event in events)
    assert 0.004 <= first <= 0.008 <= second <= 0.012
    assert 0.016 <= third <= 0.02


def test_a_wait_that_was_asked_for_is_kept():
    _, _, events = run([failing("RateLimitError", 429, retry_after=0.02), "a"])
    assert events[0].wait == 0.02


def test_a_lasting_failure_is_not_tried_again():
    found, numbers, events = run([failing("BadRequestError", 400), "a"])
    assert (type(found).__name__, numbers, events, found.attempts) == ("BadRequestError", [1], [], 1)


def test_a_lasting_failure_after_a_passing_one_ends_it():
    found, numbers, _ = run([failing("InternalServerError", 500), failing("AuthenticationError", 401), "a"])
    assert (type(found).__name__, numbers, found.attempts) == ("AuthenticationError", [1, 2], 2)


def test_one_attempt_is_never_repeated():
    found, numbers, _ = run([failing("InternalServerError", 500), "a"], Retry(attempts=1))
    assert (type(found).__name__, numbers) == ("InternalServerError", [1])


def test_a_wait_beyond_the_total_time_gives_up_at_once_and_says_so():
    found, numbers, events = run([failing("RateLimitError", 429, retry_after=61.0), "a"])
    assert (numbers, events, found.attempts) == ([1], [], 1)
    assert str(found) == "It failed. That is more than is left of Retry(seconds=60); not tried again."


def test_other_errors_pass_through_untouched():
    async def attempt(number):
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"^1$"):
        asyncio.run(send(attempt, FAST))


@pytest.mark.parametrize("attempts", [0, -1, 1.5, True, "3"])
def test_attempts_that_cannot_be_counted_are_refused(attempts):
    with pytest.raises(errors.ConfigurationError) as caught:
        Retry(attempts=attempts)
    assert str(caught.value) == (
        f"Retry field 'attempts' is {attempts!r}; it counts all requests, so it is a whole number of at least 1. "
        "Retry(attempts=1) never tries again."
    )


@pytest.mark.parametrize("seconds", [-1, float("nan"), True, "60", None])
@pytest.mark.parametrize("field", ["seconds", "wait", "longest"])
def test_seconds_that_cannot_be_waited_are_refused(field, seconds):
    with pytest.raises(errors.ConfigurationError) as caught:
        Retry(**{field: seconds})
    assert str(caught.value) == f"Retry field '{field}' is {seconds!r}; it is seconds, a number of at least 0."


def test_a_count_in_the_place_of_a_retry_is_refused():
    assert Retry.of(None) == Retry()
    assert Retry.of(FAST) is FAST
    with pytest.raises(errors.ConfigurationError) as caught:
        Retry.of(0)
    assert str(caught.value) == (
        "retry is 0, of type int. Give agentkit.http.Retry(attempts=...), which counts all requests; "
        "Retry(attempts=1) never tries again."
    )
