"""`python tests/benchmarks/server.py`: the endpoint of the benchmarks, in a process of its own.

It serves each workload at `/NAME/v1/chat/completions` with replies that were made once, so that it costs less than any
client does. It counts requests and bytes, and refuses what is not as it must be: a tool's result that is missing or
another one, and now and then by all the rules of the real API. `GET /tally` gives the counts and begins anew.
"""

import asyncio
import json
import resource
import signal
import sys
from collections import Counter
from functools import cache
from typing import Any

from task import TASKS, Task

from agentkit.testing.check import first_problem
from agentkit.testing.chunk import DONE, chunked, event
from agentkit.testing.reply import completion

_BACKLOG = 4096
_LOOKED_AT = 8  # requests of a tally that the rules of the real API are held against; after them one of 64
_TOO_MANY = "array_above_max_length"  # the real API takes 128 tools

# As api.openai.com sends them beside the body's own, for reading headers is part of the work.
_HEADERS = """\
Date: Thu, 01 Jan 2026 00:00:00 GMT
x-request-id: req_0123456789abcdef0123456789abcdef
access-control-expose-headers: X-Request-ID
openai-organization: an-organization
openai-processing-ms: 512
openai-project: proj_0123456789abcdef
openai-version: 2020-10-01
x-envoy-upstream-service-time: 530
x-ratelimit-limit-requests: 10000
x-ratelimit-limit-tokens: 2000000
x-ratelimit-remaining-requests: 9999
x-ratelimit-remaining-tokens: 1999974
x-ratelimit-reset-requests: 6ms
x-ratelimit-reset-tokens: 0s
strict-transport-security: max-age=31536000; includeSubDomains; preload
x-content-type-options: nosniff
cf-cache-status: DYNAMIC
set-cookie: __cf_bm=0123456789abcdef; path=/; HttpOnly; Secure; SameSite=None
Server: cloudflare
CF-RAY: 0123456789abcdef-FRA
alt-svc: h3=":443"; ma=86400
""".replace("\n", "\r\n")


class Tally:
    """What came since the last time that it was asked for."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.bytes = self.connections = 0
        self.refusals: list[str] = []

    def take(self) -> dict[str, Any]:
        """Give the counts and begin anew."""
        told = {**vars(self), "refusals": self.refusals[:3]}
        self.__dict__ |= vars(Tally())
        return told


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(str(part.get("text")) for part in content)


def _results(messages: list[dict[str, Any]], turn: int) -> dict[int, str]:
    """Give the results of a turn's calls by their place; those without ids under each place."""
    found: dict[int, str] = {}
    said = ""
    for message in messages:
        if message["role"] == "tool":
            stem, _, place = message["tool_call_id"].rpartition("_")
            if stem == f"call_{turn}":
                found[int(place)] = _text(message)
        elif message["role"] == "user":
            said += _text(message)
    return found or dict.fromkeys(range(16), said)


def problem(task: Task, body: dict[str, Any], look: bool) -> str | None:
    """Say what is wrong with a request; None where nothing is."""
    messages = body["messages"]
    if task.prompt not in " ".join(_text(message) for message in messages[:3]):
        return "the prompt is not there"
    last = len(messages) - 1
    while last >= 0 and messages[last]["role"] != "assistant":
        last -= 1
    turn = sum(message["role"] == "assistant" for message in messages)
    if turn > task.turns:
        return f"{turn} turns came; there are {task.turns}"
    if turn:
        found = _results(messages[last + 1 :], turn - 1)
        for place, result in enumerate(task.results):
            if result[: task.needed] not in found.get(place, ""):
                return f"result {place} of turn {turn} is not {result[:80]!r} but {found.get(place)!r:.200}"
    if look and (why := first_problem(body)) and why.code != _TOO_MANY:
        return why.message
    return None


