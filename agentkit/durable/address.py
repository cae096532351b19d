"""Where a database of DBOS is: `read_url` for `engine`, pure."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from agentkit.errors import ConfigurationError
from agentkit.secret import remember_secret

__all__ = ["read_url"]

# Of libpq: seconds to connect, milliseconds until what was sent is confirmed, seconds of silence until the server is
# asked whether it is there. Without them a network that is gone is noticed after minutes, or never.
_CLOCKS: Final = {"connect_timeout": "10", "tcp_user_timeout": "30000", "keepalives_idle": "30"}


def read_url(url: str) -> tuple[str, str]:
    """Give a URL as DBOS takes it, and as it may be shown.

    A server gets clocks, so that one whose network is gone is noticed; what stands in the URL wins.

    Args:
        url: A path of an SQLite file, `sqlite:///...`, or `postgresql://...`.

    Raises:
        ConfigurationError: The URL is of a database that is not known here.
    """
    kind, mark, rest = url.partition("://")
    if not mark or kind == "sqlite":
        path = os.path.realpath(rest.removeprefix("/") if mark else url)
        return f"sqlite:///{path}", path
    if kind.partition("+")[0] not in ("postgres", "postgresql"):
        raise ConfigurationError(
            f"Durable runs cannot be kept in {kind!r}. Give the path of a file, which is one of SQLite, or a URL that "
            "begins with postgresql://."
        )
    parts = urlsplit(url)
    remember_secret(parts.password or "")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    clocks = urlencode({name: value for name, value in _CLOCKS.items() if name not in given})
    whole = rest + ("&" if parts.query else "?") + clocks if clocks else rest
    return f"postgresql://{whole}", f"postgresql://{parts.hostname or ''}{parts.path}"
