"""`agentkit chat`, from a pipe and on a terminal."""

import json
import stat

from agentkit import Agent
from agentkit.cli.chat import _Chat
from agentkit.testing import FakeEndpoint, Fault, call


def test_a_pipe_of_lines_is_a_conversation(program, reach):
    with FakeEndpoint(replies=["One.", "Two."]) as endpoint:
        done = program("chat", "-m", "openai:fake", stdin="first\n\nsecond\n", **reach(endpoint))
    assert (done.returncode, done.stdout, done.stderr) == (0, "One.\nTwo.\n", "")
    said = [(message["role"], message["content"]) for message in endpoint.requests[1].body["messages"]]
    assert said == [("user", "first"), ("assistant", "One."), ("user", "second")]


def test_reset_forgets_the_conversation(program, reach):
    with FakeEndpoint(replies=["One.", "Two."]) as endpoint:
        done = program("chat", "-m", "openai:fake", stdin="first\n/reset\nsecond\n", **reach(endpoint))
    assert done.stderr == "(forgotten)\n"
    assert len(endpoint.requests[1].body["messages"]) == 1


def test_save_writes_the_messages_for_the_user_only(program, reach):
    with FakeEndpoint(replies=["Grüße \x1b[31m"]) as endpoint:
        done = program("chat", "-m", "openai:fake", stdin="first\n/save said.json\n/quit\nsecond\n", **reach(endpoint))
    assert (done.returncode, done.stderr) == (0, "(saved 2 messages to said.json)\n")
    file = program.folder / "said.json"
    assert json.loads(file.read_text(encoding="utf-8"))[1] == {"role": "assistant", "content": "Grüße \x1b[31m"}
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


def test_slips_in_commands_are_told_and_the_chat_goes_on(program, reach):
    with FakeEndpoint(replies=["One."]) as endpoint:
        done = program(
            "chat", "-m", "openai:fake", stdin="/sav x\n/save\n/save no/such/file\nfirst\n", **reach(endpoint)
        )
    assert (done.returncode, done.stdout) == (0, "One.\n")
    assert done.stderr.splitlines() == [
        "error: There is no command /sav. /help lists them.",
        "error: /save needs the name of a file.",
        "error: no/such/file cannot be written: No such file or directory.",
    ]


def test_help_lists_the_commands(program, reach):
    with FakeEndpoint() as endpoint:
        done = program("chat", "-m", "openai:fake", stdin="/help\n", **reach(endpoint))
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["/help", "/reset", "/save", "/quit", "Ctrl-C"]


def test_an_error_is_one_line_and_the_chat_goes_on(program, reach):
    with FakeEndpoint(replies=[Fault.status(400), "Two."]) as endpoint:
        done = program("chat", "-m", "openai:fake", stdin="first\nsecond\n", **reach(endpoint))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "Two.\n", 1)
    assert done.stderr.startswith("error: ")
    assert [message["content"] for message in endpoint.requests[1].body["messages"]] == ["second"]


def test_a_call_that_waits_is_not_made_where_nobody_can_approve_it(program, reach):
    with FakeEndpoint(replies=[call("pay", {"amount": 5}), "I could not."]) as endpoint:
        done = program("chat", "-m", "openai:fake", "-t", "weather:pay", stdin="Pay 5\n", **reach(endpoint))
    assert done.stdout == "I could not.\n"
    assert endpoint.requests[1].body["messages"][-1]["content"] == "Not run: Nobody was there to approve this call."


def test_without_a_model_it_does_not_begin(program):
    done = program("chat", stdin="first\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No model is named.")


def test_a_terminal_shows_calls_streams_text_and_asks_for_approval(terminal):
    replies = [call("get_weather", {"city": "Oslo"}), "It is 4 degrees.", call("pay", {"amount": 5}), "Paid."]
    with (
        FakeEndpoint(replies=replies) as endpoint,
        terminal("chat", "-m", "openai:fake", "-t", "weather", endpoint=endpoint) as shown,
    ):
        shown.expect("Say something, or /help. Ctrl-C cancels an answer, Ctrl-D leaves.")
        shown.expect("> ")
        shown.type("Weather in Oslo?\n")
        shown.expect('-> get_weather(city="Oslo")')
        shown.expect("It is 4 degrees.")
        shown.expect("> ")
        shown.type("Pay 5\n")
        shown.expect("?? pay(amount=5)")
        shown.type("y\n")
        shown.expect("<- pay")
        shown.expect("Paid.")
        shown.expect("> ")
        shown.type("\x04")
        assert shown.end() == 0


def test_ctrl_c_cancels_the_answer_and_not_the_program(terminal):
    with (
        FakeEndpoint(replies=["word " * 2000, "Second."], chunk_delay=0.02) as endpoint,
        terminal("chat", "-m", "openai:fake", endpoint=endpoint) as shown,
    ):
        shown.expect("> ")
        shown.type("Talk\n")
        shown.expect("word word")
        shown.type("\x03")
        shown.expect("(cancelled)")
        shown.expect("> ")
        shown.type("Again\n")
        shown.expect("Second.")
        shown.expect("> ")
        shown.type("/quit\n")
        assert shown.end() == 0


def test_ctrl_c_at_the_prompt_drops_what_was_typed(monkeypatch, capsys):
    # Not on a terminal: a signal between the prompt and readline's wait is seen by CPython at the next key only.
    lines = iter([KeyboardInterrupt, "/reset", EOFError])

    def typed(_prompt):
        line = next(lines)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", typed)
    assert _Chat(Agent("unused:")).go_on() == 0
    assert capsys.readouterr().err == "(forgotten)\n"


def test_what_a_model_writes_cannot_steer_the_terminal(terminal):
    with (
        FakeEndpoint(replies=["a\x1b]0;title\x07b\u202ec"]) as endpoint,
        terminal("chat", "-m", "openai:fake", endpoint=endpoint) as shown,
    ):
        shown.expect("> ")
        shown.type("Hello\n")
        shown.expect("a]0;titlebc")
        shown.expect("> ")
        shown.type("\x04")
        assert shown.end() == 0
