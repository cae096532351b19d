"""`python victim.py`: a nursery, which forks a process for each run, and ends it with SIGKILL where it is told to.

It reads a job a line and answers each with what became of it. It has imported everything and started nothing, so a
process of its own costs a run some milliseconds and begins as a new one.
"""

import asyncio
import json
import os
import resource
import select
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from engine import ENGINES
from scene import EXTERNAL, MAKE, answer

import agentkit.durable.file
from agentkit import ChatModel, Context
from agentkit.http import Retry
from agentkit.price import Price
from agentkit.state.decision import PendingCall
from agentkit.testing import FakeEndpoint
from agentkit.tools import thread
from agentkit.wire import ChatCompletion, ChatCompletionChunk, ChatRequest

PRICE = Price(input=1, output=2)
LONGEST = 60  # seconds; a process that hangs ends by itself
_connect = sqlite3.connect


class Desk:
    """What tools get as `deps`: the ledger, and the points at one of which the process is to be stopped."""

    def __init__(self, job: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
        self._life, self._stop, self._tell = job["life"], job.get("stop"), tell
        self._ledger = os.open(Path(job["folder"]) / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._lock = threading.Lock()
        self.points: list[str] = []

    def write(self, word: str, context: Context[Any], more: str = "") -> None:
        """Write a line to the ledger, onto the disk."""
        ident = f"{context.run_id} {context.turn} {context.call_id}"
        line = {"word": word, "ident": ident, "tool": context.tool_name, "life": self._life}
        os.write(self._ledger, json.dumps(line | {"key": context.idempotency_key}).encode() + b"\n")
        os.fsync(self._ledger)

    def point(self, name: str) -> None:
        """Stop here, all threads, if this is the point to stop at; whoever watches kills or lets go on."""
        with self._lock:
            self.points.append(name)
            if self._stop in (len(self.points), name, f"{name} {self.points.count(name)}"):
                self._stop = None
                self._tell({"at": name})
                os.kill(os.getpid(), signal.SIGSTOP)


def model_of(job: dict[str, Any], desk: Desk) -> ChatModel:
    """Give a model that comes by points while it is asked."""

    class Model(ChatModel):
        async def complete(self, request: ChatRequest, /) -> ChatCompletion:
            desk.point("request begins")
            reply = await super().complete(request)
            desk.point("reply is there")
            return reply

        async def stream(self, request: ChatRequest, /) -> AsyncGenerator[ChatCompletionChunk]:
            desk.point("request begins")
            told = False
            async with aclosing(super().stream(request)) as chunks:
                async for chunk in chunks:
                    if not told:
                        desk.point("reply has begun")
                    told = True
                    yield chunk
            desk.point("reply is there")

    address = {"X-Life": f"{job['trial']} {job['life']}"}
    return Model("m", base_url=job["url"], headers=address, retry=Retry(attempts=1), price=PRICE)


class Watched(sqlite3.Connection):
    """A connection that comes by a point before and after each commit."""

    point: Callable[[str], None] = staticmethod(lambda _: None)
    pages: int | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.pages is not None:
            super().execute(f"PRAGMA max_page_count = {self.pages}")

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Do as it does."""
        if sql != "COMMIT":
            return super().execute(sql, *values)
        self.point("before a commit")
        done = super().execute(sql)
        self.point("after a commit")
        return done

    def commit(self) -> None:
        """Do as it does."""
        self.point("before a commit")
        super().commit()
        self.point("after a commit")


def watch(connection: Any, point: Callable[[str], None]) -> None:
    """Come by a point before and after each commit of psycopg's connections."""
    commit = connection.commit

    def watched(self: Any) -> None:
        point("before a commit")
        commit(self)
        point("after a commit")

    connection.commit = watched


def limit(job: dict[str, Any]) -> None:
    """Take what the job takes from the process: room on the disk, patience with other processes."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (job.get("size", most), most))
    if "patience" in job:
        agentkit.durable.file._PATIENCE = job["patience"]
    Watched.pages = job.get("pages")


async def work(job: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """Run until the run ends or waits, and give what it came to."""
    async with model_of(job, desk) as model:
        result = await ENGINES[job["engine"]].run(MAKE[job["scene"]](model), job, desk)
    if result.pending:
        return {"pending": [json.loads(call.to_json()) for call in result.pending]}
    output = result.output
    return {"output": output if isinstance(output, str) else output.model_dump(), "state": result.state.to_json()}


async def attempt(job: dict[str, Any], desk: Desk) -> dict[str, Any]:
    """Do as `work`, and give an error as what it says."""
    try:
        return await work(job, desk)
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)}


def live(job: dict[str, Any], channel: int) -> None:
    """Be the process that may be killed."""

    def tell(message: dict[str, Any]) -> None:
        left = json.dumps(message).encode() + b"\n"
        while left:
            left = left[os.write(channel, left) :]

    signal.alarm(LONGEST)
    begun = time.monotonic()
    desk = Desk(job, tell)
    Watched.point = desk.point
    sqlite3.connect = sqlite3.dbapi2.connect = partial(_connect, factory=Watched)  # SQLAlchemy takes the latter
    if "psycopg" in sys.modules:
        watch(sys.modules["psycopg"].Connection, desk.point)
    limit(job)
    report = asyncio.run(attempt(job, desk))
    if "error" in report and job.get("again"):
        limit(job := {name: value for name, value in job.items() if name != "size"})
        report = asyncio.run(attempt(job, desk)) | {"before": report}
    tell(report | {"points": desk.points, "seconds": time.monotonic() - begun})


def lines(channel: int, end: float | None, kill: Callable[[], None]) -> Any:
    """Give what the process tells, until it ends; at its end, kill it."""
    held = b""
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([channel], [], [], left)[0]:
            kill()
            end = None
            continue
        more = os.read(channel, 1 << 16)
        if not more:
            return
        held += more
        *whole, held = held.split(b"\n")
        for line in whole:
            yield json.loads(line)


def nurse(job: dict[str, Any], tell: Callable[[dict[str, Any]], None], hear: Callable[[], str]) -> dict[str, Any]:
    """Have a process of its own do the job, and give what it told, or where it was killed."""
    channel, other = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(channel)
            live(job, other)
        finally:
            os._exit(0)
    os.close(other)
    where, report = "at any moment", {}
    kill = partial(os.kill, pid, signal.SIGKILL)
    end = time.monotonic() + job["after"] if "after" in job else None
    try:
        for message in lines(channel, end, kill):
            if "at" not in message:
                report = message
                continue
            where = message["at"]
            os.waitpid(pid, os.WUNTRACED)
            if job.get("hold"):
                tell({"held": where, "pid": pid})
            if job.get("hold") and hear() == "go on":
                os.kill(pid, signal.SIGCONT)
            else:
                kill()
        _, status = os.waitpid(pid, 0)
        pid = 0
    finally:
        os.close(channel)
        if pid:
            kill()
            os.waitpid(pid, 0)
    if report:
        return report
    how = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1
    return {"killed": where} if how == signal.SIGKILL else {"broken": f"ended by {how} or {status} without a report"}


async def rehearse() -> None:
    """Play each scene to its end, so that what is built at a first use is there in all processes that are forked."""
    for scene in MAKE:
        with tempfile.TemporaryDirectory() as folder:
            async with FakeEndpoint(replies=answer) as endpoint:
                job: dict[str, Any] = {"folder": folder, "trial": "", "life": 0, "scene": scene, "policy": "ask"}
                job |= {"engine": "journal", "url": endpoint.base_url}
                while pending := (await work(job, Desk(job, lambda _: None))).get("pending"):
                    waiting = [PendingCall.from_json(json.dumps(one)) for one in pending]
                    decided = [call.give("") if call.name in EXTERNAL else call.approve() for call in waiting]
                    job["decisions"] = [one.to_json() for one in decided]


def warm_up() -> None:
    """Rehearse, and leave no thread that a fork would cut off."""
    patience, thread._IDLE_SECONDS = thread._IDLE_SECONDS, 0.1
    asyncio.run(rehearse())
    for one in threading.enumerate():
        if one is not threading.main_thread():
            one.join()
    thread._IDLE_SECONDS = patience


def main() -> None:
    """Do one job after another, until the standard input ends."""

    def tell(message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    def hear() -> str:
        return sys.stdin.readline().strip()

    warm_up()
    while line := hear():
        job = json.loads(line)
        ENGINES[job["engine"]].prepare()
        tell(nurse(job, tell, hear))


if __name__ == "__main__":
    main()
