"""The fold of a run's records: its state, what was begun and not ended, what was decided and not done, as a `Past`.

Pure: recovery, replay and fork read runs by it; it knows no book and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agentkit.durable.account import counted_of, with_counted
from agentkit.durable.record import Record, answer_of
from agentkit.errors import InvalidRequestError, InvalidResponseError, StateError
from agentkit.state.change import changed
from agentkit.state.decision import Decision, decision_of
from agentkit.state.run import RunState, state_adapter
from agentkit.state.subrun import still_held
from agentkit.tools.answer import Answer
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["Past", "past_of", "request_for", "requests_of", "states_of"]

_ENDS = ("paused", "finished", "failed")


@dataclass(frozen=True)
class Past:
    """What the records of a run say.

    Attributes:
        first: The record that it began with.
        state: As far as it came; of calls that are open still, the runs that they began are in `state.subs`.
        own: The same without those runs, and without what they have spent: what its own records say.
        begun: The `calling` records of its open calls that have no outcome, by call id.
        decided: Decisions that no call was begun or answered by, by the id that was decided on.
        passed: Those of `decided` that are on calls of runs below, with the call that began each.
        output: The output as JSON, where it has finished.
        ended: The record that it ended with, as finished, paused or failed; None where it was cut off.
        below: The runs of agents that its calls began, by run id.
        answers: Of its calls, in the order in which they came, without their values.
        uncounted: Those of the reply in hand, some calls of which are open, which `state.refused` does not count yet.
        reply: Its last reply.
        asked: The `instructions` and other `fields` of its last request, as plain JSON.
        given: Settings and limits that its last part was given over the agent's own; `origin` reads them.
    """

    first: Record
    state: RunState
    own: RunState
    begun: Mapping[str, Record]
    decided: Mapping[str, Decision]
    passed: Mapping[str, str]
    output: str | None
    ended: Record | None
    below: Mapping[str, Past]
    answers: tuple[Answer, ...]
    uncounted: tuple[Answer, ...]
    reply: ChatCompletion | None
    asked: Mapping[str, Any]
    given: Mapping[str, Any]

    @property
    def doubtful(self) -> dict[str, Record]:
        """Give the `calling` records of the calls that have no outcome, in runs below too, by the id to decide on."""
        waiting = {call.id for call in self.state.open_calls}
        found = {one: record for one, record in self.begun.items() if one in waiting}
        for sub in self.below.values():
            above = str(sub.first.content.get("call_id"))
            if above in waiting:
                found |= {f"{above}/{one}": record for one, record in sub.doubtful.items()}
        return found


def past_of(records: Iterable[Record]) -> Past:
    """Fold the records of a run and of those below it, in the order in which they were written.

    Raises:
        StateError: They do not fit together, or cannot be read.
    """
    folds: dict[str, _Fold] = {}
    for record in records:
        if record.kind == "begin":
            folds[record.run_id] = _Fold(record)
        elif record.run_id in folds:
            folds[record.run_id].take(record)
        else:
            raise StateError(
                f"The records of the run {record.run_id!r} do not begin with its beginning. Some are missing."
            )
        _tell_above(folds, record)
    for fold in folds.values():
        return fold.past(folds)
    raise StateError("There are no records of a run. Is its id the right one?")


def states_of(records: Iterable[Record]) -> Iterator[tuple[Record, RunState]]:
    """Give the run's own records, not those of runs below it, each with the state after it."""
    fold: _Fold | None = None
    for record in records:
        if fold is None or (record.kind == "begin" and record.run_id == fold.first.run_id):
            fold = _Fold(record)
        elif record.run_id == fold.first.run_id:
            fold.take(record)
        else:
            continue
        yield record, fold.state


def requests_of(records: Iterable[Record]) -> Iterator[tuple[Record, ChatRequest]]:
    """Give the run's own `asking` records, each with the request that was about to be sent, before all middleware."""
    asked: dict[str, Any] = {}
    for record, state in states_of(records):
        if record.kind == "asking":
            content = record.content
            asked |= {name: content[name] for name in ("instructions", "fields") if name in content}
            yield record, request_for(asked, state)


def request_for(asked: Mapping[str, Any], state: RunState) -> ChatRequest:
    """Put a request together of what it had besides the history, and the state that it was asked in.

    Raises:
        StateError: It is none.
    """
    history = (*state.seen, *state.correction, *state.injected)
    try:
        return ChatRequest.parse({**asked.get("fields", {}), "messages": [*asked.get("instructions", ()), *history]})
    except InvalidRequestError as error:
        raise StateError(f"A request of the run {state.run_id!r} cannot be read from its records. {error}") from error


