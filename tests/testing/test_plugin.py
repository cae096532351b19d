"""The plugin as pytest loads it: fixtures, cassettes beside the tests, the network shut, and hardly any time lost."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agentkit.testing.endpoint import FakeEndpoint

PROJECT = Path(__file__).resolve().parents[2]
PLAIN = {key: text for key, text in os.environ.items() if not key.endswith("_API_KEY") and key != "AGENTKIT_RECORD"}


def run(folder, code, *options, ini="", **environment):
    """Run pytest over one file with the plugin and no other."""
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = --strict-markers\n{ini}\n")
    (folder / "test_it.py").write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "agentkit.testing.plugin", "-p", "no:cacheprovider", *options],
        check=False,
        cwd=folder,
        env={**PLAIN, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(PROJECT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def outcome(done):
    return done.stdout.splitlines()[-1].partition(" in ")[0]


ASK = """
import os
import pytest
from agentkit import Agent, ChatModel

AGENT = Agent(ChatModel("m", base_url=os.environ["BASE_URL"]))

def test_plain(cassette):
    assert AGENT.run_sync("Hi").output == "You said: Hi"
    cassette.assert_complete()

class TestStreams:
    @pytest.mark.parametrize("text", ["a b", "ü/x"])
    def test_streamed(self, cassette, text):
        with AGENT.stream_sync(text) as stream:
            assert "".join(stream.text()) == f"You said: {text}"

@pytest.mark.cassette("named")
def test_named(cassette):
    assert cassette.path.name == "named.json"
    assert AGENT.run_sync("Bye").output == "You said: Bye"
"""


@pytest.mark.parametrize("how", ["option", "environment"])
def test_what_was_recorded_once_is_replayed_with_the_endpoint_shut(tmp_path, how):
    with FakeEndpoint() as endpoint:
        url = {"BASE_URL": endpoint.base_url}
        chosen = (["--agentkit-record=record"], {}) if how == "option" else ([], {"AGENTKIT_RECORD": "record"})
        done = run(tmp_path, ASK, *chosen[0], **url, **chosen[1])
        assert outcome(done) == "4 passed", done.stdout
        asked = len(endpoint.requests)
    assert asked == 4
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))
    assert written == [
        "cassettes/named.json",
        "cassettes/test_it/TestStreams.test_streamed[_xfc_x]-09c00ee1.json",
        "cassettes/test_it/TestStreams.test_streamed[a_b]-ede908b1.json",
        "cassettes/test_it/test_plain.json",
    ]
    done = run(tmp_path, ASK, **url)
    assert outcome(done) == "4 passed", done.stdout


def test_a_test_without_a_recording_fails_with_the_way_to_make_one(tmp_path):
    done = run(tmp_path, ASK, "-k", "plain", BASE_URL="http://127.0.0.1:9/v1")
    assert outcome(done) == "1 failed, 3 deselected, 1 error"  # the miss is told again at the end of the fixture
    assert (
        "The cassette cassettes/test_it/test_plain.json is not there, so POST http://127.0.0.1:9/v1/chat/completions "
        "has no answer. Record it with `pytest --agentkit-record=record`, or with AGENTKIT_RECORD=record in the "
        "environment."
    ) in done.stdout


def test_names_of_providers_resolve_without_a_key_in_a_replay_only(tmp_path):
    code = """
import os, pytest
from agentkit import Agent, errors

def test_replayed(cassette):
    with pytest.raises(errors.RecordingError):
        Agent("openai:gpt-4o").run_sync("Hi")
    cassette._missed = None

def test_afterwards():
    assert "OPENAI_API_KEY" not in os.environ

@pytest.mark.agentkit_network("shut")
def test_off(cassette):
    with pytest.raises(errors.MissingKeyError):
        Agent("openai:gpt-4o").run_sync("Hi")
"""
    done = run(tmp_path, code, "-k", "not off")
    assert outcome(done) == "2 passed, 1 deselected", done.stdout
    done = run(tmp_path, code, "-k", "off", "--agentkit-record=off")
    assert outcome(done) == "1 passed, 2 deselected", done.stdout


FIXTURES = """
import agentkit
import pytest
from agentkit import Agent, ChatModel
from agentkit.testing import ScriptedModel, call

AGENT = Agent("openai:gpt-4o")

def test_endpoints(fake_endpoint):
    one, other = fake_endpoint(replies=["one"]), fake_endpoint(quirks=["crlf"], replies=["two"])
    said = [Agent(ChatModel("m", base_url=each.base_url)).run_sync("Hi").output for each in (one, other)]
    assert said == ["one", "two"]
    one.assert_complete()

def test_swapped(swap_model):
    swap_model(ScriptedModel(["swapped"]), AGENT)
    assert AGENT.run_sync("Hi").output == "swapped"

def test_not_swapped():
    with pytest.raises(agentkit.errors.MissingKeyError):
        AGENT.run_sync("Hi")
"""


def test_fake_endpoints_and_swapped_models_end_with_their_test(tmp_path):
    done = run(tmp_path, FIXTURES)
    assert outcome(done) == "3 passed", done.stdout


GUARDED = """
import socket
import pytest

def reach():
    with socket.socket() as client:
        client.setblocking(False)
        try:
            client.connect(("192.0.2.1", 80))
        except OSError:
            return "let through"
        except AssertionError as error:
            return str(error)[:27]

