"""The benchmarks run and check what they measure; how fast anything is, is not asserted."""

import ast
import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).resolve().parent


def run(*arguments, results):
    command = [sys.executable, str(HERE / "bench.py"), "--quick", "--results", str(results), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


@contextmanager
def endpoint():
    with subprocess.Popen([sys.executable, str(HERE / "server.py")], stdout=subprocess.PIPE, text=True) as server:
        try:
            with httpx.Client(base_url=server.stdout.readline().strip(), trust_env=False) as client:
                yield client
        finally:
            server.terminate()


def one_turn(result):
    call = {"id": "call_0_0", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    return {
        "model": "bench",
        "messages": [
            {"role": "user", "content": "What is the weather? Ask get_weather."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_0_0", "content": result},
        ],
    }


def test_a_workload_is_measured_every_way_and_told_as_tables_and_json(tmp_path):
    done = run("--only", "one_tool", "--repeat", "1", results=tmp_path)
    assert done.returncode == 0, done.stderr
    head, _, row = done.stdout.splitlines()[:3]
    cells = [cell.strip() for cell in head.split("|")]
    assert [cell for cell in cells if cell != "fast"] == [
        *("", "workload (CPU of the client)", "agentkit", "httpx", "sockets", "aim", "noise", "")
    ]
    assert row.startswith("| one-tool run (2 requests), async tool | ")
    (written,) = tmp_path.iterdir()
    told = json.loads(written.read_text())
    (entry,) = told["rows"]
    assert entry["ratios"]["httpx"] == pytest.approx([entry["cpu"]["httpx"] / entry["cpu"]["agentkit"]])
    assert all(len(samples) == 1 for samples in told["samples"]["one_tool"].values())
    assert [way for way in entry["added_ms"] if way != "fast"] == ["agentkit"]
    assert "of it above its own connections, ms" in done.stdout


def test_the_other_workloads_give_what_they_must(tmp_path):
    names = ("thread_tool", "parallel", "stream", "extraction", "turns", "functions", "large", "thousand")
    done = run(*(word for name in names for word in ("--only", name)), results=tmp_path)
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.iterdir()
    assert [row["name"] for row in json.loads(written.read_text())["rows"]] == list(names)


def test_an_unknown_workload_is_refused(tmp_path):
    done = run("--only", "nothing", results=tmp_path)
    assert done.returncode == 2
    assert "invalid choice: 'nothing'" in done.stderr


def test_the_endpoint_takes_the_right_result_and_no_other():
    with endpoint() as client:
        right = client.post("/one_tool/v1/chat/completions", json=one_turn("12 degrees in example"))
        wrong = client.post("/one_tool/v1/chat/completions", json=one_turn("sunny"))
        told = client.get("/tally").json()
    assert right.json()["choices"][0]["message"]["content"] == "The tools say: 12 degrees in example"
    message = "result 0 of turn 1 is not '12 degrees in example' but 'sunny'"
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (400, message)
    assert (told["requests"], told["refusals"]) == ({"one_tool": 2}, [message])


def test_the_endpoint_refuses_what_the_real_one_refuses():
    with endpoint() as client:
        body = one_turn("12 degrees in example")
        refused = client.post("/one_tool/v1/chat/completions", json={**body, "tools": []})
    assert refused.status_code == 400
    assert "empty array" in refused.json()["error"]["message"]


def test_every_peer_has_its_pins_and_its_program():
    for pins in (HERE / "peers").glob("*.txt"):
        program = ast.parse(pins.with_name(f"{pins.stem.replace('-', '')}.py").read_text())
        named = {
            target.id
            for node in program.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        }
        assert {"STATEMENT", "DISTRIBUTION", "CANNOT"} <= named, pins.stem
        assert any(isinstance(node, ast.ClassDef) and node.name == "Program" for node in program.body), pins.stem
