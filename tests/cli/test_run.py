"""`agentkit run`: one prompt to one output."""

import json
import re
import signal
import subprocess

import pytest

from agentkit.testing import FakeEndpoint, Fault, call, calls

WEATHER = call("get_weather", {"city": "Oslo"})


def test_the_text_is_on_stdout_and_nothing_else_is_said_in_a_pipe(run):
    with FakeEndpoint(replies=[WEATHER, "It is 4 degrees."]) as endpoint:
        said = run("run", "Weather?", "--tools", "weather:get_weather", "-m", "openai:fake", endpoint=endpoint)
    assert said == (0, "It is 4 degrees.\n", "")


def test_the_program_itself_runs_a_prompt_from_stdin_with_tools_of_a_file(program, reach):
    with FakeEndpoint(replies=[WEATHER, "It is 4 degrees."]) as endpoint:
        done = program(
            "run", "-", "--tools", "weather.py", "--verbose", stdin="Weather\nin Oslo?", AGENTKIT_MODEL="openai:fake",
            **reach(endpoint),
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "It is 4 degrees.\n")
    assert endpoint.requests[0].body["messages"] == [{"role": "user", "content": "Weather\nin Oslo?"}]
    first, second = done.stderr.splitlines()
    assert first == '-> get_weather(city="Oslo")'
    assert re.fullmatch(r"<- get_weather \d+\.\d+ s: Oslo: 4 degrees", second)


def test_calls_are_shown_on_a_terminal(terminal):
    with FakeEndpoint(replies=[WEATHER, "It is 4 degrees."]) as endpoint:
        arguments = ("run", "Weather?", "-t", "weather:get_weather", "-m", "openai:fake")
        with terminal(*arguments, endpoint=endpoint) as shown:
            shown.expect('\x1b[36m-> get_weather(city="Oslo")\x1b[0m')
            shown.expect("It is 4 degrees.")
            assert shown.end() == 0


def test_no_color_takes_every_escape_code_off_a_terminal(terminal):
    with FakeEndpoint(replies=[WEATHER, "It is \x1b[31m4\x1b[0m degrees."]) as endpoint:
        arguments = ("run", "Weather?", "-t", "weather:get_weather", "-m", "openai:fake")
        with terminal(*arguments, endpoint=endpoint, NO_COLOR="1") as shown:
            assert shown.end() == 0
    assert "\x1b" not in shown.shown
    assert "It is [31m4[0m degrees." in shown.shown


