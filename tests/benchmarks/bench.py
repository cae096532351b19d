"""`python tests/benchmarks/bench.py`: agentkit beside floors written by hand and, if asked, beside peers.

The endpoint and each measurement are processes of their own. What is compared is the CPU time of the client's process;
processes of all ways take turns, and a calibration loop in each shows what the machine did meanwhile.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from environment import FOLDER, PEERS, fast_libraries, pins, python_of
from report import Row, ratios, summary, table
from task import TASKS, Task

_HERE = Path(__file__).resolve().parent
_LIBRARIES = ("httpx", "httpcore", "h11", "anyio", "sniffio", "pydantic", "pydantic-core", "docstring-parser")
_TIMEOUT = 300


class WrongError(Exception):
    """A program did not do what it must; the text says what."""


class Bench:
    """Measures one workload one way in a process of its own, and checks with the endpoint that it did what it says.

    Args:
        url: The endpoint.
        folder: Where the peers' environments are.
        compiled: Where compiled files go.
        quick: Whether each program is run once only.
    """

    def __init__(self, url: str, folder: Path, compiled: str, *, quick: bool) -> None:
        self._url = url
        self._folder = folder
        self._compiled = compiled
        self._quick = quick

    def measure(self, task: Task, way: str) -> dict[str, Any]:
        """Run one worker; what it tells has `cannot` where the way has no program for the workload."""
        self._tally()
        runs = task.quick if self._quick else task.runs
        python = python_of(way, self._folder) if way in PEERS else sys.executable
        begun = time.monotonic()
        done = subprocess.run(
            [python, _HERE / "worker.py", task.name, way, "--url", f"{self._url}/{task.name}/v1", "--runs", str(runs)],
            env=self._environment(task, way),
            timeout=_TIMEOUT,
            check=False,
            capture_output=True,
            text=True,
        )
        tally = self._tally()
        if tally["refusals"]:
            raise WrongError(f"the endpoint refused a request: {tally['refusals'][0]}")
        if done.returncode:
            raise WrongError(done.stderr.strip())
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if "cannot" in measured:
            return measured
        requests = sum(tally["requests"].values())
        if requests != measured["requests"]:
            raise WrongError(f"{requests} requests came; expected {measured['requests']}.")
        sent = tally["bytes"] / requests * task.requests if requests else 0
        wall = time.monotonic() - begun
        return measured | {"runs": runs, "bytes_sent": sent, "connections": tally["connections"] - 1, "wall": wall}

    def _tally(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self._url}/tally", timeout=10) as told:
            return json.load(told)

    def _environment(self, task: Task, way: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        if task.kind == "import":  # compiled files, which an installed package has from the start
            kept.pop("PYTHONDONTWRITEBYTECODE", None)
            kept["PYTHONPYCACHEPREFIX"] = self._compiled
        if way in PEERS:  # nothing of ours is on its path
            kept.pop("PYTHONPATH", None)
        transport = {"agentkit": "httpx", "fast": "fast"}.get(way)
        return kept | {"PYTHONHASHSEED": "0"} | ({"AGENTKIT_TRANSPORT": transport} if transport else {})


@contextmanager
def served() -> Iterator[str]:
    """Start the endpoint in a process of its own; give its address."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, _HERE / "server.py"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            if not url:
                sys.exit("The endpoint did not start; its own error is above.")
            yield url
        finally:
            server.terminate()


def run(tasks: Sequence[Task], ways: Sequence[str], options: argparse.Namespace) -> list[Row]:
    """Measure workloads one after another, all ways in turns, each round in the other direction."""
    most = 1 if options.quick else 2 if options.peers else 3  # two rounds beside all the others take 20 minutes
    rows: list[Row] = []
    with served() as url, TemporaryDirectory() as compiled:
        bench = Bench(url, options.folder, compiled, quick=options.quick)
        for task in tasks:
            row = Row(task)
            rounds = options.repeat or min(task.rounds, most)
            able = [way for way in ways if way not in task.without]
            for turn in range(rounds):
                for way in able if turn % 2 == 0 else reversed(able):
                    if way in row.cannot or way in row.failed:
                        continue
                    _tell(f"{task.name}: {turn + 1} of {rounds}, {way}")
                    try:
                        measured = bench.measure(task, way)
                    except (WrongError, subprocess.TimeoutExpired) as wrong:
                        if way not in PEERS or options.quick:
                            sys.exit(f"{task.name} ({way}): {wrong}")
                        sys.stderr.write(f"{task.name} ({way}): {wrong}\n")
                        row.failed[way] = str(wrong).splitlines()[-1]
                        continue
                    if "cannot" in measured:
                        row.cannot[way] = measured["cannot"]
                    else:
                        row.samples.setdefault(way, []).append(measured)
            if row.samples:
                rows.append(row)
    _tell("")
    return rows


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text:60}" if text else f"\r{'':60}\r")
        sys.stderr.flush()


def about(ways: Sequence[str]) -> dict[str, Any]:
    """Say where and with what it was measured."""
    versions: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    machine = {"python": platform.python_version(), "platform": platform.platform(), "cpus": os.cpu_count()}
    others = {way: pins(way) for way in ways if way in PEERS} | ({"fast": fast_libraries()} if "fast" in ways else {})
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), **machine, "versions": versions, "others": others}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, keep the numbers."""
    options = _options(arguments)
    peers = [peer for peer in PEERS if options.peers or peer in (options.peer or ())]
    ways = ["agentkit", *(["fast"] if fast_libraries() else []), "httpx", "sockets", *peers]
    for peer in peers:
        _tell(f"environment of {peer}")
        python_of(peer, options.folder)
    tasks = [TASKS[name] for name in options.only or TASKS if not peers or options.only or TASKS[name].peers]
    begun = time.monotonic()
    rows = run(tasks, ways, options)
    if not rows:
        sys.exit("Nothing was measured: no way has a program for what was asked.")
    entries = summary(rows)
    where = about(ways) | {"seconds": round(time.monotonic() - begun), "quick": options.quick}
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"{where['date'].replace(':', '')[:17]}.json"
    samples = {row.task.name: row.samples for row in rows}
    path.write_text(json.dumps({**where, "rows": entries, "samples": samples}, indent=1) + "\n")
    print(f"{table(entries, ways)}\n\n{ratios(entries, ways)}\n\n{_foot(where)}\n\nNumbers: {path}")
    if any(row.failed for row in rows):
        sys.exit("A peer's program failed; what it said is above.")


def _foot(where: dict[str, Any]) -> str:
    def named(versions: dict[str, str]) -> str:
        return ", ".join(f"{name} {number}" for name, number in versions.items())

    machine = f"Python {where['python']}, {where['cpus']} CPUs, {where['seconds']} s"
    lines = [f"{where['date']}, {machine}; {named(where['versions'])}."]
    lines += [f"- {way}: {named(versions)}" for way, versions in where["others"].items()]
    if where["quick"]:
        lines.append("With `--quick` the figures mean nothing: each program ran once, to show that it is right.")
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--repeat", type=int, help="processes of each way for each workload; at most 3, with --peers 2, quick 1"
    )
    parser.add_argument("--only", action="append", choices=TASKS, metavar="NAME", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--quick", action="store_true", help="each program once: shows that it is right, not how fast")
    parser.add_argument("--peers", action="store_true", help="beside all other frameworks too")
    parser.add_argument("--peer", action="append", choices=PEERS, help="beside this one; may be repeated")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the peers' environments are, or are made")
    parser.add_argument("--results", type=Path, default=_HERE / "results", help="folder of the JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
