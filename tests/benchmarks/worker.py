"""`worker.py TASK WAY --url URL --runs N`: one workload one way in a process of its own; JSON on stdout.

It runs in the environment of what it measures. A way is a module with `STATEMENT` (its import), `DISTRIBUTION` (what is
installed for it), `CANNOT` (kinds of workloads that it has no program for, each with the reason), `tools_json` and
`Program`, whose `tools`, `stream` and `extract` give what does one run.
"""

import argparse
import asyncio
import gc
import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from distribution import installed
from function import make_functions, names_of
from meter import Meter
from task import FUNCTIONS, GATE, MARKS, TASKS, TURNS, Gate, Task

Measured = dict[str, Any]
Run = Callable[[], Awaitable[Any]]

_BATCHES = 5
_OURS = ("agentkit", "fast")


def module_of(way: str) -> Any:
    """Import the program of a way."""
    own = {"agentkit": "ours", "fast": "ours", "httpx": "floor", "sockets": "sockets"}
    return importlib.import_module(own.get(way) or f"peers.{way.replace('-', '')}")


def check(task: Task, seen: Any, expected: Any) -> None:
    """End the process with what is wrong, where a run gave something else than it must."""
    if seen != expected and list(seen) != list(expected):
        sys.exit(f"{task.name}: a run gave {str(seen)[:300]!r}; expected {str(expected)[:300]!r}.")


def _memory(name: str) -> float:
    """Give a size of this process in MB: `VmRSS` is that of now, `VmHWM` the highest so far."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) / 1024


async def measure_added(task: Task, program: Any, url: str, runs: int) -> Measured:
    """Measure what runs take more than a loop by hand over the same connections, in batches by turns; in ms."""
    from beneath import Beneath

    beneath = Beneath(url)
    ways: list[Run] = [getattr(one, task.kind)(task) for one in (program, beneath)]
    size = max(runs // _BATCHES, 1)
    taken: list[list[float]] = []
    try:
        for turn in range(min(runs, _BATCHES) + 1):  # the first is the warm-up
            taken.append([])
            for run in ways:
                begun = time.process_time()
                seen = [await run() for _ in range(size if turn else task.warmup)]
                taken[-1].append((time.process_time() - begun) / size)
                for one in seen:
                    check(task, one, task.expected)
    finally:
        await beneath.aclose()
    asked = len(ways) * (task.warmup + size * (len(taken) - 1))
    return {"added_ms": median(ours - floor for ours, floor in taken[1:]) * 1e3, "requests": asked * task.requests}


async def measure_runs(task: Task, program: Any, runs: int) -> Measured:
    """Measure runs against the endpoint, in batches or many at once."""
    run: Run = getattr(program, task.kind)(task)
    seen: list[Any] = []
    growths: list[float] = []
    measured: Measured = {}
    try:
        for _ in range(task.warmup):
            check(task, await (_opened(run) if task.name == "idle" else run()), task.expected)
        meter = Meter()
        size = max(runs // _BATCHES, 1)
        for _ in range(min(runs, _BATCHES)):
            MARKS.clear()
            begun = time.process_time()
            if task.name == "idle":
                measured |= await _stand(run, task.at_once, seen)
            elif task.at_once > 1:
                seen += await asyncio.gather(*[run() for _ in range(task.at_once)])
            else:
                seen += [await run() for _ in range(size)]
            meter.add((time.process_time() - begun) / (size if task.at_once == 1 else 1))
            if task.name == "turns":
                growths.append((MARKS[TURNS - 1] - MARKS[TURNS - 50]) / (MARKS[49] - MARKS[0]))
    finally:
        await program.aclose()
    for one in seen:
        check(task, one, task.expected)
    measured |= {"batches": meter.batches, "requests": (task.warmup + len(seen)) * task.requests}
    return measured | ({"growth": median(growths)} if growths else {})


async def _opened(run: Run) -> Any:
    """Run where nobody stands at the gate."""
    GATE[:] = [Gate()]
    GATE[-1].open.set()
    return await run()


async def _stand(run: Run, count: int, seen: list[Any]) -> Measured:
    """Start runs one after another until so many stand in a tool, weigh them, let them go."""
    gc.collect()
    before, blocks = _memory("VmRSS"), sys.getallocatedblocks()
    gate = Gate()
    GATE[:] = [gate]
    standing: list[asyncio.Task[Any]] = []
    while gate.came < count:
        standing.append(asyncio.ensure_future(run()))
        while gate.came < len(standing):
            gate.arrival.clear()
            await gate.arrival.wait()
    gc.collect()
    after = {
        "run_kb": (_memory("VmRSS") - before) * 1024 / count,
        "blocks": (sys.getallocatedblocks() - blocks) / count,
    }
    gate.open.set()
    seen += await asyncio.gather(*standing)
    return after


def measure_functions(task: Task, module: Any) -> Measured:
    """Measure the tools JSON, cold: the schemas of one process are cached by annotation."""
    if module.__name__ == "floor":
        importlib.import_module("pydantic").TypeAdapter  # noqa: B018  # pydantic loads its parts at their first use
    functions = make_functions(FUNCTIONS)
    meter = Meter()
    begun = time.process_time()
    told = module.tools_json(functions)
    meter.add(time.process_time() - begun)
    made = [entry["function"] for entry in json.loads(told)]
    read = [(one["name"], list(one["parameters"]["properties"])) for one in made]
    check(task, read, [(function.__name__, names_of(function)) for function in functions])
    return {"batches": meter.batches, "requests": 0}


# Beside click and rich, httpx loads its command line: 50 ms that a plain install does not have.
_PLAIN = 'sys.modules.update(dict.fromkeys(("click", "rich", "pygments")))'
_FRESH = """
import json, sys, time
{plain}
{statement}
spent = time.process_time()
known = len(sys.modules)
with open("/proc/self/status") as status:
    sizes = dict(line.split(":", 1) for line in status)
