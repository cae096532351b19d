"""The agent loop: ask the model, call the tools it asks for, repeat until its reply is the output.

A pure generator over a `RunState`: no await, no I/O, no logging. The state alone decides what comes next, so a start,
a resume, a decision and a crash all come in by the same door.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from agentkit.agent.effect import (
    AskModel,
    Bounds,
    CallTools,
    Checked,
    CheckOutput,
    Effect,
    Finished,
    HandOver,
    Paused,
    Prepare,
    Prepared,
    Turn,
)
from agentkit.errors import OutputError, ToolRetriesExceededError
from agentkit.state.run import RunState
from agentkit.wire.request import ChatRequest

__all__ = ["loop", "request_for"]


def loop(state: RunState, bounds: Bounds) -> Generator[Effect, Any, Finished | Paused]:
    """Give one effect after another; each is answered with its outcome.

    Raises:
        LimitExceededError: Before the step that would go over a limit.
        OutputError: No valid output came within the retries.
        ToolRetriesExceededError: A tool's calls were refused too often in a row.
    """
    while True:
        if state.open_calls:
            state = yield CallTools(state)
            if state.held:
                return Paused(state)
        elif state.reply is not None:
            checked: Checked = yield CheckOutput(state)
            state = checked.state
            if checked.valid:
                return Finished(state, checked.output)
        elif state.handed is not None:
            state = yield HandOver(state)
        else:
            _check(state, bounds)
            prepared: Prepared = yield Prepare(state)
            bounds = prepared.turn.bounds or bounds
            state = yield AskModel(prepared.state, request_for(prepared.state, prepared.turn))


def request_for(state: RunState, turn: Turn) -> ChatRequest:
    """Put a request together from values that are encoded already."""
    messages = (*turn.instructions, *state.seen, *state.correction, *state.injected)
    return turn.blank.replace(messages=messages)


def _check(state: RunState, bounds: Bounds) -> None:
    failed = state.attempts[state.forgiven :]
    if len(failed) > bounds.output_retries:
        tried = "1 attempt" if len(failed) == 1 else f"{len(failed)} attempts"
        error = OutputError(
            f"No valid output after {tried}. The last was refused: {failed[-1].reason[:500]} "
            "The attempts are in `error.attempts`; `agent.resume(error.state)` asks again."
        )
        error.attempts, error.text = failed, failed[-1].text
        raise error
    for name, times in state.refused.items():
        retries = bounds.tool_retries.get(name, bounds.default_tool_retries)
        if times > retries:
            raise _too_often(state, name, times)
    bounds.limits.check_turn(state)


def _too_often(state: RunState, name: str, times: int) -> ToolRetriesExceededError:
    call, told = state.last_call(name)
    error = ToolRetriesExceededError(
        f"The calls of tool '{name}' were refused {times} times in a row. The last reason: {told[:500]} "
        "The arguments are in `error.arguments`; `agent.resume(error.state)` lets the model try again."
    )
    error.tool_name, error.arguments = name, call
    return error
