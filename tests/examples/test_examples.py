"""The examples run: against the fake endpoint, and on the embedded model."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.testing import FakeEndpoint, call, calls

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def run(name, *arguments, **environment):
    """Run an example to its end and give what it printed."""
    taken = ("AGENTKIT_", "OPENAI_")
    kept = {variable: value for variable, value in os.environ.items() if not variable.startswith(taken)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), *arguments],
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def answered(name, replies):
    """Run an example with a script for answers, and see that all of it was asked for."""
    with FakeEndpoint(replies=replies) as endpoint:
        said = run(name, "--model", "openai:fake", OPENAI_BASE_URL=endpoint.base_url, OPENAI_API_KEY="sk-of-the-tests")
    endpoint.assert_complete()
    return said


def find(customer):
    return call("find_order", {"customer": customer})


def track(request):
    return call("track_order", {"order_number": int(request["messages"][-1]["content"])})


def invoice(vendor, total, due):
    return json.dumps({"vendor": vendor, "total": total, "due": due})


def test_tools_asks_both_at_once():
    both = calls(call("get_weather", {"city": "Oslo"}), call("get_time", {"city": "Tokyo"}))
    said = answered("tools", [both, "It snows in Oslo."]).splitlines()
    assert [line for line in said if "is called" in line] == PROOFS["tools"]
    assert said[-1] == "It snows in Oslo."


def test_assistant_keeps_its_history_and_goes_on_after_a_limit():
    ada, grace, alan = find("Ada Lovelace"), find("Grace Hopper"), find("Alan Turing")
    replies = [ada, track, "In Oslo.", grace, track, "Delivered.", alan, track, "Being packed."]
    said = answered("assistant", replies).splitlines()
    assert [line for line in said if line] == [
        "1. In Oslo.",
        "2. Delivered.",
        (
            "3. The run reached its limit tool_calls=1 (spent: 1); the reply asks for 1 more and none of them was run. "
            "Go on with `agent.resume(error.state, limits=RunLimits(tool_calls=...))`."
        ),
        "3. Being packed.",
        "18 messages; the last answer took 3 turns.",
    ]


def test_extraction_adds_up_what_is_there_and_says_what_is_not():
    refusal = {"content": None, "refusal": "There is no invoice."}
    first, second = invoice("Northwind Traders", 389.90, "2026-04-02"), invoice("Acme Tools", 1284.50, "2026-03-14")
    said = answered("extraction", [first, second, refusal]).splitlines()
    assert said[1] == "  Northwind Traders gets 389.90 by 02 April 2026"
    assert said[3] == "  Acme Tools gets 1284.50 by 14 March 2026"
    assert said[5] == "  no invoice: The model declined: There is no invoice."
    assert said[6] == "To pay: 1674.40"


def test_resilience_answers_though_both_endpoints_fail():
    said = run("resilience").splitlines()
    assert [line for line in said if not line.startswith("  request_retried: ")] == [
        "Where is Oslo?",
        "  In Norway. (34 tokens)",
        "Where is Nairobi?",
        "  model_fell_back: ReplyRefusedError: The reply of large was refused: it was cut",
        "  In Kenya. (69 tokens)",
        "Where is Tokyo?",
        "  In Japan. (35 tokens)",
        "Where is Tokyo?",
        "  reply_cached: nothing was sent or spent",
        "  In Japan. (0 tokens)",
        "5 requests to the first endpoint, 1 to the second",
    ]
    assert len(said) == 13


PROOFS = {
    "tools": ["get_weather is called with {'city': 'Oslo'}", "get_time is called with {'city': 'Tokyo'}"],
    "assistant": ["in Oslo, arrives on Friday", "delivered on Monday", "reached its limit", "still being packed"],
    "extraction": ["Northwind Traders gets 389.90", "Acme Tools gets 1284.50", "no invoice", "To pay: 1674.40"],
    "resilience": ["request_retried", "model_fell_back", "reply_cached", "(0 tokens)"],
}


@pytest.mark.real
@pytest.mark.skipif(importlib.util.find_spec("needle") is None, reason="the extra `local` is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_on_the_embedded_model(name):
    said = run(name)
    assert [proof for proof in PROOFS[name] if proof not in said] == []
