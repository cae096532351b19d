"""The file of a journal as commands name it."""

import pytest

from agentkit import Agent, errors
from agentkit.cli.journal import list_runs, records_of
from agentkit.durable import Journal
from agentkit.testing import ScriptedModel, call


@pytest.fixture
def file(tmp_path):
    model = ScriptedModel([call("low", {"prompt": "go"}, id="call_1"), "low is done", "done", "done"])
    low = Agent(model, name="low")
    journal = Journal(tmp_path / "runs.db")
    journal.run_sync(Agent(model, tools=[low.as_tool()]), "Go.", run_id="order-42")
    journal.run_sync(Agent(model), "Go.", run_id="order-43")
    journal.close()
    return str(tmp_path / "runs.db")


def test_runs_are_listed_the_last_first(file):
    assert [run.run_id for run in list_runs(file, 10, None)] == ["order-43", "order-42"]
    assert [run.run_id for run in list_runs(file, 1, "finished")] == ["order-43"]
    assert list_runs(file, 10, "paused") == ()


def test_a_run_has_its_records_and_those_below_it(file):
    assert {record.run_id for record in records_of(file, "order-42")} == {"order-42", "order-42/call_1"}
    assert {record.run_id for record in records_of(file, "order-42/call_1")} == {"order-42/call_1"}


@pytest.mark.parametrize(
    ("run_id", "close"),
    [("ordr-43", " Close to it: order-43, order-42."), ("x", ""), ("order-42/call", " Close to it: order-42/call_1")],
)
def test_a_run_that_is_not_there_is_told_with_those_that_are_close(file, run_id, close):
    with pytest.raises(errors.ConfigurationError) as caught:
        records_of(file, run_id)
    assert str(caught.value).startswith(f"The journal {file!r} has no run {run_id!r}.{close}")
    assert str(caught.value).endswith(f" All are listed by `agentkit runs {file}`.")


def test_a_file_that_is_not_there_is_not_made(file, tmp_path):
    with pytest.raises(errors.ConfigurationError) as caught:
        list_runs(f"{tmp_path}/run.db", 10, None)
    assert str(caught.value) == f"There is no file '{tmp_path}/run.db'. Close to it: {tmp_path}/runs.db."
    assert not (tmp_path / "run.db").exists()


def test_a_file_of_something_else_is_left_as_it_is(tmp_path):
    (tmp_path / "notes.db").write_text("notes, and nothing that a journal has")
    with pytest.raises(errors.ConfigurationError):
        list_runs(str(tmp_path / "notes.db"), 10, None)
    assert (tmp_path / "notes.db").read_text() == "notes, and nothing that a journal has"
