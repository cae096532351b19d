"""The pytest plugin: fixtures for agents under test, and the network shut while they are used.

pytest loads it wherever agentkit is installed, so it imports nothing slow before a fixture is asked for.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agentkit import testing
from agentkit.testing.network import open_network, shut_network

if TYPE_CHECKING:
    from agentkit.agent.agent import Agent
    from agentkit.model import Model
    from agentkit.testing.cassette import Cassette
    from agentkit.testing.endpoint import FakeEndpoint

__all__ = [
    "agentkit_network",
    "cassette",
    "fake_endpoint",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_protocol",
    "pytest_unconfigure",
    "swap_model",
]

_OPTION = "--agentkit-record"
_VARIABLE = "AGENTKIT_RECORD"
_MODES = ("replay", "record", "off")
_NETWORK = "agentkit_network"
_before = pytest.StashKey[str | None]()  # what the environment said


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--agentkit-record` and the ini option `agentkit_network`."""
    group = parser.getgroup("agentkit")
    group.addoption(
        _OPTION,
        choices=_MODES,
        default=None,
        help="what cassettes do: replay (the default), record from the real endpoints, or off; else AGENTKIT_RECORD",
    )
    parser.addini(
        _NETWORK,
        "who may reach other machines: fixtures (the default) shuts the network for tests that use a fixture of "
        "agentkit, shut for all tests, open for none",
        default="fixtures",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name our markers, and hand the option on to every `recording` of the process."""
    config.addinivalue_line("markers", "cassette(name): the file of the fixture `cassette`, beside the test's own")
    config.addinivalue_line("markers", 'agentkit_network(state): "open" or "shut", whatever the ini option says')
    if config.getini(_NETWORK) not in ("fixtures", "shut", "open"):
        raise pytest.UsageError(f"{_NETWORK} is {config.getini(_NETWORK)!r}. Write fixtures, shut or open.")
    config.stash[_before] = os.environ.get(_VARIABLE)
    if (mode := config.getoption(_OPTION)) is not None:
        os.environ[_VARIABLE] = mode


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the environment back."""
    if config.getoption(_OPTION) is None or _before not in config.stash:
        return
    if (before := config.stash[_before]) is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = before


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Shut the network while a test runs, its fixtures included, where the ini option or a marker says so."""
    with shut_network() if _wanted(item) == "shut" else contextlib.nullcontext():
        yield


def _wanted(item: Any) -> str:
    marker = item.get_closest_marker(_NETWORK)
    return str(marker.args[0] if marker is not None and marker.args else item.config.getini(_NETWORK))


@pytest.fixture
def agentkit_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Shut the network for a test, or open it where its cassette is recorded; all our fixtures ask for this one."""
    live = "cassette" in request.fixturenames and os.environ.get(_VARIABLE, "").strip().lower() in ("record", "off")
    with open_network() if live or _wanted(request.node) == "open" else shut_network():
        yield


@pytest.fixture
def fake_endpoint(agentkit_network: None) -> Iterator[Callable[..., FakeEndpoint]]:  # noqa: ARG001  # it is set up
    """Open fake endpoints: `fake_endpoint(replies=[...], quirks=[...])`; they are closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *given, **named: stack.enter_context(testing.FakeEndpoint(*given, **named))


@pytest.fixture
def swap_model(agentkit_network: None) -> Iterator[Callable[..., None]]:  # noqa: ARG001  # it is set up
    """Swap models until the test ends: `swap_model(model, agent)`, or `swap_model(model)` for all agents."""
    with contextlib.ExitStack() as stack:

        def swap(model: str | Model, *agents: Agent[Any, Any]) -> None:
            stack.enter_context(testing.swap_model(model, *agents))

        yield swap


@pytest.fixture
def cassette(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    agentkit_network: None,  # noqa: ARG001  # it is set up
) -> Iterator[Cassette]:
    """Replay what endpoints answered when the test was recorded: `cassettes/MODULE/TEST.json` beside its file.

    In a replay each provider whose key is not set gets one that opens nothing, so that names of models resolve.
    """
    with testing.recording(_path(request.node)) as tape:
        if tape.mode == "replay":
            for variable, key in testing.stand_in_keys().items():
                monkeypatch.setenv(variable, key)
        yield tape


def _path(item: Any) -> Path:
    """Name the file by the marker `cassette`, else by the test's node without what file systems refuse."""
    marker = item.get_closest_marker("cassette")
    if marker is not None and marker.args:
        name = str(marker.args[0]).removesuffix(".json")
    else:
        test = re.sub(r"[^\w.=-]+", "_", item.nodeid.partition("::")[2].replace("::", ".")).strip("_")
        name = f"{item.path.stem}/{test}"
    folder: Path = item.path.parent / "cassettes"
    return folder / f"{name}.json"
