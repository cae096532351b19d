"""The benchmarks run and check what they measure; how fast anything is, is not asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("bench.py")


def run(*arguments, results):
    command = [sys.executable, str(BENCH), "--quick", "--repeat", "1", "--results", str(results), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_workload_is_measured_both_ways_and_told_as_table_and_json(tmp_path):
    done = run("--only", "one_tool", results=tmp_path)
    assert done.returncode == 0, done.stderr
    head, _, row = done.stdout.splitlines()[:3]
    assert head == "| workload (CPU of the client) | agentkit | by hand | ratio (lowest to highest) | aim | noise |"
    assert row.startswith("| one-tool run (2 requests), async tool | ")
    (written,) = tmp_path.iterdir()
    told = json.loads(written.read_text())
    (entry,) = told["rows"]
    assert entry["ratio"] == pytest.approx(entry["agentkit"] / entry["httpx"])
    assert all(len(samples) == 1 for samples in told["samples"]["one_tool"].values())


def test_every_other_workload_against_the_endpoint_gives_what_it_must(tmp_path):
    names = ("thread_tool", "parallel", "stream", "extraction", "functions")
    done = run(*(word for name in names for word in ("--only", name)), results=tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_unknown_workload_is_refused(tmp_path):
    done = run("--only", "nothing", results=tmp_path)
    assert done.returncode == 2
    assert "invalid choice: 'nothing'" in done.stderr
