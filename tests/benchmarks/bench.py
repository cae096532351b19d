"""`python tests/benchmarks/bench.py`: agentkit beside a hand-written loop on the bare httpx client.

The fake endpoint runs here, each measurement in a process of its own. What is compared is the CPU time of that
process; processes of both kinds take turns, and a calibration loop in each shows what the machine did meanwhile.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from task import TASKS, Task

from agentkit.testing.connection import Recorded
from agentkit.testing.endpoint import FakeEndpoint

_HERE = Path(__file__).resolve().parent
_KINDS = ("agentkit", "httpx")
_LIBRARIES = ("httpx", "httpcore", "h11", "anyio", "pydantic", "pydantic-core", "docstring-parser")
_TIMEOUT = 300

# As api.openai.com sends them beside the body's own, for reading headers is part of the work.
_HEADERS = {
    "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
    "access-control-expose-headers": "X-Request-ID",
    "openai-organization": "an-organization",
    "openai-processing-ms": "512",
    "openai-project": "proj_0123456789abcdef",
    "openai-version": "2020-10-01",
    "x-envoy-upstream-service-time": "530",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999974",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "0s",
    "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    "x-content-type-options": "nosniff",
    "cf-cache-status": "DYNAMIC",
    "set-cookie": "__cf_bm=0123456789abcdef; path=/; HttpOnly; Secure; SameSite=None",
    "Server": "cloudflare",
    "CF-RAY": "0123456789abcdef-FRA",
    "alt-svc": 'h3=":443"; ma=86400',
}


class Tally(list[Recorded]):
    """The endpoint's record, of which only number and bytes are kept: bodies of 200 turns would fill the memory."""

    def __init__(self) -> None:
        super().__init__()
        self.count = self.size = 0

    def append(self, request: Recorded) -> None:
        """Count a request."""
        self.count += 1
        self.size += len(request.raw)

    def take(self) -> tuple[int, int]:
        """Give requests and bytes since the last time."""
        taken = self.count, self.size
        self.count = self.size = 0
        return taken


@dataclass(slots=True)
class Row:
    """One workload's measurements, by kind, in the order in which they were made."""

    task: Task
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})

    def speeds(self, reference: float) -> dict[str, list[float]]:
        """Give CPU seconds as they would be where the calibration loop takes `reference`."""
        return {
            kind: [median(cpu / mark for cpu, mark in one["batches"]) * reference for one in samples]
            for kind, samples in self.samples.items()
        }

    @property
    def marks(self) -> list[float]:
        """Give what the calibration loop took beside each batch."""
        return [mark for samples in self.samples.values() for one in samples for _, mark in one["batches"]]

    def middle(self, kind: str, name: str) -> float | None:
        """Give the median of another thing that was measured."""
        values = [one[name] for one in self.samples[kind] if name in one]
        return median(values) if values else None