print(json.dumps([spent, int(sizes["VmHWM"].split()[0]) / 1024, known]))
"""


def measure_import(module: Any, runs: int, warmup: int) -> Measured:
    """Measure an import: a fresh interpreter with it less one without, in turns; all names of a face that is lazy."""
    plain = "" if module.__name__.startswith("peers.") else _PLAIN

    def fresh(statement: str) -> tuple[float, float, int]:
        program = _FRESH.format(statement=statement, plain=plain)
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        return tuple(json.loads(done.stdout.splitlines()[-1]))

    for _ in range(warmup):
        fresh(module.STATEMENT)  # writes the .pyc files
    meter = Meter()
    pairs: list[tuple[Any, Any]] = []
    for _ in range(runs):
        bare, loaded = fresh(""), fresh(module.STATEMENT)
        meter.add(loaded[0] - bare[0])
        pairs.append((bare, loaded))
    return {
        "batches": meter.batches,
        "mb": median(loaded[1] - bare[1] for bare, loaded in pairs),
        "mb_total": median(loaded[1] for _, loaded in pairs),
        "modules": pairs[0][1][2] - pairs[0][0][2],
        "requests": 0,
        **installed(*module.DISTRIBUTION.split()),
    }


def _measure(task: Task, way: str, url: str, runs: int) -> Measured:
    module = module_of(way)
    if why := module.CANNOT.get(task.kind) or module.CANNOT.get(task.name):
        return {"cannot": why}
    if task.kind == "import":
        return measure_import(module, runs, task.warmup)
    if task.kind == "functions":
        return measure_functions(task, module)

    async def against_endpoint() -> Measured:
        program = module.Program(url)
        added = await measure_added(task, program, url, runs) if task.added and way in _OURS else {"requests": 0}
        measured = await measure_runs(task, program, runs)
        return {**added, **measured, "requests": measured["requests"] + added["requests"]}

    return asyncio.run(against_endpoint())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=TASKS)
    parser.add_argument("way")
    parser.add_argument("--url", default="")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    measured = _measure(TASKS[options.name], options.way, options.url, options.runs)
    sys.stdout.write("\n" + json.dumps({**measured, "peak_mb": _memory("VmHWM")}) + "\n")


if __name__ == "__main__":
    main()
