"""Order, laziness, bounds, and every way a map ends, with work that is done by hand."""

import asyncio

import pytest

from agentkit.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    OutputError,
    RateLimitError,
    RunError,
)
from agentkit.many import Many, Terms
from agentkit.state.ledger import Ledger, count
from agentkit.state.limit import RunLimits
from agentkit.state.spent import Spent


def many_of(work, inputs, *, budget=None, **terms):
    terms = {"concurrency": 4, "on_error": "keep", "ordered": True, **terms}
    return Many(work, inputs, Terms(budget=budget, **terms))


async def settle():
    for _ in range(50):
        await asyncio.sleep(0)


def counted(inputs, read):
    for given in inputs:
        read.append(given)
        yield given


def no_task_is_left():
    return asyncio.all_tasks() == {asyncio.current_task()}


def test_outcomes_come_in_the_order_of_the_inputs(work_of):
    async def go():
        work, seen = work_of(held={0}), []
        async with many_of(work, range(10)) as many:
            reading = asyncio.create_task(anext(aiter(many)))
            await settle()
            assert work.begun == list(range(10))
            assert not reading.done()
            work.go(0)
            seen.append((await reading).index)
            seen += [outcome.index async for outcome in many]
        return seen

    assert asyncio.run(go()) == list(range(10))


def test_outcomes_come_as_they_finish_where_order_is_not_wanted(work_of):
    async def go():
        work, seen = work_of(held={0, 2}), []
        async for outcome in many_of(work, range(4), ordered=False):
            seen.append(outcome.index)
            if len(seen) == 2:
                work.go(2)
            if len(seen) == 3:
                work.go(0)
        return seen

    assert asyncio.run(go()) == [1, 3, 2, 0]


def test_an_awaited_map_is_in_order_even_so(work_of):
    async def go():
        work = work_of(held={0})
        waiting = asyncio.ensure_future(many_of(work, range(4), ordered=False)._all())
        await settle()
        work.go(0)
        return await waiting

    result = asyncio.run(go())
    assert result.outputs == ["did 0", "did 1", "did 2", "did 3"]
    assert result.summary.done == 4


def test_no_more_run_at_once_than_allowed(work_of):
    work = work_of()
    asyncio.run(many_of(work, range(50), concurrency=3)._all())
    assert work.most == 3


def test_nothing_begins_before_it_is_asked_for(work_of):
    async def go():
        read, work = [], work_of()
        many = many_of(work, counted(range(9), read))
        await settle()
        assert (read, work.begun) == ([], [])
        return await many

    assert len(asyncio.run(go())) == 9


def test_no_input_is_read_before_there_is_room_for_its_run(work_of):
    async def go():
        read, work = [], work_of(held=None)
        async with many_of(work, counted(range(100), read), concurrency=5) as many:
            await settle()
            assert len(read) == 5
            outcomes = aiter(many)
            work.go(0)
            await anext(outcomes)
            await settle()
            assert len(read) == 6

    asyncio.run(go())


def test_a_slow_reader_holds_the_runs_back(work_of):
    async def go():
        read, work = [], work_of()
        async with many_of(work, counted(range(100), read), concurrency=5) as many:
            await settle()
            assert len(read) <= 10  # as many as may run, and as many that wait to be read
            seen = 0
            async for _ in many:
                seen += 1
                await settle()
                assert len(read) <= seen + 10
        assert seen == 100

    asyncio.run(go())


@pytest.mark.parametrize(("concurrency", "window"), [(4, 256), (20, 320)])
def test_no_more_than_a_window_of_inputs_waits_for_one_before_them(work_of, concurrency, window):
    async def go():
        read, work = [], work_of(held={0})
        async with many_of(work, counted(range(1000), read), concurrency=concurrency) as many:
            while len(read) < window:
                await settle()
            await settle()
            assert len(read) == window
            work.go(0)
            return [outcome.index async for outcome in many]

    assert asyncio.run(go()) == list(range(1000))


