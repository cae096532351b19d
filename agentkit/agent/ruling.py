"""Decisions as they were given become rulings here, each on a call that waits; `start` asks before a resume.

A decision that is on no such call, or was made on another one, is refused before anything is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from agentkit.errors import StateError, ToolDefinitionError
from agentkit.kind import is_map
from agentkit.schema.argument import shorten
from agentkit.state.decision import Approve, Decision, Deny, Give, PendingCall
from agentkit.state.run import RunState
from agentkit.state.subrun import held_below
from agentkit.tools.answer import answer_value

__all__ = ["no_approval", "rulings"]


def rulings(state: RunState, decisions: Any) -> dict[str, Decision]:
    """Give the decisions by the call that each is on, no longer bound.

    Raises:
        StateError: One is none, or not on a call that waits; or the state was changed.
    """
    waiting = _waiting(state)
    if not hasattr(decisions, "__iter__") or isinstance(decisions, str | bytes):
        raise StateError(
            f"The decisions are {shorten(repr(decisions))}. Give a mapping of call ids to decisions, or a list of what "
            "`call.approve()`, `call.deny()` and `call.give()` of `result.pending` made."
        )
    pairs = decisions.items() if is_map(decisions) else _matched(decisions, waiting)
    ruled: dict[str, Decision] = {}
    for call_id, decision in pairs:
        if call_id not in waiting:
            raise StateError(
                f"A decision is for the call {call_id!r}, which does not wait for one. "
                f"Waiting: {', '.join(waiting) or 'none'}. Decide on the ids of `result.pending`."
            )
        if call_id in ruled:
            raise StateError(f"There are two decisions on the call {call_id!r}. Give one.")
        ruled[call_id] = _unbound(decision, waiting[call_id])
    return ruled


def no_approval(call_id: str, name: str) -> StateError:
    """Make the error of an external call that was approved."""
    return StateError(
        f"The call {call_id!r} is of tool '{name}', which is carried out elsewhere: it cannot be approved. "
        "Give its result, `call.give(result)`, or deny it, `call.deny(reason)`."
    )


def _waiting(state: RunState) -> dict[str, PendingCall]:
    """Give what can be decided on, by its id: open calls, and what waits in sub-runs.

    Raises:
        StateError: A call that is shown as waiting is not the one that would be carried out.
    """
    for sub in state.subs.values():
        _waiting(sub)
    waiting: dict[str, PendingCall] = {}
    for call in state.open_calls:
        if call.id in waiting:
            raise StateError(
                f"The state was changed: the history has two calls with the id {call.id!r}. Do not resume it."
            )
        name, arguments = call.function.name, call.function.arguments
        waiting[call.id] = PendingCall(call.id, name, arguments, state.run_id, state.turns)
    waiting |= {one: replace(call, id=one) for one, (_, call) in held_below(state).items()}
    for held in state.held:
        meant = waiting.get(held.id)
        if meant is None or meant.digest != held.digest:
            seen = "no such call" if meant is None else shorten(f"{meant.name}({meant.arguments})")
            raise StateError(
                f"The state was changed: the call {held.id!r} waits as {shorten(f'{held.name}({held.arguments})')}, "
                f"but the history has {seen}. Do not resume it."
            )
        waiting[held.id] = held  # which says whether it is external
    return waiting


def _matched(decisions: Iterable[Any], waiting: Mapping[str, PendingCall]) -> Iterator[tuple[str, Any]]:
    ids = {call.digest: call_id for call_id, call in waiting.items()}
    for decision in decisions:
        bound = getattr(decision, "call", None)
        if bound is None:
            raise StateError(
                f"The decision {shorten(repr(decision))} is bound to no call. Make it of the call, `call.approve()`, "
                "or give a mapping of call ids to decisions."
            )
        if bound not in ids:
            raise StateError(
                f"A decision is bound to a call that does not wait: {shorten(str(bound))}. "
                f"Waiting: {', '.join(waiting) or 'none'}. Decide on what `result.pending` shows."
            )
        yield ids[bound], decision


def _unbound(decision: Any, call: PendingCall) -> Decision:
    if call.external and (decision is True or isinstance(decision, Approve)):
        raise no_approval(call.id, call.name)
    if isinstance(decision, bool):
        return decision
    if not isinstance(decision, Approve | Deny | Give):
        raise StateError(
            f"The decision on the call {call.id!r} is {shorten(repr(decision))}, which says neither yes nor no. "
            "Give True, False, Approve(...), Deny(...) or Give(...)."
        )
    if decision.call not in (None, call.digest):
        raise StateError(
            f"The decision on the call {call.id!r} was made on another one: of another run, turn or tool, or with "
            "other arguments. Decide on what `result.pending` shows."
        )
    if isinstance(decision, Give):
        try:
            answer_value(call.id, call.name, decision.result)
        except ToolDefinitionError as error:
            raise StateError(
                f"What the decision on the call {call.id!r} gives cannot be told to the model. {error}"
            ) from error
    if isinstance(decision, Approve) and decision.arguments is not None:
        try:
            to_json(dict(decision.arguments))
        except (TypeError, ValueError) as error:
            raise StateError(
                f"The arguments decided on for the call {call.id!r} are no JSON object: {error}. "
                "Give a dict of texts, numbers, lists and dicts."
            ) from error
    freed: Decision = replace(decision, call=None)
    return freed
