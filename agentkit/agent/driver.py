"""The loop's effects performed: whatever awaits, in one place, with the run's clock over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from agentkit.agent.batch import call_tools
from agentkit.agent.check import answer_outputs, check_output
from agentkit.agent.current import current
from agentkit.agent.effect import (
    AskModel,
    CallTools,
    CheckOutput,
    Effect,
    Finished,
    HandOver,
    Outcome,
    Paused,
    Prepare,
    Prepared,
)
from agentkit.agent.event import OutputReady, RunEnded, RunFailed, RunStarted, SubRunEvent
from agentkit.agent.handoff import go_on_as, hand_over
from agentkit.agent.keeper import Keeper
from agentkit.agent.loop import loop
from agentkit.agent.prepare import equip, prepare
from agentkit.agent.run import Run
from agentkit.agent.steering import ENDED, PAUSED
from agentkit.agent.turn import ask_model
from agentkit.errors import OutputError, RunCancelledError
from agentkit.model import ledgers, listener
from agentkit.secret import scrub
from agentkit.state.ledger import Ledger
from agentkit.state.limit import over_limit
from agentkit.state.reservation import leave
from agentkit.state.run import RunState
from agentkit.state.spent import Spent
from agentkit.state.subrun import still_held
from agentkit.tools.execute import SubRuns, running

__all__ = ["carry_out", "drive"]

_Step = Callable[[Run, Effect], Awaitable[Outcome]]
_ENDED = "Not finished: the run ended before this call did. Its effect may or may not have happened."
_WAITED = "Not run: the run ended while this call waited for a decision."


async def drive(run: Run) -> Finished | Paused:
    """Perform one effect after another within the middleware, until the loop ends; `run.state` is then the last one.

    Every error leaves with the state so far, as `error.state`; that of a cancelled run has all calls answered. A run
    that nobody watches shows its events to whoever watches the run that started it.
    """
    run.started = time.monotonic()
    outer = listener.get()
    if run.watcher is None and outer is not None:
        run.watcher = partial(_pass_on, outer, run.state.run_id, running.get()) if current.get() else outer
    token, inside, account = listener.set(run.hear), current.set(run), ledgers.set(_chain(run))
    if run.watcher is not None:
        run.emit(RunStarted(run.state.run_id))
    try:
        if run.keeper is not None:
            await run.keeper.open(run)
        end: Finished | Paused = await run.fold("run", _perform_all)(run.state)
        _close(run, end)
        if run.keeper is not None:
            await run.keeper.close(run, end)
    except (asyncio.CancelledError, Exception) as error:
        own = await _stop(run, error)
        if own is not None:
            raise own from error
        raise
    finally:
        if run.bounded:
            leave(run.chain)
        listener.reset(token)
        current.reset(inside)
        ledgers.reset(account)
    if run.watcher is not None:
        if isinstance(end, Finished):
            run.emit(OutputReady(end.output))
        state = run.state
        run.end(RunEnded(state.run_id, state.finish_reason, state.turns, state.usage, len(state.held)))
    return end


def _close(run: Run, end: Finished | Paused) -> None:
    """Take the last state of this part of the run, and nothing from outside any more."""
    run.steering.end()
    now = time.monotonic()
    run.state = end.state.replace(seconds=run.state.seconds + now - run.started)
    run.started = now  # the seconds are counted up to now
    if run.chain[0].news:
        _take_over(run)
    run.settle(ENDED if isinstance(end, Finished) else PAUSED)


async def _stop(run: Run, error: BaseException) -> RunCancelledError | None:
    """Bring the state to an end by an error, and put it on that; give the error of a run that its `cancel` ended."""
    own = await run.steering.own()
    if run.keeper is not None:
        run.settle()
        if run.chain[0].news:
            _take_over(run)
        await run.keeper.close(run, own or error)
    if own is not None or isinstance(error, asyncio.CancelledError):
        run.state = run.state.with_closed_calls(_ENDED, but=_waiting(run.state)).with_closed_calls(_WAITED)
    _carry(run, own or error)
    return own


def _waiting(state: RunState) -> set[str]:
    """Give the ids of what waits for a decision, and so has not begun."""
    return {call.id for call in state.held}


def _chain(run: Run) -> tuple[Ledger, ...]:
    """Open the run's own ledger, before those that are in force around it."""
    own = Ledger(run.recipe.bounds.limits)
    if run.resumed:
        own.begin(run.state.spent if own.bounded else Spent(), run.state.below, run.state.guessed)
    outer = ledgers.get()
    run.chain = (own, *dict.fromkeys(outer)) if outer else (own,)
    run.bounded = own.bounded
    for ledger in outer:
        run.bounded = run.bounded or ledger.bounded
    return run.chain


