"""One watchdog over the waits of an exchange."""

import asyncio

import pytest

from agentkit.errors import ConfigurationError
from agentkit.http import clock
from agentkit.http.clock import Expired, Timeout, Watchdog


def test_what_comes_in_time_is_given():
    async def main():
        watchdog = Watchdog(60)
        assert await watchdog.wait(asyncio.sleep(0, "a"), 30) == "a"
        assert await watchdog.wait(asyncio.sleep(0, "b")) == "b"
        watchdog.close()

    asyncio.run(main())


def test_the_clock_that_ran_out_is_named():
    async def main(total, seconds):
        watchdog = Watchdog(total)
        await watchdog.wait(asyncio.sleep(0), 30)
        with pytest.raises(Expired) as caught:
            await watchdog.wait(asyncio.Event().wait(), seconds)
        watchdog.close()
        assert asyncio.current_task().cancelling() == 0
        return caught.value.clock, caught.value.seconds

    assert asyncio.run(main(60, 0.01)) == ("read", 0.01)
    assert asyncio.run(main(0.01, 60)) == ("total", 0.01)
    assert asyncio.run(main(0.01, None)) == ("total", 0.01)


def test_a_cancellation_from_outside_stays_one():
    async def main():
        waiting = asyncio.Event()

        async def wait():
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(Watchdog(60).wait(wait(), 60))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_many_waits_need_one_timer():
    async def main():
        loop = asyncio.get_running_loop()
        made = []
        call_at = loop.call_at
        loop.call_at = lambda *given, **named: made.append(1) or call_at(*given, **named)
        watchdog = Watchdog(60)
        for _ in range(50):
            await watchdog.wait(asyncio.sleep(0), 30)
        watchdog.close()
        return len(made)

    assert asyncio.run(main()) == 1


def test_a_wait_for_a_head_and_one_for_a_body_need_one_timer():
    async def main():
        loop = asyncio.get_running_loop()
        made = []
        call_at = loop.call_at
        loop.call_at = lambda *given, **named: made.append(1) or call_at(*given, **named)
        watchdog = Watchdog(600)
        await watchdog.wait(asyncio.sleep(0))
        await watchdog.wait(asyncio.sleep(0), 120)
        watchdog.close()
        return len(made)

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize(("total", "seconds"), [(0.05, None), (60, 0.05)])
def test_a_clock_that_is_longer_than_a_timer_runs_out_all_the_same(monkeypatch, total, seconds):
    monkeypatch.setattr(clock, "_LOOK", 0.01)

    async def main():
        with pytest.raises(Expired) as caught:
            await Watchdog(total).wait(asyncio.Event().wait(), seconds)
        return caught.value.clock, caught.value.seconds

    assert asyncio.run(main()) == (("total", total) if seconds is None else ("read", seconds))


def test_seconds_are_those_of_every_clock_that_is_longer():
    assert Timeout.of(None) == Timeout(connect=10, read=120, total=600)
    assert Timeout.of(5) == Timeout(connect=5, read=5, total=5)
    assert Timeout.of(900.0) == Timeout(connect=10, read=120, total=900)
    assert Timeout.of(Timeout(read=1)) == Timeout(connect=10, read=1, total=600)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), True, "30", None])
@pytest.mark.parametrize("clock", ["connect", "read", "total"])
def test_a_clock_that_is_no_number_above_zero_is_refused(clock, seconds):
    with pytest.raises(ConfigurationError) as caught:
        Timeout(**{clock: seconds})
    assert str(caught.value) == f"Timeout field '{clock}' is {seconds!r}; it is seconds, a number above 0."


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), False])
def test_seconds_that_are_no_number_above_zero_are_refused(seconds):
    with pytest.raises(ConfigurationError) as caught:
        Timeout.of(seconds)
    assert str(caught.value) == f"timeout is {seconds!r}; it is seconds in total, a number above 0."


def test_a_timeout_of_another_kind_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        Timeout.of((5, 5))
    assert str(caught.value) == (
        "timeout is (5, 5), of type tuple. Give seconds in total, or "
        "agentkit.http.Timeout(connect=..., read=..., total=...)."
    )
