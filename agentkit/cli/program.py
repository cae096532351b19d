"""The program `agentkit`: its commands put together, and every way that one ends turned into an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from typing import Annotated, Any, Protocol, cast

import typer

from agentkit.cli.chat import ChatCommand
from agentkit.cli.decision import DecideCommand, ResumeCommand
from agentkit.cli.demo import DemoCommand
from agentkit.cli.doctor import DoctorCommand
from agentkit.cli.extract import ExtractCommand
from agentkit.cli.fault import error_line, exit_code
from agentkit.cli.replay import ReplayCommand
from agentkit.cli.run import RunCommand
from agentkit.cli.runs import RunsCommand
from agentkit.cli.schema import SchemaCommand
from agentkit.cli.submission import CancelCommand, ResultCommand, StatusCommand, SubmitCommand
from agentkit.cli.text import one_line
from agentkit.cli.worker import WorkerCommand

__all__ = ["main"]

_DONE, _FAILED, _USAGE, _INTERRUPTED = 0, 1, 2, 130

_USAGE_ERROR = cast("type[Exception]", typer.BadParameter.__mro__[1])  # typer has a copy of click and no name for it

_CODES = """\b
Exit codes:
  0    done
  1    the run failed: the endpoint, a limit, no valid output, some inputs; the demo: not proven; a replay: diverged
  2    the command line or the configuration: an option, a key, a model's name, tools
  3    the run waits for approval of calls, and there was no terminal to ask on
  130  interrupted by Ctrl-C

\b
Errors are one line on stderr; AGENTKIT_DEBUG=1 shows the traceback.
AGENTKIT_MODEL names the model where --model does not; NO_COLOR=1 takes colours off."""

_DEMO = """\b
Examples:
  agentkit demo
  agentkit demo --model openai:gpt-4o-mini"""

_RUN = """\b
Examples:
  agentkit run "What is 17 * 23?" --tools calculator.py --model openai:gpt-4o-mini
  agentkit run "Weather in Oslo?" -t weather:get_weather -m local --stream
  agentkit run - -m local --output invoice.py:Invoice < mail.txt
  agentkit run "Refund order 7" -t shop -m groq:llama-3.3-70b-versatile --json
  agentkit run "Refund order 7" -t shop -m openai:gpt-4o-mini --journal runs.db --run-id order-7"""

_CHAT = """\b
Examples:
  agentkit chat --model ollama:llama3.2
  agentkit chat --model openai:gpt-4o-mini --tools calculator.py
\b
In it: /help, /reset, /save FILE, /quit. Ctrl-C cancels the answer, Ctrl-D leaves."""

_EXTRACT = """\b
Examples:
  agentkit extract invoice.py:Invoice - -m local < mail.txt
  agentkit extract invoice:Invoice --in mails.jsonl --out invoices.jsonl -m openai:gpt-4o-mini
  agentkit extract person.json --in scans --out people.jsonl -m groq:llama-3.3-70b-versatile
  cat names.txt | agentkit extract person.json --in - -m ollama:llama3.2 > people.jsonl
\b
The same command goes on where an earlier one was stopped, and tries failed inputs again.
FILE.sqlite beside the outputs keeps what is finished, FILE.failed.jsonl tells what failed."""

_SCHEMA = """\b
Examples:
  agentkit schema weather
  agentkit schema tools/weather.py:get_weather --strict"""

_DOCTOR = """\b
Examples:
  agentkit doctor http://127.0.0.1:8080/v1 --model any
  agentkit doctor https://api.example.com/v1 -m small --key-variable EXAMPLE_KEY --output example.json
  agentkit doctor groq:llama-3.3-70b-versatile --json
\b
Exit codes: 0 all that agents need works; 1 some of it does not; 2 the endpoint gave no reply.
The bounds are shown beforehand; --requests, --tokens and --seconds tighten them."""

_RUNS = """\b
Examples:
  agentkit runs runs.db
  agentkit runs runs.db --status paused --json
  agentkit runs runs.db order-42"""

_REPLAY = """\b
Examples:
  agentkit replay runs.db order-42
  agentkit replay runs.db order-42 shop:agent
  agentkit replay runs.db order-42 shop.py:agent --deps shop.py:deps --json
\b
Exit codes: 0 today's agent does the same; 1 it does not, and the first difference is shown; 2 nothing was compared.
No model is asked and no tool is called. The agent's module is imported, and with it what stands at its top level:
the one that is named, else the one that the journal names, so replay journals of your own only."""


_WORKER = """\b
Examples:
  agentkit worker shop:agent --db runs.sqlite
  agentkit worker shop:orders shop:refunds --db postgresql://user@host/runs --concurrency 32
  agentkit worker shop:agent --queue slow --total 20 --rate 100/60