def test_json_is_one_document(run):
    with FakeEndpoint(replies=[WEATHER, "It is 4 degrees."]) as endpoint:
        code, out, err = run("run", "Weather?", "-t", "weather", "-m", "openai:fake", "--json", endpoint=endpoint)
    document = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert list(document) == ["output", "messages", "usage", "finish_reason", "turns", "run_id", "pending"]
    assert document["output"] == "It is 4 degrees."
    assert [message["role"] for message in document["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert (document["turns"], document["finish_reason"], document["pending"]) == (2, "stop", [])
    assert document["usage"]["total_tokens"] > 0


def test_stream_prints_the_text_of_every_reply_once(run):
    replies = [calls(WEATHER, content="Let me look."), "It is\n4 degrees."]
    with FakeEndpoint(replies=replies) as endpoint:
        said = run("run", "Weather?", "-t", "weather", "-m", "openai:fake", "--stream", endpoint=endpoint)
    assert said == (0, "Let me look.\nIt is\n4 degrees.\n", "")


def test_stream_with_json_prints_the_events_as_lines(run):
    with FakeEndpoint(replies=[WEATHER, "It is 4 degrees."]) as endpoint:
        arguments = ("run", "Weather?", "-t", "weather", "-m", "openai:fake", "--stream", "--json")
        code, out, _ = run(*arguments, endpoint=endpoint)
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert (events[0]["type"], events[-1]["type"]) == ("run_started", "run_ended")
    assert [event["arguments"] for event in events if event["type"] == "tool_call_ready"] == [{"city": "Oslo"}]
    assert [event["output"] for event in events if event["type"] == "output"] == ["It is 4 degrees."]
    assert "".join(event["text"] for event in events if event["type"] == "text_delta") == "It is 4 degrees."


def test_a_typed_output_is_printed_as_json(run):
    with FakeEndpoint(replies=['{"city": "Oslo", "degrees": 4}']) as endpoint:
        arguments = ("run", "4 in Oslo", "--output", "weather:Report", "-m", "openai:fake", "--stream")
        said = run(*arguments, endpoint=endpoint)
    assert said == (0, '{"city":"Oslo","degrees":4}\n', "")


def test_instructions_are_sent_first(run):
    with FakeEndpoint(replies=["Hi."]) as endpoint:
        run("run", "Hello", "--instructions", "Be brief.", "-m", "openai:fake", endpoint=endpoint)
    assert endpoint.requests[0].body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_text_in_a_pipe_is_left_as_the_model_wrote_it(run):
    with FakeEndpoint(replies=["a\x1b[31mb\u202ec"]) as endpoint:
        said = run("run", "Hello", "-m", "openai:fake", endpoint=endpoint)
    assert said == (0, "a\x1b[31mb\u202ec\n", "")


def test_a_call_that_waits_ends_with_three_where_nobody_can_be_asked(run):
    with FakeEndpoint(replies=[call("pay", {"amount": 5})]) as endpoint:
        said = run("run", "Pay 5", "-t", "weather:pay", "-m", "openai:fake", endpoint=endpoint)
    assert said == (
        3,
        "",
        (
            "error: 1 call waits for approval and there is no terminal to ask on: pay(amount=5). "
            "Run it in a terminal, or resume it from Python: with --json the document holds the state.\n"
        ),
    )


def test_json_of_a_run_that_waits_holds_the_state_to_resume_from(run):
    from agentkit import Agent, RunState, tool
    from agentkit.state import decision_of
    from agentkit.testing import ScriptedModel

    with FakeEndpoint(replies=[call("pay", {"amount": 5})]) as endpoint:
        code, out, _ = run("run", "Pay 5", "-t", "weather:pay", "-m", "openai:fake", "--json", endpoint=endpoint)
    document = json.loads(out)
    assert (code, document["output"]) == (3, None)
    waiting = document["pending"][0]
    assert (waiting["name"], waiting["arguments"]) == ("pay", '{"amount":5}')
    assert waiting["run_id"] == document["run_id"]

    @tool(approval=True)
    def pay(amount: int) -> str:
        return f"paid {amount}"

    state = RunState.from_json(json.dumps(document["state"]))
    agent = Agent(ScriptedModel(["Paid."]), tools=[pay])
    decision = decision_of({"decision": "approve", "call": waiting["digest"]})
    assert agent.resume_sync(state, decisions=[decision]).output == "Paid."


def test_a_call_that_waits_is_asked_for_on_the_terminal(terminal):
    with (
        FakeEndpoint(replies=[call("pay", {"amount": 5}), "Paid."]) as endpoint,
        terminal("run", "Pay 5", "-t", "weather:pay", "-m", "openai:fake", endpoint=endpoint) as shown,
    ):
        shown.expect("?? pay(amount=5)")
        shown.expect("run it? [y, n, or why not] ")
        shown.type("y\n")
        shown.expect("-> pay(amount=5)")
        shown.expect("Paid.")
        assert shown.end() == 0
    assert endpoint.requests[1].body["messages"][-1]["content"] == "paid 5"


def test_the_result_of_an_external_call_is_typed_on_the_terminal(terminal, folder):
    (folder / "desk.py").write_text(
        "from agentkit import tool\n\n\n@tool(external=True)\ndef measure(thing: str) -> str:\n    ...\n",
        encoding="utf-8",
    )
    with (
        FakeEndpoint(replies=[call("measure", {"thing": "desk"}), "It is 80 cm wide."]) as endpoint,
        terminal("run", "How wide?", "-t", "desk:measure", "-m", "openai:fake", endpoint=endpoint) as shown,
    ):
        shown.expect('?? measure(thing="desk")')
        shown.expect("its result? [text, or - and why there is none] ")
        shown.type("80 cm\n")
        shown.expect("It is 80 cm wide.")
        assert shown.end() == 0
    assert endpoint.requests[1].body["messages"][-1]["content"] == "80 cm"


def test_a_reason_not_to_is_told_to_the_model(terminal):
    with (
        FakeEndpoint(replies=[call("pay", {"amount": 5}), "As you wish."]) as endpoint,
        terminal("run", "Pay 5", "-t", "weather:pay", "-m", "openai:fake", endpoint=endpoint) as shown,
    ):
        shown.expect("run it? [y, n, or why not] ")
        shown.type("pay 4\n")
        shown.expect("As you wish.")
        assert shown.end() == 0
    assert endpoint.requests[1].body["messages"][-1]["content"] == "Not run: The user declined this call: pay 4"


def test_a_run_that_fails_is_one_line_and_one(run):
    with FakeEndpoint(replies=[Fault.status(404)]) as endpoint:
        code, out, err = run("run", "Hello", "-m", "openai:fake", endpoint=endpoint)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_too_many_turns_fail_the_run(run):
    with FakeEndpoint(replies=[WEATHER]) as endpoint:
        arguments = ("run", "Weather?", "-t", "weather", "-m", "openai:fake", "--max-turns", "1")
        said = run(*arguments, endpoint=endpoint)
    assert said == (
        1,
        "",
        (
            "error: The run reached its limit turns=1 (spent: 1); the next request was not sent. "
            "Go on with `agent.resume(error.state, limits=RunLimits(turns=...))`.\n"
        ),
    )


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_refused(run, prompt):
    with FakeEndpoint() as endpoint:
        said = run("run", prompt, "-m", "openai:fake", endpoint=endpoint)
    text = "error: The prompt is empty. Write it in quotes behind `run`, or - to read it from stdin.\n"
    assert said == (2, "", text)


def test_a_prompt_on_stdin_that_is_no_utf8_is_refused(program):
    done = subprocess.run(
        program.command("run", "-", "-m", "local"),
        cwd=program.folder,
        env=program.environment,
        input=b"abc\xff",
        capture_output=True,
        timeout=60,
        check=False,
    )
    text = b"error: The prompt on stdin is not UTF-8 (byte 4). Convert it first.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", text)


def test_ctrl_c_ends_the_run_with_130_and_says_nothing(program, reach):
    with FakeEndpoint(replies=["word " * 2000], chunk_delay=0.02) as endpoint:
        running = subprocess.Popen(
            program.command("run", "Talk", "-m", "openai:fake", "--stream"),
            cwd=program.folder,
            env={**program.environment, **reach(endpoint)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with running:
            assert running.stdout.read(4) == b"word"
            running.send_signal(signal.SIGINT)
            running.stdout.read()
            assert running.stderr.read() == b""
        assert running.returncode == 130


def test_a_reader_that_leaves_is_no_traceback(program, reach):
    with FakeEndpoint(replies=["word " * 20_000]) as endpoint:
        running = subprocess.Popen(
            program.command("run", "Talk", "-m", "openai:fake", "--stream"),
            cwd=program.folder,
            env={**program.environment, **reach(endpoint)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with running:
            running.stdout.read(4)
            running.stdout.close()
            assert running.stderr.read() == b""
        assert running.returncode == 1


DIES = '''
import os
from pathlib import Path

from agentkit import tool

DIED = Path("died")


@tool(idempotent=True)
def look(city: str) -> str:
    """Look at a city."""
    if not DIED.exists():
        DIED.touch()
        os._exit(9)
    return f"{city}: 4 degrees"
'''


def test_the_same_command_goes_on_in_a_journal_after_a_crash_and_gives_its_result_again(program, reach):
    (program.folder / "dies.py").write_text(DIES, encoding="utf-8")
    command = ("run", "Weather?", "-t", "dies", "-m", "openai:fake", "--journal", "runs.db", "--run-id", "order-42")
    with FakeEndpoint(replies=[call("look", {"city": "Oslo"}, id="call_1"), "It is 4 degrees."]) as endpoint:
        assert program(*command, **reach(endpoint)).returncode == 9
        for more in ((), ("--stream",)):
            done = program(*command, *more, **reach(endpoint))
            assert (done.returncode, done.stdout, done.stderr) == (0, "It is 4 degrees.\n", "")
    assert len(endpoint.requests) == 2


def test_a_run_of_a_journal_that_waits_is_decided_on_by_the_same_command_in_a_terminal(run, terminal):
    command = ("run", "Pay 5", "-t", "weather:pay", "-m", "openai:fake", "--journal", "runs.db", "--run-id", "order-42")
    with FakeEndpoint(replies=[call("pay", {"amount": 5}), "Paid."]) as endpoint:
        assert run(*command, endpoint=endpoint) == (
            3,
            "",
            (
                "error: 1 call waits for approval and there is no terminal to ask on: pay(amount=5). The same command "
                "with --run-id order-42 asks in a terminal; in Python `journal.resume` decides.\n"
            ),
        )
        with terminal(*command, endpoint=endpoint) as shown:
            shown.expect("?? pay(amount=5)")
            shown.type("y\n")
            shown.expect("Paid.")
            assert shown.end() == 0
    assert len(endpoint.requests) == 2


def test_a_run_of_a_journal_without_an_id_gets_one_and_tells_it(run):
    with FakeEndpoint(replies=["Hi."]) as endpoint:
        code, out, err = run("run", "Hello", "-m", "openai:fake", "--journal", "runs.db", endpoint=endpoint)
        known = re.fullmatch(r"The run is (\w{32}): with --run-id (\w{32}) the same command goes on.\n", err)
        assert (code, out, known and known[1] == known[2]) == (0, "Hi.\n", True)
        again = ("--journal", "runs.db", "--run-id", known[1])
        assert run("run", "Hello", "-m", "openai:fake", *again, endpoint=endpoint) == (0, "Hi.\n", "")
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--run-id", "a"), "--run-id names a run of a journal. Name its file, too: --journal runs.db."),
        (
            ("--journal", "weather.py"),
            (
                "The file 'weather.py' cannot be used as a journal: file is not a database. Name a file in a folder "
                "that exists and can be written, a new one or one that a journal made."
            ),
        ),
        (
            ("--journal", "runs.db", "--run-id", "a/b"),
            (
                "A run's id is 'a/b'. Give a text of 1 to 200 characters, none of them a slash, a control character or "
                "half of one."
            ),
        ),
    ],
)
def test_what_is_no_journal_and_no_id_is_refused(run, more, said):
    with FakeEndpoint(replies=[]) as endpoint:
        assert run("run", "Hello", "-m", "openai:fake", *more, endpoint=endpoint) == (2, "", f"error: {said}\n")