def test_an_async_source_is_read(work_of):
    async def lines():
        for number in range(20):
            await asyncio.sleep(0)
            yield number

    assert len(asyncio.run(many_of(work_of(), lines())._all()).outputs) == 20


def test_a_source_that_is_cancelled_from_inside_is_told(work_of):
    async def inputs():
        yield 0
        raise asyncio.CancelledError

    async def go():
        await asyncio.wait_for(many_of(work_of(), inputs()), 10)

    with pytest.raises(RunError) as raised:
        asyncio.run(go())
    assert str(raised.value) == (
        "The inputs were cancelled from inside: their iterable raised CancelledError. Mend that."
    )


@pytest.mark.parametrize("ordered", [True, False])
def test_a_source_that_raises_ends_the_map_after_what_was_begun(work_of, ordered):
    async def go():
        def broken():
            yield from range(3)
            raise OSError("disk gone")

        seen, work = [], work_of()
        with pytest.raises(OSError, match="disk gone"):
            async for outcome in many_of(work, broken(), ordered=ordered):
                seen.append(outcome.output)
        assert no_task_is_left()
        assert work.cancelled == []
        return seen

    assert sorted(asyncio.run(go())) == ["did 0", "did 1", "did 2"]


def test_failures_are_outcomes_where_they_are_kept(work_of):
    error = OutputError("no valid output")
    result = asyncio.run(many_of(work_of(ends={1: error}), range(3))._all())
    assert [outcome.error for outcome in result] == [None, error, None]
    assert result.failed[0].usage.total_tokens == 15
    assert result.summary.failed == {"OutputError": 1}


def test_an_input_that_is_none_is_a_failure_of_its_own(work_of):
    error = InvalidRequestError("no such file")
    result = asyncio.run(many_of(work_of(), [0, error, 2])._all())
    assert [outcome.error for outcome in result] == [None, error, None]
    assert (result[1].index, result[1].cost, result[1].usage.total_tokens) == (1, 0.0, 0)


def test_the_first_failure_ends_the_map_where_errors_are_raised(work_of):
    async def go():
        read, work = [], work_of(held={0, 1}, ends={2: OutputError("no")})
        with pytest.raises(OutputError) as raised:
            await many_of(work, counted(range(100), read), on_error="raise", concurrency=3)
        assert raised.value.__notes__ == ["It ended the map, at input 2."]
        assert no_task_is_left()
        return sorted(work.cancelled), len(read)

    assert asyncio.run(go()) == ([0, 1], 3)


def answered(kind, body=None, status=400):
    error = kind("refused")
    error.body, error.status_code = body, status
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("x"),
        answered(AuthenticationError, status=401),
        answered(NotFoundError, status=404),
        answered(RateLimitError, {"error": {"code": "insufficient_quota", "message": "m"}}, 429),
        answered(RateLimitError, {"error": {"message": "pay"}}, 402),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_input_could_pass_ends_the_map_though_failures_are_kept(work_of, error):
    work = work_of(ends={1: error})
    with pytest.raises(type(error)) as raised:
        asyncio.run(many_of(work, range(200))._all())
    assert raised.value is error
    assert len(work.begun) < 20


