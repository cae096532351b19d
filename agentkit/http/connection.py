"""One HTTP connection at a time: `connections` gives what makes them, straight or by the proxy of the environment.

httpcore's pools are not used, for the cost of a request grows with their connections; `pool` lends ours.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, cast
from urllib.request import getproxies, proxy_bypass

import httpcore

from agentkit.errors import ConfigurationError
from agentkit.http.address import Address, is_loopback
from agentkit.http.fast import fast_line
from agentkit.http.line import Line, has_rest
from agentkit.http.network import Network
from agentkit.http.pool import IDLE

# httpx imports its command line, and with it click, pygments and rich where they are installed (90 ms): not here.
_command_line: Any = sys.modules.setdefault("httpx._main", cast("Any", None))

import httpx  # noqa: E402 # below the line that spares its command line

if _command_line is None:
    del sys.modules["httpx._main"]

__all__ = ["Connection", "Fields", "Headers", "connections"]

Headers = list[tuple[str, str]]

_NAME = itemgetter(0)
_MOST_OPENING = 512  # connections of one model that are opened at a time


class Fields(Mapping[str, str]):
    """The headers of an answer, by name in any case; of several with one name the values are joined by commas.

    Args:
        raw: As they came.
    """

    __slots__ = ("_fields", "_raw")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._fields: dict[str, str] | None = None  # read when somebody asks, which is for an error

    def get(self, name: str, default: Any = None) -> Any:
        """Give a header's value; one that is not there costs little, and nearly all are not."""
        if name.lower().encode("latin-1", "replace") not in b"\n".join(map(_NAME, self._raw)).lower():
            return default
        return self._read().get(name.lower(), default)

    def _read(self) -> dict[str, str]:
        if self._fields is None:
            fields: dict[str, str] = {}
            for name, value in self._raw:
                key, text = name.decode("latin-1").lower(), _text(value.strip(b" \t"))
                fields[key] = f"{fields[key]}, {text}" if key in fields else text
            self._fields = fields
        return self._fields

    def __getitem__(self, name: str) -> str:
        return self._read()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class Connection:
    """One connection, opened by its first request; one request at a time.

    Args:
        line: What speaks HTTP.
        network: What the line opens its socket by, and nobody else.
    """

    __slots__ = ("_line", "_network")

    def __init__(self, line: httpcore.AsyncConnectionInterface, network: Network) -> None:
        self._line = line
        self._network = network

    @property
    def is_usable(self) -> bool:
        """Tell whether it can serve another request: the last one is over, all of it, and the server still there."""
        return self._line.is_available() and not self._line.has_expired() and not has_rest(self._line)

    async def post(self, url: str, headers: Headers, body: bytes, connect: float) -> httpcore.Response:
        """Send a request and wait for the head of its answer.

        Args:
            url: Where to; the host is that of the connection.
            headers: All but Host and Content-Length.
            body: What is sent.
            connect: Seconds to make the connection in, where it is not there yet.
        """
        target, host = _target(url)
        request = httpcore.Request(b"POST", target, content=body, extensions={"timeout": {"connect": connect}})
        named = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
        # not as an argument, for that is looked through once more
        request.headers = [(b"Host", host), (b"Content-Length", b"%d" % len(body)), *named]
        return await self._line.handle_async_request(request)

    async def aclose(self) -> None:
        """Close it, whatever is under way; httpcore would leave the socket where the talk with a proxy broke off."""
        await self._network.aclose()


@functools.lru_cache(256)
def _target(url: str) -> tuple[httpcore.URL, bytes]:
    """Read a URL; give its host as the header says it too."""
    read = httpx.URL(url)
    return httpcore.URL(scheme=read.raw_scheme, host=read.raw_host, port=read.port, target=read.raw_path), read.netloc


def connections(origin: str) -> Callable[[], Connection]:
    """Give what makes connections to an origin; the environment is read now.

    Raises:
        ConfigurationError: The proxy that the environment names cannot be used.
    """
    tls = _tls() if origin.startswith("https:") else None
    line: Any = fast_line() or Line
    line = functools.partial(line, gate=asyncio.Semaphore(_MOST_OPENING))
    try:
        proxy = _proxy(origin)
        make = functools.partial(_open, _target(origin)[0].origin, tls, proxy, line)
        make()  # opens nothing yet, but fails where the library for SOCKS is missing
    except (ImportError, ValueError):
        refused = ConfigurationError(
            f"The proxy that the environment names for {origin} cannot be used. Write http://host:port in HTTP_PROXY, "
            "HTTPS_PROXY or ALL_PROXY, or list the host in NO_PROXY; for socks5:// run `pip install 'httpx[socks]'`."
        )
    else:
        return make
    raise refused  # outside: the text of the refusal above may hold the proxy's password


def _open(origin: httpcore.Origin, tls: ssl.SSLContext | None, proxy: httpcore.Proxy | None, line: Any) -> Connection:
    network = Network()
    if proxy is None:
        return Connection(line(origin, tls, network), network)
    pool = httpcore.AsyncConnectionPool(tls, proxy, keepalive_expiry=IDLE, network_backend=network)
    return Connection(pool.create_connection(origin), network)  # the pool itself, which knows all ways, is not used


@functools.cache
def _tls() -> ssl.SSLContext:
    """Give the one TLS context of all models; making it takes 84 ms. Honours SSL_CERT_FILE and SSL_CERT_DIR."""
    return httpx.create_ssl_context()


def _proxy(origin: str) -> httpcore.Proxy | None:
    """Find the proxy for an origin as other programs do: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, not for NO_PROXY.

    A server of this machine is never asked for through a proxy on another, which would look for it on itself, and be
    given the key.
    """
    scheme, _, host = origin.partition("://")
    proxies = getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    if not address or proxy_bypass(host):
        return None
    read = httpx.Proxy(address if "://" in address else f"http://{address}")
    if Address.parse(origin).is_loopback and not is_loopback(read.url.host):
        return None
    return httpcore.Proxy(
        httpcore.URL(scheme=read.url.raw_scheme, host=read.url.raw_host, port=read.url.port, target=b"/"),
        auth=read.raw_auth,
        ssl_context=_tls() if read.url.scheme == "https" else None,
    )
