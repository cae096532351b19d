"""What was sent in the last seconds and how much more may be, pure; `RateLimit` asks it and hands it the time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Pace", "Sent"]


@dataclass(slots=True, eq=False)
class Sent:
    """One request that counts.

    Attributes:
        at: When it was let go, in seconds.
        tokens: What it costs, estimated until it is known.
        counts: Whether it is still within the window.
    """

    at: float
    tokens: int
    counts: bool = True


class Pace:
    """A sliding window: at no time have the last `seconds` seen more than the limits.

    Args:
        requests: Requests within the window; None is no limit.
        tokens: Tokens within the window; None is no limit.
        seconds: The window's length.
    """

    __slots__ = ("_requests", "_seconds", "_sent", "_spent", "_tokens")

    def __init__(self, requests: int | None, tokens: int | None, seconds: float) -> None:
        self._requests = requests
        self._tokens = tokens
        self._seconds = seconds
        self._sent: deque[Sent] = deque()
        self._spent = 0

    def wait(self, tokens: int, now: float) -> tuple[float, str]:
        """Give the seconds until a request of so many tokens may go, and which limit says so; 0 where it may now."""
        while self._sent and self._sent[0].at + self._seconds <= now:
            old = self._sent.popleft()
            old.counts = False
            self._spent -= old.tokens
        until, reason = now, ""
        if self._requests is not None and len(self._sent) >= self._requests:
            until, reason = self._sent[len(self._sent) - self._requests].at + self._seconds, "requests"
        over = 0 if self._tokens is None else self._spent + tokens - self._tokens
        for sent in self._sent:
            if over <= 0:
                break
            over -= sent.tokens
            if sent.at + self._seconds > until:
                until, reason = sent.at + self._seconds, "tokens"
        return until - now, reason

    def add(self, tokens: int, now: float) -> Sent:
        """Count a request that goes now."""
        sent = Sent(now, tokens)
        self._sent.append(sent)
        self._spent += tokens
        return sent

    def correct(self, sent: Sent, tokens: int) -> None:
        """Put what a request cost in the place of its estimate."""
        if sent.counts:
            self._spent += tokens - sent.tokens
        sent.tokens = tokens
