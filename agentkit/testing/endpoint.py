"""`FakeEndpoint`: an honest Chat Completions server on a real socket, for tests and benchmarks.

It knows nothing of agentkit but the errors.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Self

from agentkit.testing.answer import EVENT_STREAM, JSON, Answer, Json, encode, error_body, send
from agentkit.testing.check import first_problem
from agentkit.testing.chunk import DONE, chunked, event
from agentkit.testing.connection import Recorded, receive
from agentkit.testing.fault import FAULTS, Fault
from agentkit.testing.quirk import QUIRKS, Quirk, named
from agentkit.testing.reply import Reply, completion
from agentkit.testing.script import Script

__all__ = ["FakeEndpoint", "main"]

_PATH: Final = "/v1/chat/completions"
_BACKLOG: Final = 1024  # 500 clients may connect at once
_STEPS: Final = 3  # of the loop, from a connection's acceptance to the beginning of its task


@dataclass(kw_only=True, eq=False)
class FakeEndpoint:
    """Serve Chat Completions on loopback, inside `with` (in a thread) or `async with` (on the running loop).

    Requests that the real API refuses are refused with its status and words, so what passes here is valid: every tool
    call answered, tools well named, strict schemas strict. Without `replies` it answers by rule (`testing.echo`).

    ```python
    with FakeEndpoint(replies=[call("add", {"a": 1, "b": 2}), "Three."], quirks=["no_index"]) as endpoint:
        Agent(ChatModel("any", base_url=endpoint.base_url), tools=[add]).run_sync("1 + 2?")
    endpoint.assert_complete()
    ```

    Attributes:
        replies: One for each request: a text, `call(...)` or `calls(...)`, a message or a whole ChatCompletion as a
            dict, raw bytes, a `Fault`, or a function of the request that gives one of these. A function in the place
            of the list answers every request. None: by rule.
        quirks: Deviations of real servers, by name (`quirk.QUIRKS`), played on every reply.
        faults: Failures, by name or as `Fault.status(503, times=2)`, one for each valid request; None lets one pass.
        api_key: The only key that is taken; None takes all, and none.
        latency: Seconds before an answer.
        chunk_delay: Seconds before each piece of a stream; 0 sends a whole stream in one write.
        chunks: How many pieces a streamed text is cut into; None cuts it word by word.
        headers: More headers of every answer.
        port: The port; 0 takes a free one.
        record: Whether requests are kept.
        requests: The requests so far, refused ones too.
        refusals: The texts of the refusals of our own (not of faults and quirks), oldest first.
        connections: How many connections were ever opened.
    """

    replies: Sequence[Reply] | Callable[[Json], Reply] | None = None
    quirks: Sequence[Quirk | str] = ()
    faults: Sequence[Fault | str | None] = ()
    api_key: str | None = None
    latency: float = 0
    chunk_delay: float = 0
    chunks: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int = 0
    record: bool = True
    requests: list[Recorded] = field(init=False, default_factory=list[Recorded])
    refusals: list[str] = field(init=False, default_factory=list[str])
    connections: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._script = Script(self.replies, self.faults)
        self._quirks = named(self.quirks)
        self._answered = 0
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._thread: threading.Thread | None = None
        self._leave = Future[None]()

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT/v1`, once it is open."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def assert_complete(self) -> None:
        """Raise unless the script's replies and faults were all asked for, and no more.

        Raises:
            ScriptError: Some are left, or there were more requests.
        """
        self._script.assert_complete()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", self.port, backlog=_BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is None:
            return
        await self._stop_accepting(self._server)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def __enter__(self) -> Self:
        ready = Future[None]()
        self._leave = Future[None]()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live(ready)), name="FakeEndpoint", daemon=True)
        self._thread.start()
        ready.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set_result(None)
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    async def _live(self, ready: Future[None]) -> None:
        try:
            async with self:
                ready.set_result(None)
                await asyncio.wrap_future(self._leave)
        except OSError as error:  # the port is taken: told to who waits in `with`
            ready.set_exception(error)

    @staticmethod
    async def _stop_accepting(server: asyncio.Server) -> None:
        """Take no more connections and let those that were taken begin, so that they can be ended.

        `close` alone breaks one that is between the two: https://github.com/python/cpython/issues/109564.
        """
        loop = asyncio.get_running_loop()
        with contextlib.suppress(RuntimeError):  # loops that do not wait by readers: Windows', uvloop
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        for _ in range(_STEPS):
            await asyncio.sleep(0)
        server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            # A client may leave at any point, also in the middle of its own request. When the endpoint closes, a
            # connection's task ends as if it were done: the streams of Python 3.11 log one that ends as cancelled.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._talk(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            if not writer.is_closing() or writer.transport.get_write_buffer_size():
                writer.transport.abort()  # never one that has sent its last: asyncio's may fail on it
            self._open.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await receive(reader, writer)) and await self._serve(request, reader, writer):
                continue
        except (ValueError, asyncio.LimitOverrunError):
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async def _serve(self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self.record:
            self.requests.append(request)
        self._answered += 1
        answer = self._refusal(request) or self._answer(request, self._answered)
        headers = (("x-request-id", f"req_{self._answered}"), *self.headers.items())
        if self.latency:
            await asyncio.sleep(self.latency)
        pause = self.chunk_delay if answer.chunked else 0
        return await send(answer, reader, writer, pause=pause, headers=headers) and request.keep_alive

    def _refusal(self, request: Recorded) -> Answer | None:
        """Refuse what the real API refuses, in its words."""
        status, text, param, code = 400, "", None, None
        if request.path != _PATH:
            status, text = 404, f"Invalid URL ({request.method} {request.path})"
        elif request.method != "POST":
            status, text, code = 405, f"Not allowed to {request.method} on {request.path}.", "method_not_supported"
        elif self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            known = "authorization" in request.headers
            status, code = 401, "invalid_api_key" if known else None
            text = (
                "Incorrect API key provided."
                if known
                else "You didn't provide an API key. Use Authorization: Bearer YOUR_KEY."
            )
        elif problem := first_problem(request.body):
            text, param, code = problem
        elif refusals := [said for quirk in self._quirks if quirk.refuses and (said := quirk.refuses(request.body))]:
            return Answer.of_json(error_body(refusals[0]), status=400)
        if not text:
            return None
        self.refusals.append(text)
        return Answer.of_json(error_body(text, param=param, code=code), status=status)

    def _answer(self, request: Recorded, number: int) -> Answer:
        heard = request.body
        for quirk in self._quirks:
            heard = quirk.hears(heard) if quirk.hears else heard
        fault, reply = self._script.take(heard)
        wants_stream = bool(request.body.get("stream"))
        if isinstance(reply, bytes):
            kind = EVENT_STREAM if wants_stream else JSON
            good = Answer(headers=(("Content-Type", kind),), pieces=(reply,), chunked=wants_stream)
        else:
            whole = completion(reply, request.body, number=number, size=len(request.raw))
            good = self._told(whole, request.body, stream=wants_stream)
        return fault.spoil(good) if fault else good

    def _told(self, whole: Json, request: Json, *, stream: bool) -> Answer:
        """Tell a completion as a stream or as one document, with the quirks."""
        for quirk in self._quirks:
            if quirk.message:
                quirk.message(whole)
        streamed = stream ^ any(stream in quirk.swaps for quirk in self._quirks)
        pieces = self._events(whole, request) if streamed else [encode(whole)]
        for quirk in self._quirks:
            if quirk.pieces and (streamed or not quirk.streams_only):
                pieces = quirk.pieces(pieces)
        kind = EVENT_STREAM if streamed else JSON
        for quirk in self._quirks:
            kind = quirk.kinds[streamed] if quirk.kinds else kind
        headers = (("Content-Type", kind),) if kind else ()
        return Answer(headers=headers, pieces=pieces, chunked=streamed or len(pieces) > 1)

    def _events(self, whole: Json, request: Json) -> list[bytes]:
        options: dict[str, Any] = request.get("stream_options") or {}
        parts = chunked(whole, usage=bool(options.get("include_usage")), count=self.chunks)
        for quirk in self._quirks:
            if quirk.chunks:
                parts = quirk.chunks(parts)
        ending = [] if "error" in parts[-1] and parts[-1]["error"] else [DONE]
        return [*map(event, parts), *ending]


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted; the base URL is printed on one line as soon as it takes connections."""
    parser = _parser()
    options = parser.parse_args(arguments)
    endpoint = FakeEndpoint(
        quirks=options.quirk,
        faults=options.fault,
        api_key=options.api_key,
        latency=options.latency,
        chunk_delay=options.chunk_delay,
        chunks=options.chunks,
        port=options.port,
        record=False,
    )
    try:
        asyncio.run(_serve(endpoint))
    except (OSError, OverflowError) as error:  # the port is taken, or none
        parser.error(f"argument --port: {options.port} cannot be served: {error}")
    except KeyboardInterrupt:
        return


async def _serve(endpoint: FakeEndpoint) -> None:
    async with endpoint:
        sys.stdout.write(f"{endpoint.base_url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agentkit.testing.endpoint",
        description="Serve the fake Chat Completions endpoint on 127.0.0.1; it answers by rule.",
        epilog="\n".join(["quirks:", *(f"  {quirk.name:30} {quirk.summary}" for quirk in QUIRKS.values())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument(
        "--quirk", action="append", default=[], type=_quirk, metavar="NAME", help="may be repeated; see below"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="NAME[:key=value,...]",
        help=f"such as status:code=503,times=2; may be repeated; one of {', '.join(sorted(FAULTS))}",
    )
    parser.add_argument("--api-key", help="the only key that is taken")
    parser.add_argument("--latency", type=float, default=0, help="seconds before an answer")
    parser.add_argument("--chunk-delay", type=float, default=0, help="seconds before each piece of a stream")
    parser.add_argument("--chunks", type=int, help="pieces of a streamed text; word by word by default")
    return parser


def _quirk(name: str) -> Quirk:
    try:
        return named([name])[0]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _fault(words: str) -> Fault:
    try:
        return Fault.named(words)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    main()
