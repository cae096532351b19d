"""The guard counts the same each time, fails on a rise, and says what to do; `make bench-check` itself is not run."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("check.py")
KEY = "Python 3.12, httpx 0.28.1, httpcore 1.0.9, pydantic 2.14.3, pydantic-core 2.50.4"
MEMORY = {"peak", "standing", "blocks"}


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("benchmarks_check", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def run(baseline, *arguments, **environment):
    command = [sys.executable, str(SCRIPT), "--baseline", str(baseline), "--only", "one_tool", *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


def test_the_same_is_counted_whatever_the_environment_says(tmp_path):
    told = []
    for place, more in enumerate(({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "AGENTKIT_LOG": "1"})):
        done = run(tmp_path / f"{place}.json", "--update", **more)
        assert (done.returncode, done.stderr) == (0, "")
        told.append(json.loads((tmp_path / f"{place}.json").read_text()))
    first, second = told
    assert first.keys() == second.keys()
    for key, counted in first.items():
        assert counted["one_tool"].keys() == {"calls", "lines", "requests", "connections", "sends", "sent", "peak"}
        assert (counted["one_tool"]["requests"], counted["one_tool"]["connections"]) == (2, 0)
        for name, number in counted["one_tool"].items():
            again = second[key]["one_tool"][name]
            assert again == (pytest.approx(number, rel=0.02) if name in MEMORY else number), name


def test_a_rise_fails_with_a_table_and_what_to_do(tmp_path):
    path = tmp_path / "baseline.json"
    assert run(path, "--update").returncode == 0
    baseline = json.loads(path.read_text())
    for counted in baseline.values():
        counted["one_tool"]["lines"] //= 2
    path.write_text(json.dumps(baseline))
    done = run(path, "--parts")
    assert (done.returncode, done.stderr) == (1, "")
    assert "plain install: 1 of 7 counts are more than 10 % above their baseline (Python 3." in done.stdout
    assert "| one_tool | lines | " in done.stdout
    assert "`make bench-check UPDATE=1` writes the new\nbaseline" in done.stdout
    assert "| agentkit/agent | " in done.stdout


def test_a_tenth_more_is_allowed_and_one_step_beyond_is_not(check):
    baselines = {KEY: {"stream": {"calls": 100, "connections": 0}}}
    told, fine = check.verdict(KEY, {"stream": {"calls": 110, "connections": 0}}, baselines)
    assert (told, fine) == (
        f"2 counts, none more than 10 % above its baseline (the highest +10.0%; {KEY}).",
        True,
    )
    told, fine = check.verdict(KEY, {"stream": {"calls": 111, "connections": 0}}, baselines)
    assert (told, fine) == (
        f"""\
1 of 2 counts are more than 10 % above their baseline ({KEY}).

| workload | count | baseline | now | change |
| --- | --- | --- | --- | --- |
| stream | calls | 100 | 111 | +11.0% |
| stream | connections | 0 | 0 | +0.0% |

See which part of the program makes them by `python tests/benchmarks/check.py --only NAME --parts`, before and after the
change; docs/performance.md says what each count is. If the rise is meant, `make bench-check UPDATE=1` writes the new
baseline: say in the commit what it buys.""",
        False,
    )


def test_one_where_there_was_none_fails(check):
    told, fine = check.verdict(KEY, {"stream": {"connections": 1}}, {KEY: {"stream": {"connections": 0}}})
    assert not fine
    assert "| stream | connections | 0 | 1 | +inf% |" in told


def test_what_fell_and_what_has_no_baseline_is_said(check):
    counted = {"stream": {"calls": 50, "sends": 1}, "paced": {"calls": 7}}
    told, fine = check.verdict(KEY, counted, {KEY: {"stream": {"calls": 100, "sends": 1}}})
    assert (told, fine) == (
        f"""\
2 counts, none more than 10 % above its baseline (the highest +0.0%; {KEY}). Without a baseline: 1; \
`make bench-check UPDATE=1` writes it. Some fell by more than that; `make bench-check UPDATE=1` keeps them there:

| workload | count | baseline | now | change |
| --- | --- | --- | --- | --- |
| stream | calls | 100 | 50 | -50.0% |""",
        True,
    )


def test_unknown_versions_are_set_beside_the_nearest_and_do_not_fail(check):
    new = KEY.replace("httpx 0.28.1", "httpx 0.29.0")
    other = KEY.replace("3.12", "3.11")
    fast = f"{KEY}, httptools 0.9.0"
    told, fine = check.verdict(
        new, {"stream": {"calls": 900}}, {one: {"stream": {"calls": 100}} for one in (other, KEY, fast)}
    )
    assert (told, fine) == (
        f"""\
no baseline is kept for {new}, so nothing fails. `make bench-check UPDATE=1` writes one. Beside {KEY}:

| workload | count | baseline | now | change |
| --- | --- | --- | --- | --- |
| stream | calls | 100 | 900 | +800.0% |""",
        True,
    )
    told, fine = check.verdict(f"{fast}.1", {"stream": {"calls": 900}}, {KEY: {}})
    assert (told, fine) == (
        f"no baseline is kept for {fast}.1, so nothing fails. `make bench-check UPDATE=1` writes one.",
        True,
    )


def test_new_versions_take_the_place_of_the_old_ones_of_the_same_python(check):
    new = KEY.replace("httpx 0.28.1", "httpx 0.29.0")
    other, fast = KEY.replace("3.12", "3.11"), f"{KEY}, httptools 0.9.0"
    known = {other: {"a": {"calls": 1}}, KEY: {"a": {"calls": 2}, "b": {"calls": 3}}, fast: {"a": {"calls": 4}}}
    assert check.renewed(known, new, {"a": {"calls": 5}}) == {
        other: known[other],
        fast: known[fast],
        new: {"a": {"calls": 5}},
    }
    assert check.renewed(known, KEY, {"a": {"calls": 5}})[KEY] == {"a": {"calls": 5}, "b": {"calls": 3}}
    assert json.loads(check.written(known)) == known


def test_the_baseline_knows_every_python_that_is_supported(check):
    known = json.loads(SCRIPT.with_name("baseline.json").read_text())
    for way, names in check._NAMES.items():
        keys = [key for key in known if ("httptools" in key) == (way == "fast")]
        assert [key.split(",")[0] for key in keys] == ["Python 3.11", "Python 3.12", "Python 3.13"]
        assert all(known[key].keys() == set(names) for key in keys)
