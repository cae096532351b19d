"""Maps by chance: whatever happens, none hangs, runs too much at once, gives an outcome twice, or leaves anything."""

import asyncio
import random

import pytest

from agentkit.agent.many import SyncMany
from agentkit.errors import ConfigurationError, LimitExceededError, OutputError
from agentkit.many import Many, Terms
from agentkit.state.limit import RunLimits


class Case:
    """One map and how it is read, all by one seed."""

    def __init__(self, seed, work_of, folder):
        chance = self.chance = random.Random(seed)
        self.count = chance.randrange(60)
        ends = {place: OutputError("no") for place in range(self.count) if chance.random() < 0.1}
        self.fatal = chance.random() < 0.2 and self.count > 0
        if self.fatal:
            ends[chance.randrange(self.count)] = ConfigurationError("no")
        self.breaks = chance.random() < 0.2
        budget = RunLimits(requests=chance.randrange(1, 60)) if chance.random() < 0.3 else None
        on_error = "raise" if chance.random() < 0.2 else "keep"
        self.whole = not (self.fatal or self.breaks or budget or (on_error == "raise" and ends))
        self.work = work_of(ends=ends)
        self.store = folder / f"{seed}.sqlite" if chance.random() < 0.4 else None
        self.terms = Terms(
            concurrency=chance.randrange(1, 9),
            on_error=on_error,
            ordered=chance.random() < 0.5,
            budget=budget,
            store=self.store,
        )
        self.seen = []

    def inputs(self):
        yield from range(self.count)
        if self.breaks:
            raise OSError

    async def awaited(self):
        for given in self.inputs():
            if self.chance.random() < 0.3:
                await asyncio.sleep(0)
            yield given

    async def read(self, until):
        inputs = self.chance.choice([self.inputs, self.awaited])()
        async with Many(self.work, inputs, self.terms) as many:
            async for outcome in many:
                self.seen.append(outcome.index)
                if self.chance.random() < 0.3:
                    await asyncio.sleep(0)
                if len(self.seen) > until:
                    return

    def read_sync(self, until):
        for outcome in SyncMany(self.work, self.inputs(), self.terms):
            self.seen.append(outcome.index)
            if len(self.seen) > until:
                return


@pytest.mark.parametrize("seed", range(150))
def test_a_map_by_chance_ends_in_order(seed, work_of, tmp_path):
    case = Case(seed, work_of, tmp_path)
    until = case.chance.choice([1000, 1000, case.count // 2])
    error = None
    try:
        if case.chance.random() < 0.4:
            case.read_sync(until)
        else:
            asyncio.run(asyncio.wait_for(case.read(until), 30))
    except (OSError, ConfigurationError, LimitExceededError, OutputError) as caught:
        error = caught
    assert not isinstance(error, TimeoutError)
    assert len(set(case.seen)) == len(case.seen)
    if case.terms.ordered:
        assert case.seen == list(range(len(case.seen)))
    if case.whole and until > case.count:
        assert (error, sorted(case.seen)) == (None, list(range(case.count)))
    assert case.work.running == 0
    assert case.work.most <= case.terms.concurrency
    assert [one.name for one in tmp_path.iterdir()] in ([], [f"{seed}.sqlite"])
