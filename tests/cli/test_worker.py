"""`agentkit worker`: a process that carries out runs until it is told to stop."""

import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("dbos")

SHOP = """
from agentkit import Agent
from agentkit.durable import DurableAgent
from agentkit.testing import ScriptedModel

agent = Agent(ScriptedModel(["shipped"] * 9), name="shop")
other = DurableAgent(agent, name="other", db="other.sqlite")
"""


@pytest.fixture
def shop(program):
    (program.folder / "shop.py").write_text(SHOP, encoding="utf-8")
    return program


@contextmanager
def started(program, *arguments):
    process = subprocess.Popen(
        program.command("worker", *arguments),
        cwd=program.folder,
        env=program.environment,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert select.select([process.stderr], [], [], 60)[0], "it says nothing"
        yield process, process.stderr.readline()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_carries_out_what_was_submitted_and_drains_when_it_is_told_to_stop(shop, how):
    limits = ("--concurrency", "2", "--rate", "100/60")
    with started(shop, "shop:agent", "--db", "runs.sqlite", *limits) as (process, line):
        assert line.startswith("worker ")
        assert line.endswith(": takes runs of shop from shop\n")
        submitted = shop("submit", "shop:agent", "Ship it.", "--db", "runs.sqlite", "--run", "order-7")
        assert (submitted.returncode, submitted.stdout) == (0, "order-7\n")
        result = shop("result", "order-7", "--db", "runs.sqlite")
        assert (result.returncode, result.stdout, result.stderr) == (0, '"shipped"\n', "")
        process.send_signal(how)
        assert process.wait(60) == 0
        assert process.stderr.read() == "stopping: what has begun ends, the runs go on elsewhere\n"


@pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped")
def test_a_worker_that_was_frozen_when_it_was_told_to_stop_stops_as_soon_as_it_goes_on(shop):
    with started(shop, "shop:agent", "--db", "runs.sqlite") as (process, _):
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)  # which thread gets it, while all of them wake up, nobody knows
        assert process.wait(30) == 0
        assert process.stderr.read() == "stopping: what has begun ends, the runs go on elsewhere\n"


def test_agents_of_two_databases_are_refused(shop):
    done = shop("worker", "shop:agent", "shop:other", AGENTKIT_DB="")
    places = [str(shop.folder.resolve() / name) for name in ("agentkit.db", "other.sqlite")]
    assert (done.returncode, done.stderr) == (
        2,
        f"error: These agents are of several databases, {places[0]!r} and {places[1]!r}. Start a worker for each.\n",
    )


def test_a_rate_that_is_none_is_refused(shop):
    done = shop("worker", "shop:agent", "--rate", "many")
    assert (done.returncode, done.stderr) == (
        2,
        "error: --rate 'many' is no rate. Write runs/seconds, such as --rate 100/60.\n",
    )


def test_limits_that_are_named_go_before_those_of_the_queue_and_the_others_stay():
    from agentkit.cli.worker import WorkerCommand
    from agentkit.durable import Queue

    queue = Queue(name="q", at_once=5, rate=(9, 1.0))
    assert WorkerCommand(["shop:agent"], total=3)._limited(queue) == Queue(
        name="q", concurrency=3, at_once=5, rate=(9, 1.0)
    )
