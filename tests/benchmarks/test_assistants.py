"""Our ten assistants do what the comparison says of them; the peers' run in environments of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "assistants" / "programs"
NAMES = sorted(path.stem for path in (PROGRAMS / "agentkit").glob("*.py"))
LIBRARIES = ("agentkit", "openai-agents", "pydantic-ai")

SAMPLE = '''"""What it is
for."""

import json

from library import (
    Agent,
    Runner,
)
from library.parts import tool


# a reason
@tool
def f(a: int) -> str:
    """Say it."""
    return f"""{a}
    is it"""  # two lines of code


print(json.dumps(Runner(Agent(f))))
'''


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    from assistants.count import measure

    yield measure
    for name in [name for name in sys.modules if name.split(".")[0] == "assistants"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", NAMES)
def test_our_program_does_what_the_assistant_must(name):
    done = subprocess.run(
        [sys.executable, str(HERE / "lines.py"), "--only", "agentkit", "--assistant", name],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "does not do it" not in done.stdout
    assert f"| **{name}**: " in done.stdout


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_has_every_assistant_and_tells_of_it_in_the_same_words(library):
    programs = {path.stem: path for path in (PROGRAMS / library).glob("*.py")}
    assert sorted(programs) == NAMES
    assert len(NAMES) == 10
    for name, path in programs.items():
        ours = (PROGRAMS / "agentkit" / f"{name}.py").read_text().splitlines()[0]
        assert path.read_text().splitlines()[0] == ours


def test_the_page_has_the_counts_that_the_programs_have(measure):
    page = (HERE.parents[1] / "docs" / "assistants.md").read_text(encoding="utf-8")
    head, *rows = [line for line in page.splitlines() if line.startswith(("| lines, tokens, names", "| **"))]
    columns = [cell.strip() for cell in head.split("|")[2:-1]]
    assert sorted(columns) == list(LIBRARIES)
    told = {row.split("**")[1]: [cell.strip() for cell in row.split("|")[2:-1]] for row in rows}
    packages = {"agentkit": ("agentkit",), "pydantic-ai": ("pydantic_ai",), "openai-agents": ("agents", "openai")}
    for name in NAMES:
        sizes = [
            measure((PROGRAMS / library / f"{name}.py").read_text(encoding="utf-8"), packages[library])
            for library in columns
        ]
        assert told[name] == [f"{size.lines}, {size.tokens}, {size.names}" for size in sizes], name
    assert set(told) == {*NAMES, "all"}


def test_lines_of_code_are_counted_without_blanks_comments_and_docstrings(measure):
    size = measure(SAMPLE, ("library",))
    assert size.lines == 1 + 4 + 1 + 4 + 1
    assert size.names == 3


def test_layout_and_explanations_change_no_count_of_tokens(measure):
    plain = "from library import Agent, Runner\nprint(Runner(Agent()))\n"
    laid = '"""Why."""\n\n# how\nfrom library import Agent, Runner\n\nprint(\n    Runner(Agent())  # what\n)\n'
    assert measure(plain, ()).tokens == measure(laid, ()).tokens == 15
    assert (measure(plain, ()).lines, measure(laid, ()).lines) == (2, 4)
