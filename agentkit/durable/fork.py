"""The state that a copy of a recorded run goes on from: some of its replies kept, another prompt, other results.

Pure: a journal carries the copy out and writes it down as a run of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from agentkit.agent.prompt import Prompt, user_message
from agentkit.agent.start import WENT_ON
from agentkit.durable.past import Past, past_of, states_of
from agentkit.durable.record import Record
from agentkit.errors import RunMismatchError, StateError
from agentkit.session.window import is_carrier
from agentkit.state.run import RunState
from agentkit.state.subrun import still_held
from agentkit.tools.answer import Answer, answer_value, carrier_of
from agentkit.wire.content import Part
from agentkit.wire.message import AssistantMessage, Message, ToolCall, ToolMessage

__all__ = ["fork_of"]


def fork_of(
    records: Iterable[Record],
    at: int,
    run_id: str,
    *,
    prompt: Prompt = None,
    results: Mapping[str, Any] | None = None,
    begun: float = inf,
) -> RunState:
    """Give the state that a fork of a run begins with.

    What the kept replies have spent stays spent. Calls that waited for a decision wait in the fork, too.

    Args:
        records: Of the run and its sub-runs, in the order in which they were written.
        at: How many replies are kept, with the results of their calls; 0 is the beginning.
        run_id: Of the fork.
        prompt: In the place of the run's own where nothing is kept; else said after what is kept.
        results: What stands in the place of the results of kept calls, by call id, of any kind that a tool returns; of
            an id that was used again, the last call's.
        begun: When the fork began, where it has: the run may have gone on since, and that is none of the fork's.

    Raises:
        StateError: The run has no such turn or call, or a call of it was begun and nothing says how it ended.
        RunMismatchError: The run of the fork's id is no fork of this one, for it is this one or an older one.
        InvalidRequestError: The prompt is neither text nor parts.
    """
    past = past_of(_kept(_before(begun, [*records], run_id), at))
    state = past.state
    for call_id, value in (results or {}).items():
        state = _with_result(state, past, call_id, value)
    _check_begun(past, {call.id for call in state.open_calls})
    if prompt is not None:
        state = _with_prompt(state, prompt, begins=not at)
    return _renamed(state, state.run_id, run_id)


def _before(begun: float, records: Sequence[Record], run_id: str) -> Sequence[Record]:
    """Give the records that were there when the fork began."""
    then = [record for record in records if record.at <= begun]
    source = records[0].run_id if records else run_id
    if records and (source == run_id or not then):
        why = "is the one that is to be forked" if source == run_id else f"began before the run {source!r} did"
        raise RunMismatchError(f"The run {run_id!r} {why}, so it is no fork of it. Give another id, that of a new run.")
    return then


def _kept(records: Sequence[Record], at: int) -> Sequence[Record]:
    """Give the records of the turns that are kept."""
    steps = list(states_of(records))
    first, last = (steps[0][1], steps[-1][1]) if steps else (past_of(records).state,) * 2
    if isinstance(at, bool) or at not in range(first.turns, last.turns + 1):
        most = f"{last.turns} turn{'' if last.turns == 1 else 's'}"
        least = f"{first.turns}, with which it began," if first.turns else "0, the beginning,"
        raise StateError(
            f"The run {last.run_id!r} has {most}, and at={at!r} is none of them. Give how many replies are kept: "
            f"{least} to {last.turns}."
        )
    if not at:
        return records[:1]
    later = next((record for record, state in steps if state.turns > at), None)
    return records if later is None else records[: next(i for i, one in enumerate(records) if one is later)]


def _with_result(state: RunState, past: Past, call_id: str, value: Any) -> RunState:
    calls = {call.id: (place, call) for place, message in enumerate(state.messages) for call in _calls(message)}
    own = {call.id for message in state.new_messages for call in _calls(message)}
    if call_id not in own:
        raise StateError(
            f"The kept turns of the run {state.run_id!r} have no call {call_id!r}, whose result was given. "
            f"Their calls are: {', '.join(sorted(own)) or 'none'}."
        )
    place, call = calls[call_id]
    answer = answer_value(call_id, call.function.name, value)
    if any(one.id == call_id for one in state.open_calls):
        return still_held(state.with_answers((answer,)))
    return _with_other(state, past, place, answer)


def _with_other(state: RunState, past: Past, place: int, answer: Answer) -> RunState:
    """Put another result in the place of one that is there; images of a batch travel in a message after it."""
    calls, end = _calls(state.messages[place]), place + 1
    results = list[Message]()
    parts = dict[str, tuple[Part, ...]]()
    while end < len(state.messages) and isinstance(result := state.messages[end], ToolMessage):
        is_other = result.tool_call_id == answer.message.tool_call_id
        results.append(answer.message if is_other else result)
        parts[result.tool_call_id] = answer.parts if is_other else _parts(past, result)
        end += 1
    carried = {one: some for one, some in parts.items() if some}
    if len(results) < len(calls):  # the others are open still, and bring it with them
        return state.replace(messages=(*state.messages[: place + 1], *results), carried=carried)
    if end < len(state.messages) and is_carrier(state.messages, end):
        end += 1
    if carried:
        results.append(carrier_of(calls, carried))
    messages = (*state.messages[: place + 1], *results, *state.messages[end:])
    return state.replace(messages=messages)


def _parts(past: Past, result: ToolMessage) -> tuple[Part, ...]:
    """Give the images and files that came with a result."""
    return next((answer.parts for answer in reversed(past.answers) if answer.message == result), ())


def _check_begun(past: Past, waiting: set[str]) -> None:
    """See that nothing would run again of which nobody knows whether it was done."""
    for call_id, record in past.doubtful.items():
        if not any(f"{call_id}/".startswith(f"{one}/") for one in waiting):
            continue  # its result was given, or that of the call that began its run
        given = f"Say what it gave, `results={{{call_id!r}: ...}}`, go" if call_id in past.begun else "Go"
        raise StateError(
            f"The call {call_id!r} of the tool '{record.content.get('name')}' was begun, and nothing says how it "
            f"ended: the fork would run it again. {given} on with the run itself first, or keep fewer turns."
        )


def _with_prompt(state: RunState, prompt: Prompt, *, begins: bool) -> RunState:
    message = user_message(prompt)
    if begins:
        return state.replace(messages=(*state.messages[: state.start], message))
    return state.with_closed_calls(WENT_ON).with_injected((message,))


def _renamed(state: RunState, old: str, new: str) -> RunState:
    """Give a state, and those of the runs below it, the ids of another run."""
    held = tuple(replace(call, run_id=new + call.run_id.removeprefix(old)) for call in state.held)
    subs = {call_id: _renamed(sub, old, new) for call_id, sub in state.subs.items()}
    return state.replace(run_id=new + state.run_id.removeprefix(old), held=held, subs=subs)


def _calls(message: Message) -> tuple[ToolCall, ...]:
    return message.tool_calls if isinstance(message, AssistantMessage) else ()
