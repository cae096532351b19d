"""What the journal costs a turn: the same run without it and with it, by CPU and by the clock; `make overhead`.

Each turn is a request to a scripted model and a call of an async tool. The two ways take turns. Of the rounds the best
is told, which met least of what else the machine did, and the median. The time of an fsync, which is the disk's, stands
apart.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from agentkit import Agent, RunLimits, tool
from agentkit.durable import Journal
from agentkit.testing import ScriptedModel, call

RESULT = "All is as it was ordered, and it is on its way to where it is wanted. " * 4


@tool
async def pay(number: int) -> str:
    """Pay, which must not happen twice."""
    return f"{number}: {RESULT}"


@tool(idempotent=True)
async def look(number: int) -> str:
    """Look something up, which may."""
    return f"{number}: {RESULT}"


def agent_of(name, turns):
    """Make the agent of one run."""
    script = [*(call(name, {"number": number}) for number in range(turns - 1)), "Done."]
    return Agent(ScriptedModel(script), tools=[pay, look], instructions="Be brief.")


async def measured(name, turns, journal, run_id):
    """Give the CPU and the time of a turn, in microseconds."""
    agent, limits = agent_of(name, turns), RunLimits(turns=None)
    cpu, begun = time.process_time(), time.perf_counter()
    if journal is None:
        await agent.run("Go.", limits=limits)
    else:
        await journal.run(agent, "Go.", run_id=run_id, limits=limits)
    return (time.process_time() - cpu) / turns * 1e6, (time.perf_counter() - begun) / turns * 1e6


def fsync_times(folder):
    """Give the CPU and the time of an fsync of a page in a thread, in microseconds."""
    taken = []
    with (folder / "page").open("wb", buffering=0) as file:

        def write():
            for _ in range(50):
                file.write(b"x" * 4096)
                cpu, begun = time.thread_time(), time.perf_counter()
                os.fsync(file.fileno())
                taken.append((time.thread_time() - cpu, time.perf_counter() - begun))

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    return [statistics.median(one) * 1e6 for one in zip(*taken, strict=True)]


async def main(turns, rounds, folder):
    """Measure, and print a table."""
    journal = Journal(folder / "runs.db")
    ways = [(name, kept) for name in ("look", "pay") for kept in (None, journal)]
    seen = {way: [] for way in ways}
    for number in range(rounds + 1):
        for name, kept in ways:
            figures = await measured(name, turns, kept, f"{name}-{number}")
            if number:  # the first round compiles and opens
                seen[name, kept].append(figures)
    lines = [("a turn with a call, in us: best, median", "CPU", "", "clock", "")]
    titles = {"look": "idempotent tool", "pay": "another tool (one fsync)"}
    for name in ("look", "pay"):
        alone, kept = (
            [count(one) for one in zip(*seen[name, way], strict=True) for count in (min, statistics.median)]
            for way in (None, journal)
        )
        added = [with_it - without for with_it, without in zip(kept, alone, strict=True)]
        rows = (f"{titles[name]}, alone", alone), (f"{titles[name]}, journal", kept), ("the journal adds", added)
        lines += [(title, *(f"{one:.0f}" for one in figures)) for title, figures in rows]
    cpu, clock = fsync_times(folder)
    lines.append(("an fsync of this disk", "", f"{cpu:.0f}", "", f"{clock:.0f}"))
    sys.stdout.write("".join(f"{title:40}{''.join(f'{one:>7}' for one in figures)}\n" for title, *figures in lines))
    journal.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=100, help="of a run (100)")
    parser.add_argument("--rounds", type=int, default=7, help="of each way (7)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(main(given.turns, given.rounds, Path(place)))
