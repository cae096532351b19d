"""Where the commands write, and how an event looks."""

import io

import pytest

from agentkit.agent.event import (
    AttemptFailed,
    HandedOff,
    OutputAsked,
    Progress,
    RequestRetried,
    RunStarted,
    TextDelta,
    ToolCallReady,
    ToolResulted,
)
from agentkit.cli.screen import Screen, event_line


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


def test_lines_are_styled_on_a_terminal(terminal):
    Screen(terminal).line("hello", "green")
    assert terminal.getvalue() == "\x1b[32mhello\x1b[0m\n"


def test_lines_are_plain_in_a_pipe():
    pipe = io.StringIO()
    Screen(pipe).line("hello [bold]you[/bold] :smile: " + "x" * 300, "green")
    assert pipe.getvalue() == "hello [bold]you[/bold] :smile: " + "x" * 300 + "\n"


def test_lines_are_plain_under_no_color(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    Screen(terminal).line("hello", "bold green")
    assert terminal.getvalue() == "hello\n"


def test_force_color_does_not_colour_a_pipe(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    pipe = io.StringIO()
    Screen(pipe).line("hello", "green")
    assert pipe.getvalue() == "hello\n"


def test_lines_are_clean_everywhere(terminal):
    pipe = io.StringIO()
    for stream in (pipe, terminal):
        Screen(stream).line("a\x1b[2Jb\u202e")
    assert pipe.getvalue() == terminal.getvalue() == "a[2Jb\n"


def test_pieces_of_text_are_clean_on_a_terminal_and_whole_in_a_pipe(terminal):
    pipe = io.StringIO()
    for stream in (pipe, terminal):
        Screen(stream).write("a\x1b[2Jb\u202e")
    assert (pipe.getvalue(), terminal.getvalue()) == ("a\x1b[2Jb\u202e", "a[2Jb")


def test_a_line_after_a_piece_of_text_begins_anew():
    pipe = io.StringIO()
    screen = Screen(pipe)
    screen.write("a")
    screen.line("b")
    screen.write("c\n")
    screen.end_line()
    assert pipe.getvalue() == "a\nb\nc\n"


def test_events_of_calls_have_a_line():
    assert event_line(ToolCallReady("c1", "add", {"a": 1})) == ("-> add(a=1)", "cyan")
    assert event_line(ToolResulted("c1", "add", "3\n", "ok", 0.256)) == ("<- add 0.26 s: 3", "green")
    assert event_line(ToolResulted("c1", "add", "no", "error", 0)) == ("<- add 0.00 s: error: no", "yellow")
    assert event_line(Progress("c1", "add", {"done": 3})) == ('.. add: {"done":3}', "dim")
    assert event_line(Progress("c1", "add", "half")) == (".. add: half", "dim")


def test_events_of_trouble_have_a_line():
    retried = RequestRetried(1, "RateLimitError: slow down", 2.0)
    assert event_line(retried) == (".. RateLimitError: slow down; asking again in 2.0 s", "yellow")
    assert event_line(AttemptFailed("x", "no number")) == (".. no valid output, asking again: no number", "yellow")
    assert event_line(HandedOff("billing", "front")) == (".. billing goes on", "dim")
    assert event_line(OutputAsked("json")) == (".. asking for the output in the mode json", "dim")
    first = OutputAsked("native", tools_first=True)
    assert event_line(first) == (".. asking for the output in the mode native, once the tools are done", "dim")


def test_other_events_have_none():
    assert event_line(TextDelta("a")) is None
    assert event_line(RunStarted("r")) is None