@pytest.mark.parametrize(
    "error",
    [
        answered(RateLimitError, {"error": {"code": "rate_limit_exceeded", "message": "m"}}, 429),
        InvalidRequestError("x"),
        ValueError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_other_inputs_may_pass_does_not_end_the_map(work_of, error):
    result = asyncio.run(many_of(work_of(ends={1: error}), range(20))._all())
    assert [outcome.error for outcome in result.failed] == [error]


def test_what_was_finished_before_an_error_is_given_out_first(work_of):
    async def go():
        work, seen = work_of(ends={3: ConfigurationError("x")}), []
        with pytest.raises(ConfigurationError):
            async for outcome in many_of(work, range(9), concurrency=1):
                seen.append(outcome.index)
        return seen

    assert asyncio.run(go()) == [0, 1, 2]


def test_a_run_that_cancels_itself_is_a_failure_of_its_own(work_of):
    result = asyncio.run(many_of(work_of(ends={1: asyncio.CancelledError()}), range(3))._all())
    assert type(result[1].error) is RunError
    assert str(result[1].error) == (
        "The run was cancelled from inside, by a tool or a function of its own. Try this input alone."
    )
    assert result[1].error.state is not None
    assert [outcome.error is None for outcome in result] == [True, False, True]


def test_an_exit_of_a_run_leaves_through_the_loop(work_of):
    with pytest.raises(SystemExit):
        asyncio.run(many_of(work_of(ends={1: SystemExit(3)}), range(3))._all())


def test_at_its_budget_a_map_begins_no_more_and_finishes_what_runs(work_of):
    async def go():
        read, seen = [], []
        with pytest.raises(LimitExceededError) as raised:
            async for outcome in many_of(work_of(), counted(range(100), read), budget=RunLimits(requests=10)):
                seen.append(outcome.output)
        assert no_task_is_left()
        assert raised.value.limit == "requests"
        assert str(raised.value).startswith("The map reached its budget requests=10 (spent: ")
        assert " before input 10, " in str(raised.value)
        return len(seen), len(read)

    assert asyncio.run(go()) == (10, 11)


def test_a_budget_that_is_just_enough_is_no_error(work_of):
    result = asyncio.run(many_of(work_of(), range(10), budget=RunLimits(requests=10, tokens=10_000))._all())
    assert result.summary.done == 10


def test_tokens_go_over_their_budget_by_what_runs_at_most(work_of):
    work = work_of()
    with pytest.raises(LimitExceededError):
        asyncio.run(many_of(work, range(100), budget=RunLimits(tokens=150), concurrency=4)._all())
    assert 10 <= len(work.begun) <= 10 + 4


def test_a_function_hears_of_every_outcome(work_of):
    heard = []
    work = work_of(ends={1: OutputError("no")})
    asyncio.run(many_of(work, range(3), progress=lambda summary: heard.append(str(summary)))._all())
    assert len(heard) == 3
    assert heard[-1].startswith("2 done, 1 failed (OutputError 1), 45 tokens, ")


def test_a_function_that_raises_ends_the_map(work_of):
    def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(many_of(work_of(), range(3), progress=broken)._all())


def test_no_inputs_are_no_outcomes(work_of):
    result = asyncio.run(many_of(work_of(), [])._all())
    assert (list(result), result.outputs) == ([], [])


def test_memory_stays_flat_over_many_inputs(work_of):
    """Of ten times as many inputs nothing more is held than of the first thousand."""
    import tracemalloc

    async def go():
        work, held = work_of(), []
        work.begun = _Nothing()
        async for outcome in many_of(work, (number for number in range(10_000)), concurrency=16):
            if outcome.index in (1_000, 9_999):
                held.append(tracemalloc.get_traced_memory()[0])
        return held

    tracemalloc.start()
    try:
        early, late = asyncio.run(go())
    finally:
        tracemalloc.stop()
    assert late - early < 100_000


class _Nothing(list):
    def append(self, _):
        pass


def test_past_its_budget_a_map_takes_what_goes_on_already_up_to_the_first_input_that_does_not(work_of):
    async def go():
        work, seen = work_of(), []
        work.known = (0, 1)
        with pytest.raises(LimitExceededError) as raised:
            async for outcome in many_of(work, range(9), budget=RunLimits(requests=0)):
                seen.append(outcome.output)
        assert " before input 2, " in str(raised.value)
        assert work.budget.left == {"requests": -2}
        return seen

    assert asyncio.run(go()) == ["did 0", "did 1"]


def test_runs_elsewhere_that_have_spent_already_are_not_due_besides(work_of):
    class Elsewhere(work_of):
        async def open(self, budget):
            count((Ledger(), budget), Spent(requests=3))  # of runs that are not known to be over

        async def due(self, jobs):
            return 0

    work = Elsewhere()
    result = asyncio.run(many_of(work, range(4), budget=RunLimits(requests=7))._all())
    assert len(result.outputs) == 4
