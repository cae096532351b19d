"""How a run of a journal is taken up: it begins, goes on where it was, or its end is given; the journal's face asks it.

The loop needs nothing for that: the state that the records add up to decides what comes next.
"""

from __future__ import annotations

import logging
import unicodedata
from typing import Any

from agentkit.agent.conversation import finish
from agentkit.agent.event import OutputReady, RunEnded, RunStarted
from agentkit.agent.result import Result
from agentkit.agent.ruling import rulings
from agentkit.agent.run import Run
from agentkit.durable.book import OnUnknown
from agentkit.durable.definition import definition_of, differences
from agentkit.durable.file import RecordFile
from agentkit.durable.hold import Hold, hold
from agentkit.durable.keeping import Keeping
from agentkit.durable.past import Past, past_of, states_of
from agentkit.errors import ConfigurationError, RunError, RunMismatchError
from agentkit.state.decision import Decisions
from agentkit.state.run import RunState
from agentkit.wire.content import text_of
from agentkit.wire.message import UserMessage

__all__ = ["Recovery", "check_id", "number_of", "tell_differences"]

_LONGEST = 200
_SHOWN = 80  # characters of a prompt in the list of runs, and of what differs between two
_BEFORE = 20
_log = logging.getLogger("agentkit.durable")


class Recovery:
    """Carries runs out over the file of a journal.

    Args:
        file: Where they are written.
        on_unknown: What becomes of calls whose outcome is not known.
    """

    def __init__(self, file: RecordFile, on_unknown: OnUnknown) -> None:
        self._file = file
        self._on_unknown: OnUnknown = on_unknown

    async def begin(self, run: Run) -> Result[Any]:
        """Begin a run, unless one of that id began with the same messages: that one goes on, or its end is given."""
        held = await hold(self._file, run.state.run_id)
        try:
            past = None if held.is_new else past_of(await held.records())
            if past is not None:
                _check_same(run.state, past)
            if past is not None and past.ended is not None and past.ended.kind == "paused":
                agent = past.state.agent or run.recipe.name
                return _shown(run, Result(past.state, past.answers, reply=past.reply, agent=agent))
            return await self._go(run, held, past, None)
        finally:
            held.free()

    async def go_on(self, run: Run, decisions: Decisions | None) -> Result[Any]:
        """Let a run go on with decisions on what it waits for; nothing but the run's id is known of it yet."""
        run_id = run.state.run_id
        await number_of(self._file, run_id)
        held = await hold(self._file, run_id)
        try:
            past = past_of(await held.records())
            return await self._go(run, held, past, decisions)
        finally:
            held.free()

    async def _go(self, run: Run, held: Hold, past: Past | None, decisions: Decisions | None) -> Result[Any]:
        if past is None:
            held.shown = run.recipe.name, _said(run.state)
        else:
            ruled = rulings(past.state, decisions or {})
            if past.output is not None:
                output, agent = _output(run, past, past.output), past.state.agent or run.recipe.name
                return _shown(run, Result(past.state, past.answers, output, past.reply, agent))
            tell_differences(run, past)
            if run.resumed:
                run.steering.take()  # of the state that a fork would begin with, and it has begun
            run.state, run.decisions, run.resumed = past.state.resumed(), ruled, True
            for message in past.state.injected:
                run.inject(message)
        run.keeper = Keeping(held, self._on_unknown, past)
        try:
            return await finish(run)
        except RunError as error:
            error.add_note(
                f"Run {run.state.run_id!r} goes on where it was by the same call of the journal, with more where a "
                "limit was reached. `agent.resume` would leave the journal."
            )
            raise


async def number_of(file: RecordFile, run_id: str) -> int:
    """Give the number of a run that has begun.

    Raises:
        ConfigurationError: There is none.
    """
    number = await file.find(check_id(run_id))
    if number is None:
        raise ConfigurationError(
            f"The journal {file.name!r} has no run {run_id!r}. Begin it, `journal.run(agent, prompt, run_id=...)`; "
            "`journal.runs()` lists those that there are."
        )
    return number


def check_id(run_id: str) -> str:
    """Give the id of a run as it is.

    Raises:
        ConfigurationError: It can be none.
    """
    given: Any = run_id
    fits = isinstance(given, str) and 0 < len(given) <= _LONGEST and "/" not in given
    if not fits or any(unicodedata.category(one) in ("Cc", "Cs") for one in run_id):
        raise ConfigurationError(
            f"A run's id is {run_id!r:.100}. Give a text of 1 to {_LONGEST} characters, none of them a slash, a "
            "control character or half of one."
        )
    return run_id


def _check_same(now: RunState, past: Past) -> None:
    """See that a run begins with what it began with."""
    ((_, then),) = states_of([past.first])
    was, given = [one.to_dict() for one in then.messages], [one.to_dict() for one in now.messages]
    if was == given:
        return
    said = [one.messages[-1] for one in (then, now) if one.messages]
    texts = [text_of(one.content) for one in said if isinstance(one, UserMessage)]
    if was[:-1] != given[:-1] or len({*texts}) < 2:
        what = "another history"
    else:
        first, second = _apart(*texts)
        what = f"another prompt: then {first!r}, now {second!r}"
    raise RunMismatchError(
        f"Run {now.run_id!r} began with {what}. Give what it began with, so that it goes on, or another id to begin a "
        "run of its own."
    )


def _apart(was: str, now: str) -> list[str]:
    """Show two texts from a little before where they begin to differ."""
    same = next((i for i, pair in enumerate(zip(was, now, strict=False)) if len({*pair}) > 1), min(len(was), len(now)))
    begin = max(0, same - _BEFORE)
    return [f"{'…' if begin else ''}{one[begin : begin + _SHOWN]}" for one in (was, now)]


def _said(state: RunState) -> str:
    """Give the beginning of what the user said, for the list of runs."""
    said = [text_of(one.content) for one in state.messages[state.start :] if isinstance(one, UserMessage)]
    text = " ".join(" ".join(said[-1:]).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def tell_differences(run: Run, past: Past) -> None:
    """Log in one line what of the agent is not as it was when the run began; position decides, so it goes on."""
    found = differences(past.first.content.get("agent", {}), definition_of(run.recipe))
    if found:
        _log.warning(
            "Run %r goes on with an agent that is not as it was when the run began: %s.",
            run.state.run_id,
            "; ".join(found),
        )


def _output(run: Run, past: Past, text: str) -> Any:
    """Read the output of a run that has finished, without asking or calling anything.

    Raises:
        RunMismatchError: The agent's output is another one by now.
    """
    try:
        return run.recipe.plan.load(text)
    except ValueError as error:
        mismatch = RunMismatchError(
            f"Run {run.state.run_id!r} has finished, and its output is none of what the agent gives now: {error}. Ask "
            "with an agent whose output has the old type, or read the JSON of the last of `journal.records(run_id)`."
        )
        mismatch.state = past.state
        raise mismatch from error


def _shown(run: Run, result: Result[Any]) -> Result[Any]:
    """Let whoever watches see that the run has ended, or waits; all of its events were there when it went on."""
    run.state = state = result.state
    run.settle()
    run.emit(RunStarted(state.run_id))
    if not state.held:
        run.emit(OutputReady(result.output))
    run.end(RunEnded(state.run_id, state.finish_reason, state.turns, state.usage, len(state.held)))
    return result