def measure(task: Task, kind: str, runs: int, endpoint: FakeEndpoint, compiled: str) -> dict[str, Any]:
    """Run one worker and check with the endpoint, whose record is a `Tally`, that it did what it says."""
    tally = endpoint.requests
    assert isinstance(tally, Tally)
    tally.take()
    command = [sys.executable, str(_HERE / "worker.py"), task.name, kind]
    done = subprocess.run(
        [*command, "--url", endpoint.base_url, "--runs", str(runs)],
        env=_environment(task, compiled),
        timeout=_TIMEOUT,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{task.name} ({kind}) failed:\n{done.stderr.strip()}")
    measured: dict[str, Any] = json.loads(done.stdout)
    requests, size = tally.take()
    if endpoint.refusals:
        sys.exit(f"{task.name} ({kind}): the endpoint refused a request: {endpoint.refusals[0]}")
    if requests != measured["requests"]:
        sys.exit(f"{task.name} ({kind}): {requests} requests came; expected {measured['requests']}.")
    return measured | {"runs": runs, "bytes_sent": size}


def _environment(task: Task, compiled: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    if task.name == "import":  # compiled files, which an installed package has from the start
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        kept["PYTHONPYCACHEPREFIX"] = compiled
    return kept | {"PYTHONHASHSEED": "0"}


def run(tasks: Sequence[Task], repeat: int, *, quick: bool) -> list[Row]:
    """Measure workloads one after another, both kinds in turns."""
    rows: list[Row] = []
    with FakeEndpoint(headers=_HEADERS) as endpoint, TemporaryDirectory() as compiled:
        endpoint.requests = Tally()
        for task in tasks:
            row = Row(task)
            for turn in range(repeat):
                for kind in _KINDS if turn % 2 == 0 else reversed(_KINDS):
                    _tell(f"{task.name}: {turn + 1} of {repeat}, {kind}")
                    runs = task.quick if quick else task.runs
                    row.samples[kind].append(measure(task, kind, runs, endpoint, compiled))
            rows.append(row)
    _tell("")
    return rows


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text:60}" if text else f"\r{'':60}\r")
        sys.stderr.flush()


def summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Work out medians, ratios and noise; times are scaled by the calibration beside them to the best of all."""
    reference = min(mark for row in rows for mark in row.marks)
    made: list[dict[str, Any]] = []
    for row in rows:
        speeds = row.speeds(reference)
        ratios = sorted(ours / floor for ours, floor in zip(*(speeds[kind] for kind in _KINDS), strict=True))
        entry: dict[str, Any] = {kind: median(speeds[kind]) * row.task.scale for kind in _KINDS}
        entry |= {"name": row.task.name, "title": row.task.title, "unit": row.task.unit, "floor": row.task.floor}
        entry |= {
            "aim": row.task.aim,
            "ratio": median(ratios),
            "ratios": ratios,
            "noise": max(row.marks) / min(row.marks) - 1,
        }
        for name in ("growth", "mb", "mb_total", "modules", "distributions", "installed_mb", "peak_mb", "bytes_sent"):
            values = {kind: value for kind in _KINDS if (value := row.middle(kind, name)) is not None}
            entry |= {name: values} if values else {}
        made.append(entry)
    return made


def table(entries: Sequence[dict[str, Any]]) -> str:
    """Write the summary as Markdown."""
    lines = [
        "| workload (CPU of the client) | agentkit | by hand | ratio (lowest to highest) | aim | noise |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for entry in entries:
        ours, floor = (f"{entry[kind]:.3g} {entry['unit']}" for kind in _KINDS)
        spread = f"{entry['ratio']:.2f} ({entry['ratios'][0]:.2f} to {entry['ratios'][-1]:.2f})"
        aim = "" if entry["aim"] is None else f"{entry['aim']:g} {entry['unit']}"
        lines.append(f"| {entry['title']} | {ours} | {floor} | {spread} | {aim} | {entry['noise']:.0%} |")
        for name, title, form in _MORE:
            if name in entry:
                ours, floor = (format(entry[name][kind], form) for kind in _KINDS)
                lines.append(f"| ... {title} | {ours} | {floor} | | {_AIMS[name]} | |")
    lines += ["", "By hand: " + "; ".join(f"{entry['name']}: {entry['floor']}" for entry in entries) + "."]
    return "\n".join(lines)


_MORE = (
    ("growth", "CPU of the last 50 turns over the first 50", ".2f"),
    ("mb", "memory, MB", ".1f"),
    ("distributions", "distributions", ".0f"),
    ("installed_mb", "MB installed", ".1f"),
)
_AIMS = {"growth": "1.3", "mb": "34", "distributions": "18", "installed_mb": "14"}


def about() -> dict[str, Any]:
    """Say where and with what it was measured."""
    versions: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    machine = {"python": platform.python_version(), "platform": platform.platform(), "cpus": os.cpu_count()}
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), **machine, "versions": versions}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, keep the numbers."""
    options = _options(arguments)
    repeat = options.repeat or (1 if options.quick else 5)
    rows = run([TASKS[name] for name in options.only or TASKS], repeat, quick=options.quick)
    entries = summary(rows)
    where = about()
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"{where['date'].replace(':', '')[:17]}.json"
    samples = {row.task.name: row.samples for row in rows}
    path.write_text(json.dumps({**where, "repeat": repeat, "rows": entries, "samples": samples}, indent=1) + "\n")
    named = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    print(table(entries))
    print(f"\n{where['date']}, Python {where['python']}, {where['cpus']} CPUs, {named}; medians of {repeat}.")
    print(f"Numbers: {path}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, help="processes of each kind for each workload; 5, quick 1")
    parser.add_argument("--only", action="append", choices=TASKS, metavar="NAME", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--quick", action="store_true", help="fewer runs: shows that it works, not how fast")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="folder of the JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
