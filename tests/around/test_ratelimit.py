"""Requests and tokens per minute: estimated before, corrected after, waited for in order, told and bounded."""

import asyncio
import threading

import pytest

from agentkit import Agent
from agentkit.around import Fallback, RateLimit
from agentkit.errors import ConfigurationError, InternalServerError, RateLimitError
from agentkit.testing import ScriptedModel
from agentkit.wire import merge


def reply(tokens, text="ok"):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    return {"choices": [choice], "usage": usage}


def scripted(*replies):
    return ScriptedModel(replies, name="m")


def test_requests_beyond_the_limit_wait_for_the_window_to_move_on(ask, clock):
    model = RateLimit(scripted(*["ok"] * 7), requests=3)
    times = []

    async def one():
        await model.complete(ask())
        times.append(clock.passed)

    async def main():
        await asyncio.gather(*(one() for _ in range(7)))

    clock.run(main())
    assert times == [0, 0, 0, 60, 60, 60, 120]


def test_the_window_slides(ask, clock):
    model = RateLimit(scripted(*["ok"] * 4), requests=2)
    times = []

    async def main():
        for pause in (0, 40, 0, 0):
            await asyncio.sleep(pause)
            await model.complete(ask())
            times.append(clock.passed)

    clock.run(main())
    assert times == [0, 40, 60, 100]


def test_tokens_are_corrected_by_what_was_used(ask, clock):
    """Three requests of 400 allowed tokens each do not fit in 1000, but they use 100 each."""
    model = RateLimit(scripted(*[reply(100)] * 3), tokens=1000)

    async def main():
        for _ in range(3):
            await model.complete(ask(max_tokens=400))

    clock.run(main())
    assert clock.passed == 0


def test_a_reply_that_used_less_lets_the_one_that_waits_go_at_once(ask, clock):
    gate = asyncio.Event()

    class Held(ScriptedModel):
        async def complete(self, request, /):
            if not self.requests:
                self.requests.append(request)
                await gate.wait()
            return await super().complete(request)

    model = RateLimit(Held([reply(10)] * 2), tokens=1000)

    async def main():
        first = asyncio.create_task(model.complete(ask(max_tokens=900)))
        await asyncio.sleep(0)
        second = asyncio.create_task(model.complete(ask(max_completion_tokens=900)))
        await asyncio.sleep(5)
        assert not second.done()
        gate.set()
        await asyncio.gather(first, second)

    clock.run(main())
    assert clock.passed == 5


def test_a_reply_that_used_more_makes_the_next_one_wait(ask, clock):
    model = RateLimit(scripted(reply(1000), "ok"), tokens=1000)

    async def main():
        await model.complete(ask())
        await model.complete(ask())

    clock.run(main())
    assert clock.passed == 60


def test_a_usage_of_nothing_leaves_the_estimate(ask, clock):
    model = RateLimit(scripted(reply(0), "ok"), tokens=1000)

    async def main():
        await model.complete(ask(max_tokens=900))
        await model.complete(ask(max_tokens=900))

    clock.run(main())
    assert clock.passed == 60


def test_the_usage_of_a_stream_is_read_from_its_chunks(ask, clock):
    model = RateLimit(scripted(reply(990, "two words"), "ok"), tokens=1000)

    async def main():
        chunks = [chunk async for chunk in model.stream(ask())]
        assert merge(chunks).message.content == "two words"
        await model.complete(ask("x" * 100))

    clock.run(main())
    assert clock.passed == 60


def test_a_stream_that_is_left_and_a_request_that_fails_stay_counted_as_estimated(ask, clock):
    model = RateLimit(scripted(reply(10, "two words"), InternalServerError("no"), "ok"), tokens=1000)

    async def main():
        stream = model.stream(ask(max_tokens=480))
        await anext(stream)
        await stream.aclose()
        with pytest.raises(InternalServerError):
            await model.complete(ask(max_tokens=480))
        await model.complete(ask(max_tokens=480))

    clock.run(main())
    assert clock.passed == 60


def test_images_count_as_images_and_not_by_their_bytes(ask, clock):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    message = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}
    model = RateLimit(scripted("A cat."), tokens=2000)

    async def main():
        return await model.complete(ask().parse({"messages": [message]}))

    assert clock.run(main()).message.content == "A cat."


def test_a_wait_is_told_before_it_is_waited_and_names_the_limit(ask, clock, heard):
    model = RateLimit(scripted("ok", "ok", "ok"), requests=1)
    tokens = RateLimit(scripted(reply(1000), "ok"), tokens=1000)

    async def main():
        await asyncio.gather(*(model.complete(ask()) for _ in range(3)))
        await tokens.complete(ask())
        await tokens.complete(ask())

    clock.run(main())
    assert [(one.model, round(one.seconds), one.reason) for one in heard] == [
        ("m", 60, "requests"),
        ("m", 120, "requests"),
        ("m", 60, "tokens"),
    ]


