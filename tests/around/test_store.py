"""The store in memory: what was not used for the longest time goes first, what is old is gone."""

import asyncio
import threading

import pytest

from agentkit.around import MemoryStore, Store, store
from agentkit.errors import ConfigurationError


def test_what_is_kept_is_given_again():
    async def main():
        kept = MemoryStore()
        await kept.put("a", b"1")
        await kept.put("a", b"2")
        await kept.aclose()
        return await kept.get("a"), await kept.get("b"), len(kept)

    assert asyncio.run(main()) == (b"2", None, 1)
    assert isinstance(MemoryStore(), Store)


def test_what_was_not_used_for_the_longest_time_goes_first():
    async def main():
        kept = MemoryStore(2)
        for key in "ab":
            await kept.put(key, key.encode())
        await kept.get("a")
        await kept.put("c", b"c")
        return [await kept.get(key) for key in "abc"]

    assert asyncio.run(main()) == [b"a", None, b"c"]


def test_what_is_too_old_is_gone(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(store, "monotonic", lambda: now[0])

    async def main():
        kept = MemoryStore(seconds=10)
        await kept.put("a", b"1")
        now[0] = 109.9
        assert await kept.get("a") == b"1"
        now[0] = 110.0
        return await kept.get("a"), len(kept)

    assert asyncio.run(main()) == (None, 0)


def test_threads_share_it():
    kept = MemoryStore(50)

    async def main(number):
        for key in range(200):
            await kept.put(f"{number}.{key}", b"x")
            await kept.get(f"{number}.{key - 1}")

    threads = [threading.Thread(target=lambda number=number: asyncio.run(main(number))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(kept) == 50


@pytest.mark.parametrize(("bounds", "text"), [({"most": 0}, "most=0"), ({"seconds": -1}, "seconds=-1")])
def test_bounds_that_keep_nothing_are_refused(bounds, text):
    with pytest.raises(ConfigurationError) as caught:
        MemoryStore(**bounds)
    assert str(caught.value) == f"MemoryStore({text}) would keep nothing. Give more than 0."


def test_it_shows_its_bounds():
    assert repr(MemoryStore(5, seconds=60)) == "MemoryStore(most=5, seconds=60)"
