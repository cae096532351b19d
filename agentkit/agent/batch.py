"""The open calls of one reply to their answers: read and validate all, gate all, then run what may run.

A refused call never becomes a `CallTool`, so no middleware sees damaged arguments; nothing starts before the whole
batch has passed the gate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, cast

from pydantic_core import to_json

from agentkit.agent.event import ToolCallReady, ToolResulted
from agentkit.agent.gate import gate
from agentkit.agent.run import Run, context_of
from agentkit.errors import LimitExceededError, StateError
from agentkit.model import ledgers
from agentkit.schema.argument import ArgumentError, read_object, shorten
from agentkit.state.decision import Approve, Decision, PendingCall
from agentkit.state.ledger import count_calls
from agentkit.state.run import RunState
from agentkit.state.subrun import held_below, still_held
from agentkit.tools.answer import Answer, answer_error
from agentkit.tools.execute import CallTool, execute
from agentkit.wire.ending import ENDS, is_cut
from agentkit.wire.message import ToolCall

__all__ = ["call_tools"]

_CUT = (
    "Your arguments were cut off: the reply reached its token limit. Call the tool again with shorter arguments, "
    "or in several smaller calls."
)


async def call_tools(run: Run, calls: tuple[ToolCall, ...]) -> RunState:
    """Answer the calls; those that wait for a decision stay open and are held on the state given back.

    Raises:
        LimitExceededError: The batch would go over the limit of calls; none of it has started.
        ToolFailedError: A tool raised and `on_tool_error` is "raise"; its siblings have ended, their results are kept.
    """
    run.passed = _passed(run) if run.decisions else {}
    read = [_read(run, call) for call in calls]
    if run.recipe.bounds.limits.tool_calls is not None:
        run.recipe.bounds.limits.check_calls(run.state, len([entry for entry in read if isinstance(entry, CallTool)]))
    ready: list[CallTool] = []
    answers: list[Answer] = []
    held: list[PendingCall] = []
    for entry in read:
        match await gate(run, entry):
            case CallTool() as call:
                ready.append(call)
            case Answer() as answer:
                answers.append(answer)
            case pending:
                held.append(pending)
    if held or run.state.held or run.state.subs:
        _hold(run, tuple(held))
    for answer in answers:
        _land(run, answer)
    if run.keeper is not None:
        await run.keeper.gated(run)
    if run.bounded or len(run.chain) > 1:
        begun = sum(entry.id in run.state.subs for entry in ready)  # counted around this run before
        count_calls(run.chain[:1], begun)
        count_calls(run.chain, len(ready) - begun)
    answers += [answer for answer in await _run_all(run, ready) if answer.status != "held"]
    run.decisions, run.passed = {}, {}  # they were on this batch; some endpoints use an id again in the next
    state = run.state.with_refusals(tuple(answers))
    return still_held(state) if state.held or state.subs else state


def _passed(run: Run) -> dict[str, dict[str, Decision]]:
    """Sort out what was decided on calls that wait in sub-runs."""
    passed: dict[str, dict[str, Decision]] = {}
    for one, (call_id, call) in held_below(run.state).items():
        if one in run.decisions:
            passed.setdefault(call_id, {})[call.id] = run.decisions[one]
    return passed


def _hold(run: Run, held: tuple[PendingCall, ...]) -> None:
    """Note which calls wait, before any runs: an error of one may end the run."""
    state = run.state
    if state.subs:  # what a run did for other arguments is no answer to these
        subs = {one: sub for one, sub in state.subs.items() if _changed(run, one) is None}
        run.state = still_held(state.replace(held=held, subs=subs))
    else:
        run.state = state.replace(held=held)


def _changed(run: Run, call_id: str) -> Mapping[str, Any] | None:
    decision = run.decisions.get(call_id)
    return decision.arguments if isinstance(decision, Approve) else None


def _read(run: Run, call: ToolCall) -> CallTool | Answer:
    function = call.function
    name, arguments = function.name, function.arguments
    tool, decision = run.turn.toolbox.get(name), run.decisions.get(call.id)
    if tool is None:
        known = ", ".join(run.turn.toolbox.names) or "none"
        if decision is True or isinstance(decision, Approve) or call.id in run.passed:
            raise StateError(
                f"The call {call.id!r} was approved, and its tool '{name}' is gone. The tools are: {known}. "
                "Resume with an agent that has it, or deny the call."
            )
        unknown = f"There is no tool '{shorten(name)}'. The tools are: {known}. Call one of them, or answer."
        return answer_error(call.id, name, ArgumentError(unknown), status="refused")
    changed = _changed(run, call.id) if run.decisions else None
    begun = None if run.keeper is None else run.keeper.begun(run, call.id)
    if changed is not None or begun is not None:
        arguments = to_json(dict(changed)).decode() if changed is not None else str(begun)
        call = call.replace(function=function.replace(arguments=arguments))
    elif run.state.finish_reason not in ENDS and is_cut(run.state.finish_reason) and _may_be_cut(run, call):
        return answer_error(call.id, name, ArgumentError(_CUT), status="refused")
    try:
        values = tool.read(arguments)
    except ArgumentError as error:
        if changed is not None or (begun is not None and decision in (True, Approve())):
            raise StateError(
                f"The arguments decided on for the call {call.id!r} do not fit tool '{name}': {error} "
                "The call still waits; decide again."
            ) from error
        return answer_error(call.id, name, error, status="refused")
    return CallTool(call, tool, values, context_of(run, call))


def _may_be_cut(run: Run, call: ToolCall) -> bool:
    """At the token limit the last call's arguments may end anywhere; empty ones would pass for "no arguments"."""
    if call != run.state.calls[-1]:
        return False
    try:
        read_object(call.function.arguments)
    except ArgumentError:
        return True
    return not call.function.arguments.strip()