\b
It works until SIGTERM or Ctrl-C: then what has begun ends, and the runs go on elsewhere at once.
Start as many as you like, on as many machines; runs of one that is lost go on within the seconds of --lease."""

_SUBMIT = """\b
Examples:
  agentkit submit shop:agent "Refund order 7" --db runs.sqlite --run order-7
  agentkit submit shop:agent "Refund order 8" --db runs.sqlite --model openai:gpt-4o-mini
  agentkit status order-7 --db runs.sqlite
  agentkit result order-7 --db runs.sqlite
  agentkit decide shop:agent order-7 call_1 --approve --db runs.sqlite
  agentkit cancel order-7 --db runs.sqlite
  agentkit resume shop:agent order-7 --db runs.sqlite"""

_DECIDE = """\b
Examples:
  agentkit decide shop:agent order-7 --db runs.sqlite
  agentkit decide shop:agent order-7 call_1 --approve --db runs.sqlite
  agentkit decide shop:agent order-7 call_1 --deny "Too much." --db runs.sqlite
  agentkit decide shop:agent order-7 call_1 --give '{"refunded": 50}' --db runs.sqlite
\b
Exit codes: 0 it was decided, and the run goes on at a worker; 1 nothing waits; 2 no such call; 3 listed: these wait."""


class _Command(Protocol):
    def perform(self) -> int: ...


_app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,  # plain help, in a pipe too
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_CODES,
)
_app.command("demo", help="Show the main job on the embedded model: no key, no network.", epilog=_DEMO)(DemoCommand)
_app.command("run", help="Say one prompt to a model with tools and print the output.", epilog=_RUN)(RunCommand)
_app.command("chat", help="Talk with a model that has tools.", epilog=_CHAT)(ChatCommand)
_app.command("extract", help="Extract values of a type from one text or many inputs.", epilog=_EXTRACT)(ExtractCommand)
_app.command("schema", help="Print the JSON of tools exactly as it is sent.", epilog=_SCHEMA)(SchemaCommand)

_app.command("runs", help="List the runs of a journal, or show one of them.", epilog=_RUNS)(RunsCommand)
_app.command("replay", help="Compare a journal's run with what today's agent does.", epilog=_REPLAY)(ReplayCommand)
_app.command("worker", help="Carry out runs that were submitted, until told to stop.", epilog=_WORKER)(WorkerCommand)
_app.command("submit", help="Leave a run to a worker, and write its id.", epilog=_SUBMIT)(SubmitCommand)
_app.command("status", help="Tell how a submitted run stands.", epilog=_SUBMIT)(StatusCommand)
_app.command("result", help="Wait for a submitted run, and write its output as JSON.", epilog=_SUBMIT)(ResultCommand)
_app.command("cancel", help="Cancel a submitted run.", epilog=_SUBMIT)(CancelCommand)
_app.command("decide", help="Decide on calls of a submitted run that wait, or list them.", epilog=_DECIDE)(
    DecideCommand
)
_app.command("resume", help="Go on with a run that failed or was cancelled.", epilog=_SUBMIT)(ResumeCommand)
_app.command("doctor", help="Find out what an endpoint can do, and write its profile.", epilog=_DOCTOR)(DoctorCommand)


@_app.command("version", help="Print the version.")
def _version() -> None:
    try:
        number = version("agentkit-chat")
    except PackageNotFoundError:
        number = "(not installed)"
    typer.echo(f"agentkit {number}")


@_app.callback(
    invoke_without_command=True,
    help="Turn Python functions into tools and run agents against any Chat Completions endpoint.",
)
def _top(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        _version()
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and give its exit code; see `agentkit --help`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started it; its number must not become that of another file
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 # for good
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a lone surrogate of a model must not end the program
    try:
        return _perform(arguments)
    except BrokenPipeError:  # the reader has left, as `head` does
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing to flush at exit
        return _FAILED
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except _USAGE_ERROR as error:
        _say(f"error: {one_line(_usage_text(error), None)}")
        return _USAGE
    except Exception as error:
        if os.environ.get("AGENTKIT_DEBUG", "0") not in ("", "0"):
            raise
        _say(error_line(error))
        return exit_code(error)


def _perform(arguments: Sequence[str] | None) -> int:
    command: _Command | int | None = _app(arguments, prog_name="agentkit", standalone_mode=False)
    code = command if isinstance(command, int | None) else command.perform()
    sys.stdout.flush()
    return code or _DONE


def _usage_text(error: Exception) -> str:
    refused = cast("Any", error)  # of click, with its text and its command
    text: str = refused.format_message()
    context: Any = refused.ctx
    path: str = context.command_path if context else "agentkit"
    return f"{text.rstrip('.')}. See {path} --help."


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)
