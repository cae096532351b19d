"""An API key that shows itself to nobody: `Key` gives the header's value when a request is sent, and only then."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Self

from agentkit.errors import ConfigurationError
from agentkit.http.header import check_key
from agentkit.secret import remember_secret

__all__ = ["Key"]


class Key:
    """A key, or what is called for one before each request; its repr shows only where it is from.

    Args:
        given: The key, or a function that gives it, sync or async; "" is no key.
        source: Where it came from, in words for errors.

    Attributes:
        fixed: The key, where it is the same for all requests, so that nobody has to wait for it.

    Raises:
        ConfigurationError: The key has characters that no header may hold.
    """

    __slots__ = ("_given", "fixed", "source")

    def __init__(self, given: str | Callable[[], str | Awaitable[str]], source: str = "the argument api_key") -> None:
        self._given = self._checked(given, source) if isinstance(given, str) else given
        self.fixed = self._given if isinstance(self._given, str) else None
        self.source = source

    @classmethod
    def of(cls, given: str | Callable[[], str | Awaitable[str]] | Self | None) -> Self | None:
        """Wrap what is not wrapped yet; None and "" are no key."""
        if given is None or isinstance(given, cls):
            return given
        if isinstance(given, str):
            return cls(given) if given.strip() else None
        if not callable(given):
            raise ConfigurationError(f"api_key is a {type(given).__name__}; give a str or a function that returns one.")
        return cls(given)

    def __repr__(self) -> str:
        return f"Key(from {self.source})"

    async def read(self) -> str:
        """Give the key.

        Raises:
            ConfigurationError: What was called gave no text, or one that no header may hold.
        """
        if isinstance(self._given, str):
            return self._given
        found = self._given()
        key: Any = await found if inspect.isawaitable(found) else found
        if not isinstance(key, str):
            raise ConfigurationError(f"The key from {self.source} is a {type(key).__name__}; give a str.")
        return self._checked(key, self.source)

    @staticmethod
    def _checked(key: str, source: str) -> str:
        key = check_key(key, source)
        remember_secret(key)
        return key