def test_without(): assert reach() == WITHOUT
def test_with(fake_endpoint): assert reach() == WITH
def test_recorded(cassette): assert reach() == RECORDED

@pytest.mark.agentkit_network("open")
def test_opened(fake_endpoint): assert reach() == "let through"

@pytest.mark.agentkit_network("shut")
def test_shut(): assert reach() == "A test asked for 192.0.2.1,"
"""
SHUT, OPEN = "A test asked for 192.0.2.1,", "let through"


@pytest.mark.parametrize(
    ("ini", "option", "expected"),
    [
        ("", "replay", (OPEN, SHUT, SHUT)),
        ("", "record", (OPEN, SHUT, OPEN)),
        ("agentkit_network = shut", "replay", (SHUT, SHUT, SHUT)),
        ("agentkit_network = shut", "record", (SHUT, SHUT, OPEN)),
        ("agentkit_network = shut", "off", (SHUT, SHUT, OPEN)),
        ("agentkit_network = open", "replay", (OPEN, OPEN, OPEN)),
    ],
)
def test_the_network_is_shut_where_it_should_be(tmp_path, ini, option, expected):
    code = f"WITHOUT, WITH, RECORDED = {expected!r}\n{GUARDED}"
    done = run(tmp_path, code, f"--agentkit-record={option}", ini=ini)
    assert outcome(done) == "5 passed", done.stdout


def test_an_ini_option_that_is_none_is_refused(tmp_path):
    done = run(tmp_path, "", ini="agentkit_network = closed")
    assert done.stderr.strip() == "ERROR: agentkit_network is 'closed'. Write fixtures, shut or open."


def test_the_environment_is_as_before_when_pytest_ends(tmp_path):
    code = """
import os, pytest, sys
before = dict(os.environ)
pytest.main(["-q", "-p", "agentkit.testing.plugin", "--agentkit-record=record"])
assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())
"""
    environment = {**PLAIN, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_VERSION": pytest.__version__}
    environment.pop("PYTEST_CURRENT_TEST", None)
    for more in ({}, {"AGENTKIT_RECORD": "off"}):
        environment = {**environment, "PYTHONPATH": str(PROJECT), **more}
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


NAMED = """
import pytest

@pytest.mark.parametrize("text", ["1", "a/b", "a b", "x" * 200])
def test_it(cassette, text): print("CASSETTE", cassette.path.name)
def test_it_1(cassette): print("CASSETTE", cassette.path.name)

@pytest.mark.cassette(name="mine.json")
def test_named(cassette): print("CASSETTE", cassette.path.name)
"""


def test_no_two_tests_have_the_same_cassette_unless_its_name_says_so(tmp_path):
    done = run(tmp_path, NAMED, "-s")
    names = [line.split("CASSETTE ")[1] for line in done.stdout.splitlines() if "CASSETTE" in line]
    assert len(set(names)) == len(names) == 6
    assert {"test_it[1].json", "test_it_1.json", "mine.json"} <= set(names)
    assert max(map(len, names)) < 120


def test_a_cassette_that_another_test_has_just_recorded_is_not_overwritten(tmp_path):
    code = """
import os, pytest
from agentkit import Agent, ChatModel

pytestmark = pytest.mark.cassette("same")
AGENT = Agent(ChatModel("m", base_url=os.environ["BASE_URL"]))

def test_one(cassette): AGENT.run_sync("one")
def test_two(cassette): AGENT.run_sync("two")
"""
    with FakeEndpoint() as endpoint:
        done = run(tmp_path, code, "--agentkit-record=record", BASE_URL=endpoint.base_url)
    assert outcome(done) == "1 passed, 1 error"
    path = tmp_path / "cassettes" / "same.json"
    assert f"{path} was recorded by test_it.py::test_one just now. Give each test a cassette of its own." in done.stdout
    assert len(json.loads(path.read_text())["tracks"]) == 1


@pytest.mark.parametrize("said", ["'shtu'", "state='closed'", ""])
def test_a_marker_that_says_neither_open_nor_shut_is_refused(tmp_path, said):
    code = f"import pytest\n@pytest.mark.agentkit_network({said})\ndef test_x(): pass\n"
    done = run(tmp_path, code)
    state = {"'shtu'": "'shtu'", "state='closed'": "'closed'", "": "None"}[said]
    told = f"ERROR: test_it.py::test_x: the marker agentkit_network says {state}. Write 'shut' or 'open'."
    assert told in done.stderr + done.stdout


def test_a_marker_may_name_its_argument(tmp_path):
    code = f"WITHOUT, WITH, RECORDED = {(OPEN, SHUT, SHUT)!r}\n{GUARDED}".replace('network("', 'network(state="')
    assert outcome(run(tmp_path, code)) == "5 passed"


def test_the_package_names_the_plugin():
    points = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert points == {"pytest11": {"agentkit": "agentkit.testing.plugin"}}


def test_loading_the_plugin_loads_no_other_part_of_testing():
    script = (
        "import agentkit, json, sys; before = set(sys.modules); import agentkit.testing.plugin; "
        "print(json.dumps(sorted(n for n in set(sys.modules) - before if n.startswith('agentkit'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["agentkit.testing", "agentkit.testing.network", "agentkit.testing.plugin"]
