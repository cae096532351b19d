"""Errors of the embedded model, and of the models and recordings that tests are made with."""

from __future__ import annotations

from agentkit.errors.root import AgentkitError

__all__ = [
    "LocalModelError",
    "NetworkShutError",
    "RecordingError",
    "ScriptError",
]


class LocalModelError(AgentkitError):
    """The embedded model could not start or answer."""


class ScriptError(AgentkitError, AssertionError):
    """A scripted model was asked what its script did not expect."""


class NetworkShutError(ScriptError):
    """A test asked for the network while that is shut."""


class RecordingError(ScriptError):
    """A cassette does not hold what was asked, or cannot be read."""
