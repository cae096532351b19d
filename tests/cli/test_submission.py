"""`agentkit submit`, `status`, `result`, `cancel`; with a worker see `test_worker`."""

import asyncio
import json
from pathlib import Path

import pytest

from agentkit import Agent, errors, tool
from agentkit.durable import DurableAgent
from agentkit.testing import FakeEndpoint, ScriptedModel
from agentkit.testing.reply import call

pytest.importorskip("dbos")

SEE = "See them, and decide: agentkit decide MODULE:AGENT order-7."
SHOP = """
from agentkit import Agent

agent = Agent("local", name="shop")
"""


@pytest.fixture
def submit(run, here):
    (here / "shop.py").write_text(SHOP, encoding="utf-8")
    return lambda *more: run("submit", "shop:agent", "Ship it.", "--db", "runs.sqlite", *more)


def test_a_run_is_queued_until_a_worker_takes_it_and_can_be_cancelled(run, submit):
    assert submit("--run", "order-7") == (0, "order-7\n", "")
    code, out, _ = run("status", "order-7", "--db", "runs.sqlite", "--json")
    status = json.loads(out)
    assert (code, status["standing"], status["part"], status["worker"]) == (0, "queued", 1, "")
    assert run("cancel", "order-7", "--db", "runs.sqlite") == (0, "", "")
    code, out, _ = run("status", "order-7", "--db", "runs.sqlite")
    assert (code, out.startswith("cancelled, since 20"), out.endswith(" UTC\n")) == (0, True, True)
    assert run("result", "order-7", "--db", "runs.sqlite") == (
        1,
        "",
        "error: The run 'order-7' was cancelled. `resume` goes on with it.\n",
    )


def test_a_new_run_has_an_id_of_its_own_and_the_database_can_stand_in_the_environment(run, submit, monkeypatch):
    _, out, _ = submit()
    monkeypatch.setenv("AGENTKIT_DB", "runs.sqlite")
    assert run("status", out.strip())[1].startswith("queued, since ")


def test_a_run_is_submitted_with_a_model_that_the_worker_asks_in_the_place_of_the_agents_own(run, submit, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert submit("--run", "order-7", "--model", "openai:gpt-4o-mini") == (0, "order-7\n", "")
    _, out, _ = run("status", "order-7", "--db", "runs.sqlite", "--json")
    assert json.loads(out)["model"] == "openai:gpt-4o-mini"
    durable = DurableAgent(Agent("local", name="shop"), db="runs.sqlite")

    async def main():
        await asyncio.to_thread(durable.serve)
        result = await durable.result("order-7")
        await durable.aclose()
        return result

    with FakeEndpoint(replies=["shipped"]) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        assert asyncio.run(main()).output == "shipped"


def test_a_model_that_no_provider_has_is_refused_before_the_run_is_submitted(run, submit):
    code, out, err = submit("--run", "order-7", "--model", "nobody:model")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "nobody" in err
    assert not Path("runs.sqlite").exists()


def test_an_unknown_run_is_an_error(run, here, submit):
    submit()
    assert run("status", "order-9", "--db", "runs.sqlite") == (
        1,
        "",
        f"error: There is no run 'order-9' in the database {str(here / 'runs.sqlite')!r}. Submit it first.\n",
    )


@pytest.mark.parametrize("command", ["status", "result", "cancel", "decide shop:agent", "resume shop:agent"])
def test_a_database_that_is_not_there_is_not_made(run, here, submit, command):
    submit()
    before = sorted(here.iterdir())
    name, *agent = command.split()
    assert run(name, *agent, "order-9", "--db", "run.sqlite") == (
        2,
        "",
        (
            f"error: There is no database {str(here / 'run.sqlite')!r}. Close to it: {here / 'runs.sqlite'}. Name the "
            "one that the run was submitted to, by --db or AGENTKIT_DB.\n"
        ),
    )
    assert [one for one in sorted(here.iterdir()) if one.name != "__pycache__"] == [
        one for one in before if one.name != "__pycache__"
    ]


def test_a_run_that_waits_says_on_what(run, here):
    @tool(approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        return "paid"

    agent = Agent(ScriptedModel([call("pay", {"amount": 5})]), tools=[pay], name="shop")
    durable = DurableAgent(agent, db="runs.sqlite")
    durable.run_sync("go", run_id="order-7")
    asyncio.run(durable.aclose())
    assert run("result", "order-7", "--db", "runs.sqlite") == (
        3,
        "",
        f"error: 1 call waits for approval: pay(amount=5). {SEE}\n",
    )
    assert run("status", "order-7", "--db", "runs.sqlite")[1].startswith("paused at ")


def test_an_output_that_has_no_json_is_an_error_and_not_written_as_none(run, here):
    def thing(text: str):
        """Make something that only this process has."""
        return object()

    durable = DurableAgent(Agent(ScriptedModel(['{"text": "x"}']), output=thing, name="shop"), db="runs.sqlite")

    with pytest.raises(errors.RunError):
        durable.run_sync("go", run_id="order-7")
    asyncio.run(durable.aclose())
    assert run("result", "order-7", "--db", "runs.sqlite") == (
        1,
        "",
        (
            "error: The run 'order-7' has finished, and its output has no JSON, by which alone it comes from its "
            "worker. The last reply is in `error.state`. Let the output's function give text, numbers, lists, dicts, "
            "dataclasses or pydantic models.\n"
        ),
    )
