"""A run driven to its result, within a turn of its session where it has one; `Agent` and its streams call `finish`."""

from __future__ import annotations

import asyncio
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
        return Result(end.state, answers, end.output, run.reply, run.recipe.name)
    return Result(end.state, answers, reply=run.reply, agent=run.recipe.name)


async def _drive_in(run: Run, session: Session) -> Finished | Paused:
    async with session.turn() as turn:
        waiting = None if turn.pending is None else RunState.from_json(turn.pending)
        mine = waiting is not None and waiting.run_id == run.state.run_id
        # a run that the user did not wait for ends here: its messages are kept with those of this one
        before = () if waiting is None or mine else _left_behind(waiting)
        history = await turn.history(before)
        if run.resumed:
            _check_stands(run.state, history, turn.messages, waiting if mine else None, session.id)
        else:
            if before and not run.state.messages:
                raise StateError(
                    f"A run waits in session {session.id!r}, and there is no prompt that goes on from it. "
                    "Give one, or resume: `agent.resume(await session.pending(), decisions=..., session=session)`."
                )
            run.state = run.state.replace(messages=(*history, *run.state.messages), start=len(history))
        try:
            end = await drive(run)
        except BaseException:
            if waiting is not None and mine and is_older(waiting, run.state):
                # what was decided is done: nobody may be asked for it again
                with suppress(SessionBusyError, OSError):  # the run's own error says more
                    await turn.keep((), pending=run.state.to_json())
            raise
        await _keep(turn, before, end.state)
        return end


def _left_behind(waiting: RunState) -> tuple[Message, ...]:
    return (*waiting.with_closed_calls(WENT_ON).new_messages, *waiting.injected)


async def _keep(turn: Turn, before: tuple[Message, ...], state: RunState) -> None:
    try:
        if state.held:
            await turn.keep(before, pending=state.to_json())
        else:
            await turn.keep((*before, *state.new_messages))
    except (SessionBusyError, OSError) as error:
        error.state = state  # type: ignore[union-attr] # any error can carry it
        raise


_Messages = tuple[Message, ...]


def _check_stands(state: RunState, history: _Messages, kept: _Messages, waiting: RunState | None, session: str) -> None:
    """See that a state goes on from where the session is, and is no older than what waits or was kept there."""
    begun, stands = _encoded(state.messages[: state.start]), _encoded(history)
    # a window may show nothing of what was kept of the same run
    if begun != stands or (waiting is None and _holds(_encoded(kept), _encoded(state.new_messages))):
        error = StateError(
            f"The state does not go on from session {session!r} as it is now: other messages were kept since, or its "
            "window is another. Ask anew with `agent.run(..., session=)`, or resume without `session`."
        )
        error.state = state
        raise error
    if waiting is not None and is_older(state, waiting):
        error = StateError(
            f"The state is older than what session {session!r} has of the same run, which would call tools twice. "
            "Resume `await session.pending()`."
        )
        error.state = state
        raise error


def _encoded(messages: _Messages) -> list[bytes]:
    return [message.encoded for message in messages]


def _holds(whole: list[bytes], part: list[bytes]) -> bool:
    return bool(part) and any(whole[place : place + len(part)] == part for place in range(len(whole)))
