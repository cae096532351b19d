import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.local import worker


def started(engine):
    command = [sys.executable, "-P", worker.__file__, str(engine.parent)]
    env = {"NEEDLE_TELEMETRY": "0", "PATH": ""}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=env)


def request(text):
    return json.dumps({"system": "", "tools": "[]", "turns": [{"text": text}]}).encode() + b"\n"


def test_it_is_ready_answers_line_by_line_and_ends_with_its_input(engine):
    with started(engine) as process:
        assert json.loads(process.stdout.readline()) == {"ready": True}
        for text in ("one", "two"):
            process.stdin.write(request(text))
            process.stdin.flush()
            response = json.loads(process.stdout.readline())["response"]
            assert response["function_calls"][0]["arguments"]["heard"] == [text]
        process.stdin.close()
        assert process.wait(20) == 0


def test_it_ends_with_its_input_even_amid_a_computation(engine):
    with started(engine) as process:
        process.stdout.readline()
        process.stdin.write(request("hang"))
        process.stdin.close()
        assert process.wait(20) == 0


def test_what_is_no_request_is_answered_as_an_error(engine):
    with started(engine) as process:
        process.stdout.readline()
        process.stdin.write(b"what?\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["error"].startswith("JSONDecodeError: ")
        process.stdin.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the count is changed on Linux only")
def test_limit_and_processors_are_those_of_before_after_the_engine_was_loaded():
    import resource

    before = (resource.getrlimit(resource.RLIMIT_NOFILE), os.sched_getaffinity(0))
    with worker._one_processor():
        seen = (resource.getrlimit(resource.RLIMIT_NOFILE)[0], len(os.sched_getaffinity(0)))
    assert seen == (0, 1)
    assert (resource.getrlimit(resource.RLIMIT_NOFILE), os.sched_getaffinity(0)) == before


def test_it_imports_nothing_of_agentkit():
    source = Path(worker.__file__).read_text(encoding="utf-8")
    assert "agentkit." not in source.split('"""', 2)[2]
