"""Work that is done by hand: each input's run waits until it is let go, or ends as the input says."""

import asyncio
import json

import pytest

from agentkit.model import ledgers
from agentkit.state.ledger import Ledger, count
from agentkit.state.run import RunState
from agentkit.state.spent import Spent
from agentkit.wire.message import UserMessage
from agentkit.wire.response import Usage


class Job:
    def __init__(self, work, given):
        self._work, self.given = work, given
        self.state = RunState(messages=(UserMessage(content=str(given)),))

    async def run(self):
        self._work.begun.append(self.given)
        self._work.running += 1
        self._work.most = max(self._work.most, self._work.running)
        try:
            await asyncio.sleep(0)
            if self._work.held is None or self.given in self._work.held:
                await self._work.gate(self.given).wait()
            cost = {} if self._work.cost is None else {"cost": self._work.cost}
            usage = Usage(prompt_tokens=10, completion_tokens=5, **cost)
            self.state = self.state.replace(usages=(usage,), usage=usage, tool_calls=2)
            count((Ledger(), *ledgers.get()), Spent(1, 2, 10, 5))  # as an agent's run does
            end = self._work.ends.get(self.given)
            if end is not None:
                raise end
            return f"did {self.given}"
        except asyncio.CancelledError:
            self._work.cancelled.append(self.given)
            raise
        finally:
            self._work.running -= 1


class Work:
    """`held` inputs wait for `go`, None is all; `ends` are errors by input."""

    model = "double"

    def __init__(self, held=(), ends=None):
        self.held, self.ends, self.cost, self.known = held, ends or {}, None, ()
        self.begun, self.cancelled, self.running, self.most = [], [], 0, 0
        self.said = {"output": "text", "instructions": "Do it.", "tools": ""}
        self._gates = {}

    def gate(self, given):
        return self._gates.setdefault(given, asyncio.Event())

    def go(self, *given):
        for one in given:
            self.gate(one).set()

    is_named = False

    async def due(self, jobs):
        return sum(not job.state.usages for job in jobs)

    async def open(self, budget):
        self.budget = budget

    async def has(self, job):
        return job.given in self.known

    def prepare(self, given):
        if isinstance(given, Exception):
            raise given
        return Job(self, given)

    async def run(self, job):
        return await job.run()

    def identity(self):
        return self.said

    def check_storable(self):
        pass

    def dump(self, output):
        return json.dumps(output)

    def load(self, text):
        return json.loads(text)


@pytest.fixture
def work_of():
    """Give the class, to make work with the held inputs and the errors that a test wants."""
    return Work
