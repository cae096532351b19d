"""Whether a valid call may run: it needs nobody's word, has it, was declined, or waits for it."""

from __future__ import annotations

import inspect
from typing import Any, cast

from agentkit.agent.run import Run
from agentkit.state.decision import Deny, Give
from agentkit.state.run import PendingCall
from agentkit.tools.answer import Answer, answer_value
from agentkit.tools.execute import CallTool
from agentkit.wire.message import ToolCall, ToolMessage

__all__ = ["gate"]


async def gate(run: Run, entry: CallTool | Answer) -> CallTool | Answer | PendingCall:
    """Give a call that may run as it is, one that waits as pending, and one that was decided against as its answer."""
    if isinstance(entry, Answer):
        return entry
    decision = run.decisions.get(entry.id)
    if decision is None:
        return _pending(entry.call) if await _asks(entry) else entry
    if isinstance(decision, Give):
        return answer_value(entry.id, entry.name, decision.result, status="given")
    if decision is False or isinstance(decision, Deny):
        reason = (decision or Deny()).reason
        return Answer(ToolMessage(tool_call_id=entry.id, content=f"Not run: {reason}"), "denied", entry.name)
    return entry


async def _asks(entry: CallTool) -> bool:
    approval = entry.tool.approval
    if not callable(approval):
        return approval
    try:
        wanted = approval(entry.context, entry.arguments)
        return bool(await cast("Any", wanted)) if inspect.isawaitable(wanted) else bool(wanted)
    except Exception:  # noqa: BLE001 # a predicate that fails has not said that it is safe: ask
        return True


def _pending(call: ToolCall) -> PendingCall:
    return PendingCall(call.id, call.function.name, call.function.arguments)
