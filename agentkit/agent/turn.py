"""One turn's two halves: what its request is made of, and the reply taken into the state, streamed or whole."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from functools import lru_cache, partial
from typing import Any, cast

from agentkit.agent.effect import Turn
from agentkit.agent.event import (
    AttemptFailed,
    ReasoningDelta,
    ReplyReceived,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from agentkit.agent.run import Run, context_of
from agentkit.errors import ContentFilterError, RefusalError, StreamCutError, ToolUseFailedError
from agentkit.state.run import RunState
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.merge import Merger, OpenCall
from agentkit.wire.message import AssistantMessage, SystemMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Choice
from agentkit.wire.value import is_object

__all__ = ["ask_model", "prepare"]

_FREE = (None, "none", "auto")


async def prepare(run: Run) -> Turn:
    """Find the instructions and fields of the next request."""
    recipe = run.recipe
    said = [text if isinstance(text, str) else await _told(text(context_of(run))) for text in recipe.instructions]
    text = "\n\n".join(part for part in said if part)
    blank, choice = recipe.blank, recipe.settings.tool_choice
    if choice not in _FREE and recipe.output_tool is None and _obeyed(run.state, choice):
        blank = blank.replace(tool_choice=_relaxed(choice))
    return Turn((_instructions(text),) if text else (), recipe.toolbox, blank)


async def _told(said: Any) -> str | None:
    return cast("str | None", await said if inspect.isawaitable(said) else said)


@lru_cache(maxsize=256)
def _instructions(text: str) -> SystemMessage:
    """Keep the message, for its bytes are encoded once and sent with each request."""
    return SystemMessage(content=text)


def _relaxed(choice: Any) -> Any:
    """Free the choice, but only among the tools that it allows."""
    allowed: Any = choice.get("allowed_tools") if is_object(choice) else None
    return {**choice, "allowed_tools": {**allowed, "mode": "auto"}} if is_object(allowed) else "auto"


def _obeyed(state: RunState, choice: Any) -> bool:
    """A forced choice is relaxed once a reply followed it; the model could never end otherwise."""
    name: Any = choice["function"]["name"] if is_object(choice) and "function" in choice else choice
    called = {
        call.function.name
        for message in state.new_messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls
    }
    return bool(called) if name in ("required", "any") or not isinstance(name, str) else name in called


async def ask_model(run: Run, request: ChatRequest) -> RunState:
    """Send the request through the middleware and take the reply into the state.

    Raises:
        ContentFilterError: The endpoint's filter stopped the reply.
        RefusalError: The model declined.
        APIError: No usable reply came.
    """
    try:
        completion: ChatCompletion = await run.fold("ask", partial(_ask, run))(request)
    except ToolUseFailedError as error:
        return _feed_back(run, error)
    choice = completion.choices[0]
    run.state = run.state.with_reply(completion)
    if run.watcher is not None:
        message = cast("AssistantMessage", run.state.messages[-1])
        run.emit(ReplyReceived(message, choice.message.reasoning, choice.finish_reason, completion.usage))
    _refuse(run, choice)
    return run.state


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


def _refuse(run: Run, choice: Choice) -> None:
    """Raise for a reply that is none; it leaves the history, so that a resumed run asks again."""
    message = choice.message
    if choice.finish_reason == "content_filter":
        run.state = run.state.with_attempt(message.content or "", "The endpoint's content filter stopped it.", ())
        filtered = ContentFilterError(
            "The endpoint's content filter stopped the reply. Change the prompt; what came is in `error.partial`."
        )
        filtered.partial, filtered.status_code = message.content, 200
        raise filtered
    if message.refusal and not message.content and not message.tool_calls:
        run.state = run.state.with_attempt(message.refusal, "The model declined.", ())
        refused = RefusalError(f"The model declined: {message.refusal[:500]}")
        refused.text, refused.attempts = message.refusal, run.state.attempts
        raise refused


async def _ask(run: Run, request: ChatRequest) -> ChatCompletion:
    if run.watcher is None:
        return await run.recipe.model.complete(request)
    merger = Merger()
    chunks = run.recipe.model.stream(request)
    try:
        await _watch(run, chunks, merger)
    except StreamCutError as error:
        if error.partial is None and merger.started:
            error.partial = merger.completion()
        raise
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()  # the connection ends with the generator, also where a watcher left
    return merger.completion()


async def _watch(run: Run, chunks: AsyncIterator[ChatCompletionChunk], merger: Merger) -> None:
    started: set[int] = set()
    async for chunk in chunks:
        for kind, piece, call in merger.add(chunk):
            if kind == "text":
                run.emit(TextDelta(piece))
            elif kind == "reasoning":
                run.emit(ReasoningDelta(piece))
            elif call is not None:
                _show_call(run, call, piece, started)
        if run.room is not None:
            await run.room()


def _show_call(run: Run, call: OpenCall, piece: str, started: set[int]) -> None:
    if call.name and call.position not in started:
        started.add(call.position)
        run.emit(ToolCallStarted(call.position, call.name))
    if piece:
        run.emit(ToolCallDelta(call.position, piece))
