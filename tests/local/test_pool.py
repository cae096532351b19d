import asyncio
import os
import select
import subprocess
import sys
import textwrap
import threading

import pytest

from agentkit.errors import LocalModelError
from agentkit.local.pool import Pool, shared_pool
from agentkit.local.reading import Reading, Turn


def conversation(*texts, tools="[]"):
    responses = []
    for text in texts:
        responses.append((yield Reading(tools, (Turn(text),))))
    return [response.calls[0].arguments for response in responses]


@pytest.fixture
def pool(engine):
    pool = Pool(2)
    yield pool
    pool.close()


def ended(pid, seconds=20):
    """Wait until a process that need not be our child is gone, and tell whether it is."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)


linux = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="watching a stranger's process needs Linux")


def test_a_conversation_is_played_to_its_end(pool):
    told = asyncio.run(pool.run(conversation("one", "two")))
    assert [part["heard"] for part in told] == [["one"], ["two"]]


def test_a_conversation_that_asks_nothing_needs_no_worker(pool):
    assert asyncio.run(pool.run(conversation())) == []
    assert pool.pids == ()


def test_a_worker_is_kept_and_used_again_from_another_loop_and_thread(pool):
    pids = [asyncio.run(pool.run(conversation("one")))[0]["pid"]]
    other = threading.Thread(target=lambda: pids.append(asyncio.run(pool.run(conversation("two")))[0]["pid"]))
    other.start()
    other.join()
    assert pids[0] == pids[1]


def test_two_at_once_have_a_worker_each_and_a_third_waits(pool):
    async def main():
        return await asyncio.gather(*(pool.run(conversation(*["x"] * 20)) for _ in range(3)))

    told = asyncio.run(main())
    assert all(len({part["pid"] for part in one}) == 1 for one in told)
    assert 1 <= len(pool.pids) <= 2
    assert {part["pid"] for one in told for part in one} <= set(pool.pids)


def test_the_worker_that_is_set_up_alike_is_taken(pool):
    async def main():
        await asyncio.gather(*(pool.run(conversation("x", tools=tools)) for tools in ("[]", '[{"name": "f"}]')))
        first = (await pool.run(conversation("x", tools="[]")))[0]["pid"]
        second = (await pool.run(conversation("x", tools='[{"name": "f"}]')))[0]["pid"]
        assert (await pool.run(conversation("x", tools="[]")))[0]["pid"] == first
        return first, second

    first, second = asyncio.run(main())
    assert {first, second} <= set(pool.pids)


def test_a_cancelled_run_ends_its_worker_and_the_next_has_a_new_one(pool):
    async def main():
        first = (await pool.run(conversation("x")))[0]["pid"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.run(conversation("hang")), 0.05)
        second = (await pool.run(conversation("y")))[0]
        return first, second

    first, second = asyncio.run(main())
    assert second["pid"] != first
    assert second["heard"] == ["y"]


def test_a_worker_that_died_is_replaced(pool):
    first = asyncio.run(pool.run(conversation("x")))[0]["pid"]
    with pytest.raises(LocalModelError):
        asyncio.run(pool.run(conversation("die")))
    assert asyncio.run(pool.run(conversation("x")))[0]["pid"] != first


def test_an_error_of_the_conversation_leaves_the_worker_in_use(pool):
    def failing():
        yield Reading("[]", (Turn("x"),))
        raise LookupError("what the engine said makes no sense")

    with pytest.raises(LookupError):
        asyncio.run(pool.run(failing()))
    (pid,) = pool.pids
    assert asyncio.run(pool.run(conversation("x")))[0]["pid"] == pid


@linux
def test_close_ends_the_workers_and_a_later_run_starts_new_ones(pool):
    first = asyncio.run(pool.run(conversation("x")))[0]["pid"]
    pool.close()
    assert pool.pids == ()
    assert ended(first)
    assert asyncio.run(pool.run(conversation("x")))[0]["pid"] != first


def test_one_pool_is_shared():
    assert shared_pool() is shared_pool()


def script(body):
    """Run a program that has `pool` and `conversation`, in a Python of its own; give the running process."""
    program = textwrap.dedent("""
        import asyncio, os, signal, sys, threading
        sys.path[:0] = {path!r}
        from agentkit.local.pool import Pool
        from agentkit.local.reading import Reading, Turn
        pool = Pool(2)
        def conversation(text):
            response = yield Reading("[]", (Turn(text),))
            return response.calls[0].arguments["pid"]
    """).format(path=[part for part in sys.path if part]) + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@linux
def test_workers_end_with_the_interpreter(engine):
    with script("print(asyncio.run(pool.run(conversation('x'))))") as program:
        pid = int(program.stdout.readline())
        program.communicate()
    assert program.returncode == 0
    assert ended(pid)


@linux
def test_killing_the_parent_in_the_middle_of_an_answer_leaves_no_worker(engine):
    body = """
        print(asyncio.run(pool.run(conversation('x'))), flush=True)
        threading.Thread(target=lambda: asyncio.run(pool.run(conversation('hang'))), daemon=True).start()
        sys.stdin.readline()
    """
    with script(body) as program:
        pid = int(program.stdout.readline())
        program.kill()
    assert ended(pid)


@linux
def test_a_forked_child_gets_workers_of_its_own_and_holds_none_of_the_parent_s(engine):
    body = """
        print(asyncio.run(pool.run(conversation('x'))), flush=True)
        child = os.fork()
        if child == 0:
            print(pool.pids, asyncio.run(pool.run(conversation('x'))), flush=True)
            sys.stdin.readline()      # outlives the parent
            pool.close()
            os._exit(0)
        signal.pause()
    """
    with script(body) as program:
        theirs = int(program.stdout.readline())
        seen, own = program.stdout.readline().rsplit(maxsplit=1)
        program.kill()
        assert seen == "()"
        assert int(own) != theirs
        assert ended(theirs)
        program.communicate("\n")
    assert ended(int(own))