def _tell_above(folds: Mapping[str, _Fold], record: Record) -> None:
    """Note in the run above that a run has taken over what was decided: by its beginning on the call, else below it."""
    above = folds.get(folds[record.run_id].parent)
    if above is None or record.kind not in ("begin", "decided"):
        return
    call_id = folds[record.run_id].call_id
    if record.kind == "begin":
        above.decided.pop(call_id, None)
        above.below[call_id] = record.run_id
    for one in [one for one, by in above.passed.items() if by == call_id]:
        above.decided.pop(one, None)
        above.passed.pop(one)


class _Fold:
    """The records of one run so far."""

    def __init__(self, first: Record) -> None:
        begin = first.content
        self.first = first
        self.parent, self.call_id = str(begin.get("parent") or ""), str(begin.get("call_id") or "")
        self.state = _state_of(first, begin.get("state"))
        self.begun: dict[str, Record] = {}
        self.decided: dict[str, Decision] = {}
        self.passed: dict[str, str] = {}
        self.below: dict[str, str] = {}
        self.output: str | None = None
        self.ended: Record | None = None
        self.answers: list[Answer] = []
        self.uncounted: tuple[Answer, ...] = ()
        self.reply: ChatCompletion | None = None
        self.asked: dict[str, Any] = {}
        self.given: Mapping[str, Any] = begin.get("given", {})

    def take(self, record: Record) -> None:
        content = record.content
        match record.kind:
            case "decided":
                self.decided |= {one: decision_of(given) for one, given in content.get("decisions", {}).items()}
                self.passed |= content.get("passed", {})
                self.given = content.get("given", self.given)
            case "asking":
                self.asked |= {name: content[name] for name in ("instructions", "fields") if name in content}
            case "replied":
                self._reply(record, content)
            case "calling":
                self.begun[record.call_id] = record
                self.decided.pop(record.call_id, None)
            case "answered":
                self._answer(record, content)
            case _:
                pass
        change = content.get("change", {})
        self.state = changed(self.state, change)
        if "refused" in change or record.kind in _ENDS:
            self.uncounted = ()
        self.ended = record if record.kind in _ENDS else None
        self.output = content.get("output") if record.kind == "finished" else None
        if record.kind == "paused":  # what was decided is done, or waits for another decision now
            self.decided, self.passed = {}, {}

    def _reply(self, record: Record, content: dict[str, Any]) -> None:
        try:
            self.reply = ChatCompletion.parse(content["completion"])
        except (InvalidResponseError, KeyError) as error:
            raise StateError(_unfit(record, "the reply cannot be read")) from error
        self.state = self.state.with_reply(self.reply, content.get("cost"))
        self.begun, self.decided, self.passed, self.below = {}, {}, {}, {}  # some endpoints use ids of calls again
        self.uncounted = ()

    def _answer(self, record: Record, content: dict[str, Any]) -> None:
        answer = answer_of(content.get("answer"))
        if answer.message.tool_call_id != record.call_id:
            raise StateError(_unfit(record, f"it answers the call {answer.message.tool_call_id!r:.80}"))
        if record.call_id not in {call.id for call in self.state.open_calls}:
            raise StateError(_unfit(record, f"the call {record.call_id!r} is not open"))
        self.state = self.state.with_answers((answer,))
        self.answers.append(answer)
        self.uncounted = (*self.uncounted, answer)
        self.begun.pop(record.call_id, None)
        self.decided.pop(record.call_id, None)

    def past(self, folds: Mapping[str, _Fold]) -> Past:
        below = {one: folds[one].past(folds) for one in self.below.values()}
        waiting = {call.id for call in self.state.open_calls}
        subs = {**self.state.subs, **{call: below[one].state for call, one in self.below.items()}}
        subs = {call: sub for call, sub in subs.items() if call in waiting}
        state = still_held(with_counted(self.state, map(counted_of, subs.values())).replace(subs=subs))
        state = state if waiting else state.with_refusals(self.uncounted)
        return Past(
            first=self.first,
            state=state,
            own=self.state.replace(subs={}),
            begun=self.begun,
            decided=self.decided,
            passed=self.passed,
            output=self.output,
            ended=self.ended,
            below=below,
            answers=tuple(self.answers),
            uncounted=self.uncounted if waiting else (),
            reply=self.reply,
            asked=self.asked,
            given=self.given,
        )


def _state_of(record: Record, plain: Any) -> RunState:
    if record.kind != "begin":
        raise StateError(f"The records of the run {record.run_id!r} do not begin with its beginning. Some are missing.")
    try:
        return state_adapter().validate_python(plain)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "state"
        raise StateError(_unfit(record, f"{where}: {first['msg']}")) from error


def _unfit(record: Record, why: str) -> str:
    return (
        f"The record {record.kind!r} of the run {record.run_id!r}, turn {record.turn}, does not fit those before it: "
        f"{why}. Are there records missing, or of another run?"
    )
