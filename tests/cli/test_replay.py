"""`agentkit replay`: recorded runs against the agent in a file."""

import json

import pytest

from agentkit.durable import Journal
from agentkit.testing import ScriptedModel, call

SHOP = """
from agentkit import Agent
from weather import get_weather

def said(context):
    return context.deps or "Be brief."

agent = Agent("openai:gpt-4o", tools=[get_weather], instructions="Be brief.")
kind = agent.replace(instructions="Be kind.\\x1b[31m")
dynamic = agent.replace(instructions=said)
deps = "Be kind."
number = 5

def make():
    return agent

def fail():
    raise KeyError("no")
"""


@pytest.fixture
def shop(here):
    (here / "shop.py").write_text(SHOP, encoding="utf-8")
    return here


@pytest.fixture
def journal(shop, run):
    from agentkit.cli.reference import load_agent

    model = ScriptedModel([call("get_weather", {"city": "Oslo"}, id="call_1"), "4 degrees"])
    journal = Journal("runs.db")
    journal.run_sync(load_agent("shop:agent"), "Weather?", run_id="order-42", model=model)
    journal.close()
    return run


SAME = "order-42 is the same: 2 turns and 1 call.\n"
OTHER = "order-42 diverges. Turn 1: the instructions differ.\n  recorded: Be brief.\n  today:    Be kind.\\u001b[31m\n"


@pytest.mark.parametrize("agent", ["shop:agent", "shop.py:agent", "shop:make", "shop:dynamic"])
def test_the_same_is_told_and_is_no_failure(journal, agent):
    assert journal("replay", "runs.db", "order-42", agent) == (0, SAME, "")


def test_the_first_difference_is_shown_without_what_a_terminal_would_obey(journal):
    assert journal("replay", "runs.db", "order-42", "shop:kind") == (1, OTHER, "")


def test_deps_are_given_to_functions_of_the_context(journal):
    code, out, _ = journal("replay", "runs.db", "order-42", "shop:dynamic", "--deps", "shop:deps")
    assert (code, out.splitlines()[-1]) == (1, "  today:    Be kind.")


def test_json_has_the_texts_whole(journal):
    code, out, _ = journal("replay", "runs.db", "order-42", "shop:kind", "--json")
    assert code == 1
    assert "\x1b" not in out
    assert json.loads(out) == {
        "run_id": "order-42",
        "same": False,
        "turns": 0,
        "calls": 0,
        "runs": 1,
        "divergence": {
            "run_id": "order-42",
            "turn": 1,
            "where": "instructions",
            "what": "the instructions differ.",
            "recorded": "Be brief.",
            "today": "Be kind.\x1b[31m",
        },
    }
    _, out, _ = journal("replay", "runs.db", "order-42", "shop:agent", "--json")
    assert json.loads(out) == {
        "run_id": "order-42",
        "same": True,
        "turns": 2,
        "calls": 1,
        "runs": 1,
        "divergence": None,
    }


LISTED = "All are listed by `agentkit runs runs.db`."
NAME = "Name an `Agent`, or a function of nothing that gives one."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("runs.db", "ordr-42", "shop:agent"),
            f"The journal 'runs.db' has no run 'ordr-42'. Close to it: order-42. {LISTED}",
        ),
        (
            ("run.db", "order-42", "shop:agent"),
            "There is no file 'run.db'. Close to it: runs.db, runs.db.lock.",
        ),
        (
            ("runs.db", "order-42", "shop"),
            "'shop' names no agent. Write module:agent or path/to/file.py:agent.",
        ),
        (("runs.db", "order-42", "shop:agnt"), "'shop' has no 'agnt'. Close to it: agent, Agent."),
        (
            ("runs.db", "order-42", "shop:number"),
            f"'shop:number' is a value of type int, which is no agent. {NAME}",
        ),
        (
            ("runs.db", "order-42", "shop:fail"),
            "'shop:fail' could not be imported: KeyError: 'no' (shop.py, line 18).",
        ),
        (
            ("runs.db", "order-42", "shop:agent", "--deps", "shop"),
            "'shop' names no deps. Write module:deps or path/to/file.py:deps.",
        ),
    ],
)
def test_what_is_not_there_is_said_and_nothing_is_compared(journal, arguments, said):
    assert journal("replay", *arguments) == (2, "", f"error: {said}\n")


@pytest.mark.parametrize("columns", ["30", "200"])
def test_lines_are_whole_on_terminals_of_any_width(journal, terminal, columns):
    with terminal("replay", "runs.db", "order-42", "shop:kind", COLUMNS=columns, NO_COLOR="1") as shown:
        assert shown.end() == 1
    assert shown.shown.replace("\r\n", "\n") == OTHER
