"""`agentkit decide` and `resume`: calls that wait and runs that ended, from the shell."""

import asyncio
import json

import pytest

from agentkit import Agent
from agentkit.cli.reference import load_value
from agentkit.durable import DurableAgent

pytest.importorskip("dbos")

SHOP = '''
from agentkit import Agent, Tool, tool
from agentkit.testing import ScriptedModel
from agentkit.testing.reply import call, calls

done = []


@tool(approval=True)
def pay(amount: int) -> str:
    """Pay."""
    done.append(amount)
    return f"paid {amount}"


scan = Tool.external("scan", "Scan.", {"type": "object", "properties": {}})
three = calls(call("pay", {"amount": 5}, id="a"), call("pay", {"amount": 6}, id="b"), call("scan", {}, id="c"))
agent = Agent(ScriptedModel([three, "Done."]), tools=[pay, scan], name="shop")
other = Agent("local", name="other")
'''

DB = ("--db", "runs.sqlite")


@pytest.fixture
def shop(run, here):
    """The program, with a run in the database that waits for three decisions."""
    (here / "shop.py").write_text(SHOP, encoding="utf-8")
    work("shop:agent", lambda durable: durable.run("Pay.", run_id="order-7"))
    return run


def work(name, act):
    """Be a worker of an agent until something is done."""
    agent = load_value(name, "agent")
    assert isinstance(agent, Agent)

    async def work():
        async with DurableAgent(agent, db="runs.sqlite") as durable:
            durable.serve()
            return await act(durable)

    return asyncio.run(work())


LISTED = "a pay(amount=5): waits for approval\nb pay(amount=6): waits for approval\nc scan(): waits for a result\n"
HOW = "Decide: agentkit decide shop:agent order-7 CALL --approve, --deny REASON or --give JSON\n"


def decide(run, *more, run_id="order-7", agent="shop:agent"):
    return run("decide", agent, run_id, *more, *DB)


def told(run_id="order-7"):
    """What the model was told of the calls, and what the run gave or still waits for."""
    result = work("shop:agent", lambda durable: durable.result(run_id))
    said = {one.tool_call_id: one.content for one in result.messages if one.role == "tool"}
    return said, [call.id for call in result.pending] or result.output


def test_calls_that_wait_are_listed_and_the_exit_code_says_so(shop):
    assert decide(shop) == (3, LISTED, HOW)
    code, out, err = decide(shop, "--json")
    assert (code, err) == (3, "")
    listed = json.loads(out)
    assert [(one["id"], one["name"], one["external"]) for one in listed] == [
        ("a", "pay", False),
        ("b", "pay", False),
        ("c", "scan", True),
    ]
    assert all(len(one["digest"]) == 64 for one in listed)


def test_each_call_is_decided_on_and_the_run_goes_on_at_a_worker(shop):
    assert decide(shop, "a", "--approve") == (
        0,
        "a pay(amount=5): approved\n",
        "b pay(amount=6): still waits for approval\nc scan(): still waits for a result\n",
    )
    assert told() == ({"a": "paid 5"}, ["b", "c"])
    assert decide(shop, "b", "--deny", "Too much.")[:2] == (0, "b pay(amount=6): denied\n")
    assert told()[1] == ["c"]
    assert decide(shop, "c", "--give", '{"pages": 2}') == (0, "c scan(): given\n", "")
    said, output = told()
    assert (said["c"], output) == ('{"pages":2}', "Done.")
    assert "Too much." in said["b"]
    assert load_value("shop:done", "list") == [5]
    assert decide(shop) == (
        1,
        "",
        "error: The run 'order-7' is finished, so none of its calls waits for a decision.\n",
    )
    assert shop("resume", "shop:agent", "order-7", *DB) == (
        1,
        "",
        "error: The run 'order-7' has finished, so there is nothing to resume. `result` gives what comes of it.\n",
    )


