"""What holds for every test: it leaves the process as it found it."""

import os
import signal

import pytest

from agentkit import secret
from agentkit.agent.run import outermost
from agentkit.agent.swap import swaps
from agentkit.http.transport import taps

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell without job control starts background commands so
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that tests start inherit it, and obey Ctrl-C


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
