"""Replies read as the output: text, or the output tool's arguments; what is no valid output becomes a correction."""

from __future__ import annotations

import re
from typing import Any

from agentkit.agent.effect import Checked
from agentkit.agent.event import AttemptFailed
from agentkit.agent.run import Recipe, Run, context_of
from agentkit.errors import LengthError
from agentkit.output import Rejected
from agentkit.state.run import RunState
from agentkit.tools.answer import Answer
from agentkit.wire.content import text_of
from agentkit.wire.ending import is_cut
from agentkit.wire.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

__all__ = ["answer_outputs", "check_output"]

_FORM = "Now give your final answer in the form that is asked for: JSON that fits the schema, and nothing else."
_ALONE = re.compile(r"\s*(?:```\w*\s*)?[\[{\"].*[\]}\"]\s*(?:```)?\s*|[^\[\]{}]*", re.DOTALL)
_BEGUN = re.compile(r"\s*(?:`+\w*\s*)?(?:[\[{]|\"(?:[^\"\\]|\\.)*\"\s*\Z)")
_BLANK = re.compile(r"\s{100,}\Z")
_REPEATED = re.compile(r"(\S|\S.{0,98}?\S)(?:\s*\1){9,}.{0,100}\Z", re.DOTALL)
_LAST = 2000  # characters in which repeats are looked for
_THOUGHT = "</think>"
_TAKEN = "The output was taken."
_NOT_TAKEN = "Not taken: an earlier output of the same reply was."


async def check_output(run: Run) -> Checked:
    """Read the reply in hand as the output, unless something was put into the run: it goes on with that then.

    Raises:
        LengthError: It was cut at the token limit before it was whole.
    """
    if came := run.steering.take():
        return Checked(await run.take_in(came), valid=False)
    checked = await _check(run)
    if checked.valid and (came := run.steering.take_or_close()):
        return Checked(await run.take_in(came), valid=False)
    return checked


async def _check(run: Run) -> Checked:
    state = run.state
    if state.accepted in run.outputs:
        return Checked(state, valid=True, output=run.outputs[state.accepted])
    reply = state.reply
    assert reply is not None
    taken = next((call for call in reply.tool_calls if call.id == state.accepted), None) if state.accepted else None
    text = taken.function.arguments if taken else text_of(reply.content)
    if not taken and run.tools_first and not _is_output(run.recipe, text):
        _refuse_cut(run, text)
        return Checked(_ask_for_form(run, reply), valid=False)
    try:
        return Checked(state, valid=True, output=await _read(run, text))
    except Rejected as rejected:
        if taken:  # by an earlier part of the run; the calls beside it have run
            _tell(run, text, rejected)
            refused = _answer(taken, rejected.reason, refused=True)
            return Checked(run.state.with_output_refused(refused, text), valid=False)
        _refuse_cut(run, text)
        shown: tuple[Message, ...] = (AssistantMessage(content=text),) if text.strip() else ()
        correction = (*shown, UserMessage(content=rejected.reason))
        return Checked(_set_aside(run, text, rejected, correction), valid=False)


def _is_output(recipe: Recipe, text: str) -> bool:
    """Tell whether a reply in free words happens to be the output.

    JSON that merely stands among the words is not taken for it where the model does not know the schema; neither is
    nothing, where the type may be None.
    """
    plan = recipe.plan
    told = recipe.mode == "json" or plan.allows_text
    if not text.strip() or not (told or _ALONE.fullmatch(text)):
        return False
    try:
        plan.read(text)
    except Rejected:
        return False
    return True


def _ask_for_form(run: Run, reply: AssistantMessage) -> RunState:
    shown: tuple[Message, ...] = (reply,) if text_of(reply.content).strip() else ()
    run.state = run.state.with_words_aside((*shown, UserMessage(content=_FORM)))
    run.emit(run.asked)
    return run.state


async def answer_outputs(run: Run, calls: tuple[ToolCall, ...], *, alone: bool) -> RunState:
    """Answer the calls of the output tool: the first valid one is taken, after the calls beside it have run.

    An invalid one beside real calls is answered like invalid arguments and stays; alone, the reply is set aside. Either
    is one failed attempt, however many outputs it held.
    """
    refused: dict[str, Rejected] = {}
    for call in calls:
        try:
            run.outputs[call.id] = await _read(run, call.function.arguments)
        except Rejected as rejected:
            refused[call.id] = rejected
            continue
        told = {one: rejected.reason for one, rejected in refused.items()} | {call.id: _TAKEN}
        answers = [_answer(c, told.get(c.id, _NOT_TAKEN)) for c in calls]
        return run.state.with_answers(tuple(answers)).replace(accepted=call.id)
    first = calls[0]
    if not alone:
        answers = [_answer(call, refused[call.id].reason, refused=True) for call in calls]
        _tell(run, first.function.arguments, refused[first.id])
        kept = run.state.with_kept_attempt(first.function.arguments, refused[first.id].reason)
        return kept.with_answers(tuple(answers))
    _refuse_cut(run, first.function.arguments)
    reply = run.state.messages[-1]
    assert isinstance(reply, AssistantMessage)
    results = (ToolMessage(tool_call_id=call.id, content=refused[call.id].reason) for call in calls)
    return _set_aside(run, first.function.arguments, refused[first.id], (reply, *results))


async def _read(run: Run, text: str) -> Any:
    plan = run.recipe.plan
    # nothing is no None then, a bare number or word may go on, and what stands among words may be a draft
    if not plan.is_text and is_cut(run.state.finish_reason) and not _BEGUN.match(text.rpartition(_THOUGHT)[2]):
        if not plan.allows_text:
            raise Rejected.broken("it was cut")
        return await plan.finish(text, context_of(run))
    value = plan.read(text)
    return value if plan.is_read else await plan.finish(value, context_of(run))


def _refuse_cut(run: Run, text: str) -> None:
    if is_cut(run.state.finish_reason):
        run.state = run.state.with_attempt(text, "It was cut at the token limit.", ())  # a resumed run asks again
        error = LengthError(
            f"The reply reached its token limit before the output was whole ({len(text)} characters came, in "
            f"`error.text`). {_runaway(text) or 'Raise `max_completion_tokens`, or ask for less.'}"
        )
        error.text, error.attempts = text, run.state.attempts
        raise error


def _runaway(text: str) -> str:
    """Say that a text would not have ended, where its end shows it."""
    if found := _BLANK.search(text):
        ends = f"{len(found[0]):,} characters of white space"
    elif (repeated := _REPEATED.search(text[-_LAST:])) and len(repeated[0]) > _LAST // 4:
        ends = f"repeats of {repeated[1][:40]!r}"
    else:
        return ""
    return (
        f"It ends in {ends}: a higher limit would hardly help. Set a `frequency_penalty`, ask for JSON in the "
        "instructions, or take another output mode or model."
    )


def _set_aside(run: Run, text: str, rejected: Rejected, correction: tuple[Message, ...]) -> RunState:
    _tell(run, text, rejected)
    return run.state.with_attempt(text, rejected.reason, correction)


def _tell(run: Run, text: str, rejected: Rejected) -> None:
    run.rejected = rejected
    run.emit(AttemptFailed(text, rejected.reason))


def _answer(call: ToolCall, content: str, *, refused: bool = False) -> Answer:
    message = ToolMessage(tool_call_id=call.id, content=content)
    return Answer(message, "refused" if refused else "ok", call.function.name)
