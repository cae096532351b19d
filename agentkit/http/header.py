"""HTTP headers read and checked, pure: how long to wait, the id of an exchange, what may be sent at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from agentkit.errors import ConfigurationError
from agentkit.secret import scrub

__all__ = ["check_header", "check_key", "request_id", "retry_after"]

# OpenAI and most; Anthropic; Azure's two; Bedrock; what stands before many.
_IDS = ("x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "x-amzn-requestid", "cf-ray")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, 5.6.2
_VALUE = re.compile(r"[\x20-\x7e]*")
_LONGEST = 366 * 86400.0
_EPOCH = 1e9  # a number above it counts seconds since 1970, one above its thousandfold milliseconds
_COUNTED = ("", "-requests", "-tokens", "-requests-minute", "-tokens-minute", "-requests-day", "-tokens-day")
_FRAMING = ("connection", "content-length", "host", "transfer-encoding")  # what the transport says of the body


def request_id(headers: Mapping[str, str]) -> str | None:
    """Find the endpoint's id of the exchange under the names that servers give it."""
    return next((scrub(found) for name in _IDS if (found := headers.get(name))), None)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read how many seconds an answer asks to wait, None where it does not say.

    `retry-after-ms` is exact and goes first, then `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3), then
    `x-ratelimit-reset-requests`, `-tokens` (OpenAI, Groq: "1m30s", "20ms", seconds), the same by minute and day
    (Cerebras), and one alone (OpenRouter: milliseconds since 1970) of the limit that has nothing left.

    A date counts from the answer's own `Date`, for the server's clock may differ from ours.
    """
    found = _number(headers.get("retry-after-ms"))
    if found is not None:
        return found / 1000
    now = _date(headers.get("date")) or now or datetime.now(UTC)
    found = _wait(headers.get("retry-after"), now)
    if found is not None:
        return found
    waits = [
        wait
        for kind in _COUNTED
        if headers.get(f"x-ratelimit-remaining{kind}", "0") in ("0", "")
        and (wait := _wait(headers.get(f"x-ratelimit-reset{kind}"), now)) is not None
    ]
    return max(waits, default=None)


def _wait(text: str | None, now: datetime) -> float | None:
    """Read seconds, a span, a date, or a moment since 1970."""
    seconds = _span(text)
    if seconds is None:
        date = _date(text)
        return None if date is None else max(0.0, (date - now).total_seconds())
    if seconds < _EPOCH:
        return seconds
    moment = seconds / 1000 if seconds >= _EPOCH * 1000 else seconds
    return max(0.0, moment - now.timestamp())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= _LONGEST * 10**6 else None  # also refuses NaN


def _span(text: str | None) -> float | None:
    """Read seconds, or a span as Go prints it: `1m30s`."""
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    pieces = _SPAN.findall(text.strip())
    if "".join(number + unit for number, unit in pieces) != text.strip():
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in pieces)


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date and date.tzinfo is None else date  # "-0000" in the place of GMT


def check_key(key: str, source: str) -> str:
    """Give a key without the white space that copying leaves round it.

    Args:
        key: The key.
        source: Where it came from, for the error; the key itself is never shown.

    Raises:
        ConfigurationError: It has characters that no header may hold.
    """
    key = key.strip()
    if not _VALUE.fullmatch(key):
        raise ConfigurationError(
            f"The key from {source} has a character that no HTTP header may hold (a line break inside, a typographic "
            "quote, a letter beyond ASCII). Copy it again; it is not shown here."
        )
    return key


def check_header(name: str, value: str) -> None:
    """Refuse a header that would not survive HTTP, without showing its value.

    Raises:
        ConfigurationError: The name or the value has an illegal character, or says how the request itself is sent.
    """
    given: tuple[Any, ...] = (name, value)
    if not all(isinstance(text, str) for text in given):
        raise ConfigurationError(
            f"Header {name!r} is given as {type(name).__name__} and {type(value).__name__}. Write both as text."
        )
    if name.lower() in _FRAMING:
        raise ConfigurationError(
            f"Header '{name}' says how a request is sent, which the transport decides. Leave it out; where it goes is "
            "told by base_url."
        )
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"Header {name!r} is no legal HTTP header name. Write letters, digits and '-'.")
    if not _VALUE.fullmatch(value):
        raise ConfigurationError(
            f"Header '{name}' has a character that no HTTP header may hold (a line break, a letter beyond ASCII). "
            "Write plain ASCII; the value is not shown here."
        )
