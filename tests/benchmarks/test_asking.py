"""The comparison of asking again works: agentkit's half runs here, the peers' halves in environments of their own."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_agentkit_takes_every_value_that_can_be_known_and_no_other():
    done = subprocess.run(
        [sys.executable, str(HERE / "asking.py"), "--only", "agentkit", "--runs", "0"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "The endpoint refused" not in done.stdout
    rows = [[cell.strip() for cell in line.split("|")[1:6]] for line in done.stdout.splitlines()[2:4]]
    assert rows == [["agentkit, tool", "14", "4", "0", "0"], ["agentkit, schema", "14", "4", "0", "0"]]


def test_the_peers_are_pinned():
    for path in (HERE / "peers").glob("*.txt"):
        assert all("==" in line for line in path.read_text().split()), path.name
