"""Worker threads: as many as needed, used again, abandoned ones counted, context variables carried over."""

import asyncio
import contextvars
import subprocess
import sys
import threading
import time

import pytest

from agentkit.tools.thread import abandoned_threads, run_in_thread

colour = contextvars.ContextVar("colour", default="none")


def until(condition):
    """Wait for something that another thread is about to do; fails after 10 s."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.001)


def test_context_variables_reach_the_thread():
    async def main():
        colour.set("red")
        return await run_in_thread(colour.get)

    assert asyncio.run(main()) == "red"


def test_a_thread_is_used_again():
    async def main():
        first = await run_in_thread(threading.get_ident)
        for _ in range(100):  # its thread is idle a moment after its outcome is told
            if await run_in_thread(threading.get_ident) == first:
                return True
            await asyncio.sleep(0.01)
        return False

    assert asyncio.run(main())


def test_as_many_threads_run_at_once_as_are_asked_for():
    together = threading.Barrier(50)

    async def main():
        await asyncio.gather(*(run_in_thread(together.wait, 10) for _ in range(50)))

    asyncio.run(main())


def test_what_the_function_raises_is_raised():
    def fail():
        raise LookupError("no")

    with pytest.raises(LookupError, match=r"^no$"):
        asyncio.run(run_in_thread(fail))


@pytest.mark.parametrize("kind", [StopIteration, GeneratorExit, KeyboardInterrupt])
def test_what_would_end_the_loop_is_an_error_of_the_tool(kind):
    def fail():
        raise kind

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(run_in_thread(fail))
    assert str(caught.value) == f"It raised {kind.__name__}."


def test_abandoned_threads_are_counted_until_they_end():
    started, gate = threading.Event(), threading.Event()

    def hang():
        started.set()
        gate.wait(10)

    async def main():
        task = asyncio.create_task(run_in_thread(hang))
        await run_in_thread(started.wait, 10)
        assert abandoned_threads() == 0
        task.cancel()
        await asyncio.wait([task])
        assert abandoned_threads() == 1

    asyncio.run(main())  # the loop is closed before the thread ends
    gate.set()
    until(lambda: abandoned_threads() == 0)


def test_a_thread_that_ended_just_before_it_was_given_up_is_not_counted():
    ended = threading.Event()

    async def main():
        task = asyncio.create_task(run_in_thread(ended.set))
        await asyncio.sleep(0)
        ended.wait(10)
        until(lambda: "agentkit-tool" in {thread.name for thread in threading.enumerate()})
        task.cancel()  # the outcome is on its way and has not arrived
        await asyncio.wait([task])

    asyncio.run(main())
    until(lambda: abandoned_threads() == 0)


def test_a_hanging_thread_does_not_keep_the_interpreter():
    script = """
import asyncio, threading
from agentkit.tools.thread import run_in_thread

async def main():
    started = threading.Event()
    def hang():
        started.set()
        threading.Event().wait(1000)
    task = asyncio.create_task(run_in_thread(hang))
    await run_in_thread(started.wait, 10)
    task.cancel()

asyncio.run(main())
print("end")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("end\n", "", 0)