@cache
def _reply(task: Task, turn: int, form: str, stream: bool, usage: bool) -> tuple[bytes, tuple[bytes, ...]]:
    """Make the head and the pieces of a reply; `form` is how the answer is wanted: text, or a call of that name."""
    if task.kind == "tools" and turn < task.turns:
        message = _calling(turn, task.calls)
    else:
        said = task.expected[1] if task.kind == "stream" else task.expected
        text = said if isinstance(said, str) else json.dumps(said)
        if form == "final_answer":
            text = json.dumps({"answer": text})
        message = _calling(turn, [(form, json.loads(text))]) if form else {"content": text}
    whole = completion(message, {"model": "bench"}, number=1, size=400)
    if not stream:
        piece = json.dumps(whole, separators=(",", ":")).encode()
        return _head("application/json", f"Content-Length: {len(piece)}"), (piece,)
    events = [*map(event, chunked(whole, usage=usage)), DONE]
    pieces = (*(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in events), b"0\r\n\r\n")
    return _head("text/event-stream; charset=utf-8", "Transfer-Encoding: chunked"), pieces


def _calling(turn: int, calls: Any) -> dict[str, Any]:
    made = [
        {
            "id": f"call_{turn}_{place}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for place, (name, arguments) in enumerate(calls)
    ]
    return {"content": None, "tool_calls": made}


def _head(kind: str, length: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{length}\r\n{_HEADERS}\r\n".encode()


def _form(task: Task, body: dict[str, Any]) -> str:
    """Say which tool takes the answer, where the client wants one taken so: its only one, or the one of that name."""
    names = [tool["function"]["name"] for tool in body.get("tools") or ()]
    if task.kind == "extract":
        return names[0] if names and not body.get("response_format") else ""
    return "final_answer" if "final_answer" in names else ""


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._data = bytearray()
        self._end = 0
        self._path = ""
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tally.connections += 1

    def data_received(self, data: bytes) -> None:
        """Take what came; requests come one after another."""
        self._data += data
        if not self._end:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._data[:end]).decode("latin-1")
            self._path = head.split(" ", 2)[1]
            lowered = head.lower()
            place = lowered.find("\r\ncontent-length:")
            if "\r\ntransfer-encoding:" in lowered:
                self._refuse("a request without a length")
                return
            size = int(lowered[place + 17 :].split("\r\n", 1)[0]) if place >= 0 else 0
            del self._data[: end + 4]
            self._end = size or -1
        if len(self._data) >= self._end:
            body = bytes(self._data)
            self._data.clear()
            self._end = 0
            self._answer(body)

    def _answer(self, raw: bytes) -> None:
        if self._path == "/tally":
            told = json.dumps(self._tally.take()).encode()
            self._transport.write(_head("application/json", f"Content-Length: {len(told)}") + told)
            return
        task = TASKS.get(self._path.split("/")[1])
        if task is None or not self._path.endswith("/v1/chat/completions"):
            self._refuse(f"nothing is at {self._path}")
            return
        count = self._tally.requests[task.name] = self._tally.requests[task.name] + 1
        self._tally.bytes += len(raw)
        body = json.loads(raw)
        if why := problem(task, body, look=count <= _LOOKED_AT or not count % 64):
            self._refuse(why)
            return
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        head, pieces = _reply(task, turn, _form(task, body), bool(body.get("stream")), usage)
        if task.gap and len(pieces) > 1:
            self._transport.write(head)
            self._pace(iter(pieces), task.gap)
        elif task.latency:
            self._loop.call_later(task.latency, self._transport.write, b"".join((head, *pieces)))
        else:
            self._transport.write(b"".join((head, *pieces)))

    def _pace(self, pieces: Any, gap: float) -> None:
        """Write a piece, each in its time; two are never written together."""
        piece = next(pieces, None)
        if piece is not None and not self._transport.is_closing():
            self._transport.write(piece)
            self._loop.call_later(gap, self._pace, pieces, gap)

    def _refuse(self, why: str) -> None:
        self._tally.refusals.append(why)
        told = json.dumps({"error": {"message": why, "type": "invalid_request_error", "param": None, "code": None}})
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(told.encode())}\r\n"
        self._transport.write(f"{head}\r\n{told}".encode())


async def main() -> None:
    """Serve until the one who started it says that it is enough."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tally = Tally()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(tally), "127.0.0.1", 0, backlog=_BACKLOG)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    leave = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, leave.set)
    await leave.wait()


if __name__ == "__main__":
    asyncio.run(main())
