"""What a database of DBOS shows."""

from types import SimpleNamespace

from agentkit.durable.entry import Entry, Step, entry_of, step_of


def test_a_workflow_is_read_with_what_it_was_given_and_how_it_ended():
    listed = SimpleNamespace(
        workflow_id="order-1",
        status="SUCCESS",
        queue_name="q",
        executor_id="worker",
        input={"args": ("text",), "kwargs": {}},
        output="finished",
        error=None,
        created_at=1500,
        updated_at=2500,
    )
    assert entry_of(listed) == Entry("order-1", "SUCCESS", "q", "worker", "text", "finished", 1.5, 2.5)
    listed.error = ValueError("no")
    assert entry_of(listed).outcome == "no"
    bare = dict.fromkeys(vars(listed)) | {"workflow_id": "order-1", "status": "ENQUEUED"}
    assert entry_of(SimpleNamespace(**bare)) == Entry("order-1", "ENQUEUED", "", "", "", "", 0.0, 0.0)


def test_a_step_has_its_text_or_the_workflow_that_it_began():
    assert step_of({"function_id": 3, "output": "text", "child_workflow_id": None}) == Step(3, "text")
    assert step_of({"function_id": 3, "output": None, "child_workflow_id": None}) == Step(3)
    assert step_of({"function_id": 3, "output": "finished", "child_workflow_id": "a"}) == Step(3, "", "a")
