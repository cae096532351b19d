"""Databases of durable agents, a file of SQLite or a real Postgres, and agents on them that stop when a test ends."""

import asyncio
import importlib.util
import sys
from itertools import count
from pathlib import Path

import pytest

from agentkit import Agent, tool
from agentkit.testing import ScriptedModel
from agentkit.testing.reply import call

NUMBERS = count()


class Steady(ScriptedModel):
    """Says what its history calls for, so that it is the same in each process: one call after another, then a text."""

    def __init__(self, calls, name="steady", *, agent=None):
        super().__init__([], name=name)
        self.calls, self.agent = calls, agent

    def _next(self, request):
        done = sum(message.role == "tool" for message in request.messages)
        more = done < self.calls
        what = ("act", {"number": done}) if self.agent is None else (self.agent, {"prompt": "go"})
        self._replies.append(call(*what, id=f"call_{done}") if more else f"done {done}")
        return super()._next(request)


def above(agent):
    """Give an agent that asks another one, once."""
    return Agent(Steady(1, agent=agent.name), tools=[agent.as_tool()], name="demo")


@pytest.fixture
def make(db):
    """Give what makes a durable agent of a function, in the test's database, which stops to be a worker at the end."""
    pytest.importorskip("dbos")
    from agentkit.durable import DurableAgent

    made = []

    def make(
        function=lambda number: f"did {number}", *, calls=1, model=None, name="demo", agent=None, below=False, **options
    ):
        marks = {key: options.pop(key) for key in ("approval", "idempotent") if key in options}

        @tool(name="act", **marks)
        async def act(number: int) -> str:
            """Act."""
            said = function(number)
            return await said if asyncio.iscoroutine(said) else said

        agent = agent or Agent(model or Steady(calls), tools=[act], name="clerk" if below else name)
        agent = above(agent) if below else agent
        made.append(DurableAgent(agent, db=db, **{"lease": 5.0, **options}))
        return made[-1]

    yield make
    for one in made:
        asyncio.run(one.aclose())


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def db(request):
    """A database of each kind, for one test."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("tmp_path") / "runs.sqlite")
    server, name = request.getfixturevalue("server"), f"test{next(NUMBERS)}"
    asked(server, f"CREATE DATABASE {name} TEMPLATE ready")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def server():
    """A Postgres of our own, by its URL, with a database to copy in which DBOS has its tables."""
    source = Path(__file__).parents[1] / "session" / "conftest.py"
    spec = importlib.util.spec_from_file_location("sessions_for_durable", source)
    sessions = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = sessions
    spec.loader.exec_module(sessions)
    with sessions.serving() as folder:
        url = f"postgresql://postgres@/postgres?host={folder}"
        pytest.importorskip("dbos").DBOS.migrate(url.replace("/postgres?", "/ready?"))
        yield url


def asked(url, statement):
    """Have a server do something."""
    with importlib.import_module("psycopg").connect(url, autocommit=True) as connection:
        connection.execute(statement)
