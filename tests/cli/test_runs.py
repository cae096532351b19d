"""`agentkit runs`: what a journal has."""

import asyncio
import json
import re
import sqlite3
import threading
from contextlib import closing

import pytest

from agentkit import Agent, RunLimits, Settings, errors, tool
from agentkit.durable import Journal
from agentkit.testing import ScriptedModel, call, calls


@tool
def look(city: str) -> str:
    """Look."""
    return f"{city}: 4 degrees\x1b[31m"


@tool(approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture
def journal(here, run):
    journal = Journal("runs.db")
    both = calls(call("look", {"city": "Oslo"}, id="call_1"), call("pay", {"amount": 3}, id="call_2"))
    agent = Agent(ScriptedModel([both, "done"]), name="shop", tools=[look, pay])
    journal.run_sync(agent, "Weather\x1b[2J\nin Oslo?", run_id="order-42")
    journal.run_sync(Agent(ScriptedModel(["done"])), "Hi", run_id="order-43")
    journal.close()
    return run


def listed(*rows):
    return "".join("\t".join(row) + "\n" for row in rows)


HEAD = ("run", "status", "agent", "turns", "began", "changed", "prompt")


def test_runs_are_listed_the_last_first(journal):
    code, out, err = journal("runs", "runs.db")
    assert (code, err) == (0, "")
    assert TIME.sub("T", out) == listed(
        HEAD,
        ("order-43", "finished", "-", "1", "T", "T", "Hi"),
        ("order-42", "paused", "shop", "1", "T", "T", "Weather[2J in Oslo?"),
    )


def test_the_list_can_be_narrowed(journal):
    _, out, _ = journal("runs", "runs.db", "--status", "paused")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["run", "order-42"]
    _, out, _ = journal("runs", "runs.db", "--limit", "1")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["run", "order-43"]
    assert journal("runs", "runs.db", "--status", "failed") == (0, "No runs.\n", "")


def test_the_list_as_json(journal):
    _, out, _ = journal("runs", "runs.db", "--json")
    found = json.loads(out)
    assert [run["run_id"] for run in found] == ["order-43", "order-42"]
    assert found[1]["prompt"] == "Weather\x1b[2J in Oslo?"
    assert "\x1b" not in out


def test_one_run_is_shown_record_by_record(journal):
    code, out, _ = journal("runs", "runs.db", "order-42")
    assert code == 0
    head, waits, _, *rows = TIME.sub("T", out).splitlines()
    assert re.sub(r"[\d,]+ tokens", "N tokens", head) == (
        "order-42: paused, agent shop, 1 turn, N tokens, began T, changed T (UTC)"
    )
    assert waits == "waits: call_2 pay(amount=3)"
    cells = [row.split("\t") for row in rows]
    assert {(row[0], row[1]) for row in cells} == {("T", ".")}
    shown = {row[3]: row[4] for row in cells}
    assert [row[3] for row in cells][:3] == ["begin", "asking", "replied"]
    assert cells[-1][3] == "paused"
    assert shown["begin"] == "Weather[2J in Oslo?"
    assert shown["replied"] == 'look(city="Oslo") pay(amount=3)'
    assert shown["calling"] == 'call_1 look(city="Oslo")'
    assert shown["answered"] == "call_1 ok: Oslo: 4 degrees[31m"


def test_what_was_decided_given_out_and_what_failed_is_shown(journal):
    journal_file = Journal("runs.db")
    agent = Agent(ScriptedModel(["bye"]), name="shop", tools=[look, pay])
    journal_file.resume_sync(agent, "order-42", decisions={"call_2": False})
    few = Agent(ScriptedModel(["three", "three", "three"]), output=int)
    with pytest.raises(Exception, match="No valid output"):
        journal_file.run_sync(few, "How many?", run_id="order-44")
    journal_file.close()
    _, out, _ = journal("runs", "runs.db", "order-42")
    rows = [line.split("\t")[3:] for line in out.splitlines()[1:]]
    assert ["decided", "call_2 deny"] in rows
    assert ["finished", '"bye"'] in rows
    _, out, _ = journal("runs", "runs.db", "order-44")
    kind, what = out.splitlines()[-1].split("\t")[3:]
    assert (kind, what.startswith("OutputError: No valid output after 3 attempts.")) == ("failed", True)


def test_one_run_as_json(journal):
    _, out, _ = journal("runs", "runs.db", "order-42", "--json")
    found = json.loads(out)
    records = found.pop("records")
    told = ("run_id", "status", "agent", "turns", "pending", "doubtful", "timed_out")
    assert {name: found[name] for name in told} == {
        "run_id": "order-42",
        "status": "paused",
        "agent": "shop",
        "turns": 1,
        "pending": ["call_2"],
        "doubtful": [],
        "timed_out": [],
    }
    assert records[0]["kind"] == "begin"
    assert records[0]["data"]["agent"]["name"] == "shop"


@pytest.mark.parametrize("columns", ["40", "160"])
def test_tables_fit_the_terminal(journal, terminal, columns):
    with terminal("runs", "runs.db", COLUMNS=columns, NO_COLOR="1") as shown:
        assert shown.end() == 0
    lines = shown.shown.replace("\r\n", "\n").splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert "\x1b" not in shown.shown
    if columns == "160":
        assert "order-42" in lines[2]


def test_a_run_that_is_not_there_is_an_error(journal):
    assert journal("runs", "runs.db", "order-4")[0] == 2


def test_what_a_run_goes_on_with_of_its_own_is_shown(here, run):
    journal, agent = Journal("runs.db"), Agent(ScriptedModel([errors.InternalServerError("Down.")] * 3))
    for given in ({}, {"settings": Settings(seed=3), "limits": RunLimits(turns=3)}, {}):
        with pytest.raises(errors.InternalServerError):
            journal.run_sync(agent, "Hi", run_id="order-44", **given)
    journal.close()
    _, out, _ = run("runs", "runs.db", "order-44")
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[4] for row in rows if row[3:4] == ["decided"]] == [
        "goes on with settings and limits of its own",
        "goes on with nothing of its own",
    ]


