"""The loop by hand over agentkit's own connections: what a run costs besides is what the framework adds to them."""

import json
from typing import Any
from urllib.parse import urlsplit

from floor import Loop

from agentkit.http.clock import Timeout
from agentkit.http.transport import Transport

__all__ = ["Beneath"]

_HEADERS = [
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Content-Type", "application/json"),
    ("User-Agent", "agentkit"),
    ("Authorization", "Bearer sk-bench"),
]


class Beneath(Loop):
    """Ask by the transport alone: requests are encoded once, and replies only decoded."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._url = f"{url}/chat/completions"
        self._transport = Transport(f"{address.scheme}://{address.netloc}")
        self._clocks = Timeout()
        self._bodies: dict[int, bytes] = {}

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request, read its reply."""
        turn = len(body["messages"])
        if turn not in self._bodies:
            self._bodies[turn] = json.dumps(body).encode()
        reply = await self._transport.send(
            self._url, _HEADERS, self._bodies[turn], clocks=self._clocks, first=None, where=self._url
        )
        parts = [await reply.read(None)]
        while parts[-1]:
            parts.append(await reply.read(None))
        await reply.aclose()
        return json.loads(b"".join(parts))["choices"][0]["message"]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()
