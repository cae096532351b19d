"""What stands in for the world while a run is replayed: a model that is not asked, calls that do not run, old verdicts.

`rerun` puts them into today's loop; nothing here compares.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.agent.effect import Effect, Finished, Outcome, Paused
from agentkit.agent.result import Result
from agentkit.agent.run import Run
from agentkit.errors import RunError
from agentkit.output import Mode, OutputPlan
from agentkit.output.parse import Rejected
from agentkit.tools.answer import Answer
from agentkit.tools.context import Context
from agentkit.tools.execute import CallTool
from agentkit.tools.tool import Tool
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.message import ToolMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["Answers", "Endpoint", "Silent", "endpoints_of", "judged"]

_NEVER = "A replay asks no model: the recorded replies stand."
_MODES: Mapping[str, tuple[Mode, ...]] = {"json_schema": ("native",), "json_object": ("json",)}
_OTHERS: tuple[Mode, ...] = ("tool", "prompted", "native", "json")
_CHOICES: tuple[tuple[str, ...], ...] = (("required",), ("function",), ())


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an endpoint was known to take when a run was recorded, as an agent asks a model's profile for it."""

    output_mode: Mode
    response_formats: tuple[str, ...] = ("json_schema", "json_object")
    tools: bool = True
    formats_with_tools: bool = True
    tool_choices: tuple[str, ...] = ("required",)


def endpoints_of(request: Mapping[str, Any]) -> Iterator[Endpoint]:
    """Give the endpoints that a request with a typed output may have been made for, the likeliest first."""
    form: Any = request.get("response_format")
    for mode in _MODES.get(form["type"], _OTHERS) if form else _OTHERS:
        for beside in (True, False):
            for choices in _CHOICES:
                yield Endpoint(mode, formats_with_tools=beside, tool_choices=choices)


class Silent:
    """A model that says nothing.

    Attributes:
        profile: What the recorded requests say of the endpoint.
    """

    name = "replay"

    def __init__(self) -> None:
        self.profile: Endpoint | None = None

    async def complete(self, request: ChatRequest) -> ChatCompletion:  # noqa: ARG002 # as of every model
        """Refuse.

        Raises:
            RunError: Always.
        """
        raise RunError(_NEVER)

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatCompletionChunk]:
        """Refuse.

        Raises:
            RunError: Always.
        """
        nothing: tuple[ChatCompletionChunk, ...] = ()
        await self.complete(request)
        for chunk in nothing:
            yield chunk


class Answers:
    """The keeper of a run that is replayed: no call is carried out.

    Args:
        begun: The arguments of calls that were begun before, by call id.
        unknown: What was known of calls whose outcome nobody knew, by call id; nothing where they ran again.

    Attributes:
        ran: The calls that today's code would run, by id.
    """

    def __init__(self, begun: Mapping[str, str], unknown: Mapping[str, str]) -> None:
        self._begun, self._unknown = begun, unknown
        self.ran: dict[str, CallTool] = {}

    async def open(self, run: Run, /) -> None:
        """Write nothing."""

    async def perform(self, run: Run, effect: Effect, step: Callable[[Run, Effect], Awaitable[Outcome]], /) -> Outcome:
        """Let an effect happen."""
        return await step(run, effect)

    async def gated(self, run: Run, /) -> None:
        """Write nothing."""

    async def call(self, run: Run, call: CallTool, step: Callable[[CallTool], Awaitable[Answer]], /) -> Answer:  # noqa: ARG002 # as of every keeper
        """Note the call."""
        self.ran[call.id] = call
        return Answer(ToolMessage(tool_call_id=call.id, content=""), "ok", call.name)

    def begun(self, run: Run, call_id: str, /) -> str | None:  # noqa: ARG002 # as of every keeper
        """Give what a call was begun with."""
        return self._begun.get(call_id)

    def unknown(self, run: Run, call_id: str, tool: Tool[Any] | None, /) -> str | None:  # noqa: ARG002 # as of every keeper
        """Say what was known of a call."""
        return self._unknown.get(call_id)

    async def below(
        self, _run: Run, _call_id: str, sub: Run, step: Callable[[Run], Awaitable[Result[Any]]], /
    ) -> Result[Any]:
        """Let a run below happen; none does, for no call is carried out."""
        return await step(sub)

    async def close(self, run: Run, end: Finished | Paused | BaseException, /) -> None:
        """Write nothing."""


class _Judged(OutputPlan[Any]):
    """A plan whose function and validators have spoken already."""

    reason_of: Callable[[str], str | None]
    _text = ""

    def read(self, text: str) -> Any:
        self._text = text
        return super().read(text)

    async def finish(self, value: Any, context: Context[Any]) -> Any:  # noqa: ARG002 # as of every plan
        reason = self.reason_of(self._text)
        if reason is not None and (self.is_function or self.spec.validators):
            raise Rejected(reason)
        return value


def judged(plan: OutputPlan[Any], reason_of: Callable[[str], str | None]) -> OutputPlan[Any]:
    """Copy a plan that reads as it does, and calls nothing: what was recorded is what its own code said.

    Args:
        plan: Today's.
        reason_of: Gives why a text was refused; None where it was not.
    """
    copied = object.__new__(_Judged)
    vars(copied).update(vars(plan), reason_of=reason_of)
    return copied