def _take_over(run: Run) -> None:
    """Take what the ledger knows besides the run's own replies into the state."""
    own = run.chain[0]
    own.news = False
    run.state = run.state.replace(below=own.below, guessed=own.guessed)


def _pass_on(outer: Callable[[Any], None], run_id: str, call: SubRuns | None, event: Any) -> None:
    if call is None or not call.over:
        outer(event if isinstance(event, SubRunEvent) else SubRunEvent(run_id, event))


def _carry(run: Run, error: BaseException) -> None:
    """Put the state on an error, our own or one of a user's function, for `agent.resume(error.state)`; tell of it."""
    run.settle()
    if run.chain[0].news:
        _take_over(run)
    run.state = still_held(run.state).replace(seconds=run.seconds)
    if type(error) is OutputError and error.__cause__ is None:  # of the loop, which is pure and holds no exceptions
        error.__cause__ = run.rejected
    with suppress(AttributeError):  # an error that has a `state` of its own, which cannot be set
        error.state = run.state  # type: ignore[attr-defined] # any error can carry it
    if run.watcher is not None:
        state, text = run.state, scrub(f"{type(error).__name__}: {error}")
        run.end(RunFailed(state.run_id, text.removesuffix(": "), state.turns, state.usage))


async def _perform_all(run: Run, state: RunState) -> Finished | Paused:
    run.state, run.cut = state, None
    run.steering.open()
    if state.agent is not None:
        await go_on_as(run)
    steps = loop(run.state, run.recipe.bounds)
    seconds = run.recipe.bounds.limits.seconds
    perform = carry_out if seconds is None else _perform_in_time
    if run.keeper is not None:
        perform = partial(_perform_kept, run.keeper, perform)
    task, before = asyncio.current_task(), run.steering.before
    assert task is not None
    try:
        effect = next(steps)
        while True:
            outcome = await perform(run, effect)
            if task.cancelling() > before:
                raise asyncio.CancelledError  # a tool kept it for itself, or nothing waited since
            effect = steps.send(outcome)
    except StopIteration as stop:
        end: Finished | Paused = stop.value
        return end


async def _perform_kept(keeper: Keeper[Run], step: _Step, run: Run, effect: Effect) -> Outcome:
    return await keeper.perform(run, effect, step)


async def _perform_in_time(run: Run, effect: Effect) -> Outcome:
    seconds = run.recipe.bounds.limits.seconds
    assert seconds is not None
    if run.seconds >= seconds:  # a clock that is over notices nothing that does not wait
        raise over_limit("seconds", run.seconds, seconds, "the next step was not begun")
    clock = asyncio.timeout(seconds - run.seconds)
    try:
        async with clock:
            return await carry_out(run, effect)
    except TimeoutError as error:
        if not clock.expired():
            raise
        later = _waiting(run.state) | run.state.subs.keys()  # they go on where they are
        run.cut = run.state
        run.state = run.state.with_closed_calls(_ENDED, but=later)
        raise over_limit("seconds", run.seconds, seconds, "what was on its way was cancelled") from error


async def carry_out(run: Run, effect: Effect) -> Outcome:
    """Perform one effect, without a clock over it."""
    match effect:
        case Prepare():
            run.turn = await prepare(run)
            came = run.steering.take()
            return Prepared(await run.take_in(came) if came else run.state, run.turn)
        case AskModel():
            run.state = await ask_model(run, effect.request)
        case CallTools():
            if run.recipe.choose is not None:
                await equip(run)
            calls, output_tool = run.state.open_calls, run.recipe.output_tool
            outputs = tuple(call for call in calls if call.function.name == output_tool) if output_tool else ()
            others = tuple(call for call in calls if call not in outputs) if outputs else calls
            run.state = await call_tools(run, others)
            if outputs and not run.state.held:
                run.state = await answer_outputs(run, outputs, alone=len(outputs) == len(run.state.calls))
        case CheckOutput():
            if run.recipe.choose is not None:
                await equip(run)
            checked = await check_output(run)
            run.state = checked.state
            return checked
        case HandOver():
            run.state = await hand_over(run)
    if run.chain[0].news:
        _take_over(run)
    return run.state
