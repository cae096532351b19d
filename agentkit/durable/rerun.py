"""One recorded run gone through again by today's code, effect by effect, each from the recorded state before it.

The state alone decides what comes next, so what a run did later never hides its first difference; `replay` reads it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import from_json

from agentkit.agent.driver import carry_out
from agentkit.agent.effect import CallTools, Checked, CheckOutput, HandOver, Prepare, Turn
from agentkit.agent.handoff import Handoff, agents_of
from agentkit.agent.loop import loop, request_for
from agentkit.agent.prepare import equip, prepare
from agentkit.agent.run import Recipe, Run, context_of
from agentkit.agent.subagent import SubAgent
from agentkit.durable.comparison import Batch, failure_difference, output_difference
from agentkit.durable.divergence import Difference, Divergence, Where, message_difference, request_difference
from agentkit.durable.double import Answers, Silent, endpoints_of, judged
from agentkit.durable.origin import terms_of
from agentkit.durable.record import Record
from agentkit.durable.timeline import ENDS, Timeline, error_of
from agentkit.errors import AgentkitError
from agentkit.session import repair
from agentkit.state.decision import Decision, decision_of
from agentkit.state.ledger import Ledger
from agentkit.state.limit import RunLimits
from agentkit.state.run import RunState
from agentkit.tools.execute import CallTool, SubRuns
from agentkit.wire.content import text_of
from agentkit.wire.message import Message
from agentkit.wire.request import ChatRequest
from agentkit.wire.setting import Settings

__all__ = ["Diverged", "Rerun"]

_Make = Callable[[Silent, Settings | None, RunLimits | None], Recipe]


class Diverged(Exception):  # noqa: N818 # an outcome that is caught and told, not a failure
    """Today's code does another thing; `divergence` says which."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(divergence.text)
        self.divergence = divergence


