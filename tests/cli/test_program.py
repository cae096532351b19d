"""The program as a whole: help, versions, errors on one line, exit codes."""

import re
import shlex
import subprocess
import sys
from importlib.metadata import version

import pytest

from agentkit.testing import FakeEndpoint

OPTIONS = {
    "demo": ["--model"],
    "run": [
        *("--tools", "--model", "--instructions", "--output", "--max-turns", "--json", "--stream", "--verbose"),
        "PROMPT",
    ],
    "chat": ["--tools", "--model", "--instructions", "--max-turns"],
    "extract": [
        *("TYPE", "TEXT", "--in", "--out", "--model", "--instructions", "--field", "--mode", "--retries"),
        *("--concurrency", "--max-tokens-total", "--limit", "--fresh"),
    ],
    "worker": ["MODULE:AGENT...", "--db", "--queue", "--concurrency", "--total", "--rate", "--lease", "--grace"],
    "submit": ["MODULE:AGENT", "PROMPT", "--db", "--queue", "--run", "--model"],
    "status": ["RUN", "--db", "--json"],
    "result": ["RUN", "--db"],
    "cancel": ["RUN", "--db"],
    "decide": [
        *("MODULE:AGENT", "RUN", "CALL", "--db", "--queue", "--approve", "--approve-all", "--deny", "--give", "--json"),
    ],
    "resume": ["MODULE:AGENT", "RUN", "--db", "--queue"],
    "runs": ["FILE", "RUN", "--status", "--limit", "--json"],
    "replay": ["FILE", "RUN", "MODULE:AGENT", "--deps", "--json"],
    "schema": ["--compact", "--strict", "MODULE[:NAME]"],
    "version": [],
}


@pytest.mark.parametrize(("command", "options"), OPTIONS.items())
def test_help_of_a_command_mentions_each_option_and_gives_examples(run, command, options):
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert [option for option in ["--help", *options] if option not in out] == []
    assert ("Examples:" in out) == (command != "version")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_commands_and_exit_codes(run, arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert [command for command in OPTIONS if not re.search(rf"^  {command} ", out, re.MULTILINE)] == []
    assert re.findall(r"^    (\d+) ", out, re.MULTILINE) == ["0", "1", "2", "3", "130"]


def test_every_option_of_the_commands_has_a_help_text(run):
    for command in OPTIONS:
        _, out, _ = run(command, "--help")
        bare = [line for line in out.splitlines() if re.fullmatch(r"\s+(-\w, )?--[\w-]+( [^a-z ]+)?\s*", line)]
        following = [out.splitlines()[out.splitlines().index(line) + 1] for line in bare]
        assert all(re.match(r"\s{10,}\S", line) for line in following), (command, bare)


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_version_is_that_of_the_distribution(run, arguments):
    assert run(*arguments) == (0, f"agentkit {version('agentkit-chat')}\n", "")


def test_the_program_runs_as_a_module_and_plain_in_a_pipe(program):
    done = program("--help", FORCE_COLOR="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: agentkit [OPTIONS] COMMAND [ARGS]...\n")
    assert "\x1b" not in done.stdout
    assert "─" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "start", "end"),
    [
        (["rnu"], "error: No such command 'rnu'", "See agentkit --help.\n"),
        (["run", "x", "--modle", "y"], "error: No such option: --modle", "See agentkit run --help.\n"),
        (["run"], "error: Missing argument 'PROMPT'", "See agentkit run --help.\n"),
        (["run", "x", "--max-turns", "0"], "error: Invalid value for '--max-turns'", "See agentkit run --help.\n"),
    ],
)
def test_a_slip_on_the_command_line_is_one_line_and_two(run, arguments, start, end):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(start)
    assert err.endswith(end)


def test_tools_that_cannot_be_loaded_are_one_line_and_two(program):
    done = program("schema", "wether")
    text = "error: There is no module 'wether', neither installed nor in this folder. Close to it: weather.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", text)


def test_a_missing_key_is_two(program):
    done = program("run", "Hello", "--model", "openai:gpt-4o-mini")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: No key for 'openai': set OPENAI_API_KEY.")


def test_an_unexpected_error_is_one_line_without_a_traceback(run, here):
    (here / "odd.py").write_text(
        "class Odd:\n    def __call__(self): ...\n    __name__ = property(lambda self: 1 / 0)\nodd = Odd()\n"
    )
    code, out, err = run("schema", "odd:odd")
    text = "error: ZeroDivisionError: division by zero. Set AGENTKIT_DEBUG=1 to see the traceback.\n"
    assert (code, out, err) == (1, "", text)


def test_debug_shows_the_traceback(program):
    done = program("schema", "wether", AGENTKIT_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr


@pytest.mark.parametrize("library", ["typer", "rich"])
def test_without_the_extra_one_line_says_how_to_install_it(program, library):
    script = f"import sys; sys.modules[{library!r}] = None; from agentkit.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, "demo"],
        cwd=program.folder,
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    text = "error: The command line needs the extra `cli`: pip install 'agentkit-chat[cli]'.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", text)


def test_a_lone_surrogate_of_a_model_does_not_end_the_program(program, reach):
    message = b'{"role":"assistant","content":"a\\ud800b"}'
    reply = b'{"id":"1","choices":[{"index":0,"message":' + message + b',"finish_reason":"stop"}]}'
    with FakeEndpoint(replies=[reply]) as endpoint:
        done = program("run", "Hello", "-m", "openai:fake", **reach(endpoint))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no way to say so")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_do_not_end_the_program(program, reach, closed):
    with FakeEndpoint(replies=['{"city": "Oslo", "degrees": 4}']) as endpoint:
        arguments = ("extract", "weather:Report", "--in", "d.txt", "--out", "out.jsonl", "-m", "openai:fake")
        command = f"{shlex.join(program.command(*arguments))} {closed}"
        (program.folder / "d.txt").write_text("Oslo")
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=program.folder, env={**program.environment, **reach(endpoint)}, check=False
        )
    assert done.returncode == 0
    assert (program.folder / "out.jsonl").read_text() == '{"id":"d.txt","output":{"city":"Oslo","degrees":4}}\n'
