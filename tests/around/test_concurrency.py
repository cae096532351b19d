"""At most so many requests at once, over streams, threads and loops."""

import asyncio
import threading

import pytest

from agentkit import Agent
from agentkit.around import Concurrency, Fallback
from agentkit.errors import ConfigurationError, RateLimitError
from agentkit.testing import ScriptedModel
from agentkit.wire import merge


class Slow(ScriptedModel):
    """A model that counts how many requests are under way, and answers none before so many are so `together`."""

    def __init__(self, replies=("ok",) * 100, *, together=1):
        super().__init__(replies, name="slow")
        self.now = self.most = 0
        self.together = together
        self._lock = threading.Lock()

    def _count(self, change):
        with self._lock:
            self.now += change
            self.most = max(self.most, self.now)

    async def complete(self, request, /):
        self._count(1)
        try:
            await asyncio.sleep(0)
            while self.most < self.together:  # noqa: ASYNC110  # they may be of several loops, which share no event
                await asyncio.sleep(0)
            return await super().complete(request)
        finally:
            self._count(-1)

    async def stream(self, request, /):
        self._count(1)
        try:
            async for chunk in super().stream(request):
                await asyncio.sleep(0)
                yield chunk
        finally:
            self._count(-1)


def test_no_more_than_n_requests_are_under_way(ask):
    inner = Slow(together=3)
    model = Concurrency(inner, 3)

    async def main():
        await asyncio.gather(*(model.complete(ask()) for _ in range(20)))

    asyncio.run(main())
    assert (inner.most, inner.now, len(inner.requests)) == (3, 0, 20)


def test_the_limit_holds_among_threads_and_loops(ask):
    inner = Slow(together=2)
    model = Concurrency(inner, 2)

    async def main():
        await asyncio.gather(*(model.complete(ask()) for _ in range(5)))

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (inner.most, len(inner.requests)) == (2, 30)


def test_the_limit_holds_for_run_sync_in_several_threads():
    inner = Slow(together=2)
    agent = Agent(Concurrency(inner, 2))
    said = []
    threads = [threading.Thread(target=lambda: said.append(agent.run_sync("x").output)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert said == ["ok"] * 8
    assert inner.most == 2


def test_a_stream_holds_its_place_until_it_has_ended(ask):
    inner = Slow()
    model = Concurrency(inner, 1)

    async def main():
        first = model.stream(ask())
        chunks = [await anext(first)]
        other = asyncio.create_task(model.complete(ask()))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not other.done()
        chunks += [chunk async for chunk in first]
        assert merge(chunks).message.content == "ok"
        await other

    asyncio.run(main())
    assert inner.most == 1


def test_a_stream_that_is_left_early_gives_its_place_back(ask):
    model = Concurrency(Slow(), 1)

    async def main():
        first = model.stream(ask())
        await anext(first)
        await first.aclose()
        await model.complete(ask())

    asyncio.run(main())


def test_a_request_that_fails_gives_its_place_back(ask):
    model = Concurrency(ScriptedModel([RateLimitError("no"), "ok"]), 1)

    async def main():
        with pytest.raises(RateLimitError):
            await model.complete(ask())
        assert (await model.complete(ask())).message.content == "ok"

    asyncio.run(main())


def test_a_request_that_is_cancelled_while_it_waits_takes_no_place(ask):
    inner = Slow()
    model = Concurrency(inner, 1)

    async def main():
        first = model.stream(ask())
        await anext(first)
        waiting = asyncio.create_task(model.complete(ask()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await first.aclose()
        await model.complete(ask())

    asyncio.run(main())
    assert len(inner.requests) == 2


def test_a_wait_is_reported_when_it_is_over(ask, heard):
    model = Concurrency(Slow(), 1)

    async def main():
        await asyncio.gather(model.complete(ask()), model.complete(ask()))

    asyncio.run(main())
    (waited,) = heard
    assert (waited.type, waited.model, waited.reason) == ("request_waited", "slow", "concurrency")
    assert waited.seconds > 0


def test_too_long_a_wait_is_an_error_and_another_model_may_take_the_request(ask):
    model = Concurrency(Slow(), 1, max_wait=0)

    async def main():
        first = model.stream(ask())
        await anext(first)
        with pytest.raises(RateLimitError) as caught:
            await model.complete(ask())
        over = Fallback([model, ScriptedModel(["from the other"])])
        said = await over.complete(ask())
        await first.aclose()
        return caught.value, said.message.content

    error, said = asyncio.run(main())
    assert str(error) == (
        "Concurrency(1): all places were taken and none came free within max_wait=0 s; nothing was sent. "
        "Raise `n` or `max_wait`, or send less at once."
    )
    assert (error.attempts, said) == (0, "from the other")


def test_a_limit_of_none_at_once_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        Concurrency(ScriptedModel([]), 0)
    assert str(caught.value) == "Concurrency(n=0) would let no request through. Give 1 or more."