class Rerun:
    """One run, and those below it, from their records.

    Args:
        records: Of the run and the runs below it.
        recipe: Gives what today's agent runs with, for a model, and the settings and limits that the run was given.
        model: Stands in for every model.
        deps: What functions of the context get.

    Attributes:
        turns: Replies that were gone through, those of runs below too.
        calls: Calls likewise.
        runs: This run, and those below it.
    """

    def __init__(self, records: Sequence[Record], recipe: _Make, model: Silent, deps: Any) -> None:
        self._records, self._make, self._model, self._deps = records, recipe, model, deps
        self._timeline = Timeline(records)
        self._steps = self._timeline.steps
        self._first = made = self._made(self._steps[0][0])
        self._bounds = made.bounds
        self._run = Run(made, self._steps[0][1], deps=deps, turn=Turn(toolbox=made.toolbox))
        self._run.chain = (Ledger(made.bounds.limits),)
        self._decided: dict[str, Decision] = {}
        self._resumed, self._number = False, 0
        self._seen, self._counted = set[str](), set[tuple[int, str]]()
        self._places = {id(record): place for place, record in enumerate(records)}
        self._begun = {record.run_id: place for place, record in enumerate(records) if record.kind == "begin"}
        self.turns, self.calls, self.runs = 0, 0, 1

    async def go(self) -> None:
        """Go through all of it.

        Raises:
            Diverged: At the first difference.
        """
        await self._as_agent(self._steps[0][1])
        place = 0
        while place + 1 < len(self._steps):
            later = await self._step(place)
            self._resumed = any(one.kind in ENDS for one, _ in self._steps[place + 1 : later + 1])
            place = later

    async def _step(self, place: int) -> int:
        """Go through one effect; give the place of its last record."""
        following, state = self._steps[place + 1][0], self._steps[place][1]
        if following.kind == "decided":
            given = following.content.get("decisions", {})
            self._decided |= {one: decision_of(decision) for one, decision in given.items()}
            if "given" in following.content:
                await self._begin_part(following, state)
            return place + 1
        self._run.state = state.resumed() if self._resumed else state
        self._number = state.turns
        try:
            effect = next(loop(self._run.state, self._bounds))
        except AgentkitError as error:
            return self._ended(place + 1, error)
        match effect:
            case Prepare():
                self._number += 1
                return await self._turn(place)
            case CallTools():
                return await self._batch(place)
            case CheckOutput():
                return await self._check(place)
            case HandOver():
                return await self._hand(place)
            case _:
                return place + 1

    def _made(self, record: Record) -> Recipe:
        """Make what today's agent runs with, for what a record says that the run was given over the agent's own."""
        return self._make(self._model, *terms_of(record.content.get("given", {})))

    async def _begin_part(self, record: Record, state: RunState) -> None:
        """Go on with other settings and limits."""
        self._first = made = self._made(record)
        self._run.change(made)
        self._bounds, self._run.chain = made.bounds, (Ledger(made.bounds.limits),)
        await self._as_agent(state)

    async def _turn(self, place: int) -> int:
        run, at = self._run, self._timeline.next(place)
        record, state = self._steps[at]
        if record.kind != "asking":
            self._number = run.state.turns
            self._see_failure(record)
            return at
        run.state = state  # with what was put into the run from outside
        try:
            run.turn = await prepare(run)
        except Exception as error:  # of a function of the agent's, whatever it is
            what = f"the request was made, and cannot be today{' without deps' if self._deps is None else ''}."
            raise self._diverged("end", what, today=f"{type(error).__name__}: {error}") from error
        self._bounds = run.turn.bounds or self._bounds
        if (found := await self._request_difference(self._timeline.requests[id(record)])) is not None:
            raise self._diverged_by(found)
        answered = at + 1 < len(self._steps) and self._steps[at + 1][0].kind == "replied"
        if not answered:
            return at
        self.turns += 1
        return at + 1

    async def _request_difference(self, recorded: ChatRequest) -> Difference | None:
        """Compare the request; that the endpoint of then took another way to ask for the output is no difference."""
        run = self._run
        begin = len(request_for(run.state, Turn()).messages)
        then = _plain(recorded.replace(messages=recorded.messages[: len(recorded.messages) - begin]))

        def compared() -> Difference | None:
            return request_difference(then, _plain(run.turn.blank.replace(messages=run.turn.instructions)))

        found = compared()
        if found is None or run.recipe.plan.is_text:
            return found
        for place, endpoint in enumerate(endpoints_of(then)):
            self._model.profile = endpoint
            run.recipe = run.recipe.renewed()
            run.turn = await prepare(run)
            other = compared()
            if other is None:
                return None
            found = other if not place else found
        return found

    async def _batch(self, place: int) -> int:
        run, steps = self._run, self._steps
        end = self._timeline.end_of_batch(place)
        records = [record for record, _ in steps]
        batch = Batch(run.state, steps[end][1], records[: place + 1], records[place + 1 : end + 1])
        keeper = run.keeper = Answers(batch.begun, batch.unknown)
        run.state = run.state.replace(subs=self._subs(place))
        run.decisions = {one: given for one, given in self._decided.items() if not batch.unknown.get(one)}
        try:
            now = await self._carried_out(CallTools(run.state), batch.reason_of)
        except Exception as error:  # noqa: BLE001 # of a function of the agent's, whatever it is: it ends the run
            return self._ended(end, error)
        for call in batch.calls(run.recipe.output_tool):
            ran = keeper.ran.get(call.id)
            if (found := batch.difference(call, now.state, ran)) is not None:
                raise self._diverged_by(found)
            if ran is not None:
                if (one := (run.state.turns, call.id)) not in self._counted:  # a batch that was cut off went on
                    self._counted.add(one)
                    self.calls += 1
                await self._below(ran)
        self._see_failure(steps[end][0])
        if batch.is_whole and (found := batch.output_difference(now.state)) is not None:
            raise self._diverged_by(found)
        if steps[end][0].kind == "paused" or not steps[end][1].open_calls:
            self._decided = {}  # it is done, or waits for another decision
        return end

    def _subs(self, place: int) -> dict[str, RunState]:
        """Give the open calls whose runs had begun at a place, and which were let through, therefore."""
        state, now = self._run.state, self._places[id(self._steps[place][0])]
        ids = {call.id: SubRuns(context_of(self._run, call)).next_id() for call in state.open_calls}
        begun = {call: RunState(one) for call, one in ids.items() if self._begun.get(one, now) < now}
        return {**begun, **state.subs}

    async def _carried_out(self, effect: CallTools | CheckOutput, reason_of: Callable[[str], str | None]) -> Checked:
        """Let today's code perform an effect, with the recorded verdicts in the place of the output's own code."""
        run = self._run
        await equip(run)
        asked, run.recipe = run.recipe, replace(run.recipe, plan=judged(run.recipe.plan, reason_of))
        try:
            outcome = await carry_out(run, effect)
        finally:
            run.recipe = asked
        return outcome if isinstance(outcome, Checked) else Checked(run.state, valid=False)

    async def _check(self, place: int) -> int:
        before, end = self._run.state, self._timeline.check(place)
        record, after = self._steps[end]
        failed = after.attempts[len(before.attempts) :]
        if record.kind == "asking":
            return await self._turn(place)
        if record.kind == "changed" and not failed and after.finishing == before.finishing:
            return end  # something was put into the run, which goes on with that
        try:
            checked = await self._carried_out(CheckOutput(before), lambda _: failed[-1].reason if failed else None)
        except Exception as error:  # noqa: BLE001 # of a function of the agent's, whatever it is: it ends the run
            return self._ended(end, error)
        if record.kind == "failed":
            self._see_failure(record)
        elif checked.valid and record.kind != "finished":
            text = failed[-1].reason if failed else None
            raise self._diverged("output", "the reply was not taken as the output, and is today.", text, _said(before))
        elif not checked.valid and record.kind == "finished":
            news = checked.state.attempts[len(before.attempts) :]
            reason = news[-1].reason if news else "The output is asked for next."
            what = "the reply was taken as the output, and is not today."
            raise self._diverged("output", what, _said(before), reason)
        elif not checked.valid and (found := output_difference(before, after, checked.state)) is not None:
            raise self._diverged_by(found)
        return end

    async def _hand(self, place: int) -> int:
        run, end = self._run, self._timeline.handover(place)
        record, after = self._steps[end]
        if record.kind != "changed" or after.agent is None:
            return end
        await equip(run)
        tool = run.turn.toolbox.get(str(run.state.handed))
        handoff = None if tool is None else tool.function
        if not isinstance(handoff, Handoff):
            raise self._diverged("handoff", f"the tool '{run.state.handed}' handed the run over, and does not today.")
        name = str(handoff.target.name)
        if name != after.agent:
            raise self._diverged("handoff", "the run is handed over to another agent.", after.agent, name)
        await self._compare_shown(handoff, after)
        await self._as_agent(after)
        return end

    async def _compare_shown(self, handoff: Handoff, after: RunState) -> None:
        """Compare what the next agent sees; an async filter may ask a model, so that what it gave stands."""
        shown: Sequence[Message] = after.messages[: after.since]
        if handoff.filter is not None:
            try:
                given: Any = handoff.filter(self._run.state.messages)
                if inspect.isawaitable(given):
                    if inspect.iscoroutine(given):
                        given.close()
                    return
                shown = repair(given)
            except Exception as error:
                raised = f"{type(error).__name__}: {error}"
                raise self._diverged(
                    "handoff", "the filter of the handoff cannot be asked today.", today=raised
                ) from error
        then = after.messages[: after.since] if after.shown is None else after.shown
        if (found := message_difference([m.to_dict() for m in then], [m.to_dict() for m in shown])) is not None:
            raise self._diverged_by(found)

    async def _as_agent(self, state: RunState) -> None:
        """Go on as the agent that the state names."""
        run, name = self._run, state.agent
        if name is None or name == run.recipe.name:
            return
        await equip(run)
        if name == self._first.name:
            run.change(self._first)
        else:
            target: Any = agents_of(run.recipe.toolbox, run.recipe.name).get(name)
            if target is None:
                raise self._diverged(
                    "handoff", f"the run went on as the agent {name!r}, and nothing leads there today."
                )
            run.change(target.recipe_for(self._model, None, self._first.bounds.limits))
        self._bounds = run.recipe.bounds

    async def _below(self, call: CallTool) -> None:
        """Go through the run of an agent that a call began, once."""
        run_id = SubRuns(call.context).next_id()
        if not isinstance(call.tool.function, SubAgent) or run_id in self._seen:
            return
        records = [one for one in self._records if one.run_id == run_id or one.run_id.startswith(f"{run_id}/")]
        if not records:
            return
        self._seen.add(run_id)
        sub = Rerun(records, call.tool.function.recipe, self._model, self._deps)
        try:
            await sub.go()
        finally:
            self.turns, self.calls, self.runs = self.turns + sub.turns, self.calls + sub.calls, self.runs + sub.runs

    def _ended(self, place: int, error: Exception) -> int:
        """See that the run ended as it would today; give the place of the record that says so."""
        at = place if self._steps[place][0].kind in ENDS else self._timeline.next(place)
        record, name = self._steps[at][0], type(error).__name__
        if record.kind == "changed" or error_of(record) == name:
            return at
        went = f"ended with {error_of(record)}" if record.kind == "failed" else "went on"
        recorded = record.content.get("error") if record.kind == "failed" else None
        raise self._diverged("end", f"the run {went}, and ends today with {name}.", recorded, f"{name}: {error}")

    def _see_failure(self, record: Record) -> None:
        if (found := failure_difference(record, self._bounds.limits)) is not None:
            raise self._diverged_by(found)

    def _diverged_by(self, found: Difference) -> Diverged:
        return self._diverged(found.where, found.what, found.recorded, found.today)

    def _diverged(self, where: Where, what: str, recorded: str | None = None, today: str | None = None) -> Diverged:
        return Diverged(Divergence(self._run.state.run_id, self._number, where, what, recorded, today))


def _plain(request: ChatRequest) -> dict[str, Any]:
    plain: dict[str, Any] = from_json(request.encode())
    return plain


def _said(state: RunState) -> str | None:
    """Give the text that may be the output."""
    taken = next((call for call in state.calls if call.id == state.accepted), None)
    reply = state.reply
    return taken.function.arguments if taken else text_of(reply.content) if reply else None
