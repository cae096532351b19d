"""200 mixed runs over sockets leave no task, no thread, no connection; `make soak-runs` does 10,000."""

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

from agentkit import Agent, ChatModel
from agentkit.tools import thread

SOURCE = Path(__file__).with_name("soak.py")
RUNS = 200


@pytest.fixture
def soak():
    spec = importlib.util.spec_from_file_location("soak_of_runs", SOURCE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="descriptors are counted in /proc")
def test_mixed_runs_leave_no_task_no_thread_and_no_descriptor(soak, monkeypatch):
    monkeypatch.setattr(thread, "_IDLE_SECONDS", 0.1)

    async def main(url):
        warm = ChatModel("m", base_url=url)
        await asyncio.to_thread(Agent(warm).run_sync, "plain 0")  # the sync face keeps its thread and loop
        before = soak.Left.now()
        async with soak.world_at(url) as world:
            await soak.soak(world, range(RUNS))
            ended = world.ended
        del world
        left = await soak.settled(before)
        await warm.aclose()
        return before, left, ended

    with soak.endpoint() as url:
        before, left, ended = asyncio.run(main(url))
    assert not left.is_more(before), (left, before)
    assert ended.total() == RUNS
    assert set(ended) == set(soak.KINDS)
