"""A forked child begins with free places and open locks, whatever its parent was doing."""

import asyncio
import os
import threading

import pytest

from agentkit.around import Concurrency, MemoryStore, RateLimit
from agentkit.testing import ScriptedModel

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def in_child(check):
    """Tell whether a check holds in a forked child within 20 seconds."""
    child = os.fork()
    if child == 0:
        done = False
        try:
            timer = threading.Timer(20, os._exit, (1,))
            timer.daemon = True
            timer.start()
            done = check()
        finally:
            os._exit(0 if done else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def held(lock):
    """Have a thread hold a lock, as one does that is at work while another one forks; give what lets go."""
    taken, release = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            release.wait(60)

    threading.Thread(target=hold, daemon=True).start()
    taken.wait(60)
    return release


def test_a_place_that_the_parent_holds_is_free_in_the_child(ask):
    model = Concurrency(ScriptedModel(["one two"] * 5), 1)

    async def main():
        stream = model.stream(ask())
        await anext(stream)

        def alone():
            new = asyncio.new_event_loop()
            asyncio._set_running_loop(None)
            new.run_until_complete(stream.aclose())
            for _ in range(2):
                new.run_until_complete(model.complete(ask()))
            return model._free == 1

        fine = in_child(alone)
        await stream.aclose()
        return fine

    assert asyncio.run(main())
    assert model._free == 1


@pytest.mark.parametrize("make", [lambda model: Concurrency(model, 1), lambda model: RateLimit(model, requests=5)])
def test_a_line_that_another_thread_was_at_is_open_in_the_child(make, ask):
    model = make(ScriptedModel(["one"] * 2))
    release = held(model._line._lock)
    assert in_child(lambda: asyncio.run(model.complete(ask())).message.content == "one")
    release.set()


def test_a_store_that_another_thread_was_at_is_open_in_the_child():
    store = MemoryStore()
    asyncio.run(store.put("a", b"1"))
    release = held(store._lock)
    assert in_child(lambda: asyncio.run(store.get("a")) == b"1")
    release.set()
    asyncio.run(store.aclose())