def test_all_that_need_approval_are_approved_at_once_and_the_others_still_wait(shop):
    assert decide(shop, "--approve-all") == (
        0,
        "a pay(amount=5): approved\nb pay(amount=6): approved\n",
        "c scan(): still waits for a result\n",
    )
    assert told()[1] == ["c"]
    assert decide(shop, "--approve-all") == (
        2,
        "",
        (
            "error: None of the calls of the run 'order-7' waits for approval alone: c for a result. "
            "Decide on each by its id.\n"
        ),
    )
    assert decide(shop, "c", "--deny", "")[0] == 0
    assert "The user declined this call." in told()[0]["c"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("a", "--approve", "--deny", "no"), "--approve and --deny are several decisions. Give one of them."),
        (("a", "--give", "1", "--json"), "--json lists the calls that wait, and --give decides. Give one of them."),
        (("a", "--approve-all"), "--approve-all is on every call, and 'a' is one. Write --approve."),
        (
            ("--approve",),
            (
                "--approve is on one call, and none is named. Write its id behind the run's; without an option those "
                "that wait are listed."
            ),
        ),
        (("a",), "Nothing is said of the call 'a'. Write --approve, --deny REASON or --give JSON."),
        (("d", "--approve"), "The run 'order-7' has no call 'd' that waits. Waiting: a, b, c."),
        (
            ("a", "--give", "paid"),
            (
                "--give 'paid' is no JSON: expected value at line 1 column 1. A text has quotes of its own: "
                "--give '\"done\"'."
            ),
        ),
    ],
)
def test_what_is_no_decision_is_refused_and_nothing_is_done(shop, more, said):
    assert decide(shop, *more) == (2, "", f"error: {said}\n")
    assert decide(shop)[1] == LISTED


def test_an_external_call_is_not_approved(shop):
    assert decide(shop, "c", "--approve") == (
        1,
        "",
        (
            "error: The call 'c' is of tool 'scan', which is carried out elsewhere: it cannot be approved. "
            "Give its result, `call.give(result)`, or deny it, `call.deny(reason)`.\n"
        ),
    )


def test_a_run_of_another_agent_is_refused(shop):
    said = "error: The run 'order-7' is of the agent 'shop', and 'other' is named. Name the one that it is of.\n"
    assert decide(shop, agent="shop:other") == (2, "", said)
    assert shop("resume", "shop:other", "order-7", *DB) == (2, "", said)


def test_a_run_that_is_not_there_is_an_error(shop, here):
    said = f"error: There is no run 'order-9' in the database {str(here / 'runs.sqlite')!r}. Submit it first.\n"
    assert decide(shop, run_id="order-9") == (1, "", said)
    assert shop("resume", "shop:agent", "order-9", *DB) == (1, "", said)


def test_a_run_that_waits_is_not_resumed_without_a_decision(shop):
    assert shop("resume", "shop:agent", "order-7", *DB) == (
        3,
        "",
        (
            "error: 3 calls wait for approval or a result: pay(amount=5), pay(amount=6), scan(). See them, and decide: "
            "agentkit decide MODULE:AGENT order-7.\n"
        ),
    )


def test_a_run_that_was_cancelled_goes_on_and_waits_again(shop):
    assert shop("cancel", "order-7", *DB) == (0, "", "")
    assert decide(shop) == (
        1,
        "",
        (
            "error: The run 'order-7' is cancelled, so none of its calls waits for a decision. `agentkit resume` goes "
            "on with it.\n"
        ),
    )
    assert shop("resume", "shop:agent", "order-7", *DB) == (0, "", "")
    assert told()[1] == ["a", "b", "c"]
    assert decide(shop)[1] == LISTED


def test_a_run_is_resumed_with_a_model_in_the_place_of_the_agents_own(shop):
    assert shop("cancel", "order-7", *DB) == (0, "", "")
    code, out, err = shop("resume", "shop:agent", "order-7", *DB, "--model", "nobody:model")
    assert (code, out) == (2, "")
    assert "nobody" in err
    assert shop("resume", "shop:agent", "order-7", *DB, "--model", "openai:gpt-4o-mini") == (0, "", "")
    assert json.loads(shop("status", "order-7", *DB, "--json")[1])["model"] == "openai:gpt-4o-mini"


def test_a_call_in_doubt_is_shown_with_what_is_known_and_not_approved_with_all(shop, monkeypatch):
    from agentkit.cli import decision
    from agentkit.state.decision import PendingCall

    lost = PendingCall("a", "pay", '{"amount":5}', unknown="It was begun, and nobody knows.")

    async def waiting(durable, run_id):
        return (lost,)

    monkeypatch.setattr(decision, "_waiting", waiting)
    assert decide(shop)[1] == (
        "a pay(amount=5): waits for a word on whether it was done (It was begun, and nobody knows.)\n"
    )
    assert decide(shop, "--approve-all")[2] == (
        "error: None of the calls of the run 'order-7' waits for approval alone: a for a word on whether it was done. "
        "Decide on each by its id.\n"
    )
