"""Errors of what was written and cannot work, raised before anything is sent."""

from __future__ import annotations

from agentkit.errors.root import AgentkitError

__all__ = [
    "ConfigurationError",
    "InvalidRequestError",
    "MissingExtraError",
    "MissingKeyError",
    "RunMismatchError",
    "SchemaError",
    "StoreMismatchError",
    "ToolDefinitionError",
    "UnknownModelError",
    "UnsupportedRequestError",
]


class ConfigurationError(AgentkitError):
    """Something written cannot work; nothing was sent."""


class ToolDefinitionError(ConfigurationError, TypeError):
    """A function cannot be a tool; the text says what to write instead."""


class SchemaError(ConfigurationError, ValueError):
    """A JSON Schema cannot be made, or not in strict mode; the text gives the path and the reason."""


class InvalidRequestError(ConfigurationError, ValueError):
    """A request breaks the contract; the text names field, value and limit."""


class UnsupportedRequestError(InvalidRequestError):
    """The endpoint does not take what is asked, by its profile; another one may."""


class UnknownModelError(ConfigurationError):
    """No model is named, or no provider owns the name."""


class MissingKeyError(ConfigurationError):
    """A provider's key is not set; the text names its environment variable."""


class StoreMismatchError(ConfigurationError):
    """The store of a map holds outcomes of an agent that asked for something else; the text shows what differs."""


class RunMismatchError(ConfigurationError):
    """The journal has a run of that id, which began with something else; the text shows what."""


class MissingExtraError(ConfigurationError, ImportError):
    """A package of an extra is missing; the text has the install command."""
