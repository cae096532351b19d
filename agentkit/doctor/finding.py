"""What an examination finds: `Finding`, one row of its table; probes make it, the command line shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

__all__ = ["Finding", "Verdict"]

Verdict = Literal["works", "deviates", "refused", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried, or one deviation that was seen meanwhile.

    Attributes:
        probe: The name of the probe that made it; the examination puts it in.
        verdict: "works"; "deviates" from the contract, in a way that agentkit reads; "refused" by the endpoint with an
            error; "failed", where nothing usable came; "skipped", where it was not asked.
        seen: What was seen, in words; the endpoint's own words are on one line and without control characters.
        done: What agentkit does about it; empty where there is nothing to do.
        deviation: The deviation's name, as `agentkit.testing` plays it where it does.
        profile: The fields of `Profile` that follow, with their values.
        needed: Whether agents cannot do without it.
    """

    probe: str = ""
    verdict: Verdict
    seen: str
    done: str = ""
    deviation: str | None = None
    profile: Mapping[str, Any] = field(default_factory=dict[str, Any])
    needed: bool = False

    @property
    def is_met(self) -> bool:
        """Tell whether what was tried works, be it with a deviation."""
        return self.verdict in ("works", "deviates")

    def to_dict(self) -> dict[str, Any]:
        """Give all fields, in their order."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
