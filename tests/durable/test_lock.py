"""Locks on bytes of a file: between tasks, processes, and after one was killed or forked."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.durable import lock

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
many_threads = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

HOLDER = """
import sys
from pathlib import Path
from agentkit.durable import lock
print(lock.take(sys.argv[1], int(sys.argv[2])), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.lock")


def other(path, number):
    """Begin a process that takes a lock and says whether it got it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def end(process):
    process.stdin.close()
    process.wait()
    process.stdout.close()


def test_a_lock_is_taken_once_until_it_is_freed(path):
    assert lock.take(path, 1)
    assert not lock.take(path, 1)
    assert lock.take(path, 2)
    lock.free(path, 1)
    lock.free(path, 1)
    assert lock.take(path, 1)
    lock.free(path, 1)
    lock.free(path, 2)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


def test_freeing_what_was_never_taken_does_nothing(path):
    lock.free(path, 1)


def test_another_process_has_the_others(path):
    assert lock.take(path, 1)
    process, said = other(path, 1)
    end(process)
    assert said == "False"
    process, said = other(path, 2)
    assert said == "True"
    assert not lock.take(path, 2)
    end(process)
    assert lock.take(path, 2)
    lock.free(path, 1)
    lock.free(path, 2)


def test_a_process_that_stands_still_keeps_its_locks_and_one_that_was_killed_has_none(path):
    process, said = other(path, 1)
    assert said == "True"
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert not lock.take(path, 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert lock.take(path, 1)
    lock.free(path, 1)


@forks
@many_threads
def test_a_forked_child_has_none_of_its_parents_locks_and_frees_none(path):
    assert lock.take(path, 1)
    child = os.fork()
    if child == 0:
        lock.free(path, 1)
        os._exit(0 if not lock.take(path, 1) and lock.take(path, 2) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    process, said = other(path, 1)
    end(process)
    assert said == "False"
    assert lock.take(path, 2)
    lock.free(path, 1)
    lock.free(path, 2)
