"""The network shut for a while: `shut_network` refuses every connection and name but this machine's own.

It is built on Python's audit events, so no library goes round it that uses Python's sockets, asyncio's included.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from agentkit.errors import NetworkShutError

__all__ = ["open_network", "shut_network"]

_ADDRESSED: Final = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getnameinfo": 0}
_NAMED: Final = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.gethostbyaddr": 0}
"""The audit events that lead out, with the place of the address or name among their arguments.

https://docs.python.org/3/library/audit_events.html
"""
_OWN: Final = ("", "localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback")

_states: list[bool] = []  # whether it is shut, the last one counts; of the whole process, for threads have no say
_watching = False


@contextmanager
def shut_network() -> Generator[None]:
    """Refuse what leads away from this machine, in all threads, while the block lasts.

    Raises:
        NetworkShutError: In the place of each such connection; the text names the host.
    """
    global _watching  # noqa: PLW0603 # a hook cannot be taken away again, so there is one for the process
    if not _watching:
        _watching = True
        sys.addaudithook(_watch)
    _states.append(True)
    try:
        yield
    finally:
        _states.pop()


@contextmanager
def open_network() -> Generator[None]:
    """Let everything through while the block lasts, also inside `shut_network`."""
    _states.append(False)
    try:
        yield
    finally:
        _states.pop()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket.") or not _states or not _states[-1]:
        return
    if event in _NAMED:
        host: Any = arguments[_NAMED[event]]
    elif event in _ADDRESSED:
        address: Any = arguments[_ADDRESSED[event]]
        host = None if address is None or isinstance(address, str | bytes) else address[0]  # a text is a socket's file
    else:
        return
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if isinstance(host, str) and not _is_here(host):
        raise NetworkShutError(
            f"A test asked for {host}, and the network is shut for tests. Answer from a cassette (the fixture "
            "`cassette`, recorded once by `pytest --agentkit-record=record`) or from a `FakeEndpoint`; or mark the "
            'test `@pytest.mark.agentkit_network("open")`.'
        )


def _is_here(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name in _OWN or name.endswith(".localhost") or name == socket.gethostname().lower():
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
