"""What the tests of the program share: a folder with tools, the program in a process of its own and in this one."""

import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentkit.cli import main

ROOT = Path(__file__).resolve().parents[2]

WEATHER = '''
"""Tools of the tests."""

from dataclasses import dataclass

from agentkit import Toolbox, tool


@dataclass
class Report:
    """A report."""

    city: str
    degrees: int


@tool
def get_weather(city: str) -> str:
    """Get the weather.

    Args:
        city: The city.
    """
    return f"{city}: 4 degrees"


@tool(approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


def plain(text: str) -> str:
    """Return a text."""
    return text


box = Toolbox([get_weather])
number = 5
'''


@dataclass(frozen=True)
class Program:
    """`python -m agentkit` in a folder, with an environment."""

    folder: Path
    environment: dict

    def __call__(self, *arguments, stdin=None, **environment):
        """Run it to its end; stdin, stdout and stderr are pipes of text."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def command(self, *arguments):
        return [sys.executable, "-m", "agentkit", *arguments]


def _bare_environment():
    taken = ("AGENTKIT_", "OPENAI_", "NO_COLOR", "FORCE_COLOR", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(taken)}
    return {**kept, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weather.py").write_text(WEATHER, encoding="utf-8")
    return tmp_path


@pytest.fixture
def program(folder):
    return Program(folder, _bare_environment())


@pytest.fixture
def here(folder, monkeypatch):
    """This process in the folder, with what is imported there forgotten afterwards."""
    known = set(sys.modules)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("AGENTKIT_MODEL", "AGENTKIT_DEBUG", "NO_COLOR", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    for name in set(sys.modules) - known:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder):
            del sys.modules[name]


@pytest.fixture
def run(here, capsys, monkeypatch):
    """The program in this process: exit code, stdout and stderr; `endpoint` answers for openai."""

    def run(*arguments, endpoint=None):
        if endpoint is not None:
            monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        capsys.readouterr()
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C typed there interrupts
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """The program on a pseudo terminal of its own: `expect` what it shows, `type` what a person types."""

    def __init__(self, program, arguments, environment):
        import pty

        self._master, slave = pty.openpty()
        self.shown = ""
        self._read = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *program.command(*arguments)],
            cwd=program.folder,
            env={**program.environment, "TERM": "xterm-256color", **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def expect(self, text):
        """Read until a text is shown, and go on behind it the next time."""
        while (place := self.shown.find(text, self._read)) < 0:
            piece = self._piece()
            assert piece, f"{text!r} was not shown: {self.shown[self._read :]!r}"
            self.shown += piece
        self._read = place + len(text)

    def _piece(self):
        ready, _, _ = select.select([self._master], [], [], 60)
        try:
            return os.read(self._master, 65536).decode(errors="replace") if ready else ""
        except OSError:  # what Linux says where the other end is closed
            return ""

    def type(self, text):
        os.write(self._master, text.encode())

    def end(self):
        """Read to the end and give the exit code."""
        while piece := self._piece():
            self.shown += piece
        return self.process.wait(60)


@pytest.fixture
def terminal(program):
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo terminals of this kind")

    def terminal(*arguments, endpoint=None, **environment):
        return Terminal(program, arguments, {**environment, **(reached(endpoint) if endpoint else {})})

    return terminal


def reached(endpoint):
    """The environment in which openai is the endpoint."""
    return {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "sk-of-the-tests"}


@pytest.fixture
def reach():
    return reached
