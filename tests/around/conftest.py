"""A clock that jumps over every wait, a request, and ears for what models tell."""

import asyncio
import selectors

import pytest

from agentkit.around import line, ratelimit
from agentkit.model import listener
from agentkit.wire import ChatRequest


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def select(self, timeout=None):
        if timeout:
            self._clock.now += timeout
            timeout = 0
        return super().select(timeout)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock):
        self._jumping = clock
        super().__init__(_Selector(clock))

    def time(self):
        return self._jumping.now


class Clock:
    """The time of a loop that nobody waits on; `begun` is when it was made."""

    def __init__(self):
        self.begun = self.now = 1000.0

    def __call__(self):
        return self.now

    @property
    def passed(self):
        return round(self.now - self.begun, 3)

    def run(self, main):
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            return runner.run(main)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(line, "monotonic", made)
    monkeypatch.setattr(ratelimit, "monotonic", made)
    return made


@pytest.fixture
def ask():
    """Give a function that makes a request of a text."""

    def make(text="Hello?", **fields):
        return ChatRequest.parse({"messages": [{"role": "user", "content": text}], **fields})

    return make


@pytest.fixture
def heard():
    """Give the reports that models make while the test runs, in every task that it starts."""
    reports = []
    token = listener.set(reports.append)
    yield reports
    listener.reset(token)
