"""What a person decided on a call that waits: run it, run it with other arguments, do not, or it was done elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Approve", "Decision", "Deny", "Give"]


@dataclass(frozen=True, slots=True)
class Approve:
    """Run the call, with other arguments where some are given; those are validated like the model's."""

    arguments: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Deny:
    """Do not run the call; the model is told the reason."""

    reason: str = "The user declined this call."


@dataclass(frozen=True, slots=True)
class Give:
    """Do not run the call; its result is this one, made elsewhere."""

    result: Any


Decision = Approve | Deny | Give | bool
"""True is `Approve()`, False is `Deny()`."""