def test_those_who_wait_go_in_the_order_they_came_also_where_a_later_one_is_smaller(ask, clock):
    model, order = RateLimit(scripted(*[reply(600)] * 3), tokens=1000), []

    async def one(name, **fields):
        await model.complete(ask(**fields))
        order.append(name)

    async def main():
        await one("first")
        await asyncio.gather(one("large", max_tokens=600), one("small"))

    clock.run(main())
    assert order == ["first", "large", "small"]


def test_one_who_is_cancelled_while_waiting_was_never_counted(ask, clock):
    model = RateLimit(scripted("ok", "ok"), requests=1)

    async def main():
        await model.complete(ask())
        waiting = asyncio.create_task(model.complete(ask()))
        await asyncio.sleep(30)
        waiting.cancel()
        await asyncio.wait([waiting])
        await model.complete(ask())

    clock.run(main())
    assert clock.passed == 60


def test_too_long_a_wait_is_refused_at_once(ask, clock):
    model = RateLimit(scripted("ok"), requests=1, max_wait=10)

    async def main():
        await model.complete(ask())
        await asyncio.sleep(15)
        with pytest.raises(RateLimitError) as caught:
            await model.complete(ask())
        return caught.value

    error = clock.run(main())
    assert clock.passed == 15
    assert str(error) == (
        f"The request would have had to wait 45.0 s, and {model!r} allows no longer wait; nothing was sent. "
        "Raise the limits or `max_wait`, or send less at once."
    )
    assert (error.retry_after, error.attempts) == (45, 0)


def test_a_wait_that_turns_out_longer_than_was_known_ends_all_the_same(ask, clock):
    class Late(ScriptedModel):
        async def complete(self, request, /):
            completion = await super().complete(request)
            await asyncio.sleep(7)
            return completion

    model = RateLimit(Late([reply(500), reply(800)]), tokens=1000, max_wait=30)

    async def main():
        await model.complete(ask())
        await asyncio.sleep(43)
        more = asyncio.create_task(model.complete(ask()))
        await asyncio.sleep(5)
        with pytest.raises(RateLimitError) as caught:
            await model.complete(ask(max_tokens=900))
        await more
        return caught.value

    error = clock.run(main())
    assert clock.passed == 85
    assert str(error) == (
        f"The request has waited 30 s, and {model!r} allows no longer wait; nothing was sent. "
        "Raise the limits or `max_wait`, or send less at once."
    )


def test_a_request_that_alone_is_more_than_the_limit_is_an_error_and_not_an_endless_wait(ask):
    model = RateLimit(scripted(), tokens=100)
    with pytest.raises(RateLimitError) as caught:
        asyncio.run(model.complete(ask("x" * 372, max_tokens=50, n=2)))
    assert str(caught.value) == (
        "The request is estimated at 200 tokens, 100 of its messages and tools and 100 that it allows the reply: "
        f"{model!r} would never let it through; nothing was sent. Raise `tokens`, or send less, or allow the reply "
        "less."
    )
    assert caught.value.attempts == 0


def test_what_does_not_fit_one_model_s_limit_goes_to_the_next(ask):
    model = Fallback([RateLimit(scripted("ok"), requests=1, max_wait=0), ScriptedModel(["from the other"])])

    async def main():
        return [(await model.complete(ask())).message.content for _ in range(2)]

    assert asyncio.run(main()) == ["ok", "from the other"]


def test_the_limit_holds_among_threads_and_loops(ask):
    model = RateLimit(scripted(*["ok"] * 10), requests=4, max_wait=0)
    ends = []

    def one():
        try:
            ends.append(asyncio.run(model.complete(ask())).message.content)
        except RateLimitError:
            ends.append("refused")

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ends) == ["ok"] * 4 + ["refused"] * 6


def test_an_agent_tells_its_watcher_that_it_waits(clock):
    agent = Agent(RateLimit(scripted("first", "second"), requests=1))

    async def main():
        await agent.run("x")
        async with agent.stream("x") as stream:
            return [event.type async for event in stream], stream.result.output

    types, output = clock.run(main())
    assert "request_waited" in types
    assert (output, clock.passed) == ("second", 60)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({}, "RateLimit limits nothing yet. Give `requests=`, `tokens=` or both."),
        ({"requests": 0}, "RateLimit(requests=0) would let no request through. Give more than 0."),
        ({"tokens": -1}, "RateLimit(tokens=-1) would let no request through. Give more than 0."),
        ({"requests": 1, "seconds": 0}, "RateLimit(seconds=0) would let no request through. Give more than 0."),
    ],
)
def test_limits_that_cannot_work_are_refused(limits, text):
    with pytest.raises(ConfigurationError) as caught:
        RateLimit(scripted(), **limits)
    assert str(caught.value) == text
