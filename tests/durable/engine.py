"""What runs are carried out by: nothing, a journal, workflows. `victim` has them `run`, and `kill` looks at `rows`.

Another engine is a class here, and a name in `ENGINES`.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from scene import PROMPTS

from agentkit import Result, RunState
from agentkit.durable import Journal
from agentkit.state.decision import decision_of

RUN = "run"  # the id of every run, for each has its folder
LEASE = 1.0  # seconds after which the runs of a worker that was killed go on
Row = tuple[str, str, int, str, str]
"""A record: its run, kind, turn, call and data."""
_STEPS = "SELECT workflow_uuid, output FROM operation_outputs WHERE child_workflow_id IS NULL"


class Engine(Protocol):
    """What makes a run last."""

    async def run(self, agent: Any, job: dict[str, Any], deps: Any) -> Result[Any]:
        """Begin the job's run, or let it go on, until it ends or waits.

        Args:
            agent: Who runs.
            job: It has `folder`, `scene`, `policy`, `decisions` (JSON of each), `streamed`.
            deps: What tools get.
        """
        ...

    def rows(self, folder: Path) -> list[Row]:
        """Give the records of the run, oldest first, and leave everything there as the killed process left it."""
        ...

    def prepare(self) -> None:
        """Import what is needed, before processes are forked."""
        ...

    def forget(self, folder: Path) -> None:
        """Take away what a run left anywhere but in its folder."""
        ...


class Nothing:
    """Nothing lasts but the state of a run that waits: what all others are compared with."""

    async def run(self, agent: Any, job: dict[str, Any], deps: Any) -> Result[Any]:
        """Run, or resume from the state."""
        kept = Path(job["folder"]) / "state"
        if job.get("decisions"):
            state = RunState.from_json(kept.read_text())
            decisions = [decision_of(one) for one in job["decisions"]]
            result: Result[Any] = await agent.resume(state, decisions=decisions, deps=deps)
        else:
            result = await agent.run(PROMPTS[job["scene"]], deps=deps)
        kept.write_text(result.state.to_json())
        return result

    def rows(self, folder: Path) -> list[Row]:
        """There are none."""
        return []

    def prepare(self) -> None:
        """Nothing."""

    def forget(self, folder: Path) -> None:
        """Nothing."""


class ByJournal:
    """Runs are written down in a file of SQLite."""

    async def run(self, agent: Any, job: dict[str, Any], deps: Any) -> Result[Any]:
        """Run, resume, or watch."""
        journal = Journal(Path(job["folder"]) / "runs.db", on_unknown=job["policy"])
        decisions = [decision_of(one) for one in job.get("decisions") or ()]
        prompt = PROMPTS[job["scene"]]
        try:
            if not job.get("streamed") and decisions:
                return await journal.resume(agent, RUN, decisions=decisions, deps=deps)
            if not job.get("streamed"):
                return await journal.run(agent, prompt, run_id=RUN, deps=deps)
            if decisions:
                stream = journal.resume_stream(agent, RUN, decisions=decisions, deps=deps)
            else:
                stream = journal.stream(agent, prompt, run_id=RUN, deps=deps)
            async with stream:
                async for _ in stream:
                    pass
            return stream.result
        finally:
            journal.close()

    def rows(self, folder: Path) -> list[Row]:
        """Read a copy."""
        return copied(
            folder, "runs.db", "record", "SELECT run_id, kind, turn, call_id, data FROM record ORDER BY number"
        )

    def prepare(self) -> None:
        """Nothing."""

    def forget(self, folder: Path) -> None:
        """Nothing."""


class ByWorkflow:
    """Runs are workflows of DBOS, in a file of SQLite."""

    async def run(self, agent: Any, job: dict[str, Any], deps: Any) -> Result[Any]:
        """Be a worker, submit the run or what was decided, watch it, and wait."""
        from agentkit.durable import DurableAgent

        place = self._place(Path(job["folder"]))
        async with DurableAgent(agent, db=place, deps=lambda _: deps, on_unknown=job["policy"], lease=LEASE) as durable:
            if job.get("decisions"):
                await durable.decide(RUN, [decision_of(one) for one in job["decisions"]])
            elif job.get("streamed"):
                await durable.submit(PROMPTS[job["scene"]], run_id=RUN, streamed=True)
            if job.get("streamed"):
                await asyncio.to_thread(durable.serve)
                async for _ in durable.events(RUN):
                    pass
                return await durable.result(RUN)
            return await durable.run(PROMPTS[job["scene"]], run_id=RUN)

    def rows(self, folder: Path) -> list[Row]:
        """Read the steps of the run's parts, one part after another."""
        from agentkit.durable.part import number_of
        from agentkit.durable.step import in_order

        texts: dict[str, list[str]] = {}
        for workflow, output in self._steps(folder):
            part, _, _ = workflow.partition("/agent-")  # with the workflows below it
            texts.setdefault(part, []).append(json.loads(output or '""') or "")
        records = [record for one in sorted(texts, key=number_of) for _, record in in_order(texts[one])]
        return [(one.run_id, one.kind, one.turn, one.call_id, one.data) for one in records]

    def prepare(self) -> None:
        """Import DBOS."""
        import_module("dbos")

    def forget(self, folder: Path) -> None:
        """Nothing: the folder is removed."""

    def _place(self, folder: Path) -> str:
        return str(folder / "runs.db")

    def _steps(self, folder: Path) -> list[Any]:
        return copied(folder, "runs.db", "operation_outputs", _STEPS)


class ByServer(ByWorkflow):
    """Runs are workflows of DBOS, each in a database of its own at the Postgres whose folder `KILL_SERVER` names."""

    def prepare(self) -> None:
        """Import DBOS, and what it speaks to Postgres with."""
        import_module("dbos")
        import_module("psycopg")

    def forget(self, folder: Path) -> None:
        """Drop the database, whose last connections may still be there."""
        self._ask("postgres", f"DROP DATABASE IF EXISTS kill_{folder.name} WITH (FORCE)")

    def _place(self, folder: Path) -> str:
        return self._url(f"kill_{folder.name}")

    def _steps(self, folder: Path) -> list[Any]:
        name = f"kill_{folder.name}"
        if not self._ask("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            return []
        if not self._ask(name, "SELECT 1 FROM pg_tables WHERE tablename = 'operation_outputs'"):
            return []
        return self._ask(name, _STEPS.replace("FROM ", "FROM dbos."))

    @staticmethod
    def _url(name: str) -> str:
        return f"postgresql://postgres@/{name}?host={os.environ['KILL_SERVER']}"

    def _ask(self, name: str, query: str) -> list[Any]:
        with import_module("psycopg").connect(self._url(name), autocommit=True) as db:
            done = db.execute(query)
            rows: list[Any] = done.fetchall() if done.description else []
            return rows


def copied(folder: Path, file: str, table: str, query: str) -> list[Any]:
    """Ask a copy of a database, if it is there and has the table."""
    with tempfile.TemporaryDirectory() as name:
        for path in folder.glob(f"{file}*"):
            if not path.name.endswith(("-shm", ".lock")):
                shutil.copy(path, name)
        if not (Path(name) / file).exists():
            return []
        with closing(sqlite3.connect(Path(name) / file)) as db:
            there = db.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
            return db.execute(query).fetchall() if there else []


ENGINES: dict[str, Engine] = {
    "nothing": Nothing(),
    "journal": ByJournal(),
    "dbos": ByWorkflow(),
    "postgres": ByServer(),
}
