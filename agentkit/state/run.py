"""The whole of a run as one frozen value that JSON can hold; the loop reads it to know what comes next.

Each transition gives a new state. Nothing here awaits, sends or logs.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, with_config

from agentkit.state.document import read_document, write_document
from agentkit.tools.answer import CARRIED, Answer
from agentkit.wire.content import Part, TextPart, text_of
from agentkit.wire.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage, open_calls
from agentkit.wire.reading import new_call_id
from agentkit.wire.response import ChatCompletion, Usage

__all__ = ["Attempt", "PendingCall", "RunState", "new_run_id"]


def new_run_id() -> str:
    """Give an id that no other run has: 32 hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Attempt:
    """A reply that was no valid output.

    Attributes:
        text: What the model wrote, raw.
        reason: What it was told.
        usage: What the attempt cost.
    """

    text: str
    reason: str
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits for a decision; its arguments were validated before anyone is asked.

    Attributes:
        id: The id to decide on.
        name: The tool.
        arguments: As the model wrote them.
    """

    id: str
    name: str
    arguments: str


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)  # no slots: they would make each of a run's copies 5 us dearer
class RunState:
    """A run as far as it came.

    Attributes:
        run_id: 32 hexadecimal digits; a sub-run's is its parent's, a slash and the call's id.
        messages: The history without instructions; every call before the last reply's has its result.
        start: Where this run's own messages begin.
        turns: Replies taken.
        usages: What each request cost, in order; None where the endpoint did not say.
        usage: The sum of those.
        cut_usage: Our estimate of what requests cost that were cut, marked `estimated`; it is in none of the sums.
        tool_calls: Calls performed.
        refused: For each tool, how often in a row its calls were refused.
        attempts: Replies that were no valid output; none of them is in the history, unless calls beside it were run.
        correction: The last attempt and what is said to it, while the model is asked again; sent, never kept.
        forgiven: How many of the attempts an earlier part of the run, which was resumed, has paid for.
        finish_reason: Of the last reply.
        accepted: The id of the output tool's call whose arguments are the output.
        held: Calls that wait for a decision.
        carried: Images and files of the batch that is being answered.
        finishing: Whether the tools are done and the last turn is asked in the output's own form.
        seconds: Time spent in earlier parts of the run, before a pause or an error.
    """

    run_id: str = field(default_factory=new_run_id)
    messages: tuple[Message, ...] = ()
    start: int = 0
    turns: int = 0
    usages: tuple[Usage | None, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cut_usage: Usage | None = None
    tool_calls: int = 0
    refused: dict[str, int] = field(default_factory=dict[str, int])
    attempts: tuple[Attempt, ...] = ()
    correction: tuple[Message, ...] = ()
    forgiven: int = 0
    finish_reason: str | None = None
    accepted: str | None = None
    held: tuple[PendingCall, ...] = ()
    carried: tuple[Part, ...] = ()
    finishing: bool = False
    seconds: float = 0.0
    version: Literal[1] = 1

    def __repr__(self) -> str:
        # short, for `asyncio.run` shows its task's result to itself, and a history may hold megabytes
        return f"RunState(run_id={self.run_id!r}, {len(self.messages)} messages, {self.turns} turns)"

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """Give what this run added, the prompt first."""
        return self.messages[self.start :]

    @property
    def cost(self) -> float | None:
        """Give what the endpoint billed, as its own `usage.cost` says; None where it does not for every request."""
        costs = [cost for usage in self.usages if isinstance(cost := getattr(usage, "cost", None), int | float)]
        return sum(costs) if costs and len(costs) == len(self.usages) else None

    @property
    def open_calls(self) -> tuple[ToolCall, ...]:
        """Give the calls of the reply in hand that have no result yet."""
        return open_calls(self.messages)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Give all calls of the last reply."""
        return next((m.tool_calls for m in reversed(self.messages) if isinstance(m, AssistantMessage)), ())

    @property
    def reply(self) -> AssistantMessage | None:
        """Give the reply in hand that asks for nothing more, so that it may be the output."""
        last = self.messages[-1] if len(self.messages) > self.start else None
        if self.accepted:
            return next((m for m in reversed(self.messages) if isinstance(m, AssistantMessage)), None)
        return last if isinstance(last, AssistantMessage) and not last.tool_calls else None

    def replace(self, **changes: Any) -> RunState:
        """Copy with some fields changed."""
        copied = object.__new__(RunState)
        copied.__dict__.update(self.__dict__, **changes)
        return copied

    def last_call(self, name: str) -> tuple[str, str]:
        """Give the arguments of a tool's last call and what it was answered; both empty where there is none."""
        told = {m.tool_call_id: text_of(m.content) for m in self.messages if isinstance(m, ToolMessage)}
        for message in reversed(self.messages):
            for call in reversed(_calls(message)):
                if call.function.name == name:
                    return call.function.arguments, told.get(call.id, "")
        return "", ""

    def with_reply(self, completion: ChatCompletion) -> RunState:
        """Take the model's reply; a correction is over with it."""
        choice = completion.choices[0]
        message = choice.message.to_history()
        if message.function_call is not None and not message.tool_calls:  # servers from before `tools` say it so
            call = ToolCall(id=new_call_id(), function=message.function_call)
            message = message.replace(tool_calls=(call,), function_call=None)
        if message.content is None and not (message.tool_calls or message.refusal or message.audio):
            message = message.replace(content="")  # endpoints refuse a message of nothing
        return self.replace(
            messages=(*self.messages, message),
            turns=self.turns + 1,
            usages=(*self.usages, completion.usage),
            usage=self.usage + completion.usage if completion.usage else self.usage,
            correction=(),
            finish_reason=choice.finish_reason,
        )

    def with_answers(self, answers: tuple[Answer, ...]) -> RunState:
        """Take answers of the reply in hand as they come; results stand in call order."""
        if not answers:
            return self
        index = next(i for i in range(len(self.messages) - 1, -1, -1) if _calls(self.messages[i]))
        order = {call.id: position for position, call in enumerate(_calls(self.messages[index]))}
        given = [m for m in self.messages[index + 1 :] if isinstance(m, ToolMessage)]
        results = [*given, *(answer.message for answer in answers)]
        results.sort(key=lambda message: order[message.tool_call_id])
        carried = (*self.carried, *(part for answer in answers for part in answer.parts))
        messages: tuple[Message, ...] = (*self.messages[: index + 1], *results)
        if carried and len(results) == len(order):
            messages = (*messages, UserMessage(content=(TextPart(text=CARRIED), *carried)))
            carried = ()
        performed = sum(answer.status not in ("refused", "cancelled", "denied") for answer in answers)
        return self.replace(messages=messages, carried=carried, tool_calls=self.tool_calls + performed)

    def with_refusals(self, answers: tuple[Answer, ...]) -> RunState:
        """Count the batch's refusals: one for each tool that only failed, none any more for one that went well."""
        if not self.refused and not any(answer.counts for answer in answers):
            return self
        refused = dict(self.refused)
        for name in {answer.tool_name for answer in answers}:
            mine = [answer for answer in answers if answer.tool_name == name]
            if not all(answer.counts for answer in mine):
                refused.pop(name, None)
            else:
                refused[name] = refused.get(name, 0) + 1
        return self.replace(refused=refused)

    def with_output_refused(self, answer: Answer, text: str) -> RunState:
        """Answer the accepted call anew, for its arguments are no output after all; what ran beside it stays."""
        index = next(i for i in range(len(self.messages) - 1, -1, -1) if _calls(self.messages[i]))
        told = answer.message
        batch = (
            told if isinstance(m, ToolMessage) and m.tool_call_id == told.tool_call_id else m
            for m in self.messages[index + 1 :]
        )
        messages = (*self.messages[: index + 1], *batch)
        return self.replace(messages=messages, accepted=None).with_kept_attempt(text, text_of(told.content))

    def with_kept_attempt(self, text: str, reason: str) -> RunState:
        """Count the reply in hand as no valid output, though it stays for what was run beside it."""
        attempt = Attempt(text, reason, self.usages[-1] if self.usages else None)
        return self.replace(attempts=(*self.attempts, attempt))

    def with_attempt(self, text: str, reason: str, correction: tuple[Message, ...]) -> RunState:
        """Put the reply in hand aside as no valid output: it and its results leave the history.

        `correction` shows it to the model once more with what is wrong; it is sent with the next request only.
        """
        index = next(i for i in range(len(self.messages) - 1, -1, -1) if isinstance(self.messages[i], AssistantMessage))
        return self.with_kept_attempt(text, reason).replace(messages=self.messages[:index], correction=correction)

    def with_words_aside(self, correction: tuple[Message, ...]) -> RunState:
        """Put the reply in hand aside, which came in free words, and ask for the output in its form; no attempt failed.

        `correction` is sent with the next request only: the reply, and what is asked for now.
        """
        return self.replace(messages=self.messages[:-1], correction=correction, finishing=True)

    def with_failed_request(self, text: str, reason: str) -> RunState:
        """Count a request that the endpoint itself refused for what the model wrote, and tell the model."""
        correction = UserMessage(content=reason)
        return self.replace(attempts=(*self.attempts, Attempt(text, reason)), correction=(correction,))

    def with_cut(self, usage: Usage) -> RunState:
        """Add the estimate of a request that was cut to those before it."""
        total = self.cut_usage + usage if self.cut_usage else usage
        return self.replace(cut_usage=total.replace(estimated=True))

    def resumed(self) -> RunState:
        """Give the state to go on from: what was spent stays spent, retries start anew."""
        return self.replace(refused={}, forgiven=len(self.attempts), held=())

    def with_closed_calls(self, why: str) -> RunState:
        """Answer every open call with why it has no result, so that the history is valid."""
        calls = self.open_calls
        answers = tuple(
            Answer(ToolMessage(tool_call_id=call.id, content=why), "cancelled", call.function.name) for call in calls
        )
        return self.with_answers(answers).replace(held=())

    def to_json(self) -> str:
        """Give the state as one JSON document, without secrets."""
        return write_document(_adapter().dump_python(self, mode="json", exclude_none=True, by_alias=True))

    @classmethod
    def from_json(cls, document: str | bytes) -> RunState:
        """Read what `to_json` gave.

        A state from outside is trusted as it is: it decides which tools run with which arguments.

        Raises:
            StateError: It is no state, or of another version.
        """
        return read_document(document, _adapter().validate_python)


def _calls(message: Message) -> tuple[ToolCall, ...]:
    return message.tool_calls if isinstance(message, AssistantMessage) else ()


@cache
def _adapter() -> TypeAdapter[RunState]:
    return TypeAdapter(RunState)
