"""The records of a run, written while it goes, and what they mean when it goes on: `Keeping`, the keeper over a book.

The driver, the batch and the gate ask it; it knows neither files nor engines.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from agentkit.agent.effect import AskModel, CallTools, Checked, Effect, Finished, Outcome, Paused, Prepare
from agentkit.agent.handoff import Handoff
from agentkit.agent.result import Result
from agentkit.agent.run import Run
from agentkit.agent.subagent import SubAgent
from agentkit.durable.account import Account, Counted, counted_of, without_counted
from agentkit.durable.book import Book, OnUnknown
from agentkit.durable.definition import definition_of
from agentkit.durable.origin import given_of, source_of
from agentkit.durable.past import Past
from agentkit.durable.record import Kind, Record, line_of, plain_answer, read_of
from agentkit.errors import ConfigurationError, SchemaError, StateError, UnknownOutcomeError
from agentkit.secret import scrub
from agentkit.state.change import change_of
from agentkit.state.decision import Approve, Decision, Deny
from agentkit.state.run import RunState, state_adapter
from agentkit.state.subrun import held_below
from agentkit.tools.answer import Answer
from agentkit.tools.execute import CallTool
from agentkit.tools.tool import Tool

__all__ = ["Keeping"]

_OPTIONAL = ("call_id", "change", "parent", "passed", "source")  # not written where there is none


class Keeping:
    """Writes one run down, and those that its calls begin.

    Args:
        book: Where the records go.
        on_unknown: What becomes of calls whose outcome is not known.
        past: What is on record of the run, which goes on then; None for a new one.
        parent: The id of the run whose call began it.
        call_id: That call.
    """

    def __init__(
        self,
        book: Book,
        on_unknown: OnUnknown = "ask",
        past: Past | None = None,
        *,
        parent: str = "",
        call_id: str = "",
    ) -> None:
        self._book, self._past, self._above = book, past, (parent, call_id)
        self._on_unknown: OnUnknown = on_unknown
        self._known: RunState | None = None if past is None else past.own
        self._begun = {} if past is None else {**past.begun}
        self._asked: dict[str, Any] = {} if past is None else {**past.asked}
        self._given: Any = {} if past is None else past.given
        self._last: tuple[object, object] | None = None  # what `_asked` was made of
        self._below: dict[str, Keeping] = {}  # by the call
        self._account: Account | None = None
        self._uncounted: tuple[Answer, ...] = ()
        self._told, self._closed = 0, False

    async def open(self, run: Run, /) -> None:
        """Write the run's beginning, or what was decided where it goes on."""
        is_first, given = self._account is None, run.decisions
        terms = self._given if run.origin is None else given_of(run.origin)
        over = {} if terms == self._given else {"given": terms}
        self._closed, self._account = False, Account(run)
        if self._known is None:
            self._known = self._own(run, run.state)
            full = self._known.replace(subs=run.state.subs)
            state = state_adapter().dump_python(full, mode="json", exclude_none=True, by_alias=True)
            begin = {"state": state, "parent": self._above[0], "call_id": self._above[1], **over}
            begin |= {"source": source_of(run.origin), "agent": definition_of(run.first or run.recipe)}
            await self._intend(self._record(run, "begin", begin), None, sure=True)
            self._given, over = terms, {}
        elif self._past is not None and is_first:  # what was decided then holds once
            self._take_up(run, self._past)
        if given or over:
            below = {one: by for one, (by, _) in held_below(run.state).items() if one in given}
            before = self._known
            data = {"decisions": _plain(given), "passed": below, **over, "change": self._since(run)}
            await self._intend(self._record(run, "decided", data), before, sure=True)
            self._given = terms

    async def _intend(self, record: Record, before: RunState | None, *, sure: bool = False) -> None:
        """Write what is about to be done; where that fails, the next record tells what this one did of the state."""
        try:
            await self._book.note(record, sure=sure)
        except (Exception, CancelledError) as error:
            if not isinstance(error, CancelledError) or error.__cause__ is not None:  # else it is written
                self._known = before
            raise

    def _take_up(self, run: Run, past: Past) -> None:
        """Let the run go on as if nothing had been, where it was cut off; what was decided and not done still holds."""
        if past.ended is None:
            run.state = run.state.replace(refused=past.state.refused, forgiven=past.state.forgiven)
            self._uncounted = past.uncounted
        waiting = {call.id for call in run.state.open_calls} | held_below(run.state).keys()
        decided = {one: decision for one, decision in past.decided.items() if one in waiting}
        run.decisions = {**decided, **run.decisions}
        run.answers[:0] = past.answers
        run.reply = run.reply or past.reply

    async def perform(self, run: Run, effect: Effect, step: Callable[[Run, Effect], Awaitable[Outcome]], /) -> Outcome:
        """Write a request before it is sent and the reply when it is there; of other effects what they changed."""
        if isinstance(effect, AskModel):
            return await self._ask(run, effect, step)
        if isinstance(effect, CallTools):
            self._told = len(run.answers)
        outcome = await step(run, effect)
        if isinstance(effect, CallTools) and self._uncounted:  # the batch is one, though it was cut off
            refused = effect.state.with_refusals((*self._uncounted, *run.answers[self._told :])).refused
            outcome = run.state = run.state.replace(refused=refused)
            self._uncounted = ()
        ending = (isinstance(outcome, Checked) and outcome.valid) or (isinstance(effect, CallTools) and run.state.held)
        if not (ending or isinstance(effect, Prepare)):  # how it ends is written where it ends
            await self._keep(run)
        return outcome

    async def _ask(self, run: Run, effect: AskModel, step: Callable[[Run, Effect], Awaitable[Outcome]]) -> Outcome:
        turns, came, before = run.state.turns, list[Outcome | Exception](), self._known
        asking = {**self._request(run), "change": self._since(run)}
        await self._intend(self._record(run, "asking", asking), before)

        async def body() -> Record:
            try:
                came.append(await step(run, effect))
            except Exception as error:
                if run.state.turns == turns:
                    raise
                came.append(error)  # of a reply that came, and was paid for
            return self._replied(run) if run.state.turns > turns else self._changed(run)

        await self._book.act(f"ask {turns + 1}", body)
        if isinstance(came[0], Exception):
            raise came[0]
        return came[0]

    def _request(self, run: Run) -> dict[str, Any]:
        """Give what the request has besides the history, where it differs from the one before."""
        made = run.turn.instructions, run.turn.blank
        if self._last is not None and made[0] is self._last[0] and made[1] is self._last[1]:
            return {}
        self._last, body = made, run.turn.blank.extra_body
        fields = run.turn.blank.to_dict() | ({} if body is None else {"extra_body": dict(body)})
        fields.pop("messages", None)
        now = {"instructions": [message.to_dict() for message in run.turn.instructions], "fields": fields}
        new = {name: one for name, one in now.items() if self._asked.get(name) != one}
        self._asked |= new
        return new

    def _replied(self, run: Run) -> Record:
        reply, cost = run.reply, run.state.costs[-1]
        assert reply is not None
        assert self._known is not None
        self._begun.clear()
        self._below.clear()
        self._known = self._known.with_reply(reply, cost)
        data = {"completion": reply.to_dict(), "cost": cost, "change": self._since(run)}
        return self._record(run, "replied", data)

    async def gated(self, run: Run, /) -> None:
        """Write what of a batch was answered without a call, and what waits."""
        for answer in run.answers[self._told :]:
            assert self._known is not None
            self._known = self._known.with_answers((answer,))
            data = {"answer": plain_answer(answer)}
            await self._book.note(self._record(run, "answered", data, answer.message.tool_call_id))
        await self._keep(run)
        assert self._account is not None
        self._account.begin_batch()
        doubtful = [call for call in run.state.held if call.unknown and call.run_id == run.state.run_id]
        if doubtful and self._on_unknown == "fail":
            first = doubtful[0]
            raise UnknownOutcomeError(
                f"The call {first.id!r} of tool '{first.name}' has no outcome on record, and on_unknown=\"fail\" ends "
                f"the run there. {first.unknown} Find out what it did and resume with a decision: give its result, "
                "approve it to run it again, or deny it."
            )

    async def call(self, run: Run, call: CallTool, step: Callable[[CallTool], Awaitable[Answer]], /) -> Answer:
        """Write that a call begins, surely, and its answer; one of an agent or a handoff is as sure as its own run."""
        came = list[Answer]()

        async def body() -> Record:
            came.append(await step(call))
            return self._answered(run, call, came[0])

        try:
            if isinstance(call.tool.function, SubAgent | Handoff):
                await self._book.note(await body())
            else:
                await self._begin(run, call)
                await self._book.act(f"call {run.state.turns} {call.id}", body)
        except BaseException:
            if came and came[0].status != "held":  # it is done, whatever became of the record
                run.state = run.state.with_answers((came[0],))
            raise
        return came[0]

    async def _begin(self, run: Run, call: CallTool) -> None:
        context = call.context
        data = {"name": call.name, "arguments": context.arguments, "idempotency_key": context.idempotency_key}
        read = read_of(context.arguments, call.arguments)
        data |= {} if read is None else {"read": read}
        intent = self._record(run, "calling", data, call.id)
        await self._book.note(intent, sure=not call.tool.idempotent)
        self._begun[call.id] = intent
        if call.id in run.decisions:  # it held for this once
            run.decisions = {one: decision for one, decision in run.decisions.items() if one != call.id}

    def _answered(self, run: Run, call: CallTool, answer: Answer) -> Record:
        if answer.status == "held":
            return self._changed(run)
        assert self._known is not None
        self._begun.pop(call.id, None)
        self._known = known = self._known.with_answers((answer,))
        # others may be on record and not in the state yet
        state = run.state.replace(messages=known.messages, carried=known.carried, tool_calls=known.tool_calls)
        data = {"answer": plain_answer(answer), "change": self._since(run, state)}
        return self._record(run, "answered", data, call.id)

    def begun(self, run: Run, call_id: str, /) -> str | None:  # noqa: ARG002 # of the protocol
        """Give the arguments that an open call was begun with; None where it was not."""
        intent = self._begun.get(call_id)
        return None if intent is None else str(intent.content["arguments"])

    def unknown(self, run: Run, call_id: str, tool: Tool[Any] | None, /) -> str | None:
        """Say what is known of a call that was begun and may not simply run again."""
        intent = self._begun.get(call_id)
        if intent is None:
            if call_id not in run.state.subs or (tool is not None and isinstance(tool.function, SubAgent)):
                return None
            return "An agent was at work on it, and is its tool no more: it is not known how far that came."
        if tool is not None and (tool.idempotent or self._on_unknown == "retry"):
            return ""
        when = datetime.fromtimestamp(intent.at, UTC)
        told = f"It was begun on {when:%Y-%m-%d at %H:%M:%S} UTC, and it is not known whether it was done."
        arguments = self.begun(run, call_id)
        if all(call.id != call_id or call.function.arguments != arguments for call in run.state.open_calls):
            told += f" Its arguments were {arguments}."
        return (
            told if tool is not None else f"{told} It cannot run again: the agent has no tool any more that takes it."
        )

    async def below(
        self, run: Run, call_id: str, sub: Run, step: Callable[[Run], Awaitable[Result[Any]]], /
    ) -> Result[Any]:
        """Carry out the run of an agent that a call began; where its output is on record, give that."""
        run_id = sub.state.run_id
        past = self._past.below.get(run_id) if self._past is not None and sub.resumed else None
        if past is not None and past.output is not None:
            with suppress(ValueError):  # the type is another one now, so that the reply is read again
                output = sub.recipe.plan.load(past.output)
                return Result(past.state, past.answers, output, past.reply, past.state.agent or sub.recipe.name)
        kept = self._below.get(call_id) if sub.resumed else None  # a middleware may let a run happen again
        sub.keeper = self._below[call_id] = kept or Keeping(
            self._book, self._on_unknown, past, parent=run.state.run_id, call_id=call_id
        )
        return await self._book.below(run_id, lambda: step(sub))

    async def close(self, run: Run, end: Finished | Paused | BaseException, /) -> None:
        """Write the output, that calls wait, or the error."""
        if self._closed or self._known is None:
            return
        self._closed = True
        if isinstance(end, Finished | Paused):
            kind: Kind = "paused" if isinstance(end, Paused) else "finished"
            data = _output(run, end) | {"change": self._since(run)}
            await self._book.note(self._record(run, kind, data), sure=True)
            run.state = run.state.replace(seconds=self._known.seconds)  # the result is what is on record
            return
        state = run.state
        if run.cut is not None:  # its calls were closed for who reads the error; here they stay as doubtful as they are
            news = {name: getattr(state, name) for name in ("below", "guessed", "injected", "cut_usage")}
            state = run.cut.replace(**news)
        told: dict[str, Any] = {"change": self._since(run, state)}
        if not isinstance(end, CancelledError):  # that is a run that was cut off, as by a crash
            told["error"] = scrub(f"{type(end).__name__}: {end}").removesuffix(": ")
        try:
            await self._book.note(self._record(run, "failed" if "error" in told else "changed", told))
        except Exception as error:  # noqa: BLE001 # what ended the run says more
            end.add_note(f"That the run ended could not be written down: {scrub(str(error))}")

    async def _keep(self, run: Run) -> None:
        """Write what has changed since the last record, if anything has but the clock."""
        change = self._since(run)
        if change.keys() - {"seconds"}:
            await self._book.note(self._record(run, "changed", {"change": change}))

    def _changed(self, run: Run) -> Record:
        return self._record(run, "changed", {"change": self._since(run)})

    def _since(self, run: Run, state: RunState | None = None) -> dict[str, Any]:
        """Give what has changed since the last record, which this one is now."""
        own = self._own(run, run.state if state is None else state)
        now = own.replace(seconds=run.seconds, injected=(*own.injected, *run.steering.waiting))
        assert self._known is not None
        change, self._known = change_of(self._known, now), now
        return change

    def _own(self, run: Run, state: RunState) -> RunState:
        """Leave out the runs below that are on their way, which have records of their own."""
        ledger = run.chain[0]
        state = state.replace(subs={}, below=ledger.below, guessed=ledger.guessed)
        if not (run.state.subs or self._below):
            return state
        below = list[Counted]()
        for call_id in (call.id for call in state.open_calls):
            account = self._below[call_id]._account if call_id in self._below else None  # noqa: SLF001 # of this class
            if account is not None:
                below.append(account.counted)
            elif call_id in run.state.subs:
                below.append(counted_of(run.state.subs[call_id]))
        return without_counted(state, below)

    def _record(self, run: Run, kind: Kind, data: dict[str, Any], call_id: str = "") -> Record:
        plain = {name: one for name, one in data.items() if one or name not in _OPTIONAL}
        return Record(run.state.run_id, kind, run.state.turns, call_id, line_of(plain))


def _plain(decisions: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    given: Decision
    for one, given in decisions.items():
        decision = (Approve() if given else Deny()) if isinstance(given, bool) else given
        with suppress(StateError):  # an image that was given: its answer is on record soon, or the call waits again
            plain[one] = from_json(decision.to_json())
    return plain


def _output(run: Run, end: Finished | Paused) -> dict[str, Any]:
    """Give the output as JSON; what has none is made of the reply again."""
    if isinstance(end, Finished):
        with suppress(ConfigurationError, SchemaError):
            return {"output": (run.first or run.recipe).plan.dump(end.output)}
    return {}