@pytest.mark.parametrize("handled", [False, True])
def test_a_call_that_ran_out_of_time_is_marked_for_its_thread_may_go_on(here, run, handled):
    gate = threading.Event()

    @tool(timeout=0.01)
    def ship(number: int) -> str:
        """Ship."""
        gate.wait()
        return f"shipped {number}"

    model = ScriptedModel([call("ship", {"number": 7}, id="s"), "low is done"])
    handling = {"on_tool_error": lambda call, error: "It took too long."} if handled else {}
    low = Agent(model, name="low", tools=[ship], **handling)
    agent = Agent(ScriptedModel([call("low", {"prompt": "go"}, id="w"), "done"]), tools=[low.as_tool()])
    journal = Journal("runs.db")
    journal.run_sync(agent, "Hi", run_id="order-44")
    journal.close()
    gate.set()
    told = (
        "It took too long."
        if handled
        else (
            "The tool failed. Tool 'ship' did not end within 0.01 s. Its thread was left running: its effect may still "
            "happen."
        )
    )
    _, out, _ = run("runs", "runs.db", "order-44")
    assert out.splitlines()[1] == "timed out, may still happen: w/s ship(number=7)"
    rows = [line.split("\t") for line in out.splitlines()[3:]]
    assert [row[4] for row in rows if row[3] == "answered"] == [
        f"s timed out, may still happen: {told}",
        "w ok: low is done",
    ]
    _, out, _ = run("runs", "runs.db", "order-44", "--json")
    assert json.loads(out)["timed_out"] == ["w/s"]
    _, out, _ = run("runs", "runs.db", "order-44/w", "--json")
    assert json.loads(out)["timed_out"] == ["s"]


def test_what_was_begun_and_has_no_outcome_is_shown_by_the_id_to_decide_on(here, run):
    @tool
    async def stop() -> str:
        """Have the run cut off, as by a crash."""
        asyncio.current_task().cancel()
        return await asyncio.sleep(0, "")

    low = Agent(ScriptedModel([call("stop", id="s")]), name="low", tools=[stop])
    agent = Agent(ScriptedModel([call("low", {"prompt": "go"}, id="w")]), tools=[low.as_tool()])
    journal = Journal("runs.db")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(journal.run(agent, "Hi", run_id="order-44"))
    journal.close()
    _, out, _ = run("runs", "runs.db", "order-44")
    assert "begun, no outcome: w/s stop()\n" in out
    _, out, _ = run("runs", "runs.db", "order-44", "--json")
    assert json.loads(out)["doubtful"] == ["w/s"]


def test_times_names_and_replies_that_another_hand_wrote_are_shown_as_far_as_they_can_be(journal):
    with closing(sqlite3.connect("runs.db")) as file, file:
        file.execute("UPDATE run SET began = 1e300 WHERE id = 'order-43'")
        file.execute("UPDATE record SET data = replace(data, '\"name\":null', '\"name\":[1]') WHERE kind = 'begin'")
        (data,) = file.execute("SELECT data FROM record WHERE kind = 'replied' AND run_id = 'order-43'").fetchone()
        reply = json.loads(data)
        reply["completion"]["choices"][0]["message"] |= {"content": None, "tool_calls": [{"id": "x"}]}
        file.execute("UPDATE record SET data = ? WHERE kind = 'replied' AND run_id = 'order-43'", (json.dumps(reply),))
    code, out, err = journal("runs", "runs.db")
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split("\t")[4] == "1e+300"
    code, out, err = journal("runs", "runs.db", "order-43")
    assert (code, err) == (0, "")
    assert out.splitlines()[4].split("\t")[3:] == ["replied", "()"]
