"""What a worker is given: one part of a run, from its start, or where it is resumed, to its end, a pause or an error.

`workflow` submits parts and carries them out; each is one workflow of the engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from agentkit.agent.keeper import Origin
from agentkit.agent.prompt import Prompt
from agentkit.durable.origin import given_of, terms_of
from agentkit.durable.record import line_of
from agentkit.errors import AgentkitError, ConfigurationError, UnknownModelError
from agentkit.providers import resolve
from agentkit.state.decision import Approve, Decision, Deny, decision_of
from agentkit.state.limit import RunLimits
from agentkit.wire.message import Message, parse_messages
from agentkit.wire.setting import Settings

__all__ = ["Part", "model_name", "number_of", "plain_terms"]


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
        model: The name of the model in the place of the agent's own; empty for that.
        budget: The name of the purse that it spends from, with the other runs of a map; empty for none.
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
    model: str = ""
    budget: str = ""

    def __post_init__(self) -> None:
        given: Any = self.budget
        if not isinstance(given, str):
            raise ConfigurationError(
                f"The budget of a submitted run is {given!r:.100}, and not the name of a map's. Bound one run by "
                "`limits=`, and many by `agent.map(inputs, durable=..., budget=...)`, which names its own."
            )

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
        return terms_of({"settings": self.settings, "limits": self.limits})

    @property
    def decided(self) -> dict[str, Decision]:
        """Give the decisions."""
        return {key: decision_of(text) for key, text in self.decisions.items()}

    @staticmethod
    def plain_decisions(decisions: Mapping[str, Decision]) -> dict[str, str]:
        """Give decisions as JSON, by the ids of the calls."""
        whole = {
            key: (Approve() if one else Deny()) if isinstance(one, bool) else one for key, one in decisions.items()
        }
        return {key: one.to_json() for key, one in whole.items()}


def model_name(model: Any) -> str:
    """Give the name of a model as a part has it, empty for None.

    Raises:
        ConfigurationError: It is a model, which the workers cannot be given.
        UnknownModelError: No provider owns the name.
    """
    if model is None:
        return ""
    if not isinstance(model, str):
        raise ConfigurationError(
            f"The model of a run that goes through a database is a {type(model).__name__}, an object of this process "
            'alone. Give its name, model="openai:gpt-4o-mini", or give it to the agent, at the workers.'
        )
    try:
        resolve(model)
    except UnknownModelError:
        raise
    except AgentkitError:
        pass  # what the environment lacks here, that of the workers may have
    return model.strip()


def plain_terms(model: Any = None, settings: Settings | None = None, limits: RunLimits | None = None) -> dict[str, Any]:
    """Give the terms of a run as its part has them; what was not given is left out.

    Raises:
        ConfigurationError: The settings have headers, which are not kept, or the model is no name of one.
        UnknownModelError: No provider owns the name.
    """
    if settings is not None and settings.extra_headers:
        raise ConfigurationError(
            "The settings of a run that goes through a database have extra_headers, and it keeps no headers, for "
            "there may be keys in them. Give them to the agent or its model, at the workers."
        )
    name = model_name(model)
    return ({"model": name} if name else {}) | given_of(Origin(None, settings, limits))


def number_of(workflow: str) -> int:
    """Give which part a workflow is, by its id."""
    return int(workflow.partition("/")[2] or 1)
