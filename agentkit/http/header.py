"""HTTP headers read and checked, pure: how long to wait, the id of an exchange, what may be sent at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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


def request_id(headers: Mapping[str, str]) -> str | None:
    """Find the endpoint's id of the exchange under the names that servers give it."""
    return next((scrub(found) for name in _IDS if (found := headers.get(name))), None)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read how many seconds an answer asks to wait, None where it does not say.

    `retry-after-ms` is exact and goes first, then `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3), then
    `x-ratelimit-reset-requests` and `-tokens` ("1m30s", "20ms", seconds) of the limit that has nothing left.
    """
    found = _number(headers.get("retry-after-ms"))
    if found is not None:
        return found / 1000
    asked = headers.get("retry-after")
    found = _span(asked)
    if found is None and asked:
        found = _until(asked, now or datetime.now(UTC))
    if found is not None:
        return found
    waits = [
        wait
        for kind in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{kind}", "0") in ("0", "")
        and (wait := _span(headers.get(f"x-ratelimit-reset-{kind}"))) is not None
    ]
    return max(waits, default=None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= _LONGEST * 1000 else None  # also refuses NaN


def _span(text: str | None) -> float | None:
    """Read seconds, or a span as Go prints it: `1m30s`."""
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    pieces = _SPAN.findall(text.strip())
    if "".join(number + unit for number, unit in pieces) != text.strip():
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in pieces)


def _until(text: str, now: datetime) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:  # "-0000" in the place of GMT
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


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
        ConfigurationError: The name or the value has an illegal character.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"Header {name!r} is no legal HTTP header name. Write letters, digits and '-'.")
    if not _VALUE.fullmatch(value):
        raise ConfigurationError(
            f"Header '{name}' has a character that no HTTP header may hold (a line break, a letter beyond ASCII). "
            "Write plain ASCII; the value is not shown here."
        )
