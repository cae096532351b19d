"""One request through the middleware to the model, and its reply taken into the state, streamed or whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from agentkit.agent.charge import ask_within, cost_of, count_reply
from agentkit.agent.estimate import estimate
from agentkit.agent.event import (
    AttemptFailed,
    ReasoningDelta,
    ReplyReceived,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from agentkit.agent.run import Run
from agentkit.errors import (
    APIError,
    APIStatusError,
    BadRequestError,
    ContentFilterError,
    ContextOverflowError,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
    RefusalError,
    StreamCutError,
    ToolUseFailedError,
    UnsupportedRequestError,
)
from agentkit.kind import is_object
from agentkit.secret import scrub
from agentkit.state.run import RunState
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.ending import ENDS, is_filtered
from agentkit.wire.merge import Merger
from agentkit.wire.message import AssistantMessage
from agentkit.wire.opencall import OpenCall
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["ask_model"]

_REFUSALS = (
    APIStatusError,
    BadRequestError,
    InvalidRequestError,
    NotFoundError,
    UnsupportedRequestError,
)  # those of their kinds say other things
_REFUSING = (500, 501)  # what some servers answer to a field that they do not know


async def ask_model(run: Run, request: ChatRequest) -> RunState:
    """Send the request through the middleware and take the reply into the state.

    Where the endpoint refuses the way in which the output is asked for, and its profile now names another one, the
    state stays as it is and the run's recipe is renewed, so that the loop asks again; that is no failed attempt.

    Raises:
        ContentFilterError: The endpoint's filter stopped the reply.
        RefusalError: The model declined.
        APIError: No usable reply came.
    """
    try:
        completion: ChatCompletion = await run.fold("ask", _ask_within if run.bounded else _ask)(request)
    except ToolUseFailedError as error:
        return _feed_back(run, error)
    except ContextOverflowError as error:
        _blame_correction(run.state, error)
        raise
    except (APIError, InvalidRequestError) as error:
        final = _ask_otherwise(run, error)
        if final is None:
            return run.state
        if final is error:
            raise
        raise final from final.__cause__
    run.refusals.clear()
    choice = completion.choices[0]
    run.reply = completion
    run.state = run.state.with_reply(completion, cost_of(run, completion.usage))
    if run.watcher is not None:
        message = cast("AssistantMessage", run.state.messages[-1])
        run.emit(ReplyReceived(message, choice.message.reasoning, choice.finish_reason, completion.usage))
        run.emit(UsageReported(completion.usage, run.state.usage))
    if choice.finish_reason not in ENDS or choice.message.refusal:
        _refuse(run, completion)
    return run.state


def _ask_otherwise(run: Run, error: APIError | InvalidRequestError) -> Exception | None:
    """Renew the recipe where the output can be asked for in a way that was not refused yet; else give what to raise.

    Raised is the endpoint's first refusal, for it is about what was wanted; the others are noted.
    """
    recipe = run.recipe
    if recipe.plan.spec.mode != "auto" or not _is_refusal(error):
        return error
    run.refusals.append((recipe.way, error))
    renewed = recipe.renewed()
    if all(renewed.way != way for way, _ in run.refusals):
        run.recipe = renewed
        run.emit(run.asked)
        return None
    sent = [one for one in run.refusals if not isinstance(one[1], UnsupportedRequestError)]
    (_, first), *later = sent or run.refusals
    for (mode, *_), other in later:
        said = scrub(f"{type(other).__name__}: {other}")
        first.add_note(f"The output was asked for again, in the mode {mode!r}, and that was refused too: {said}")
    run.refusals.clear()
    return first


def _is_refusal(error: Exception) -> bool:
    """Tell whether an endpoint does not take the request as it is; of several models, one of them."""
    cause = error.__cause__
    several = cast("tuple[Exception, ...]", getattr(cause, "exceptions", ()))  # of an ExceptionGroup
    return any(
        type(one) in _REFUSALS or (isinstance(one, InternalServerError) and one.status_code in _REFUSING)
        for one in (error, *several)
    )


def _blame_correction(state: RunState, error: ContextOverflowError) -> None:
    """Say so where the request was too long for what asks again for the output."""
    if not state.correction:
        return
    size = sum(len(message.encoded) for message in state.correction)
    error.add_note(
        f"This request asked again for the output: it was longer by {size} bytes, the last reply and what was said to "
        f"it. Failed attempts: {len(state.attempts)}, in `error.state.attempts`. Shorten the history or the "
        "tools' results, or bound the reply by `max_completion_tokens`."
    )


def _feed_back(run: Run, error: ToolUseFailedError) -> RunState:
    """Tell the model that the endpoint could not read its call (Groq); it counts as an attempt."""
    text = error.failed_generation or ""
    said = (_message_of(error.body) or str(error))[:300]
    reason = f"Your last tool call could not be read: {said} Call the tool again, exactly by its schema."
    run.rejected = error
    run.emit(AttemptFailed(text, reason))
    return run.state.with_failed_request(text, reason)


def _message_of(body: Any) -> str:
    """Give the endpoint's own words of an error's body; the rest of our error's text is for people."""
    inner: Any = body.get("error", body) if is_object(body) else None
    return str(inner.get("message", "")) if is_object(inner) else ""


