"""The loop's effects performed: whatever awaits, in one place, with the run's clock over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

from agentkit.agent.batch import call_tools
from agentkit.agent.check import answer_outputs, check_output
from agentkit.agent.effect import AskModel, CallTools, Checked, CheckOutput, Effect, Finished, Paused, Prepare, Prepared
from agentkit.agent.event import OutputReady, RunEnded, RunFailed, RunStarted, SubRunEvent
from agentkit.agent.loop import loop
from agentkit.agent.prepare import prepare
from agentkit.agent.run import Run
from agentkit.agent.turn import ask_model
from agentkit.errors import OutputError
from agentkit.model import listener
from agentkit.secret import scrub
from agentkit.state.limit import over_limit
from agentkit.state.run import RunState
from agentkit.tools.execute import SubRuns, running

__all__ = ["drive"]

_inside: ContextVar[bool] = ContextVar("agentkit_inside_a_run", default=False)

_ENDED = "Not finished: the run ended before this call did. Its effect may or may not have happened."


async def drive(run: Run) -> Finished | Paused:
    """Perform one effect after another until the loop ends.

    Every error leaves with the state so far, as `error.state`; that of a cancelled run has all calls answered. A run
    that nobody watches shows its events to whoever watches the run that started it.
    """
    run.started = time.monotonic()
    outer = listener.get()
    if run.watcher is None and outer is not None:
        run.watcher = partial(_pass_on, outer, run.state.run_id, running.get()) if _inside.get() else outer
    token, inside = listener.set(run.hear), _inside.set(True)
    if run.watcher is not None:
        run.emit(RunStarted(run.state.run_id))
    try:
        end: Finished | Paused = await run.fold("run", partial(_perform_all, run))(run.state)
    except asyncio.CancelledError as error:
        run.state = run.state.with_closed_calls(_ENDED)
        _carry(run, error)
        raise
    except Exception as error:
        _carry(run, error)
        raise
    finally:
        listener.reset(token)
        _inside.reset(inside)
    run.state = state = end.state.replace(seconds=run.seconds)
    if run.watcher is not None:
        if isinstance(end, Finished):
            run.emit(OutputReady(end.output))
        run.end(RunEnded(state.run_id, state.finish_reason, state.turns, state.usage, len(state.held)))
    return Finished(state, end.output) if isinstance(end, Finished) else Paused(state)


def _pass_on(outer: Callable[[Any], None], run_id: str, call: SubRuns | None, event: Any) -> None:
    if call is None or not call.over:
        outer(event if isinstance(event, SubRunEvent) else SubRunEvent(run_id, event))


def _carry(run: Run, error: BaseException) -> None:
    """Put the state on an error, our own or one of a user's function, for `agent.resume(error.state)`; tell of it."""
    run.state = run.state.replace(seconds=run.seconds)
    if type(error) is OutputError and error.__cause__ is None:  # of the loop, which is pure and holds no exceptions
        error.__cause__ = run.rejected
    with suppress(AttributeError):  # an error that has a `state` of its own, which cannot be set
        error.state = run.state  # type: ignore[attr-defined] # any error can carry it
    if run.watcher is not None:
        state, text = run.state, scrub(f"{type(error).__name__}: {error}")
        run.end(RunFailed(state.run_id, text.removesuffix(": "), state.turns, state.usage))


async def _perform_all(run: Run, state: RunState) -> Finished | Paused:
    run.state = state
    steps = loop(state, run.recipe.bounds)
    seconds = run.recipe.bounds.limits.seconds
    perform = _perform if seconds is None else _perform_in_time
    task = asyncio.current_task()
    assert task is not None
    cancelled = task.cancelling()
    try:
        effect = next(steps)
        while True:
            outcome = await perform(run, effect)
            if task.cancelling() > cancelled:
                raise asyncio.CancelledError  # a tool kept it for itself
            effect = steps.send(outcome)
    except StopIteration as stop:
        end: Finished | Paused = stop.value
        return end


async def _perform_in_time(run: Run, effect: Effect) -> Prepared | RunState | Checked:
    seconds = run.recipe.bounds.limits.seconds
    assert seconds is not None
    if run.seconds >= seconds:  # a clock that is over notices nothing that does not wait
        raise over_limit("seconds", run.seconds, seconds, "the next step was not begun")
    clock = asyncio.timeout(seconds - run.seconds)
    try:
        async with clock:
            return await _perform(run, effect)
    except TimeoutError as error:
        if not clock.expired():
            raise
        run.state = run.state.with_closed_calls(_ENDED)
        raise over_limit("seconds", run.seconds, seconds, "what was on its way was cancelled") from error


async def _perform(run: Run, effect: Effect) -> Prepared | RunState | Checked:
    match effect:
        case Prepare():
            run.turn = await prepare(run)
            return Prepared(run.state, run.turn)
        case AskModel():
            run.state = await ask_model(run, effect.request)
        case CallTools():
            outputs = tuple(call for call in run.state.open_calls if call.function.name == run.recipe.output_tool)
            others = tuple(call for call in run.state.open_calls if call not in outputs)
            run.state = await call_tools(run, others)
            if outputs and not run.state.held:
                run.state = await answer_outputs(run, outputs, alone=len(outputs) == len(run.state.calls))
        case CheckOutput():
            checked = await check_output(run)
            run.state = checked.state
            return checked
    return run.state
