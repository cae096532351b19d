"""Whether a valid call may run: it needs nobody's word, has it, was declined, or waits for it."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, cast

from agentkit.agent.ruling import no_approval
from agentkit.agent.run import Run
from agentkit.state.decision import Deny, Give, PendingCall
from agentkit.tools.answer import Answer, answer_value
from agentkit.tools.execute import CallTool, is_ending
from agentkit.tools.tool import Approval
from agentkit.wire.message import ToolMessage

__all__ = ["gate"]


async def gate(run: Run, entry: CallTool | Answer) -> CallTool | Answer | PendingCall:
    """Give a call that may run as it is, one that waits as pending, and one that was decided against as its answer.

    A result that was given and a denial hold also where the tool is no longer there.

    Raises:
        StateError: An external call was approved, but nobody here can carry it out.
    """
    if isinstance(entry, CallTool):
        call_id, name, most = entry.id, entry.name, entry.tool.max_characters
    else:
        call_id, name, most = entry.message.tool_call_id, entry.tool_name, None
    decision = run.decisions.get(call_id)
    if isinstance(decision, Give):
        return answer_value(call_id, name, decision.result, status="given", most=most)
    if decision is False or isinstance(decision, Deny):
        begun = run.keeper is not None and run.keeper.begun(run, call_id) is not None
        content = f"Not run{' again' if begun else ''}: {(decision or Deny()).reason}"
        return Answer(ToolMessage(tool_call_id=call_id, content=content), "denied", name)
    if decision is None and run.keeper is not None:
        known = run.keeper.unknown(run, call_id, entry.tool if isinstance(entry, CallTool) else None)
        if known is not None:
            return _doubtful(run, call_id, known) if known else entry
    if isinstance(entry, Answer):
        return entry
    if entry.tool.is_external and decision is not None:
        raise no_approval(call_id, name)
    if decision is not None or call_id in run.state.subs:  # it was let through before, and its own run has begun
        return entry
    approval = entry.tool.approval
    if (
        entry.tool.is_external
        or (run.state.held and _waits(run, call_id))
        or (approval is not False and await _asks(entry, approval))
    ):
        arguments = entry.call.function.arguments
        return PendingCall(call_id, name, arguments, run.state.run_id, run.state.turns, entry.tool.is_external)
    return entry


def _doubtful(run: Run, call_id: str, known: str) -> PendingCall:
    """Let a call wait as the model wrote it, whatever it was begun with."""
    call = next(call for call in run.state.open_calls if call.id == call_id)
    function = call.function
    return PendingCall(call_id, function.name, function.arguments, run.state.run_id, run.state.turns, unknown=known)


def _waits(run: Run, call_id: str) -> bool:
    return call_id in [call.id for call in run.state.held]


async def _asks(entry: CallTool, approval: Approval) -> bool:
    """Tell whether somebody is to be asked; a predicate that fails, or gives None, has not said that it is safe."""
    if not callable(approval):
        return approval
    try:
        wanted = approval(entry.context, entry.arguments)
        said = await cast("Any", wanted) if inspect.isawaitable(wanted) else wanted
        return said is None or bool(said)
    except (Exception, asyncio.CancelledError, SystemExit) as error:
        if isinstance(error, asyncio.CancelledError) and is_ending():
            raise
        return True