def _refuse(run: Run, reply: ChatCompletion) -> None:
    """Raise for a reply that is none; it leaves the history, so that a resumed run asks again."""
    choice = reply.choices[0]
    message = choice.message
    if is_filtered(choice.finish_reason):
        run.state = run.state.with_attempt(message.content or "", "The endpoint's content filter stopped it.", ())
        filtered = ContentFilterError(
            "The endpoint's content filter stopped the reply. Change the prompt; what came is in `error.partial`."
        )
        filtered.partial, filtered.reply, filtered.status_code = message.content, reply, 200
        raise filtered
    if message.refusal and not message.content and not message.tool_calls:
        run.state = run.state.with_attempt(message.refusal, "The model declined.", ())
        refused = RefusalError(f"The model declined: {message.refusal[:500]}")
        refused.text, refused.reply, refused.attempts = message.refusal, reply, run.state.attempts
        raise refused


async def _ask_within(run: Run, request: ChatRequest) -> ChatCompletion:
    return await ask_within(run, request, partial(_ask, run))


async def _ask(run: Run, request: ChatRequest) -> ChatCompletion:
    run.sent, run.sent_as = False, None
    merger = None if run.room is None else Merger()
    try:
        if merger is None:
            completion = await run.recipe.model.complete(request)
        else:
            completion = await _stream(run, request, merger)
    except BaseException as error:
        _count_cut(run, request, merger, error)
        raise
    usage = completion.usage
    if usage is not None and usage.prompt_tokens:
        run.known = request, usage.prompt_tokens
    if len(run.chain) > 1 and not run.bounded:
        count_reply(run, completion)
    return completion


def _count_cut(run: Run, request: ChatRequest, merger: Merger | None, error: BaseException) -> None:
    """Estimate what a request cost that was on its way; one that was refused, or never sent, cost nothing."""
    cut = isinstance(error, asyncio.CancelledError | StreamCutError)
    begun = merger if merger is not None and merger.started else None
    if begun is None and not (cut and (run.sent or getattr(error, "partial", None))):
        return
    reply: ChatCompletion | None = getattr(error, "partial", None) if isinstance(error, StreamCutError) else None
    if reply is None and begun is not None:
        with suppress(ValueError):  # what came may be no reply yet; the error that cut it is what counts
            reply = begun.completion()
    if isinstance(error, StreamCutError):
        error.partial = reply
    usage = estimate(request, run.known, reply)
    run.state = run.state.with_cut(usage)
    run.emit(UsageReported(usage, run.state.usage, estimated=True))


async def _stream(run: Run, request: ChatRequest, merger: Merger) -> ChatCompletion:
    chunks = run.recipe.model.stream(request)
    try:
        await _watch(run, chunks, merger)
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()  # the connection ends with the generator, also where a watcher left
    return merger.completion()


async def _watch(run: Run, chunks: AsyncIterator[ChatCompletionChunk], merger: Merger) -> None:
    emit, room, add = run.watcher or run.emit, run.room, merger.add
    calls = _ShownCalls(emit)
    async for chunk in chunks:
        for kind, piece, call in add(chunk):
            if kind == "text":
                emit(TextDelta(piece))
            elif kind == "reasoning":
                emit(ReasoningDelta(piece))
            elif call is not None:
                calls.show(call, piece)
        if room is not None and (full := room()) is not None:
            if run.reservation is None:
                await full
            else:
                await run.reservation.aside(full)
    calls.end()


class _ShownCalls:
    """The calls of one reply as a watcher sees them: each once its name is whole, for some servers send it in pieces.

    Its first arguments tell that, or another call, or the end.
    """

    def __init__(self, emit: Callable[[Any], None]) -> None:
        self._emit = emit
        self._shown: set[int] = set()
        self._waiting: OpenCall | None = None

    def show(self, call: OpenCall, piece: str) -> None:
        """Take a piece of a call's arguments, empty where only its name came."""
        if call.position in self._shown:
            if piece:
                self._emit(ToolCallDelta(call.position, piece))
            return
        if call is not self._waiting:
            self.end()
        self._waiting = call
        if piece and call.name:
            self.end()

    def end(self) -> None:
        """Show the call that waits, for nothing more comes of its name."""
        call, self._waiting = self._waiting, None
        if call is None:
            return
        self._shown.add(call.position)
        self._emit(ToolCallStarted(call.position, call.name))
        if arguments := "".join(call.arguments):
            self._emit(ToolCallDelta(call.position, arguments))
