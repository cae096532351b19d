"""`python tests/benchmarks/lines.py`: ten common assistants, each written for agentkit, pydantic-ai and openai-agents.

Each program is run against one scripted endpoint, which checks that all do the same, and its code is counted by one
rule. The programs are in `assistants/programs/`, what they must do is in `assistants/ten.py`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assistants.count import Size, measure
from assistants.scenario import Scenario
from assistants.ten import TEN
from environment import python_of

from agentkit.testing import FakeEndpoint

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
LIBRARIES = {
    "agentkit": ("agentkit",),
    "pydantic-ai": ("pydantic_ai",),
    "openai-agents": ("agents", "openai"),
}
"""Each library with the packages whose names are its own."""
_TIMEOUT = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One program: how much code it is, and what it did not do."""

    size: Size
    failure: str | None


def run(scenario: Scenario, library: str, python: str) -> str | None:
    """Run the processes of one program; tell what it did not do, None where it did all."""
    program = _HERE / "assistants" / "programs" / library / f"{scenario.name}.py"
    with tempfile.TemporaryDirectory() as folder, FakeEndpoint(replies=scenario, latency=scenario.latency) as endpoint:
        for arguments in scenario.steps:
            done = subprocess.run(
                [python, "-P", str(program), *arguments],
                cwd=folder,
                env=_environment(endpoint.base_url, library),
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
            if done.returncode:
                return done.stderr.strip()
            scenario.printed.append(json.loads(done.stdout.splitlines()[-1]))
            scenario.notes.append(done.stderr)
    if endpoint.refusals:
        return f"the endpoint refused: {endpoint.refusals[0]}"
    try:
        scenario.check()
    except AssertionError as error:
        failed = traceback.extract_tb(error.__traceback__)[-1].line
        return f"`{failed}` does not hold; printed {scenario.printed}, wrote {scenario.notes}"
    return None


def _environment(url: str, library: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "AGENTKIT_"))}
    own = {"PYTHONPATH": str(_ROOT)} if library == "agentkit" else {}
    asked = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-bench", "OPENAI_AGENTS_DISABLE_TRACING": "1"}
    return {**kept, "PYTHONPATH": "", **own, **asked}


def row(scenario: type[Scenario], library: str, python: str) -> Row:
    """Run and count one program."""
    source = (_HERE / "assistants" / "programs" / library / f"{scenario.name}.py").read_text(encoding="utf-8")
    return Row(measure(source, LIBRARIES[library]), run(scenario(), library, python))


def table(rows: dict[str, dict[str, Row]]) -> str:
    """Write lines of code, tokens and names as Markdown, with their sums."""
    libraries = list(next(iter(rows.values())))
    lines = [f"| lines, tokens, names | {' | '.join(libraries)} |", f"| --- |{' --- |' * len(libraries)}"]
    for scenario in TEN:
        if cells := rows.get(scenario.name):
            shown = [_cell(cells[library]) for library in libraries]
            lines.append(f"| **{scenario.name}**: {scenario.task} | {' | '.join(shown)} |")
    sums = []
    for library in libraries:
        sizes = [cells[library].size for cells in rows.values()]
        names = (sum(size.lines for size in sizes), sum(size.tokens for size in sizes), sum(one.names for one in sizes))
        sums.append(f"{names[0]}, {names[1]:,}, {names[2]}")
    return "\n".join([*lines, f"| **all** | {' | '.join(sums)} |"])


def _cell(one: Row) -> str:
    shown = f"{one.size.lines}, {one.size.tokens}, {one.size.names}"
    return shown if one.failure is None else f"{shown} (does not do it)"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and count all, print the table, and say what does not do what it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peers", type=Path, default=_ROOT / ".venv" / "peers", help="folder of the peers' environments"
    )
    parser.add_argument("--only", action="append", choices=LIBRARIES, help="one library; may be repeated")
    parser.add_argument("--assistant", action="append", choices=[one.name for one in TEN], help="one; may be repeated")
    options = parser.parse_args(arguments)
    pythons = {
        library: sys.executable if library == "agentkit" else python_of(library, options.peers)
        for library in options.only or LIBRARIES
    }
    rows = {
        scenario.name: {library: row(scenario, library, python) for library, python in pythons.items()}
        for scenario in TEN
        if not options.assistant or scenario.name in options.assistant
    }
    print(f"{table(rows)}\n\n{datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}")
    failures = [
        f"{name}, {library}: {one.failure}"
        for name, cells in rows.items()
        for library, one in cells.items()
        if one.failure
    ]
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
