"""What the engine is asked and what it answers, as values; `dialogue` makes readings, `process` carries them.

A reading is one way to put a request to the engine: which tools it is offered and which turns it is played.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Reading", "Response", "Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing the user said; `results` is the JSON of the results that the tools gave to it, None without any."""

    text: str
    results: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One question to the engine.

    Attributes:
        tools: The tools as the engine reads them, a JSON array.
        turns: The conversation from its beginning; the answer to the last one is wanted.
        system: Facts about the user and the world.
    """

    tools: str
    turns: tuple[Turn, ...]
    system: str = ""

    def encode(self) -> bytes:
        """Give the line that the worker reads."""
        turns = [{"text": turn.text, "results": turn.results} for turn in self.turns]
        return json.dumps({"system": self.system, "tools": self.tools, "turns": turns}).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the engine wrote, its arguments decoded."""

    name: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        given = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in self.arguments.items())
        return f"{self.name}({given})"


@dataclass(frozen=True, slots=True)
class Response:
    """The engine's answer to a reading.

    Attributes:
        calls: The calls, also those that the engine itself withheld; how far to trust them is `confidence`.
        confidence: 0 to 1, calibrated by the engine for the reply as a whole.
        reasoning: The engine's short derivation of each argument.
        ungrounded: `tool.path` of the arguments that the engine does not find in the text.
        negated: The text asks not to do it.
    """

    calls: tuple[Call, ...] = ()
    confidence: float = 0.0
    reasoning: str = ""
    ungrounded: tuple[str, ...] = ()
    negated: bool = False

    @classmethod
    def parse(cls, response: Mapping[str, Any]) -> Response:
        """Read the engine's JSON; what is missing is nothing, never an error."""
        validation: Any = response.get("validation") or {}
        calls: Any = response.get("function_calls") or response.get("suppressed_calls") or ()
        return cls(
            calls=tuple(Call(str(call["name"]), call.get("arguments") or {}) for call in calls),
            confidence=float(response.get("confidence") or 0.0),
            reasoning=str(response.get("reasoning") or ""),
            ungrounded=tuple(validation.get("ungrounded") or ()),
            negated=bool(validation.get("negation")),
        )
