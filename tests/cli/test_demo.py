"""`agentkit demo`, on the fake endpoint and on the embedded model itself."""

import importlib.util
import json
import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from agentkit.testing import FakeEndpoint, Fault, call, calls

INVOICE = json.dumps({"vendor": "Northwind Traders", "total": 389.90, "due": "2026-04-02"})


def track(request):
    return call("track_order", {"order_number": int(request["messages"][-1]["content"])})


def good():
    return [
        calls(call("get_weather", {"city": "Oslo"}), call("get_time", {"city": "Tokyo"})),
        "Snow in Oslo.",
        call("find_order", {"customer": "Ada Lovelace"}),
        track,
        "It arrives on Friday.",
        INVOICE,
    ]


def test_the_demo_shows_every_call_and_ends_with_what_it_proved(run):
    with FakeEndpoint(replies=good()) as endpoint:
        code, out, err = run("demo", "--model", "openai:fake", endpoint=endpoint)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    lines = [line.strip() for line in out.splitlines()]
    assert lines[:2] == [
        "The model is openai:fake.",
        "The tools are functions of this program; what they tell is made up.",
    ]
    for shown in ('-> get_weather(city="Oslo")', '-> get_time(city="Tokyo")', "<- get_weather ", "due = datetime"):
        assert any(shown in line for line in lines), shown
    assert lines[-8].startswith("Proved: 7 of 7 checks hold, in ")
    assert all(line.startswith("ok ") for line in lines[-7:])


def test_a_model_that_calls_nothing_proves_nothing(run):
    with FakeEndpoint(replies=["Snow.", "On Friday.", INVOICE]) as endpoint:
        code, out, _ = run("demo", "--model", "openai:fake", endpoint=endpoint)
    assert code == 1
    assert "Not proven: 2 of 7 checks hold" in out
    assert "FAIL  one reply of the model asked for get_weather and get_time" in out


def test_a_run_that_fails_is_shown_and_the_others_still_run(run):
    with FakeEndpoint(replies=[Fault.status(400), *good()[2:]]) as endpoint:
        code, out, _ = run("demo", "--model", "openai:fake", endpoint=endpoint)
    assert code == 1
    assert "error: " in out
    assert "Not proven: 4 of 5 checks hold" in out


def test_an_unknown_model_is_a_usage_error(run):
    code, out, err = run("demo", "--model", "nowhere:x")
    assert (code, out) == (2, "")
    assert err.startswith("error: There is no provider 'nowhere'.")


needs_engine = [
    pytest.mark.real,
    pytest.mark.skipif(importlib.util.find_spec("needle") is None, reason="the extra `local` is not installed"),
]


class TestOnTheEmbeddedModel:
    pytestmark = needs_engine

    def test_the_demo_proves_itself(self, program):
        done = program("demo")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "The model is the embedded one: 121M parameters" in done.stdout
        assert "It cannot chat and writes no prose" in done.stdout
        assert "Proved: 7 of 7 checks hold" in done.stdout
        assert "\x1b" not in done.stdout

    def test_the_demo_needs_no_network_at_all(self, program):
        cut_off = ["unshare", "--map-root-user", "--net"]
        if (
            not shutil.which("unshare")
            or subprocess.run([*cut_off, "true"], capture_output=True, check=False).returncode
        ):
            pytest.skip("`unshare --net` is not permitted here")
        done = subprocess.run(
            [*cut_off, *program.command("demo")],
            cwd=program.folder,
            env=program.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "Proved: 7 of 7 checks hold" in done.stdout

    @pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_ending_the_demo_leaves_no_process_behind(self, program, number):
        demo = subprocess.Popen(
            program.command("demo"), cwd=program.folder, env=program.environment, stdout=subprocess.PIPE, text=True
        )
        with demo:
            while "-> get_weather" not in demo.stdout.readline():  # by then the worker is there
                assert demo.poll() is None
            workers = children(demo.pid)
            assert workers
            demo.send_signal(number)
            code = demo.wait(60)
            for worker in workers:
                wait_for_end(worker)
        assert code == (130 if number == signal.SIGINT else -number)


def children(pid):
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def wait_for_end(pid):
    """Wait until a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], 30)
        assert ready, f"process {pid} goes on after the demo has ended"
    finally:
        os.close(descriptor)
