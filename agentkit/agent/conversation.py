"""A run driven to its result, within a turn of its session where it has one; `Agent` and its streams call `finish`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Any

from agentkit.agent.driver import drive
from agentkit.agent.effect import Finished, Paused
from agentkit.agent.result import Result
from agentkit.agent.run import Run
from agentkit.agent.start import WENT_ON
from agentkit.errors import SessionBusyError, StateError
from agentkit.session import Session, Turn
from agentkit.state.run import RunState
from agentkit.state.subrun import is_older
from agentkit.wire.message import Message

__all__ = ["finish"]


async def finish(run: Run) -> Result[Any]:
    """Drive a run to its end or a pause; what it added is kept in its session, if it has one.

    Raises:
        RunCancelledError: It was cancelled by its own `cancel`.
        SessionBusyError: Another run goes on in the session, or took it over: `error.state` is then the run that ended.
        StateError: The session does not stand where the state that was resumed left it.
    """
    try:
        run.steering.begin()
        end = await (drive(run) if run.session is None else _drive_in(run, run.session))
    except asyncio.CancelledError as error:  # before it was driven, as where it waits for its session
        own = await run.steering.own()
        if own is None:
            raise
        run.settle()
        own.state = run.state
        raise own from error
    finally:
        run.settle()
    answers = tuple(run.answers)
    if isinstance(end, Finished):
        return Result(run.state, answers, end.output, run.reply, run.recipe.name)
    return Result(run.state, answers, reply=run.reply, agent=run.recipe.name)


async def _drive_in(run: Run, session: Session) -> Finished | Paused:
    async with session.turn() as turn:
        # as long as it is: what a run may keep, the next one must be able to read
        waiting = None if turn.pending is None else RunState.from_json(turn.pending, max_bytes=sys.maxsize)
        mine = waiting if run.resumed and waiting is not None and waiting.run_id == run.state.run_id else None
        if mine is None:
            before = await _begin(run, turn, waiting, session.id)
        else:  # nothing was kept since it paused, so it goes on with what it saw then, whatever the window is now
            before = ()
            _check_newest(run.state, mine, session.id)
        try:
            end = await drive(run)
        except BaseException:
            if mine is not None and is_older(mine, run.state):
                # what was decided is done: nobody may be asked for it again
                with suppress(SessionBusyError, OSError):  # the run's own error says more
                    await turn.keep((), pending=run.state.to_json())
            raise
        await _keep(turn, before, run.state)
        return end


async def _begin(run: Run, turn: Turn, waiting: RunState | None, session: str) -> tuple[Message, ...]:
    """Let a run go on from what was kept; give the messages of one that waits, which the user did not wait for."""
    before: tuple[Message, ...] = ()
    if waiting is not None:
        before = (*waiting.with_closed_calls(WENT_ON).new_messages, *waiting.injected)
    history, kept = await turn.history(before), len(turn.messages) + len(before)
    if run.resumed:
        _check_stands(run.state, history, kept, session)
    elif before and not run.state.messages:
        raise StateError(
            f"A run waits in session {session!r}, and there is no prompt that goes on from it. "
            "Give one, or resume: `agent.resume(await session.pending(), decisions=..., session=session)`."
        )
    else:
        run.state = run.state.replace(messages=(*history, *run.state.messages), start=len(history), kept=kept)
    return before


async def _keep(turn: Turn, before: tuple[Message, ...], state: RunState) -> None:
    try:
        if state.held:
            await turn.keep(before, pending=state.to_json())
        else:
            await turn.keep((*before, *state.new_messages))
    except (SessionBusyError, OSError) as error:
        error.state = state  # type: ignore[union-attr] # any error can carry it
        raise


def _check_stands(state: RunState, history: tuple[Message, ...], kept: int, session: str) -> None:
    """See that a state goes on from where the session is."""
    begun = state.start if state.kept is None else state.kept  # a window may show nothing of what was kept since
    shown = state.messages[: state.start]
    if begun != kept or [one.encoded for one in shown] != [one.encoded for one in history]:
        error = StateError(
            f"The state does not go on from session {session!r} as it is now: other messages were kept since, or its "
            "window is another. Ask anew with `agent.run(..., session=)`, or resume without `session`."
        )
        error.state = state
        raise error


def _check_newest(state: RunState, waiting: RunState, session: str) -> None:
    """See that a state is no older than what is kept of the same run."""
    if is_older(state, waiting):
        error = StateError(
            f"The state is older than what session {session!r} has of the same run, which would call tools twice. "
            "Resume `await session.pending()`."
        )
        error.state = state
        raise error
