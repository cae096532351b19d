"""The pytest plugin: fixtures for agents under test, and the network shut while they are used.

pytest loads it wherever agentkit is installed, so it imports nothing slow before a fixture is asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
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
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_protocol",
    "pytest_unconfigure",
    "swap_model",
]

_OPTION = "--agentkit-record"
_VARIABLE = "AGENTKIT_RECORD"
_MODES = ("replay", "record", "off")
_NETWORK = "agentkit_network"
_LONGEST = 100  # characters of a test's name; file systems take 255 bytes
_before = pytest.StashKey[str | None]()  # what the environment said
_recorded = pytest.StashKey[dict[Path, str]]()  # which test has which cassette


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a marker `agentkit_network` that says neither "open" nor "shut"."""
    for item in items:
        if item.get_closest_marker(_NETWORK) and (state := _said(item, _NETWORK, "state")) not in ("shut", "open"):
            raise pytest.UsageError(f"{item.nodeid}: the marker {_NETWORK} says {state!r}. Write 'shut' or 'open'.")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Shut the network while a test runs, its fixtures included, where the ini option or a marker says so."""
    with shut_network() if _wanted(item) == "shut" else contextlib.nullcontext():
        yield


def _wanted(item: Any) -> str:
    return str(_said(item, _NETWORK, "state") or item.config.getini(_NETWORK))


def _said(item: Any, marker: str, name: str) -> Any:
    """Give the argument of a marker, by place or by name; None without the marker."""
    found = item.get_closest_marker(marker)
    return None if found is None else (*found.args, found.kwargs.get(name))[0]


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
    tape = testing.recording(_path(request.node))
    test = request.config.stash.setdefault(_recorded, {}).setdefault(tape.path, request.node.nodeid)
    if tape.mode == "record" and test != request.node.nodeid:
        pytest.fail(
            f"{tape.path} was recorded by {test} just now. Give each test a cassette of its own.", pytrace=False
        )
    with tape:
        if tape.mode == "replay":
            for variable, key in testing.stand_in_keys().items():
                monkeypatch.setenv(variable, key)
        yield tape


def _path(item: Any) -> Path:
    """Name the file by the marker `cassette`, else by the test's node without what file systems refuse."""
    name = _said(item, "cassette", "name")
    if name is None:
        where, bracket, parameters = item.nodeid.partition("::")[2].partition("[")
        test = f"{where.replace('::', '.')}{bracket}{parameters}"
        plain = re.sub(r"[^\w.=\[\]-]+", "_", test)
        if plain != test or len(plain) > _LONGEST:  # what is left may be another test's
            plain = f"{plain[:_LONGEST]}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"
        name = f"{item.path.stem}/{plain}"
    folder: Path = item.path.parent / "cassettes"
    return folder / f"{str(name).removesuffix('.json')}.json"
