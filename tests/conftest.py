"""What holds for every test: it leaves the process as it found it."""

import os
import signal
import sqlite3
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from agentkit import secret
from agentkit.agent.run import outermost
from agentkit.agent.swap import swaps
from agentkit.http.transport import taps

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell without job control starts background commands so
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that tests start inherit it, and obey Ctrl-C

if sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42):
    sys.modules["dbos"] = None  # it cannot work on such a SQLite, as `Engine` says: its tests are skipped


def process_wide():
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return environment, [*taps], [*swaps], [*outermost]


@pytest.fixture(autouse=True)
def unchanged_process():
    """Forget the keys that a test made known, and see that nothing else of it reaches the tests after it."""
    before, known = process_wide(), set(secret._KNOWN)
    yield
    secret._KNOWN.intersection_update(known)
    assert process_wide() == before


TRANSPORTS = ["httpx", "fast"] if find_spec("httptools") else ["httpx"]


def pytest_generate_tests(metafunc):
    """Run what asks an endpoint in the tests of the HTTP layer, of what stands around it, and of quirks over each."""
    path = Path(metafunc.module.__file__)
    asks = "FakeEndpoint" in vars(metafunc.module) or path.stem == "test_llmock"
    there = path.parent.name in ("http", "around") or "quirk" in path.stem
    if asks and there and path.stem != "test_fast" and "over" not in metafunc.fixturenames:  # that compares them itself
        metafunc.fixturenames.append("over")
    if "over" in metafunc.fixturenames:
        metafunc.parametrize("over", TRANSPORTS, indirect=True)


@pytest.fixture
def over(request, monkeypatch):
    """Make a test run over a transport; those who name it are run over each that is installed."""
    monkeypatch.setenv("AGENTKIT_TRANSPORT", request.param)
    return request.param
