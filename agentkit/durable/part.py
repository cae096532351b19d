"""What a worker is given: one part of a run, from its start, or where it is resumed, to its end, a pause or an error.

`workflow` submits parts and carries them out; each is one workflow of the engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from agentkit.agent.prompt import Prompt
from agentkit.durable.record import line_of
from agentkit.state.decision import Approve, Decision, Deny, decision_of
from agentkit.state.limit import RunLimits
from agentkit.wire.message import Message, parse_messages
from agentkit.wire.setting import Settings

__all__ = ["Part", "number_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a run, as plain values; it is given to workers as JSON.

    Attributes:
        agent: The name of the durable agent.
        run_id: The run's.
        number: Which part, from 1.
        history: Earlier messages.
        prompt: The user's message; None goes on from the history. Both only of the first part.
        settings: Over the agent's own.
        limits: In the place of the agent's own.
        decisions: On calls that wait, by their ids; JSON.
        streamed: Whether events are written for whoever watches.
    """

    agent: str
    run_id: str
    number: int = 1
    history: tuple[Mapping[str, Any], ...] = ()
    prompt: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | None = None
    limits: Mapping[str, Any] | None = None
    decisions: Mapping[str, str] = field(default_factory=dict[str, str])
    streamed: bool = False

    @property
    def id(self) -> str:
        """Give the id of its workflow: the run's, and from the second part on its number after a slash."""
        return self.run_id if self.number == 1 else f"{self.run_id}/{self.number}"

    def to_json(self) -> str:
        """Give it as one line of JSON."""
        return line_of({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def from_json(cls, text: str) -> Part:
        """Read what `to_json` gave; what a later release added is left out."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})

    @property
    def messages(self) -> tuple[Message, ...]:
        """Give the history as messages."""
        return parse_messages(self.history)

    @property
    def said(self) -> Prompt:
        """Give the prompt as it was given."""
        return None if self.prompt is None else parse_messages([self.prompt])[0].content

    @property
    def terms(self) -> tuple[Settings | None, RunLimits | None]:
        """Give settings and limits."""
        settings = None if self.settings is None else Settings.model_validate(self.settings)
        return settings, None if self.limits is None else RunLimits(**self.limits)

    @property
    def decided(self) -> dict[str, Decision]:
        """Give the decisions."""
        return {key: decision_of(text) for key, text in self.decisions.items()}

    @staticmethod
    def plain_limits(limits: RunLimits | None) -> dict[str, Any] | None:
        """Give limits as plain values."""
        return None if limits is None else {one.name: getattr(limits, one.name) for one in fields(limits) if one.init}

    @staticmethod
    def plain_decisions(decisions: Mapping[str, Decision]) -> dict[str, str]:
        """Give decisions as JSON, by the ids of the calls."""
        whole = {
            key: (Approve() if one else Deny()) if isinstance(one, bool) else one for key, one in decisions.items()
        }
        return {key: one.to_json() for key, one in whole.items()}


def number_of(workflow: str) -> int:
    """Give which part a workflow is, by its id."""
    return int(workflow.partition("/")[2] or 1)
