"""Runs that the calls of a run began, in its state: what waits in them, and which of two states is the older one."""

from __future__ import annotations

from dataclasses import replace

from agentkit.state.decision import PendingCall
from agentkit.state.run import RunState

__all__ = ["held_below", "is_older", "still_held", "with_sub"]


def with_sub(state: RunState, call_id: str, sub: RunState) -> RunState:
    """Keep the state of a run that a call began, until the call is answered."""
    return state.replace(subs={**state.subs, call_id: sub})


def held_below(state: RunState) -> dict[str, tuple[str, PendingCall]]:
    """Give what waits in sub-runs, with the call that began each, by the id to decide on.

    The id is that of the call, a slash, and that of the one in the sub-run.
    """
    found: dict[str, tuple[str, PendingCall]] = {}
    if not state.subs:
        return found
    own = {call.id for call in state.open_calls}
    for call_id in (call.id for call in state.open_calls if call.id in state.subs):
        for call in state.subs[call_id].held:
            one = f"{call_id}/{call.id}"
            while one in own or one in found:  # an id may hold a slash of its own
                one += "'"
            found[one] = call_id, call
    return found


def still_held(state: RunState) -> RunState:
    """Bring up to date what waits, in call order: own calls that are open still, and what waits in sub-runs now."""
    if not (state.held or state.subs):
        return state
    own, below, held = {call.id: call for call in state.held}, held_below(state), list[PendingCall]()
    for call in state.open_calls:
        inside = [replace(inner, id=one) for one, (by, inner) in below.items() if by == call.id]
        held += [own[call.id]] if call.id in own else inside
    return state.replace(held=tuple(held))


def is_older(state: RunState, than: RunState) -> bool:
    """Tell whether a run had not come as far in one state as in another, in itself or in a sub-run."""
    if len(state.messages) != len(than.messages):
        return len(state.messages) < len(than.messages)
    return any(call not in state.subs or is_older(state.subs[call], sub) for call, sub in than.subs.items())
