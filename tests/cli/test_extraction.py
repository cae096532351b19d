"""The work on many inputs, in processes that are killed and interrupted in the middle."""

import json
import signal
import subprocess
import sys
from collections import Counter

import pytest

from agentkit.testing import FakeEndpoint

ROWS = 300
COMMAND = ("extract", "weather:Report", "--in", "docs.jsonl", "--out", "out.jsonl", "-m", "openai:fake")


@pytest.fixture
def docs(folder):
    text = "".join(json.dumps({"id": f"d{number}", "text": f"city {number}"}) + "\n" for number in range(ROWS))
    (folder / "docs.jsonl").write_text(text)
    return folder


def report(request):
    text = request["messages"][-1]["content"]
    return json.dumps({"city": text, "degrees": int(text.split()[1])})


class Served:
    """An endpoint that counts what it is asked and does something to a process at one of the requests."""

    def __init__(self, at=None, act=None):
        self.texts = Counter()
        self.process = None
        self._at, self._act = at, act
        self.endpoint = FakeEndpoint(replies=self.reply, record=False)

    def reply(self, request):
        self.texts[request["messages"][-1]["content"]] += 1
        if self.texts.total() == self._at:
            self._act(self.process)
        return report(request)


def start(program, served, *more):
    environment = {**program.environment, "OPENAI_BASE_URL": served.endpoint.base_url, "OPENAI_API_KEY": "sk-of-tests"}
    with subprocess.Popen(
        program.command(*COMMAND, *more), cwd=program.folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        served.process = process
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def perform(program, *more, at=None, act=None):
    served = Served(at, act)
    with served.endpoint:
        return (*start(program, served, *more), served.texts)


def check_whole(folder):
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"d{number}" for number in range(ROWS)]
    assert [line["output"]["degrees"] for line in lines] == [*range(ROWS)]
    assert not (folder / "out.jsonl.part").exists()


def test_many_lines_are_done_in_order(program, docs):
    code, out, err, texts = perform(program)
    assert (code, out, texts.total(), max(texts.values())) == (0, "", ROWS, 1)
    assert err.startswith("300 done, ")
    check_whole(docs)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("concurrency", [1, 16])
def test_after_a_kill_the_same_command_asks_only_for_what_was_not_finished(program, docs, concurrency):
    limits = ("--concurrency", str(concurrency))
    code, _, _, first = perform(program, *limits, at=100, act=lambda process: process.kill())
    assert code == -signal.SIGKILL
    assert not (docs / "out.jsonl").exists()
    code, _, err, second = perform(program, *limits)
    assert (code, max(second.values())) == (0, 1)
    finished = ROWS - second.total()
    assert err.startswith(f"300 done ({finished} of them from the store), ")
    twice = [text for text in second if first[text]]  # those that were on their way when it was killed
    assert 1 <= len(twice) <= concurrency
    check_whole(docs)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for another process")
def test_ctrl_c_leaves_what_is_done_and_the_same_command_goes_on(program, docs):
    code, out, err, first = perform(program, at=100, act=lambda process: process.send_signal(signal.SIGINT))
    assert (code, out) == (130, "")
    lines = [json.loads(line) for line in (docs / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"d{number}" for number in range(len(lines))]
    summary, where = err.splitlines()
    assert where == (
        f"out.jsonl has the first {len(lines)} outputs. out.jsonl.sqlite keeps what is finished: "
        "run the same command again to go on."
    )
    assert int(summary.split()[0]) >= len(lines) >= 84
    assert not (docs / "out.jsonl.part").exists()
    code, _, _, second = perform(program)
    assert (code, max(second.values())) == (0, 1)
    assert len([text for text in second if first[text]]) <= 16
    check_whole(docs)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for another process")
def test_ctrl_c_ends_a_wait_for_stdin(program, reach, served_one):
    arguments = ("extract", "weather:Report", "--in", "-", "-m", "openai:fake")
    with subprocess.Popen(
        program.command(*arguments), cwd=program.folder, env={**program.environment, **reach(served_one)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            process.stdin.write("city 1\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["output"]["degrees"] == 1  # at once, while stdin is still open
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stderr.read().splitlines()[1] == (
                "stdout has the first outputs. Nothing is kept for another time; --out FILE would."
            )
        finally:
            process.kill()


@pytest.fixture
def served_one():
    with FakeEndpoint(replies=report) as endpoint:
        yield endpoint


def test_a_second_process_is_told_that_the_first_one_works(program, docs):
    seen = []

    def second(process):
        served = Served()
        with served.endpoint:
            seen.append(start(program, served))

    code, _, _, texts = perform(program, at=50, act=second)
    assert (code, texts.total()) == (0, ROWS)
    code, out, err = seen[0]
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: The store 'out.jsonl.sqlite' is open in another map")
    check_whole(docs)


def test_a_reader_that_leaves_ends_the_work(program, docs, reach, served_one):
    arguments = (*COMMAND[:4], "--out", "-", *COMMAND[6:])
    with subprocess.Popen(
        program.command(*arguments), cwd=docs, env={**program.environment, **reach(served_one)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pipesize=4096,  # it cannot end before it is left
    ) as process:  # fmt: skip
        assert json.loads(process.stdout.readline())["id"] == "d0"
        process.stdout.close()
        assert process.wait(60) == 1
        assert "Traceback" not in process.stderr.read()
    assert len(served_one.requests) < ROWS


def test_a_bar_shows_how_it_goes_on_a_terminal(terminal, docs, served_one):
    with terminal(*COMMAND, endpoint=served_one) as shown:
        shown.expect("300 done, ")
        shown.expect("out.jsonl has the outputs.")
        assert shown.end() == 0
    check_whole(docs)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
def test_the_store_is_for_its_owner_only_and_the_outputs_are_as_the_umask_says(program, docs):
    perform(program)
    (docs / "plain").write_text("")
    rights = {path.name: path.stat().st_mode & 0o777 for path in docs.iterdir()}
    assert (rights["out.jsonl.sqlite"], rights["out.jsonl"]) == (0o600, rights["plain"])
