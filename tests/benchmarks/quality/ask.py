"""One case put to a model, read twice: its first reply as it came ("without"), and what the whole run gave ("with").

The first request is the same for both, so that the two are paired; what helps comes after it.
"""

import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import Any

from case import Case, plain_call, plain_value
from shape import SHAPES
from toolset import TOOLSETS

from agentkit import Agent, OutputSpec, RunLimits, Settings, errors, extract, tool
from agentkit.model import Model
from agentkit.state.decision import Give
from agentkit.wire import ChatCompletion, ChatCompletionChunk, ChatRequest

__all__ = ["Asking", "Outcome", "Recorder", "ask"]

_EXTRACT = signature(extract).parameters["instructions"].default
_CALL = "Use the tools where they fit. If a value that a tool needs is missing, ask for it; never make one up."
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Asking:
    """How cases are put.

    Attributes:
        mode: The output mode.
        retries: How often an invalid output, or a call that was refused, is asked for again.
        settings: Of every request.
        helped: Whether to go on after the first request.
    """

    mode: Any = "auto"
    retries: int = 2
    settings: Settings = field(default_factory=Settings)
    helped: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case.

    Attributes:
        value: The answer as JSON; None beside a failure.
        failure: Why there is none, in a word or two.
        raw: The text that was read, for people.
    """

    value: Any = None
    failure: str | None = None
    raw: str | None = None
    requests: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Recorder:
    """A model around another that keeps each reply, or the error in its place, and how long it took."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.kept: list[tuple[ChatCompletion | Exception, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    @property
    def name(self) -> str:
        """Give the model's name."""
        return self._model.name

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Ask the model."""
        began = time.perf_counter()
        try:
            reply = await self._model.complete(request)
        except Exception as error:
            self.kept.append((error, time.perf_counter() - began))
            raise
        self.kept.append((reply, time.perf_counter() - began))
        return reply

    def stream(self, request: ChatRequest, /) -> AsyncIterator[ChatCompletionChunk]:
        """Stream as the model does; nothing here streams."""
        return self._model.stream(request)

    def spent(self, outcome: Outcome, requests: int | None = None) -> Outcome:
        """Give an outcome with what its first requests, or all, have cost."""
        taken = self.kept[:requests]
        usages = [reply.usage for reply, _ in taken if isinstance(reply, ChatCompletion)]
        tokens = sum(usage.total_tokens or 0 for usage in usages if usage)
        return replace(outcome, requests=len(taken), tokens=tokens, seconds=sum(seconds for _, seconds in taken))


async def ask(case: Case, model: Model, asking: Asking) -> tuple[Outcome, Outcome | None]:
    """Put a case to the model; give the outcome without help and, if wanted, with it.

    Raises:
        AuthenticationError: The key is not taken; no case could be answered.
        NotFoundError: There is no such model.
    """
    recorder = Recorder(model)
    try:
        value, failure = await (_extract if case.part == "extraction" else _call)(case, recorder, asking), None
    except (errors.AuthenticationError, errors.NotFoundError):
        raise
    except errors.AgentkitError as error:
        value, failure = None, type(error).__name__
    if not recorder.kept:  # refused before anything was sent
        return Outcome(failure=failure), Outcome(failure=failure) if asking.helped else None
    without = recorder.spent(_raw(case, recorder.kept[0][0]), 1)
    last = recorder.kept[-1][0]
    said = _said(last) if isinstance(last, ChatCompletion) else str(last)
    return without, recorder.spent(Outcome(value, failure, said)) if asking.helped else None


def _limits(asking: Asking) -> RunLimits:
    return RunLimits() if asking.helped else RunLimits(turns=1)


async def _extract(case: Case, model: Model, asking: Asking) -> Any:
    output: Any = OutputSpec(SHAPES[case.kind], mode=asking.mode, retries=asking.retries)
    agent: Any = Agent(model, output=output, instructions=_EXTRACT, settings=asking.settings, limits=_limits(asking))
    return plain_value(case.kind, (await agent.run(case.text)).output)


async def _call(case: Case, model: Model, asking: Asking) -> list[dict[str, Any]]:
    """Give the first calls that are valid; none is run, for each waits for an approval that does not come.

    Where some calls of a reply were refused, the valid ones get a result so that the model may mend the rest.
    """
    tools = [tool(function, approval=True, retries=asking.retries) for function in TOOLSETS[case.tools]]
    agent: Any = Agent(model, tools=tools, instructions=_CALL, settings=asking.settings, limits=_limits(asking))
    result = await agent.run(case.text)
    calls: list[dict[str, Any]] = []
    for _ in range(_ROUNDS):
        read = {one.name: one.read for one in tools}
        calls += [plain_call(case.tools, call.name, read[call.name](call.arguments)) for call in result.pending]
        written = next((message.tool_calls for message in reversed(result.messages) if message.role == "assistant"), ())
        if not result.pending or len(written) == len(result.pending):
            break
        result = await agent.resume(result.state, decisions={call.id: Give("Done.") for call in result.pending})
    return calls


def _raw(case: Case, reply: ChatCompletion | Exception) -> Outcome:
    """Read a reply as a program without agentkit would: `json.loads` and pydantic, nothing else."""
    if isinstance(reply, Exception):
        return Outcome(failure=type(reply).__name__, raw=str(reply))
    message, said = reply.message, _said(reply)
    if case.part == "extraction" and message.refusal and not message.content:
        return Outcome(failure="refused", raw=said)
    try:
        value = _read_value(case, message) if case.part == "extraction" else _read_calls(case, message)
    except json.JSONDecodeError:
        cut = reply.choices[0].finish_reason == "length"
        return Outcome(failure="cut" if cut else "no JSON", raw=said)
    except KeyError:
        return Outcome(failure="unknown tool", raw=said)
    except (ValueError, TypeError):  # pydantic's ValidationError is a ValueError
        return Outcome(failure="invalid", raw=said)
    return Outcome(value, raw=said)


def _read_value(case: Case, message: Any) -> Any:
    """Read the record; what is no object by itself was asked for, and comes, in a field `response`."""
    value = json.loads(message.tool_calls[0].function.arguments if message.tool_calls else message.content or "")
    if not isinstance(SHAPES[case.kind], type) or SHAPES[case.kind] is bool:
        if not isinstance(value, Mapping) or len(value) != 1:
            raise ValueError("It is not in one field.")
        value = next(iter(value.values()))
    return plain_value(case.kind, value)


def _read_calls(case: Case, message: Any) -> list[dict[str, Any]]:
    calls = [call.function for call in message.tool_calls]
    return [plain_call(case.tools, call.name, json.loads(call.arguments)) for call in calls]


def _said(reply: ChatCompletion) -> str:
    message = reply.message
    if message.tool_calls:
        return "; ".join(f"{call.function.name}({call.function.arguments})" for call in message.tool_calls)
    return message.content or message.refusal or ""
