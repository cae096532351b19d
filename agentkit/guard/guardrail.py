"""`Guard`: checks of what goes into a run, of what comes out of it, and of what tools give back, as a middleware.

A check is a function of yours; this knows only what becomes of its verdict.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from agentkit.agent.effect import Finished, Paused
from agentkit.agent.run import Ask, Call, Middleware, Perform, Run, context_of
from agentkit.errors import BlockedError, ConfigurationError
from agentkit.guard.whole import ask_whole
from agentkit.state.run import RunState
from agentkit.tools.answer import Answer
from agentkit.tools.context import Context
from agentkit.tools.execute import CallTool
from agentkit.wire.content import TextPart, text_of
from agentkit.wire.message import Message, ToolCall, UserMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Choice

__all__ = ["AskFirst", "Block", "Check", "Decide", "Guard", "Question", "Verdict"]


@dataclass(frozen=True, slots=True)
class Block:
    """Do not let the text pass; the reason is told."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskFirst:
    """Let the text pass only if a person says so; the reason is what the person is told."""

    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked.

    Attributes:
        place: What the text is: "input", "output" or "result".
        text: The text that the check stopped at.
        reason: Why.
        context: Of the run; of a result, of its call.
    """

    place: Literal["input", "output", "result"]
    text: str
    reason: str
    context: Context[Any]


Verdict = str | Block | AskFirst | None
"""What a check says of a text: None lets it pass, another text takes its place."""

Check = Callable[[str, Context[Any]], Verdict | Awaitable[Verdict]]
Decide = Callable[[Question], bool | Awaitable[bool]]


class Guard(Middleware):
    """Check texts; a verdict may let one pass, change it, block it, or have a person asked.

    A blocked input or output ends the run with `BlockedError`; of a blocked result the model is told the reason.
    Reasoning, images, audio and files are not checked; those of a blocked result go with it.

    Args:
        input: Checks the text of each user message that a run begins with, or that is put into it, before it is sent.
        output: Checks the text of each reply, or its refusal, and the arguments of a call that gives the output, before
            anybody sees them; a streamed run therefore shows its replies whole.
        result: Checks what the model would be told of a call that has ended; `answer.value` stays as it is.
        decide: Asks a person, sync or async; without it, `AskFirst` blocks.
    """

    def __init__(
        self,
        *,
        input: Check | None = None,  # noqa: A002 # what it checks
        output: Check | None = None,
        result: Check | None = None,
        decide: Decide | None = None,
    ) -> None:
        given = {"input": input, "output": output, "result": result, "decide": decide}
        for name, function in given.items():
            if function is not None and not callable(function):
                raise ConfigurationError(f"Guard({name}=...) is {function!r}, which cannot be called. Give a function.")
        self._input, self._output, self._result, self._decide = input, output, result, decide

    async def run(self, state: RunState, run: Run, next: Perform, /) -> Finished | Paused:  # noqa: A002 # as in starlette
        """Check what the run begins with, unless it had a reply, and what is put into it while it goes."""
        if self._input is None:
            return await next(state)
        admit = partial(self._admit, self._input, run, "It was not sent; it is in `error.state.injected`.")
        if not state.turns:
            first = partial(self._admit, self._input, run, "Nothing was sent; the text is in `error.state.messages`.")
            messages: list[Message] = [*state.messages]
            for place in range(len(messages) - 1, -1, -1):
                if not isinstance(message := messages[place], UserMessage):
                    break
                messages[place] = await first(message)
            state = state.replace(messages=tuple(messages))
        run.admits.append(admit)
        try:
            return await next(state)
        finally:
            run.admits.remove(admit)

    async def _admit(self, check: Check, run: Run, where: str, message: UserMessage) -> UserMessage:
        said, blocked = await self._check(check, "input", text_of(message.content), context_of(run))
        if blocked is not None:
            raise _error("input", blocked, where)
        return _with_text(message, said)

    async def ask(self, request: ChatRequest, run: Run, next: Ask, /) -> ChatCompletion:  # noqa: A002 # as in starlette
        """Check the reply."""
        check = self._output
        if check is None:
            return await next(request)

        async def checked(reply: ChatCompletion) -> ChatCompletion:
            choices = [await self._checked(check, choice, reply, run) for choice in reply.choices]
            return reply.replace(choices=tuple(choices))

        return await ask_whole(request, run, next, checked)

    async def call(self, call: CallTool, run: Run, next: Call, /) -> Answer:  # noqa: A002, ARG002 # as in starlette
        """Check what the model is told of the call."""
        answer = await next(call)
        if self._result is None or answer.status == "held":  # the model is told nothing yet
            return answer
        text = text_of(answer.message.content)
        said, blocked = await self._check(self._result, "result", text, call.context)
        if blocked is not None:
            told = answer.message.replace(content=f"The result was withheld: {blocked}")
            return replace(answer, message=told, parts=())
        return answer if said == text else replace(answer, message=answer.message.replace(content=said))

    async def _checked(self, check: Check, choice: Choice, reply: ChatCompletion, run: Run) -> Choice:
        message, context = choice.message, context_of(run)
        calls: list[ToolCall] = []

        async def passed(text: str) -> str:
            reason: str | None = "The check did not end."
            try:
                said, reason = await self._check(check, "output", text, context)
            finally:
                if reason is not None:
                    run.state = run.state.with_reply(reply).with_attempt(text, reason, ())  # it was paid for
            if reason is not None:
                raise _error("output", reason, "It is in `error.state.attempts`; `agent.resume` asks again.")
            return said

        content, refusal = [await passed(text) if text else text for text in (message.content, message.refusal)]
        for call in message.tool_calls:
            if call.function.name == run.recipe.output_tool:
                arguments = await passed(call.function.arguments)
                calls.append(call.replace(function=call.function.replace(arguments=arguments)))
            else:
                calls.append(call)
        return choice.replace(message=message.replace(content=content, refusal=refusal, tool_calls=tuple(calls)))

    async def _check(self, check: Check, place: Any, text: str, context: Context[Any]) -> tuple[str, str | None]:
        """Give the text that passes, and why none does."""
        verdict: Any = await _awaited(check(text, context)) if text else None
        if verdict is None or isinstance(verdict, str):
            return (text if verdict is None else verdict), None
        if not isinstance(verdict, Block | AskFirst):
            raise ConfigurationError(
                f"The check of the {place} gave {verdict!r}, which is no verdict. "
                "Give None to let the text pass, another text, Block(reason) or AskFirst(reason)."
            )
        if isinstance(verdict, AskFirst) and self._decide is not None:
            allowed = await _awaited(self._decide(Question(place, text, verdict.reason, context)))
            return text, None if allowed is True else verdict.reason
        return text, verdict.reason


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _error(place: str, reason: str, hint: str) -> BlockedError:
    error = BlockedError(f"The {place} was blocked: {reason.rstrip('.')}. {hint}")
    error.place, error.reason = place, reason
    return error


def _with_text(message: UserMessage, text: str) -> UserMessage:
    """Give the message with another text in the place of all of its own; parts of other kinds stay."""
    content = message.content
    if text == text_of(content):
        return message
    if isinstance(content, str):
        return message.replace(content=text)
    others = (part for part in content if not isinstance(part, TextPart))
    return message.replace(content=(TextPart(text=text), *others))
