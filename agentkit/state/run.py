"""The whole of a run as one frozen value that JSON can hold; the loop reads it to know what comes next.

Each transition gives a new state. Nothing here awaits, sends or logs.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, with_config

from agentkit.kind import new_dict
from agentkit.price import dollars, output_of
from agentkit.state.decision import PendingCall
from agentkit.state.document import MOST_BYTES, read_document, write_document
from agentkit.state.spent import NOTHING, Spent
from agentkit.tools.answer import Answer, carrier_of
from agentkit.wire.content import Part, text_of
from agentkit.wire.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage, open_calls
from agentkit.wire.reading import new_call_id
from agentkit.wire.response import ChatCompletion, Usage

__all__ = ["Attempt", "RunState", "new_run_id", "state_adapter"]


def new_run_id() -> str:
    """Give an id that no other run has: 32 hexadecimal digits."""
    return os.urandom(16).hex()


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


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)  # no slots: they would make each of a run's copies 5 us dearer
class RunState:
    """A run as far as it came.

    Attributes:
        run_id: 32 hexadecimal digits; a sub-run's is its parent's, a slash and the call's id.
        messages: The history without instructions; every call before the last reply's has its result.
        start: Where this run's own messages begin.
        kept: How many messages its session had when it began; None where it began without one.
        turns: Replies taken.
        usages: What each request cost, in order; None where the endpoint did not say.
        usage: The sum of those.
        costs: Dollars of each of `usages`, where known at once; a text is the endpoint and the model whose price tells.
        cut_usage: Our estimate of what requests cost that were cut, marked `estimated`; it is in none of the sums.
        below: What runs have spent that its tools started.
        guessed: What limits count besides, as it was reserved: of requests that were cut, or whose usage nobody said.
        tool_calls: Calls performed.
        refused: For each tool, how often in a row its calls were refused.
        attempts: Replies that were no valid output; none of them is in the history, unless calls beside it were run.
        correction: The last attempt and what is said to it, while the model is asked again; sent, never kept.
        forgiven: How many of the attempts an earlier part of the run, which was resumed, has paid for.
        finish_reason: Of the last reply.
        accepted: The id of the output tool's call whose arguments are the output.
        held: Calls that wait for a decision; one in a sub-run has the id of the call that began it, a slash, its own.
        subs: Sub-runs that wait, or whose error ended this run too, by the call that began each; they go on with it.
        agent: Who goes on after a handoff; None is who began the run.
        handed: The handoff that the reply in hand calls, by its tool; it takes effect when all calls are answered.
        since: Where the messages of who goes on begin.
        shown: What a handoff's filter left of the messages before those; None is all of them.
        carried: Images and files of the batch that is being answered, by the call.
        finishing: Whether the tools are done and the last turn is asked in the output's own form.
        seconds: Time spent in earlier parts of the run, before a pause or an error.
        injected: What was put in and joins the history with the next reply: it came beside a correction, or too late.
    """

    run_id: str = field(default_factory=new_run_id)
    messages: tuple[Message, ...] = ()
    start: int = 0
    kept: int | None = None
    turns: int = 0
    usages: tuple[Usage | None, ...] = ()
    usage: Usage = field(default_factory=Usage)
    costs: tuple[float | str | None, ...] = ()
    cut_usage: Usage | None = None
    below: Spent = NOTHING
    guessed: Spent = NOTHING
    tool_calls: int = 0
    refused: dict[str, int] = field(default_factory=new_dict)
    attempts: tuple[Attempt, ...] = ()
    correction: tuple[Message, ...] = ()
    forgiven: int = 0
    finish_reason: str | None = None
    accepted: str | None = None
    held: tuple[PendingCall, ...] = ()
    subs: dict[str, RunState] = field(default_factory=new_dict)
    agent: str | None = None
    handed: str | None = None
    since: int = 0
    shown: tuple[Message, ...] | None = None
    carried: dict[str, tuple[Part, ...]] = field(default_factory=new_dict)
    finishing: bool = False
    seconds: float = 0.0
    injected: tuple[Message, ...] = ()
    version: Literal[1] = 1

    def __repr__(self) -> str:
        # short, for `asyncio.run` shows its task's result to itself, and a history may hold megabytes
        return f"RunState(run_id={self.run_id!r}, {len(self.messages)} messages, {self.turns} turns)"

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """Give what this run added, the prompt first."""
        return self.messages[self.start :]

    @property
    def seen(self) -> tuple[Message, ...]:
        """Give the messages that the model is sent."""
        return self.messages if self.shown is None else (*self.shown, *self.messages[self.since :])

    @property
    def request_costs(self) -> tuple[float | None, ...]:
        """Give the dollars of each of `usages`, as the endpoint said or its price tells; None where nobody knows."""
        costs = (*self.costs, *(None,) * (len(self.usages) - len(self.costs)))
        return tuple(map(dollars, self.usages, costs))

    @property
    def cost(self) -> float | None:
        """Give the dollars of all requests, those below too; None where they are not known of each (`unpriced`)."""
        known = self.request_costs
        return None if None in known or self.below.unpriced else sum(filter(None, known), self.below.cost)

    @property
    def unpriced(self) -> int:
        """Count the requests, those below too, whose cost is not known."""
        return self.request_costs.count(None) + self.below.unpriced

    @property
    def spent(self) -> Spent:
        """Give what counts for limits: all requests and calls, those below, and what was only reserved."""
        known = self.request_costs
        own = Spent(
            len(self.usages),
            self.tool_calls,
            self.usage.prompt_tokens,
            output_of(self.usage),
            sum(filter(None, known)),
            known.count(None),
        )
        return own + self.below + self.guessed

    @property
    def pending(self) -> tuple[PendingCall, ...]:
        """Give the calls that wait for a decision, as `result.pending` does."""
        return self.held

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
        if self.accepted:
            return next((m for m in reversed(self.messages) if isinstance(m, AssistantMessage)), None)
        last = self.messages[-1] if len(self.messages) > self.start else None
        return last if last is not None and last.role == "assistant" and not last.tool_calls else None

    def replace(self, **changes: Any) -> RunState:
        """Copy with some fields changed."""
        copied, fields = object.__new__(RunState), {**self.__dict__}
        fields.update(changes)  # a quarter less than `{**fields, **changes}`, which makes room for all of them anew
        object.__setattr__(copied, "__dict__", fields)
        return copied

    def last_call(self, name: str) -> tuple[str, str]:
        """Give the arguments of a tool's last call and what it was answered; both empty where there is none."""
        told = {m.tool_call_id: text_of(m.content) for m in self.messages if isinstance(m, ToolMessage)}
        for message in reversed(self.messages):
            for call in reversed(_calls(message)):
                if call.function.name == name:
                    return call.function.arguments, told.get(call.id, "")
        return "", ""

    def with_reply(self, completion: ChatCompletion, cost: float | str | None = None) -> RunState:
        """Take the model's reply and what it cost; a correction is over with it."""
        choice = completion.choices[0]
        message = choice.message.to_history()
        if message.function_call is not None and not message.tool_calls:  # servers from before `tools` say it so
            call = ToolCall(id=new_call_id(), function=message.function_call)
            message = message.replace(tool_calls=(call,), function_call=None)
        if message.content is None and not (message.tool_calls or message.refusal or message.audio):
            message = message.replace(content="")  # endpoints refuse a message of nothing
        used, usage = self.usage, completion.usage
        if usage is not None:  # the first is the sum, unless it has what no sum has
            used = used + usage if self.usages or usage.__pydantic_extra__ else usage
        return self.replace(
            messages=(*self.messages, *self.injected, message),
            turns=self.turns + 1,
            usages=(*self.usages, usage),
            costs=(*self.costs, cost),
            usage=used,
            correction=(),
            injected=(),
            finish_reason=choice.finish_reason,
        )

    def with_answers(self, answers: tuple[Answer, ...]) -> RunState:
        """Take answers of the reply in hand as they come; results stand in call order."""
        if not answers:
            return self
        index = len(self.messages) - 1
        while not (calls := _calls(self.messages[index])):
            index -= 1
        results = [m for m in self.messages[index + 1 :] if m.role == "tool"] + [one.message for one in answers]
        if len(results) > 1 and [m.tool_call_id for m in results] != [call.id for call in calls[: len(results)]]:
            order = {call.id: position for position, call in enumerate(calls)}
            results.sort(key=lambda message: order[message.tool_call_id])
        messages: tuple[Message, ...] = (*self.messages[: index + 1], *results)
        carried, subs, performed = self.carried, self.subs, self.tool_calls
        for answer in answers:
            call_id = answer.message.tool_call_id
            carried = {**carried, call_id: answer.parts} if answer.parts else carried
            subs = {one: sub for one, sub in subs.items() if one != call_id} if call_id in subs else subs
            performed += answer.status not in ("refused", "cancelled", "denied")
        if carried and len(results) == len(calls):
            messages, carried = (*messages, carrier_of(calls, carried)), {}
        return self.replace(messages=messages, carried=carried, subs=subs, tool_calls=performed)

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
        return self.replace(attempts=(*self.attempts, Attempt(text, reason, self.usages[-1] if self.usages else None)))

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
        return self.replace(attempts=(*self.attempts, Attempt(text, reason)), correction=(UserMessage(content=reason),))

    def with_cut(self, usage: Usage) -> RunState:
        """Add the estimate of a request that was cut to those before it."""
        total = self.cut_usage + usage if self.cut_usage else usage
        return self.replace(cut_usage=total.replace(estimated=True))

    def with_injected(self, messages: tuple[Message, ...]) -> RunState:
        """Take what was put into the run: at the end of the history, or after the correction that is on.

        A reply in hand is no output then, but an answer on the way.
        """
        if self.correction:
            return self.replace(injected=(*self.injected, *messages))
        return self.replace(messages=(*self.messages, *messages), accepted=None, finishing=False)

    def resumed(self) -> RunState:
        """Give the state to go on from: what was spent stays spent, retries start anew; `injected` is put in again."""
        return self.replace(refused={}, forgiven=len(self.attempts), injected=())

    def with_closed_calls(self, why: str, *, but: Collection[str] = ()) -> RunState:
        """Answer every open call, but for some, with why it has no result, so that the history is valid."""
        calls = [call for call in self.open_calls if call.id not in but]
        answers = tuple(
            Answer(ToolMessage(tool_call_id=call.id, content=why), "cancelled", call.function.name) for call in calls
        )
        return self.with_answers(answers).replace(held=self.held if but else ())

    def to_json(self, *, key: str | bytes | None = None) -> str:
        """Give the state as one JSON document, without secrets; with a key of 16 bytes or more, signed by it."""
        return write_document(state_adapter().dump_python(self, mode="json", exclude_none=True, by_alias=True), key)

    @classmethod
    def from_json(
        cls, document: str | bytes, *, key: str | bytes | None = None, max_bytes: int = MOST_BYTES
    ) -> RunState:
        """Read what `to_json` gave.

        A state decides which tools run with which arguments. One from outside is to be read with the key that it was
        signed with; without a key it is trusted as it is.

        Args:
            document: What `to_json` gave.
            key: Demands that the state was signed with it.
            max_bytes: A longer document is not read, 100 MB unless said.

        Raises:
            StateError: It is no state, of another version, too long, or its signature is not as it must be.
            ConfigurationError: The key is none.
        """
        return read_document(document, state_adapter().validate_python, key, max_bytes)


def _calls(message: Message) -> tuple[ToolCall, ...]:
    return message.tool_calls if message.role == "assistant" else ()  # isinstance costs four times as much


@cache
def state_adapter() -> TypeAdapter[RunState]:
    """Give what reads and writes states, and parts of them, as plain JSON."""
    return TypeAdapter(RunState)
