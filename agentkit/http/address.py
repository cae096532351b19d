"""Where a model is: `Address`, read from what a user writes as base_url and refused where a key would not be safe."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

from agentkit.errors import ConfigurationError
from agentkit.http.profile import Profile

__all__ = ["Address", "is_loopback"]

_ENDING = "/chat/completions"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A base URL, taken apart.

    Attributes:
        scheme: "http" or "https".
        host: Without port and brackets, in small letters.
        port: The port; None for the scheme's own.
        path: Without a slash at its end.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, base_url: str) -> Self:
        """Read a base URL; slashes at its end and a whole `.../chat/completions` are tolerated.

        Raises:
            ConfigurationError: It is no http(s) URL, or holds credentials or a query.
        """
        try:
            parts = urlsplit(base_url.strip())
            port = parts.port
        except ValueError as error:
            raise ConfigurationError(f"base_url is no URL: {error}. Write e.g. 'https://api.openai.com/v1'.") from None
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError("base_url holds credentials. Give them as api_key=... or headers={...} instead.")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"base_url {base_url[:200]!r} is no http(s) URL. Write e.g. 'https://api.openai.com/v1'."
            )
        if parts.query or parts.fragment:
            raise ConfigurationError(
                f"base_url '{parts.scheme}://{parts.netloc}{parts.path}' has a query or fragment. "
                "Leave it out; what must stand in the query goes into Profile(query=(('name', 'value'),))."
            )
        path = parts.path.rstrip("/").removesuffix(_ENDING).rstrip("/")
        port = None if port == _PORTS[parts.scheme] else port  # so that one origin has one spelling
        return cls(parts.scheme, parts.hostname, port, quote(path, safe="/%:@!$&'()*+,;=~-._"))

    @property
    def origin(self) -> str:
        """Give scheme, host and port as a URL begins with them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port is not None else "")

    def __str__(self) -> str:
        return self.origin + self.path

    @property
    def is_loopback(self) -> bool:
        """Tell whether what is sent never leaves the machine."""
        return is_loopback(self.host)

    def endpoint(self, profile: Profile, model: str) -> str:
        """Give the URL that a request goes to, without the query."""
        return _url(self, profile.path, (), model)

    def url(self, profile: Profile, model: str) -> str:
        """Give the URL that a request goes to."""
        return _url(self, profile.path, profile.query, model)


@lru_cache(256)
def _url(address: Address, path: str, query: tuple[tuple[str, str], ...], model: str) -> str:
    asked = f"?{urlencode(query)}" if query else ""
    return f"{address}{path.replace('{model}', quote(model, safe=''))}{asked}"


def is_loopback(host: str) -> bool:
    """Tell whether a host, without brackets, is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
