"""`python tests/benchmarks/asking.py`: agentkit, instructor and pydantic-ai ask one model for the same value.

The model is a script on a local endpoint whose first replies are wrong in ways that real ones are. Counted are values
that came right, requests, the bytes of the requests after the first one, and CPU time of a plain extraction.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from environment import FOLDER, python_of
from reply import CASES

from agentkit.testing import FakeEndpoint

_HERE = Path(__file__).resolve().parent
LIBRARIES = ("agentkit", "instructor", "pydantic-ai")
MODES = ("tool", "schema")
_MARK = re.compile(r"\[([^\[\]/]+)/(\d+)\]")
_TIMEOUT = 600


class Script:
    """Answers each case with its replies in turn, and counts the requests and bytes that it took."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.again: Counter[str] = Counter()

    def __call__(self, request: dict[str, Any]) -> Any:
        """Answer in the form that the request asks for."""
        said = json.dumps(request["messages"], ensure_ascii=False)
        found = _MARK.search(said)
        assert found is not None
        name, number = found[1], int(found[2])
        case = CASES[name]
        place = 0
        if not number:
            place = self.requests[name]
            self.requests[name] += 1
            (self.again if place else self.bytes)[name] += len(json.dumps(request).encode())
        text = case.replies[min(place, len(case.replies) - 1)] if not number else case.replies[0]
        return _reply(request, text, case.finish_reason)


def _reply(request: dict[str, Any], text: str, finish_reason: str | None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    tools = request.get("tools")
    if tools and text.lstrip()[:1] in ("{", "[", '"', "`"):
        function = {"name": tools[0]["function"]["name"], "arguments": text}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
    ending = finish_reason or ("tool_calls" if "tool_calls" in message else "stop")
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "bench",
        "choices": [{"index": 0, "message": message, "finish_reason": ending, "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200},
    }


def _python(library: str, folder: Path) -> str:
    return sys.executable if library == "agentkit" else python_of(library, folder)


def measure(library: str, mode: str, python: str, runs: int) -> dict[str, Any]:
    """Let one library ask in one mode."""
    script = Script()
    with FakeEndpoint(replies=script, record=False) as endpoint:
        done = subprocess.run(
            [python, str(_HERE / "asker.py"), library, mode, "--url", endpoint.base_url, "--runs", str(runs)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    if done.returncode:
        sys.exit(f"{library} ({mode}) failed:\n{done.stderr.strip()}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {
        **told,
        "library": library,
        "mode": mode,
        "requests": dict(script.requests),
        "bytes": dict(script.bytes),
        "again": dict(script.again),
        "refusals": endpoint.refusals,
    }


_HEAD = (
    f"of {len(CASES)} cases: the right value",
    "no value where none can be known",
    "no value where there is one",
    "a wrong value",
    "requests",
    "KB of first requests",
    "KB of asking again",
    "CPU of a plain one, ms",
)


def verdict(case: str, result: str) -> str:
    """Name what a case came to, as the head of the table has it; an error is right where every value is a guess."""
    if result == "right":
        return _HEAD[0]
    if result == "wrong":
        return _HEAD[3]
    return _HEAD[1] if CASES[case].expected is None else _HEAD[2]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write the sums as Markdown."""
    reference = min(row["mark"] for row in rows)
    lines = [f"| | {' | '.join(_HEAD)} |", f"| --- |{' --- |' * len(_HEAD)}"]
    for row in rows:
        counts = Counter(verdict(case, result) for case, result in row["outcomes"].items())
        size, again = (sum(row[name].values()) / 1000 for name in ("bytes", "again"))
        cpu = f"{row['cpu'] * reference * 1000:.2f}" if "cpu" in row else ""
        cells = [*(counts[name] for name in _HEAD[:4]), sum(row["requests"].values()), f"{size:.1f}", f"{again:.1f}"]
        lines.append(f"| {row['library']}, {row['mode']} | {' | '.join(map(str, cells))} | {cpu} |")
    return "\n".join(lines)


def details(rows: Sequence[dict[str, Any]]) -> str:
    """Write what each case came to, with requests and bytes of asking again."""
    names = [f"{row['library']}, {row['mode']}" for row in rows]
    lines = [f"| case | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for case in CASES:
        cells = [
            f"{row['outcomes'][case]}, {row['requests'].get(case, 0)} requests, {row['again'].get(case, 0):,} B"
            for row in rows
        ]
        lines.append(f"| {case} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask in every library and mode, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=FOLDER, help="folder of the peers' environments")
    parser.add_argument("--only", action="append", choices=LIBRARIES, help="one library; may be repeated")
    parser.add_argument("--runs", type=int, default=40, help="plain extractions in each of 5 batches; 0 measures none")
    options = parser.parse_args(arguments)
    libraries = options.only or LIBRARIES
    rows = [
        measure(library, mode, _python(library, options.peers), options.runs) for mode in MODES for library in libraries
    ]
    print(f"{table(rows)}\n\n{details(rows)}\n\n{datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}")
    if refused := next((row["refusals"][0] for row in rows if row["refusals"]), None):
        print(f"The endpoint refused a request: {refused}")


if __name__ == "__main__":
    main()
