"""Replies read as the output: text, or the output tool's arguments; what is no valid output becomes a correction."""

from __future__ import annotations

from typing import Any

from agentkit.agent.effect import Checked
from agentkit.agent.event import AttemptFailed
from agentkit.agent.run import Run, context_of
from agentkit.errors import LengthError
from agentkit.output import Rejected
from agentkit.state.run import RunState
from agentkit.tools.answer import Answer
from agentkit.wire.content import text_of
from agentkit.wire.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

__all__ = ["answer_outputs", "check_output"]

_TAKEN = "The output was taken."
_NOT_TAKEN = "Not taken: an earlier output of the same reply was."
_NOT_RUN = "Not run: the output beside it was refused first."


async def check_output(run: Run) -> Checked:
    """Read the reply in hand as the output.

    Raises:
        LengthError: It was cut at the token limit before it was whole.
    """
    state = run.state
    if state.accepted in run.outputs:
        return Checked(state, valid=True, output=run.outputs[state.accepted])
    reply = state.reply
    assert reply is not None
    text = _raw(reply, state.accepted)
    try:
        return Checked(state, valid=True, output=await _read(run, text))
    except Rejected as rejected:
        _refuse_cut(run, text)
        if state.accepted:
            correction = _corrected(reply, state.accepted, rejected.reason)
        else:
            shown: tuple[Message, ...] = (AssistantMessage(content=text),) if text.strip() else ()
            correction = (*shown, UserMessage(content=rejected.reason))
        return Checked(_set_aside(run, text, rejected.reason, correction), valid=False)


async def answer_outputs(run: Run, calls: tuple[ToolCall, ...], *, alone: bool) -> RunState:
    """Answer the calls of the output tool: the first valid one is taken, after the calls beside it have run.

    An invalid one beside real calls is answered like invalid arguments and stays; alone, the reply is set aside.
    """
    reasons: dict[str, str] = {}
    for call in calls:
        try:
            run.outputs[call.id] = await _read(run, call.function.arguments)
        except Rejected as rejected:
            reasons[call.id] = rejected.reason
            continue
        answers = [_answer(c, _TAKEN if c is call else reasons.get(c.id, _NOT_TAKEN)) for c in calls]
        return run.state.with_answers(tuple(answers)).replace(accepted=call.id)
    first = calls[0]
    if not alone:
        answers = [_answer(call, reasons[call.id], refused=True) for call in calls]
        return run.state.with_answers(tuple(answers)).with_refusals(tuple(answers))
    _refuse_cut(run, first.function.arguments)
    reply = run.state.messages[-1]
    assert isinstance(reply, AssistantMessage)
    told = (ToolMessage(tool_call_id=call.id, content=reasons[call.id]) for call in calls)
    correction: tuple[Message, ...] = (reply, *told)
    return _set_aside(run, first.function.arguments, reasons[first.id], correction)


async def _read(run: Run, text: str) -> Any:
    plan = run.recipe.plan
    return await plan.finish(plan.read(text), context_of(run))


def _raw(reply: AssistantMessage, accepted: str | None) -> str:
    for call in reply.tool_calls:
        if call.id == accepted:
            return call.function.arguments
    return text_of(reply.content)


def _refuse_cut(run: Run, text: str) -> None:
    if run.state.finish_reason == "length":
        run.state = run.state.with_attempt(text, "It was cut at the token limit.", ())  # a resumed run asks again
        error = LengthError(
            f"The reply reached its token limit before the output was whole ({len(text)} characters came, in "
            "`error.text`). Raise `max_completion_tokens`, or ask for less."
        )
        error.text, error.attempts = text, run.state.attempts
        raise error


def _set_aside(run: Run, text: str, reason: str, correction: tuple[Message, ...]) -> RunState:
    run.emit(AttemptFailed(text, reason))
    return run.state.with_attempt(text, reason, correction)


def _corrected(reply: AssistantMessage, accepted: str, reason: str) -> tuple[Message, ...]:
    told = {accepted: reason}
    results = (ToolMessage(tool_call_id=call.id, content=told.get(call.id, _NOT_RUN)) for call in reply.tool_calls)
    return (reply, *results)


def _answer(call: ToolCall, content: str, *, refused: bool = False) -> Answer:
    message = ToolMessage(tool_call_id=call.id, content=content)
    return Answer(message, "refused" if refused else "ok", call.function.name)
