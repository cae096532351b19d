"""The calls of one reply as they were recorded, compared with what today's code makes of them; `rerun` asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic_core import from_json

from agentkit.durable.divergence import Difference, message_difference, text_of_json
from agentkit.durable.record import Record, line_of, read_of
from agentkit.durable.timeline import error_of
from agentkit.kind import is_array, is_object
from agentkit.state.limit import RunLimits, told
from agentkit.state.run import RunState
from agentkit.tools.execute import CallTool
from agentkit.wire.content import text_of
from agentkit.wire.message import ToolCall, ToolMessage

__all__ = ["Batch", "failure_difference", "output_difference"]

_What = Literal["ran", "told", "held", "open"]
"""A call ran; was answered without; waits; nothing became of it so far."""

_THEN = {"ran": "ran", "told": "was answered without being run", "held": "waited for a decision"}
_NOW = {"ran": "runs today", "told": "is not run today", "held": "waits for a decision today"}
_SET = b'"uniqueItems":true'  # in the schema of a tool that takes a set
_SURE = ("LengthError", "OutputError", "ToolRetriesExceededError")  # of what was said, not of the world
_REACHED = re.compile(r"LimitExceededError: The run reached its limit (\w+)=(\S+) ")  # not that of a map
_TOLD = ("refused", "denied", "given", "cancelled")


class Batch:
    """What became of the open calls of a state.

    Args:
        before: The state.
        after: The one after them, or as far as the run came.
        earlier: The run's own records before.
        records: Those of the batch.

    Attributes:
        begun: Arguments of open calls that were begun before and have no outcome, by call id.
        unknown: What was known of those that were in doubt, by call id; nothing where they ran again.
        is_whole: Whether the batch came to its end.
    """

    def __init__(self, before: RunState, after: RunState, earlier: Sequence[Record], records: Sequence[Record]) -> None:
        self._before, self._after = before, after
        self._calling = {one.call_id: one for one in records if one.kind == "calling"}
        self._answered = {one.call_id: one.content["answer"] for one in records if one.kind == "answered"}
        last = records[-1].kind if records else ""
        was_held = set[str]() if last == "paused" else {call.id for call in before.held}  # and may be decided on by now
        self._held = {call.id: call.unknown for call in after.held if call.id not in was_held}
        self.is_whole = last != "failed" and not after.open_calls
        self.begun = _begun(before, earlier)
        self.unknown = dict.fromkeys(self.begun, "") | {one: text for one, text in self._held.items() if text}

    def calls(self, output_tool: str | None) -> Iterator[ToolCall]:
        """Give the calls of tools, in their order."""
        return (call for call in self._before.open_calls if call.function.name != output_tool)

    def reason_of(self, text: str) -> str | None:
        """Give why the arguments of the output's tool were refused; None where they were not."""
        accepted = False
        for call in self._before.open_calls:
            accepted = accepted or call.id == self._after.accepted
            if call.function.arguments == text:
                return None if accepted else _told((*self._after.messages, *self._after.correction), call.id)
        return None

    def difference(self, call: ToolCall, now: RunState, ran: CallTool | None) -> Difference | None:
        """Compare what became of a call.

        Args:
            call: The call.
            now: The state after today's code.
            ran: The call as today's code would have run it; None where it would not.
        """
        then, today = self._then(call.id), _now(call.id, now, ran)
        if then == "open" or today == "open":
            return None
        told, tells = _told(self._after.messages, call.id), _told(now.messages, call.id)
        if then != today:
            what = f"the call {call.function.name} ({call.id}) {_THEN[then]}, and {_NOW[today]}."
            return Difference("call", what, None if then == "held" else told, tells if today == "told" else None)
        if then == "told" and told != tells:
            return self._told_otherwise(call.id, now)
        if ran is not None and call.id in self._calling:
            return self._read_otherwise(ran)
        return None

    def output_difference(self, now: RunState) -> Difference | None:
        """Compare what became of the output in the batch."""
        return output_difference(self._before, self._after, now)

    def _then(self, call_id: str) -> _What:
        if call_id in self._held:
            return "held"
        if call_id in self._calling:
            return "ran"
        if call_id in self._answered:
            return "told" if self._answered[call_id].get("status") in _TOLD else "ran"
        return "open"

    def _told_otherwise(self, call_id: str, now: RunState) -> Difference | None:
        place, message = _result(self._after, call_id)
        _, other = _result(now, call_id)
        return message_difference([message.to_dict()], [other.to_dict()], place)

    def _read_otherwise(self, ran: CallTool) -> Difference | None:
        raw = ran.call.function.arguments
        then, today = self._calling[ran.id].content.get("read"), read_of(raw, ran.arguments)
        if then == today:
            return None
        if _SET in ran.tool.encoded:  # which is written in an order that no two processes share
            then, today = (_sorted(_parsed(raw) if one is None else one) for one in (then, today))
            if then == today:
                return None
        recorded, now = (raw if one is None else text_of_json(one) for one in (then, today))
        return Difference("arguments", f"the arguments of {ran.name} ({ran.id}) are read otherwise.", recorded, now)


