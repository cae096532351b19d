"""The parts of a run in a database; see also `test_agent`."""

import pytest

from agentkit.durable.archive import Archive
from agentkit.durable.engine import Engine
from agentkit.durable.part import Part
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
        archive.go_on(archive.last("order-1"), {})
    assert str(caught.value) == (
        "The run 'order-1' goes on already, so there is nothing to resume. `result` gives what comes of it."
    )


def test_of_two_who_decide_the_second_is_told(archive):
    archive, engine = archive
    archive.submit(Part(agent="demo", run_id="order-1"))
    engine.cancel("order-1")
    last = archive.last("order-1")
    archive.go_on(last, {"call_1": "true"})
    with pytest.raises(RunError) as caught:
        archive.go_on(last, {"call_1": "false"})
    assert str(caught.value) == (
        "Somebody else has just gone on with the run 'order-1', and these decisions were not taken. `status` tells how "
        "it stands now."
    )


def test_parts_are_in_the_order_of_their_numbers_and_nothing_is_on_record_of_what_was_not_begun(archive):
    archive, engine = archive
    archive.submit(Part(agent="demo", run_id="order-1"))
    for _ in range(10):
        engine.cancel(archive.last("order-1").id)
        archive.go_on(archive.last("order-1"), {})
    assert archive.last("order-1").id == "order-1/11"
    assert archive.past(archive.last("order-1")) is None


def test_runs_whose_ids_differ_in_capital_letters_or_wildcards_are_others(archive):
    archive, engine = archive
    for run_id in ("order_1", "Order_1", "orderX1"):
        archive.submit(Part(agent="demo", run_id=run_id))
    engine.cancel("Order_1")
    archive.go_on(archive.last("Order_1"), {})
    assert [archive.last(one).id for one in ("order_1", "Order_1", "orderX1")] == ["order_1", "Order_1/2", "orderX1"]
