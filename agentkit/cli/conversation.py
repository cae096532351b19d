"""Prompts to results on one history: events shown as they come, calls that wait decided, what broke off kept valid.

`run` says one prompt, `chat` many; neither terminal nor format is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from agentkit.agent.blocking import SyncStream
from agentkit.agent.result import Result
from agentkit.state.decision import Decision, PendingCall
from agentkit.state.run import RunState
from agentkit.wire.message import Message

__all__ = ["Conversation", "Speaker"]

_BROKEN_OFF = "Not finished: the user broke off. Its effect may or may not have happened."


class Speaker(Protocol):
    """Who answers: an agent, or one whose runs are written down."""

    def stream_sync(self, prompt: str, /, *, history: tuple[Message, ...]) -> SyncStream[Any]:
        """Begin a run, and watch it."""
        ...

    def resume_stream_sync(self, state: RunState, /, *, decisions: Mapping[str, Decision]) -> SyncStream[Any]:
        """Go on with one that waits."""
        ...


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
        self, agent: Speaker, show: Callable[[Any], None], decide: Callable[[PendingCall], Decision] | None
    ) -> None:
        self._agent = agent
        self._show = show
        self._decide = decide
        self.messages: tuple[Message, ...] = ()

    def say(self, prompt: str) -> Result[Any]:
        """Run one prompt; whatever ends it, `messages` holds what was said and done."""
        stream = self._agent.stream_sync(prompt, history=self.messages)
        try:
            while True:
                with stream:
                    for event in stream:
                        self._show(event)
                result = stream.result
                if not result.pending or self._decide is None:
                    return result
                decisions = {call.id: self._decide(call) for call in result.pending}
                stream = self._agent.resume_stream_sync(result.state, decisions=decisions)
        finally:
            self._keep(stream.state)

    def _keep(self, state: RunState) -> None:
        messages = state.with_closed_calls(_BROKEN_OFF).messages
        if len(messages) > len(self.messages) + 1:  # a prompt without an answer would stand before the next prompt
            self.messages = messages