def _land(run: Run, answer: Answer) -> None:
    run.state = run.state.with_answers((answer,))
    run.answers.append(answer)
    if run.watcher is not None:
        content = cast("str", answer.message.content)
        run.emit(ToolResulted(answer.message.tool_call_id, answer.tool_name, content, answer.status, answer.seconds))


async def _run_all(run: Run, calls: list[CallTool]) -> list[Answer]:
    """Run calls at once, but a barrier alone, and all one by one where the settings say so."""
    if len(calls) == 1:
        return [await _run_one(run, calls[0], None)]
    one_by_one = run.recipe.settings.parallel_tool_calls is False
    answers: list[Answer] = []
    group: list[CallTool] = []
    for call in calls:
        if call.tool.sequential or one_by_one:
            answers += await _run_group(run, group)
            answers += await _run_group(run, [call])
            group = []
        else:
            group.append(call)
    return answers + await _run_group(run, group)


async def _run_group(run: Run, calls: list[CallTool]) -> list[Answer]:
    if len(calls) == 1:
        return [await _run_one(run, calls[0], None)]
    if not calls:
        return []
    most = run.recipe.bounds.limits.concurrency
    room = asyncio.Semaphore(most) if len(calls) > most else None
    tasks = [asyncio.create_task(_run_one(run, call, room), name=f"agentkit {call.name}") for call in calls]
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
    failed = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    if failed:
        raise failed[0]
    return [task.result() for task in tasks]


def _execute(run: Run, call: CallTool) -> Awaitable[Answer]:
    return execute(call, run.recipe.on_tool_error, _is_shared)


def _is_shared(error: Exception) -> bool:
    """Tell whether a limit was reached that this run spends from too, not one of a run that a tool began."""
    ledger = error.ledger if isinstance(error, LimitExceededError) else None
    return ledger is not None and any(ledger is one for one in ledgers.get())


async def _run_one(run: Run, call: CallTool, room: asyncio.Semaphore | None) -> Answer:
    if room is not None:
        async with room:
            return await _run_one(run, call, None)
    if run.watcher is not None:
        run.emit(ToolCallReady(call.id, call.name, call.arguments))
    call_id = call.id
    run.under_way.add(call_id)
    try:
        step = run.fold("call", _execute)
        answer: Answer = await (step(call) if run.keeper is None else run.keeper.call(run, call, step))
    finally:
        run.under_way.discard(call_id)
    if answer.status != "held":
        _land(run, answer)
    return answer
