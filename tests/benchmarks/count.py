"""`count.py WAY NAME...`: counts of workloads that do not depend on the machine, as JSON on stdout.

Each is made in a forked process, so that all begin alike. Nothing is known here of what they are compared with.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import ours
import task as workload
from function import make_functions
from quiet import QuietLoop
from task import TASKS, TURNS, Gate, Task
from watch import Scale, Watch
from worker import check

Counts = dict[str, int]
Parts = dict[str, list[int]]

_FUNCTIONS = 50
_ENDS = 20  # turns that are counted of the first and of the last ones of a long run


def _sized() -> None:
    """Make the workloads smaller, for the endpoint too."""
    for name, words in (("stream", 300), ("paced", 200)):
        wanted: dict[str, Any] = {"prompt": f"Please say {words} words."}
        TASKS[name] = replace(TASKS[name], **wanted, expected=(words, " ".join(["word"] * words)))
    for name in ("many", "idle"):
        TASKS[name] = replace(TASKS[name], at_once=10)


_sized()


def count(name: str, way: str) -> tuple[Counts, Parts]:
    """Count a workload over a transport, "httpx" or "fast"; give calls and lines by part too."""
    if name == "import":
        return _imported(), {}
    counts, parts = _forked(name, way, Watch) if name != "idle" else ({}, {})
    return counts | _forked(name, way, Scale)[0], parts


def _forked(name: str, way: str, watch: type[Watch | Scale]) -> tuple[Counts, Parts]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            told = _counted(TASKS[name], way, watch())
            with os.fdopen(writing, "w") as file:
                json.dump(told, file)
            os._exit(0)
        except BaseException as error:  # no more than this process may go on from here
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as file:
        told = file.read()
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{name} ({way}) could not be counted.")
    counts, parts = json.loads(told)
    return counts, parts


def _counted(task: Task, way: str, watch: Watch | Scale) -> tuple[Counts, Parts]:
    os.environ["AGENTKIT_TRANSPORT"] = way
    if task.kind == "functions":
        counts = _functions(watch)
    else:
        with asyncio.Runner(loop_factory=QuietLoop) as runner:
            counts = runner.run(_run(task, watch))
    return counts, watch.parts() if isinstance(watch, Watch) else {}


def _settle(watch: Watch | Scale) -> None:
    gc.collect()
    gc.disable()
    if isinstance(watch, Scale):
        watch.begin()


def _functions(watch: Watch | Scale) -> Counts:
    """Count the tools JSON, after one other function that loaded all that is loaded late."""
    first, *functions = make_functions(1 + _FUNCTIONS)
    ours.tools_json([first])
    _settle(watch)
    watch.start()
    ours.tools_json(functions)
    watch.stop()
    return watch.told()


async def _run(task: Task, watch: Watch | Scale) -> Counts:
    """Count one run, or those that are started together, after others that warmed everything up."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, QuietLoop)
    program = ours.Program(f"http://127.0.0.1:80/{task.name}/v1")
    run: Callable[[], Awaitable[Any]] = getattr(program, task.kind)(task)

    async def whole() -> list[Any]:
        return await asyncio.gather(*[run() for _ in range(task.at_once)]) if task.at_once > 1 else [await run()]

    gate = Gate()
    gate.open.set()
    workload.GATE[:] = [gate]
    for _ in range(1 if task.turns > 1 else 2):
        await whole()
    loop.tally.take()
    loop.sends = loop.sent = 0
    _settle(watch)
    told = await (_stand(task, run, watch) if task.name == "idle" else _watched(task, loop, whole, watch))
    tally = loop.tally.take()
    if tally["refusals"]:
        sys.exit(f"{task.name}: the endpoint refused a request: {tally['refusals'][0]}")
    told |= {"requests": sum(tally["requests"].values()), "connections": tally["connections"]}
    told |= {"sends": loop.sends, "sent": loop.sent}
    await program.aclose()
    return told


class _Ends(list[float]):
    """The list for the times of the turns, which lets only the first and the last of them be counted."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch
        self.lines = 0

    def append(self, mark: float) -> None:
        """Take the time of one more."""
        super().append(mark)
        if len(self) == _ENDS:
            self.lines = self._watch.hold()
        elif len(self) == TURNS - _ENDS:
            self._watch.release()


async def _watched(
    task: Task, loop: QuietLoop, whole: Callable[[], Awaitable[list[Any]]], watch: Watch | Scale
) -> Counts:
    ends = workload.MARKS = _Ends(watch) if isinstance(watch, Watch) else []

    def aside(work: Callable[[], None]) -> None:
        watch.stop()
        work()
        watch.start()

    loop.aside = aside
    watch.start()
    try:
        seen = await whole()
    finally:
        watch.stop()
        loop.aside = lambda work: work()
    for one in seen:
        check(task, one, task.expected)
    told = watch.told()
    return told | ({"late_lines": told["lines"] - ends.lines} if isinstance(ends, _Ends) and ends.lines else {})


async def _stand(task: Task, run: Callable[[], Awaitable[Any]], scale: Any) -> Counts:
    """Weigh runs that stand in a tool together: bytes of one."""
    workload.GATE[:] = [gate] = [Gate()]
    standing = [asyncio.ensure_future(run()) for _ in range(task.at_once)]
    while gate.came < task.at_once:
        gate.arrival.clear()
        await gate.arrival.wait()
    gc.collect()
    told = {"standing": scale.now // task.at_once}
    gate.open.set()
    for one in await asyncio.gather(*standing):
        check(task, one, task.expected)
    return told


_IMPORT = f"""
import gc, json, sys
modules, blocks = len(sys.modules), sys.getallocatedblocks()
{ours.STATEMENT}
gc.collect()
print(json.dumps({{"modules": len(sys.modules) - modules, "blocks": sys.getallocatedblocks() - blocks}}))
"""


def _imported() -> Counts:
    """Count the modules of an import, of all names, in a fresh process, and the blocks of memory that stay."""
    done = subprocess.run([sys.executable, "-c", _IMPORT], check=True, stdout=subprocess.PIPE, text=True)
    counts: Counts = json.loads(done.stdout)
    return counts


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=("httpx", "fast"))
    parser.add_argument("names", nargs="+", choices=TASKS, metavar="NAME")
    options = parser.parse_args()
    sys.stdout.write(json.dumps({name: count(name, options.way) for name in options.names}))


if __name__ == "__main__":
    main()
