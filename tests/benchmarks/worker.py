"""One workload one way in a process of its own: `worker.py NAME agentkit|httpx --url URL --runs N`; JSON on stdout."""

import argparse
import asyncio
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from distribution import installed
from function import make_functions, names_of
from meter import Meter
from task import FUNCTIONS, MARKS, TASKS, TURNS, Task

Measured = dict[str, Any]

_BATCHES = 5
_MODULES = {"agentkit": "ours", "httpx": "floor"}


def check(task: Task, seen: Any, expected: Any) -> None:
    """End the process with what is wrong, where a run gave something else than it must."""
    if seen != expected:
        sys.exit(f"{task.name}: a run gave {str(seen)[:300]!r}; expected {str(expected)[:300]!r}.")


async def measure_runs(task: Task, which: str, url: str, runs: int) -> Measured:
    """Measure runs against the endpoint."""
    module = importlib.import_module(_MODULES[which])
    size = max(runs // _BATCHES, 1)
    seen: list[Any] = []
    growths: list[float] = []
    async with module.opened(task, url) as run:
        for _ in range(task.warmup):
            check(task, await run(), task.expected)
        meter = Meter()
        for _ in range(min(runs, _BATCHES)):
            begun = time.process_time()
            seen += [await run() for _ in range(size)]
            meter.add((time.process_time() - begun) / size)
            if task.name == "turns":
                growths.append((MARKS[TURNS - 1] - MARKS[TURNS - 50]) / (MARKS[49] - MARKS[0]))
    for one in seen:
        check(task, one, task.expected)
    measured: Measured = {"batches": meter.batches, "requests": (task.warmup + len(seen)) * (task.requests or 0)}
    return measured | ({"growth": median(growths)} if growths else {})


def measure_functions(task: Task, which: str) -> Measured:
    """Measure the tools JSON, cold: the schemas of one process are cached by annotation."""
    module = importlib.import_module(_MODULES[which])
    if which == "httpx":
        importlib.import_module("pydantic").TypeAdapter  # noqa: B018  # pydantic loads its parts at their first use
    functions = make_functions(FUNCTIONS)
    meter = Meter()
    begun = time.process_time()
    made = module.tools_json(functions)
    meter.add(time.process_time() - begun)
    check(task, made, [(function.__name__, names_of(function)) for function in functions])
    return {"batches": meter.batches, "requests": 0}


# Beside click and rich, httpx loads its command line: 50 ms that a plain install does not have.
_FRESH = """
import json, sys, time
sys.modules.update(dict.fromkeys(("click", "rich", "pygments")))
{statement}
spent = time.process_time()
known = len(sys.modules)
with open("/proc/self/status") as status:
    sizes = dict(line.split(":", 1) for line in status)
print(json.dumps([spent, int(sizes["VmHWM"].split()[0]) / 1024, known]))
"""


def measure_import(which: str, runs: int, warmup: int) -> Measured:
    """Measure an import: a fresh interpreter with it less one without, in turns; all names of a face that is lazy."""
    statement = {"agentkit": "from agentkit import *", "httpx": "import httpx"}[which]

    def fresh(statement: str) -> tuple[float, float, int]:
        program = _FRESH.format(statement=statement)
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        return tuple(json.loads(done.stdout))

    for _ in range(warmup):
        fresh(statement)  # writes the .pyc files
    meter = Meter()
    pairs: list[tuple[Any, Any]] = []
    for _ in range(runs):
        bare, loaded = fresh(""), fresh(statement)
        meter.add(loaded[0] - bare[0])
        pairs.append((bare, loaded))
    return {
        "batches": meter.batches,
        "mb": median(loaded[1] - bare[1] for bare, loaded in pairs),
        "mb_total": median(loaded[1] for _, loaded in pairs),
        "modules": pairs[0][1][2] - pairs[0][0][2],
        "requests": 0,
        **installed({"agentkit": "agentkit-chat", "httpx": "httpx"}[which]),
    }


def _measure(task: Task, which: str, url: str, runs: int) -> Measured:
    ways: dict[str, Callable[[], Measured]] = {
        "import": lambda: measure_import(which, runs, task.warmup),
        "functions": lambda: measure_functions(task, which),
    }
    way = ways.get(task.name, lambda: asyncio.run(measure_runs(task, which, url, runs)))
    return way()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TASKS)
    parser.add_argument("which", choices=("agentkit", "httpx"))
    parser.add_argument("--url", default="")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    measured = _measure(TASKS[options.name], options.which, options.url, options.runs)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    sys.stdout.write(json.dumps({**measured, "peak_mb": peak}) + "\n")


if __name__ == "__main__":
    main()
