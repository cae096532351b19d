"""Prompts to results on one history: events shown as they come, calls that wait decided, what broke off kept valid.

`run` says one prompt, `chat` many; neither terminal nor format is known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentkit.agent.agent import Agent
from agentkit.agent.event import OutputReady, ReplyReceived, RunEnded, ToolCallReady, ToolResulted
from agentkit.agent.result import Result
from agentkit.agent.run import Ask, Call, Middleware, Run
from agentkit.errors import AgentkitError
from agentkit.state.decision import Decision
from agentkit.state.run import PendingCall, RunState
from agentkit.tools.answer import Answer
from agentkit.tools.execute import CallTool
from agentkit.wire.content import text_of
from agentkit.wire.message import Message
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["Conversation"]

_BROKEN_OFF = "Not finished: the user broke off. Its effect may or may not have happened."


class Conversation:
    """An agent and what was said so far.

    Args:
        agent: Who answers.
        show: Takes the events of each run as they come.
        decide: Decides on a call that waits; with None the result is given back as it waits.

    Attributes:
        messages: The history, always valid; assign an empty tuple to begin anew.
    """

    def __init__(
        self, agent: Agent[Any, Any], show: Callable[[Any], None], decide: Callable[[PendingCall], Decision] | None
    ) -> None:
        self._agent = agent
        self._show = show
        self._decide = decide
        self.messages: tuple[Message, ...] = ()

    def say(self, prompt: str) -> Result[Any]:
        """Run one prompt; whatever ends it, `messages` holds what was said and done."""
        stream = self._agent.stream_sync(prompt, history=self.messages)
        state: RunState | None = None
        try:
            with stream:
                for event in stream:
                    self._show(event)
            result = stream.result
            while result.pending and self._decide is not None:
                state = result.state
                result = self._resume(state, {call.id: self._decide(call) for call in result.pending})
        except BaseException as error:
            reached = error.state if isinstance(error, AgentkitError) else None
            self._keep(reached or state or stream.state)
            raise
        self._keep(result.state)
        return result

    def _resume(self, state: RunState, decisions: dict[str, Decision]) -> Result[Any]:
        watched = self._agent.replace(middleware=(_Watch(self._show),))
        result = watched.resume_sync(state, decisions=decisions)
        if not result.pending:
            self._show(OutputReady(result.output))
        after = result.state
        self._show(RunEnded(after.run_id, after.finish_reason, after.turns, after.usage, len(after.held)))
        return result

    def _keep(self, state: RunState) -> None:
        messages = state.with_closed_calls(_BROKEN_OFF).messages
        if len(messages) > len(self.messages) + 1:  # a prompt without an answer would stand before the next prompt
            self.messages = messages


class _Watch(Middleware):
    """Shows the events of a resumed run, which has no stream."""

    def __init__(self, show: Callable[[Any], None]) -> None:
        self._show = show

    async def ask(self, request: ChatRequest, _: Run, next: Ask, /) -> ChatCompletion:  # noqa: A002 # as declared
        completion = await next(request)
        choice = completion.choices[0]
        message = choice.message.to_history()
        self._show(ReplyReceived(message, choice.message.reasoning, choice.finish_reason, completion.usage))
        return completion

    async def call(self, call: CallTool, _: Run, next: Call, /) -> Answer:  # noqa: A002 # as declared
        self._show(ToolCallReady(call.id, call.name, call.arguments))
        answer = await next(call)
        content = answer.message.content
        self._show(ToolResulted(call.id, call.name, text_of(content), answer.status, answer.seconds))
        return answer
