"""Trying again: `Retry` says how often and how long, `send` does it; `ChatModel` uses both.

tenacity is loaded and entered only after a first failure, for it costs more than the rest of a call.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from agentkit.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    RateLimitError,
)
from agentkit.http.fault import Fault
from agentkit.model import RequestRetried, attempt_again, report

__all__ = ["Retry", "is_passing", "send"]

_T = TypeVar("_T")

# RFC 9110, RFC 8470 (425), and 529, "overloaded" at Anthropic and its proxies.
_PASSING = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how long a request is tried again; `Retry(attempts=1)` never does.

    A wait that the endpoint asks for is kept; where it would go beyond the total time, the error is raised at once.

    Attributes:
        attempts: Requests in all, at least 1.
        seconds: From the first request to the start of the last.
        wait: Seconds of the first wait; each later one is twice as long, with up to `wait` of chance on top.
        longest: The longest wait of our own choice, in seconds.

    Raises:
        ConfigurationError: A field is no number, or below what it may be.
    """

    attempts: int = 4
    seconds: float = 60.0
    wait: float = 0.5
    longest: float = 8.0

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            raise ConfigurationError(
                f"Retry field 'attempts' is {self.attempts!r}; it counts all requests, so it is a whole number of at "
                "least 1. Retry(attempts=1) never tries again."
            )
        for name in ("seconds", "wait", "longest"):
            value: Any = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:  # NaN is not
                raise ConfigurationError(f"Retry field '{name}' is {value!r}; it is seconds, a number of at least 0.")

    @classmethod
    def of(cls, given: Self | None) -> Self:
        """Take what a caller gave; None is the defaults.

        Raises:
            ConfigurationError: It is no `Retry`.
        """
        if given is None:
            return cls()
        if not isinstance(given, cls):
            raise ConfigurationError(
                f"retry is {repr(given)[:200]}, of type {type(given).__name__}. "
                "Give agentkit.http.Retry(attempts=...), which counts all requests; "
                "Retry(attempts=1) never tries again."
            )
        return given


def is_passing(error: APIError) -> bool:
    """Tell whether the same request may succeed a moment later."""
    if isinstance(error, APIConnectionError):
        return True
    if not isinstance(error, APIStatusError) or isinstance(error, BadRequestError):
        return False
    if error.status_code == 200:  # inside a body; its class was found by its code
        passing = isinstance(error, RateLimitError | InternalServerError)
    else:
        passing = error.status_code in _PASSING or 520 <= error.status_code <= 524  # Cloudflare's, before the endpoint
    if not passing:
        return False
    fault = Fault.of(error.body or {"code": error.code})
    return not (fault.quota_used_up or fault.template_refused)


async def send(attempt: Callable[[int], Awaitable[_T]], retry: Retry) -> _T:
    """Make attempts, numbered from 1, until one succeeds or there is no more to hope for.

    Raises:
        APIError: The last attempt's, with `attempts` set.
    """
    begun = time.monotonic()
    try:
        return await attempt(1)
    except APIError as error:
        if retry.attempts <= 1 or not is_passing(error):
            raise
        failed = error
    return await _again(attempt, failed, retry, time.monotonic() - begun)


async def _again(attempt: Callable[[int], Awaitable[_T]], failed: APIError, retry: Retry, spent: float) -> _T:
    """Let tenacity go on after a first failure, which is played to it as its own first attempt."""
    import tenacity  # noqa: PLC0415  # slow to import, and most requests succeed

    left = retry.seconds - spent
    backoff = tenacity.wait_exponential(multiplier=retry.wait, max=retry.longest) + tenacity.wait_random(0, retry.wait)

    def wait(state: tenacity.RetryCallState) -> float:
        asked = getattr(_error(state), "retry_after", None)
        return backoff(state) if asked is None else float(asked)

    async def tell(state: tenacity.RetryCallState) -> None:
        error = _error(state)
        await attempt_again(error)  # before the wait, in which it may be cancelled
        report(RequestRetried(state.attempt_number, f"{type(error).__name__}: {error}", state.upcoming_sleep))

    async def numbered() -> _T:
        number: int = engine.statistics["attempt_number"]
        if number == 1:
            raise failed
        try:
            return await attempt(number)
        except APIError as error:
            error.attempts = number
            raise

    engine = tenacity.AsyncRetrying(
        wait=wait,
        stop=tenacity.stop_after_attempt(retry.attempts) | tenacity.stop_before_delay(left),
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, APIError) and is_passing(error)),
        before_sleep=tell,
        retry_error_callback=lambda state: _give_up(state, retry),
    )
    return await engine(numbered)


def _error(state: Any) -> Exception:
    error: Exception = state.outcome.exception()
    return error


def _give_up(state: Any, retry: Retry) -> Any:
    error = _error(state)
    if state.attempt_number < retry.attempts and getattr(error, "retry_after", None) is not None:
        error.args = (f"{error} That is more than is left of Retry(seconds={retry.seconds:g}); not tried again.",)
    raise error
