"""`Trace`: runs as OpenTelemetry's spans and metrics, by its conventions for generative AI (extra `otel`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from agentkit.agent.effect import Finished, Paused
from agentkit.agent.run import Ask, Call, Middleware, Perform, Run
from agentkit.model import (
    ModelFellBack,
    ProfileLearned,
    ReplyCached,
    Report,
    RequestRetried,
    RequestSent,
    RequestWaited,
    listener,
)
from agentkit.observe.attribute import Attributes, of_messages, of_place, of_reply, of_request, of_usage
from agentkit.observe.span import Act, Telemetry
from agentkit.secret import scrub
from agentkit.state.run import RunState
from agentkit.tools.answer import Answer
from agentkit.tools.execute import CallTool
from agentkit.wire.message import AssistantMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["Trace"]


class Trace(Middleware):
    """Give a span for each part of a run, `invoke_agent`, and in it one for each request, `chat`, and each call.

    The last is `execute_tool`; a run that the tool starts stands in it. Metrics: `gen_ai.client.token.usage`, and the
    times of the three. Texts, arguments and results are left out, for they may be private, and so are the texts of
    errors, which may repeat them: errors are told by their class.

    Args:
        contents: Whether messages, arguments, results and the texts of errors are told too.
        mask: What each text of these goes through; by default known keys are hidden.
        tracer_provider: By default the one that the process has set.
        meter_provider: The same for metrics.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """

    def __init__(
        self,
        *,
        contents: bool = False,
        mask: Callable[[str], str] = scrub,
        tracer_provider: Any = None,
        meter_provider: Any = None,
    ) -> None:
        self._telemetry = Telemetry(mask if contents else None, tracer_provider, meter_provider)
        self._contents = contents
        self._mask = mask

    async def run(self, state: RunState, run: Run, next: Perform, /) -> Finished | Paused:  # noqa: A002 # as in starlette
        """Trace one part of a run."""
        model, kind = run.recipe.model, "text" if run.recipe.plan.is_text else "json"
        about = {**_agent(run), **_place(run), "gen_ai.request.model": model.name, "gen_ai.output.type": kind}
        with self._telemetry.act("invoke_agent", run.recipe.name, {**about, "agentkit.run.id": state.run_id}) as act:
            if run.session is not None:
                act.tell({"gen_ai.conversation.id": run.session.id})
            if self._contents:
                act.tell({"gen_ai.input.messages": of_messages(state.messages, self._mask)})
            try:
                return await next(state)
            finally:
                act.tell(self._spent(state, run.state))

    async def ask(self, request: ChatRequest, run: Run, next: Ask, /) -> ChatCompletion:  # noqa: A002 # as in starlette
        """Trace one request, with all its attempts."""
        about = {**of_request(request, run.recipe.model.name), **_place(run)}
        if run.room is not None:
            about["gen_ai.request.stream"] = True
        with self._telemetry.act("chat", about["gen_ai.request.model"], about) as act:
            if self._contents:
                act.tell({"gen_ai.input.messages": of_messages(request.messages, self._mask)})
            before = listener.set(partial(_hear, act, listener.get()))
            try:
                reply = await next(request)
            finally:
                listener.reset(before)
            act.tell(of_reply(reply))
            self._telemetry.count(act)
            if self._contents:
                ending = reply.choices[0].finish_reason
                act.tell({"gen_ai.output.messages": of_messages([reply.message.to_history()], self._mask, ending)})
            return reply

    async def call(self, call: CallTool, run: Run, next: Call, /) -> Answer:  # noqa: A002 # as in starlette
        """Trace one call."""
        about = {"gen_ai.tool.name": call.name, "gen_ai.tool.call.id": call.id, "gen_ai.tool.type": "function"}
        with self._telemetry.act("execute_tool", call.name, {**about, **_agent(run)}) as act:
            if self._contents:
                act.tell({"gen_ai.tool.call.arguments": self._mask(call.call.function.arguments)})
            answer = await next(call)
            act.tell({"agentkit.tool.status": answer.status})
            if self._contents:
                act.tell({"gen_ai.tool.call.result": self._mask(str(answer.message.content))})
            if answer.status in ("error", "timeout"):
                kind = type(answer.error).__name__ if answer.status == "error" else "timeout"
                act.fail(kind, str(answer.error))
            return answer

    def _spent(self, before: RunState, after: RunState) -> Attributes:
        """Tell how this part of a run went: its tokens are not those of the parts before it."""
        spent = of_usage(after.usage) if any(after.usages) else {}
        for name, earlier in of_usage(before.usage).items():
            if name in spent:
                spent[name] -= earlier
        spent |= {"agentkit.run.turns": after.turns - before.turns, "agentkit.run.pending": len(after.held)}
        if after.finish_reason:
            spent["gen_ai.response.finish_reasons"] = [after.finish_reason]
        last = after.messages[-1] if after.messages else None
        if self._contents and isinstance(last, AssistantMessage):
            spent["gen_ai.output.messages"] = of_messages([last], self._mask, after.finish_reason)
        return spent


_Noted = RequestRetried | RequestWaited | ModelFellBack | ReplyCached | ProfileLearned


def _hear(act: Act, above: Callable[[Report], None] | None, event: Report) -> None:
    """Tell what happens below a request, and pass it on to who listened before."""
    if isinstance(event, RequestSent):
        act.tell({**of_place(event.endpoint), "agentkit.request.attempts": event.attempt})
    elif isinstance(event, _Noted):
        told = asdict(event)
        if isinstance(event, ProfileLearned):
            del told["reason"]  # the endpoint's words, which may repeat the request
        act.note(told.pop("type"), told)
    if above is not None:
        above(event)


def _place(run: Run) -> Attributes:
    return of_place(getattr(run.recipe.model, "base_url", None))


def _agent(run: Run) -> Attributes:
    return {"gen_ai.agent.name": run.recipe.name} if run.recipe.name else {}
