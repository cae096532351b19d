"""The parts of a run in a database; see also `test_agent`."""

import asyncio
import threading
from dataclasses import replace

import pytest

from agentkit.durable import process
from agentkit.durable.archive import Archive
from agentkit.durable.engine import BELOW, Engine
from agentkit.durable.part import Part
from agentkit.durable.record import Record
from agentkit.errors import RunError

pytest.importorskip("dbos")


@pytest.fixture
def archive(db):
    engine = Engine(db)
    yield Archive(engine, "q"), engine
    engine.close()


def test_a_run_that_goes_on_cannot_be_resumed(archive):
    archive, _ = archive
    archive.submit(Part(agent="demo", run_id="order-1"))
    with pytest.raises(RunError) as caught:
        archive.go_on(archive.last("order-1"))
    assert str(caught.value) == (
        "The run 'order-1' goes on already, so there is nothing to resume. `result` gives what comes of it."
    )


def test_of_two_who_decide_the_second_is_told(archive):
    archive, engine = archive
    archive.submit(Part(agent="demo", run_id="order-1"))
    engine.cancel("order-1")
    last = archive.last("order-1")
    archive.go_on(last, decisions={"call_1": "true"})
    with pytest.raises(RunError) as caught:
        archive.go_on(last, decisions={"call_1": "false"})
    assert str(caught.value) == (
        "Somebody else has just gone on with the run 'order-1', and the decisions given here were not taken. `status` "
        "tells how it stands now."
    )


def test_parts_are_in_the_order_of_their_numbers_and_nothing_is_on_record_of_what_was_not_begun(archive):
    archive, engine = archive
    archive.submit(Part(agent="demo", run_id="order-1"))
    for _ in range(10):
        engine.cancel(archive.last("order-1").id)
        archive.go_on(archive.last("order-1"))
    assert archive.last("order-1").id == "order-1/11"
    assert archive.past(archive.last("order-1")) is None


@pytest.mark.parametrize("again", [False, True])
def test_who_takes_a_part_over_or_begins_the_next_one_cuts_off_what_is_below_and_reads_it_then(archive, again):
    archive, engine = archive
    engine.put_queue("q", concurrency=None, at_once=4, rate=None)
    left = threading.Event()

    def text(place, run_id):
        return f"{place} {Record(run_id, 'changed', place).to_json()}"

    async def perform(workflow, _):
        await write(text(1, "order-1"))
        await process.below("order-1/call_1", lambda: below(workflow))
        return ""

    async def below(workflow):
        await write(text(2, "order-1/call_1"))
        left.set()
        await asyncio.Event().wait()
        return ""

    async def write(text):
        async def body():
            return text

        await process.step("note", body)

    archive.submit(Part(agent="demo", run_id="order-1"))
    process.begin(engine, "worker", ["q"], perform)
    part = Part(agent="demo", run_id="order-1")
    try:
        assert left.wait(20)
        if again:  # whoever cancelled it was killed before it came to what is below
            engine.open().cancel_workflows(["order-1"])
            Archive(engine, "of nobody").go_on(archive.last("order-1"))  # else the worker here might begin it
            number, records, own = archive.take_over(replace(part, number=2))
            assert (number, own) == (0, [])
        else:
            number, before, own = archive.take_over(part)
            assert (number, before, [place for place, _ in own]) == (2, [], [1, 2])
            records = [record for _, record in own]
        assert [record.run_id for record in records] == ["order-1", "order-1/call_1"]
        (below_it,) = [step.below for step in engine.steps("order-1") if step.below]
        (entry,) = engine.entries(name=BELOW, workflow_ids=[below_it])
        assert (entry.status, entry.text) == ("CANCELLED", "order-1/call_1")
        assert archive.records("order-1", 2) == records
    finally:
        process.end()


def test_runs_whose_ids_differ_in_capital_letters_or_wildcards_are_others(archive):
    archive, engine = archive
    for run_id in ("order_1", "Order_1", "orderX1"):
        archive.submit(Part(agent="demo", run_id=run_id))
    engine.cancel("Order_1")
    archive.go_on(archive.last("Order_1"))
    assert [archive.last(one).id for one in ("order_1", "Order_1", "orderX1")] == ["order_1", "Order_1/2", "orderX1"]
