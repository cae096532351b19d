"""`agentkit replay`: recorded runs against the agent in a file."""

import importlib.util
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agentkit import Agent
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


TOP = """
from agentkit.testing import ScriptedModel, call

low = Agent(ScriptedModel(["low is done"]), name="low")
top = Agent(ScriptedModel([call("low", {"prompt": "go"}, id="w"), "done"]), tools=[low.as_tool()])
"""

SCRIPT = """
from agentkit import Agent
from agentkit.durable import Journal
from agentkit.testing import ScriptedModel

agent = Agent(ScriptedModel(["done"]))

if __name__ == "__main__":
    Journal("runs.db").run_sync(agent, "Hi", run_id="order-42")
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
            "There is no file 'run.db'. Close to it: runs.db.",
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


def test_the_agent_is_found_where_the_journal_says_that_it_stands(journal):
    assert journal("replay", "runs.db", "order-42") == (0, SAME, "")


def test_a_run_below_another_one_has_its_own_agent(shop, run):
    (shop / "shop.py").write_text(SHOP + TOP, encoding="utf-8")
    from agentkit.cli.reference import load_agent

    journal = Journal("runs.db")
    journal.run_sync(load_agent("shop:top"), "Go.", run_id="order-43")
    journal.close()
    assert run("replay", "runs.db", "order-43") == (0, "order-43 is the same: 3 turns and 1 call in 2 runs.\n", "")
    assert run("replay", "runs.db", "order-43/w") == (0, "order-43/w is the same: 1 turn and 0 calls.\n", "")


def test_an_agent_of_a_script_is_found_by_its_file(program):
    (program.folder / "jobs").mkdir()
    (program.folder / "jobs" / "shop.py").write_text(SCRIPT, encoding="utf-8")
    ran = subprocess.run([sys.executable, "jobs/shop.py"], cwd=program.folder, env=program.environment, check=False)
    assert ran.returncode == 0
    done = program("replay", "runs.db", "order-42")
    assert (done.returncode, done.stdout, done.stderr) == (0, "order-42 is the same: 1 turn and 0 calls.\n", "")
    data = (program.folder / "runs.db").read_bytes()
    assert b'"source":"jobs/shop.py:agent"' in data
    assert str(program.folder).encode() not in data


ADVICE = "Name the agent of today: agentkit replay runs.db order-42 module:agent."


def test_an_agent_that_no_module_names_is_to_be_named(shop, run):
    journal = Journal("runs.db")
    journal.run_sync(Agent(ScriptedModel(["done"])), "Hi", run_id="order-42")
    journal.close()
    assert run("replay", "runs.db", "order-42") == (
        2,
        "",
        (
            "error: The journal does not say where the agent of run 'order-42' stands: it was no module's, or the run "
            f"is of an earlier release. {ADVICE}\n"
        ),
    )


def stands(source):
    """Say in the journal that the agent stood elsewhere."""
    with closing(sqlite3.connect("runs.db")) as file, file:
        (data,) = file.execute("SELECT data FROM record WHERE kind = 'begin'").fetchone()
        begin = json.dumps({**json.loads(data), "source": source})
        file.execute("UPDATE record SET data = ? WHERE kind = 'begin'", (begin,))


@pytest.fixture
def trapped(journal, shop, monkeypatch, tmp_path_factory):
    """The program in a folder with links out of it and with something installed in it, which nobody may import."""
    (shop / "broken.py").write_text("raise KeyError('no')\n", encoding="utf-8")
    (shop / "link.py").symlink_to("../elsewhere.py")
    (shop / "loop.py").symlink_to("loop.py")
    outside = tmp_path_factory.mktemp("outside")
    (outside / "shop.py").write_text("raise AssertionError\n", encoding="utf-8")
    (shop / "linked").symlink_to(outside)
    site = shop / ".venv" / "site-packages"
    site.mkdir(parents=True)
    (site / "installed.py").write_text("raise AssertionError\n", encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    return journal


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("gone:agent", "There is no module 'gone', neither installed nor in this folder."),
        ("old/shop.py:agent", "There is no file 'old/shop.py'."),
        ("shop:agnt", "'shop' has no 'agnt'. Close to it: agent, Agent."),
        ("broken:agent", "'broken' could not be imported: KeyError: 'no' (broken.py, line 1)."),
        ("shop:number", "'shop:number' is a value of type int, which is no agent."),
        ("shop:make", "'shop:make' is a value of type function, which is no agent."),
        *(
            (source, "That is neither a name in a module nor one in a file below this folder.")
            for source in (
                "../shop.py:agent",
                "/tmp/shop.py:agent",
                "link.py:agent",
                "loop.py:agent",
                "a/../../shop.py:agent",
                ".venv/lib/python3.13/site-packages/shop.py:agent",
                "C:\\shop.py:agent",
                "a\0b.py:agent",
                "a/b:agent",
                "shop",
                "shop.py",
                "",
                "a-b:agent",
                ".shop:agent",
                "shop:a b",
                "shop:agent.__class__",
            )
        ),
        *(
            (f"{module}:agent", f"The module {module!r} is not in this folder, and only what is there is imported.")
            for module in ("os", "this", "pip.__main__", "agentkit.agent", "__main__", "installed", "linked.shop")
        ),
        ("shop.inner:agent", "There is no module 'shop.inner', neither installed nor in this folder."),
    ],
)
def test_an_agent_that_is_not_where_the_journal_says_is_told_and_nothing_is_imported(trapped, source, why):
    stands(source)
    assert trapped("replay", "runs.db", "order-42") == (
        2,
        "",
        (
            f"error: The journal says that the agent of run 'order-42' is {source!r}, and that gives none. "
            f"{why} {ADVICE}\n"
        ),
    )
    assert trapped("replay", "runs.db", "order-42", "shop:agent") == (0, SAME, "")


def test_a_name_that_is_too_long_for_a_file_is_shown_in_part(journal):
    stands(f"{'x' * 5000}.py:agent")
    _, _, err = journal("replay", "runs.db", "order-42")
    said, why = f"is '{'x' * 199}, and that gives none.", f"There is no file '{'x' * 199}."
    assert err == f"error: The journal says that the agent of run 'order-42' {said} {why} {ADVICE}\n"


@pytest.mark.parametrize("root", ["/", sys.base_prefix])
def test_python_itself_is_not_below_a_folder_that_holds_it(journal, shop, monkeypatch, root):
    stands(f"{Path(this_file()).relative_to(root).as_posix()}:s")
    (shop / "runs.db").rename(shop / "old.db")
    monkeypatch.chdir(root)
    _, out, err = journal("replay", str(shop / "old.db"), "order-42")
    assert out == ""
    assert "That is neither a name in a module nor one in a file below this folder. Name the agent of today" in err


def this_file():
    return importlib.util.find_spec("this").origin


@pytest.mark.parametrize("columns", ["30", "200"])
def test_lines_are_whole_on_terminals_of_any_width(journal, terminal, columns):
    with terminal("replay", "runs.db", "order-42", "shop:kind", COLUMNS=columns, NO_COLOR="1") as shown:
        assert shown.end() == 1
    assert shown.shown.replace("\r\n", "\n") == OTHER
