"""Waiting for workflows."""

import asyncio

import pytest

from agentkit.durable.engine import Engine
from agentkit.durable.watch import wait_for


def test_all_who_wait_are_told_and_one_who_leaves_disturbs_nobody(db):
    pytest.importorskip("dbos")
    engine = Engine(db)
    for one in ("a", "b"):
        engine.submit(one, "q", "text")

    async def main():
        waiting = [asyncio.ensure_future(wait_for(engine, one)) for one in ("a", "a", "b", "b")]
        await asyncio.sleep(0)
        waiting[1].cancel()
        engine.cancel("a")
        assert await asyncio.wait_for(waiting[0], 10) == "CANCELLED"
        engine.cancel("b")
        assert await asyncio.wait_for(asyncio.gather(*waiting[2:]), 10) == ["CANCELLED", "CANCELLED"]

    asyncio.run(main())
    engine.close()