def output_difference(before: RunState, after: RunState, now: RunState) -> Difference | None:
    """Compare what became of a reply that may be the output, in the states after it."""
    then, today = after.attempts[len(before.attempts) :], now.attempts[len(before.attempts) :]
    if then and not today:
        return Difference("output", "the output was refused, and is not today.", then[-1].reason, then[-1].text)
    if today and not then:
        return Difference("output", "the output was not refused, and is today.", today[-1].text, today[-1].reason)
    if then and then[-1].reason != today[-1].reason:
        return Difference("output", "the output is refused for another reason.", then[-1].reason, today[-1].reason)
    if (after.accepted, after.finishing) != (now.accepted, now.finishing):
        return Difference("output", "another reply is taken as the output.", after.accepted, now.accepted)
    recorded, asked = ([one.to_dict() for one in state.correction] for state in (after, now))
    return message_difference(recorded, asked, begin=len(after.seen))


def failure_difference(record: Record, limits: RunLimits) -> Difference | None:
    """Compare the error that a run ended with, where today's code goes on, as far as it comes of that code.

    Args:
        record: The one that may tell of an error.
        limits: Today's.
    """
    if record.kind != "failed":
        return None
    text = str(record.content.get("error"))
    name, reached = error_of(record), _REACHED.match(text)
    if name in _SURE:
        return Difference("end", f"the run ended with {name}, and goes on today.", text)
    if reached is not None and "/" not in record.run_id:  # of a run below it may be that of the one above
        limit, bound = reached.groups()
        now: float | None = getattr(limits, limit)
        if now is None or bound not in (str(now), told(now)):
            today = "none" if now is None else f"{limit}={now}"
            return Difference("end", f"the run ended at its limit {limit}={bound}, and there is {today} today.", text)
    return None


def _sorted(plain: Any) -> Any:
    """Put each list of a JSON value into one order."""
    if is_object(plain):
        return {name: _sorted(one) for name, one in plain.items()}
    return sorted(map(_sorted, plain), key=line_of) if is_array(plain) else plain


def _parsed(raw: str) -> Any:
    try:
        return from_json(raw)
    except ValueError:
        return raw


def _begun(before: RunState, earlier: Sequence[Record]) -> dict[str, str]:
    waiting = {call.id for call in before.open_calls}
    begun = dict[str, str]()
    for record in earlier:
        if record.turn == before.turns and record.call_id in waiting:
            if record.kind == "calling":
                begun[record.call_id] = str(record.content["arguments"])
            elif record.kind == "answered":
                begun.pop(record.call_id, None)
    return begun


def _now(call_id: str, now: RunState, ran: CallTool | None) -> _What:
    if ran is not None:
        return "ran"
    if any(call.id == call_id for call in now.held):
        return "held"
    return "told" if any(call.id == call_id for call in now.calls) else "open"


def _result(state: RunState, call_id: str) -> tuple[int, ToolMessage]:
    """Give the last result of a call, and its place."""
    places = range(len(state.messages) - 1, -1, -1)
    found = ((place, state.messages[place]) for place in places)
    return next((i, one) for i, one in found if isinstance(one, ToolMessage) and one.tool_call_id == call_id)


def _told(messages: Sequence[Any], call_id: str) -> str | None:
    found = (one for one in reversed(messages) if isinstance(one, ToolMessage) and one.tool_call_id == call_id)
    message = next(found, None)
    return None if message is None else text_of(message.content)
