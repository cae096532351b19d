"""An event loop without sockets and without a clock: the endpoint answers in memory, and nothing is ever waited for.

`count` runs workloads on it, so that they take the same steps on every machine, however busy. Time passes where all
tasks wait for it: the loop is then later at once.
"""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable
from socket import SOCK_DGRAM, socket
from typing import Any

from server import Connection, Tally

__all__ = ["QuietLoop"]

_ONE_READ = 64 * 1024  # bytes, about what one read of a socket gives

_SOCKET = socket(type=SOCK_DGRAM)  # nothing is sent over it, but transports may ask it who is there
_SOCKET.connect(("127.0.0.1", 80))


class _Clock(selectors.SelectSelector):
    """Watches nothing, and moves the time."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("All tasks wait, and nothing will come.")
        self.now += timeout
        return []


class QuietLoop(asyncio.SelectorEventLoop):
    """An event loop whose connections all lead to the endpoint in memory.

    Attributes:
        tally: What came to the endpoint.
        sends: How often something was written to a connection.
        sent: How many bytes, heads too.
        aside: Does what is not the client's: it is given what the endpoint does.
    """

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)
        self.set_debug(False)
        self.tally = Tally()
        self.sends = self.sent = 0
        self.aside: Callable[[Callable[[], None]], None] = lambda work: work()

    def time(self) -> float:
        """Give the seconds that would have passed."""
        return self._clock.now

    async def create_connection(self, factory: Any, *_: Any, **__: Any) -> Any:
        """Connect, wherever to."""
        protocol = factory()
        return _Line(self, protocol), protocol


class _Line(asyncio.Transport):
    """One connection, from the client's side."""

    def __init__(self, loop: QuietLoop, protocol: Any) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._coming: deque[bytes] = deque()
        self._closing = self._held_back = self._due = False
        self._server = Connection(loop.tally)
        self._server.connection_made(_Back(self))
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self._loop.sends += 1
        self._loop.sent += len(data)
        self._loop.call_soon(self._loop.aside, lambda: self._server.data_received(bytes(data)))

    def writelines(self, parts: Any) -> None:
        self.write(b"".join(parts))

    def bring(self, data: bytes) -> None:
        """Take what the server writes."""
        self._coming += [data[place : place + _ONE_READ] for place in range(0, len(data), _ONE_READ)]
        self._go_on()

    def _go_on(self) -> None:
        if self._coming and not (self._due or self._held_back or self._closing):
            self._due = True
            self._loop.call_soon(self._give)

    def _give(self) -> None:
        self._due = False
        if self._coming and not (self._held_back or self._closing):
            self._protocol.data_received(self._coming.popleft())
            self._go_on()

    def pause_reading(self) -> None:
        self._held_back = True

    def resume_reading(self) -> None:
        self._held_back = False
        self._go_on()

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _SOCKET if name == "socket" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: all is sent at once."""


class _Back(asyncio.Transport):
    """One connection, from the server's side."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line

    def write(self, data: Any) -> None:
        self._line.bring(bytes(data))

    def is_closing(self) -> bool:
        return self._line.is_closing()
