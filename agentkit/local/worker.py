"""The program of a worker process: one engine, asked over stdin and answering over stdout, a line of JSON each.

Started by `process` as a file of its own. It imports nothing of agentkit, so that it starts fast, and refuses every
socket, so that nothing phones home.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Generator
from queue import SimpleQueue
from typing import Any

if sys.platform == "linux":
    import resource

__all__ = ["main"]


def main() -> None:
    """Answer requests until stdin ends; `sys.argv[1]` is the folder that holds the engine's package."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # a stray print cannot damage the protocol
    sys.addaudithook(_refuse_network)
    warnings.simplefilter("ignore")
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    try:
        engine = _Engine(sys.argv[1])
    except Exception as error:  # noqa: BLE001 # whatever hinders the start is told to the parent, which raises it
        _write(replies, {"error": f"{type(error).__name__}: {error}"})
        os._exit(1)
    _write(replies, {"ready": True})
    while True:
        answer: dict[str, Any]
        try:
            answer = {"response": engine.answer(json.loads(requests.get()))}
        except Exception as error:  # noqa: BLE001 # the same: the parent raises it, and this process stays usable
            answer = {"error": f"{type(error).__name__}: {error}"}
        _write(replies, answer)


def _read(requests: SimpleQueue[bytes]) -> None:
    """Queue the requests; end the process at once when the parent closes the pipe or dies, even amid a computation."""
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


def _write(replies: Any, message: dict[str, Any]) -> None:
    rest = memoryview(json.dumps(message).encode() + b"\n")
    while rest:
        rest = rest[replies.write(rest) :]


def _refuse_network(event: str, _arguments: Any) -> None:
    if event.startswith("socket."):
        raise RuntimeError(f"the embedded model works without any network; {event} was refused")


def _keep_to_one_thread(library: Any) -> None:
    """Make the engine load its weights as on a machine with one processor, so that it starts no threads of its own.

    Its threads, one a processor, wait for each other in busy loops: alone on the machine they are faster than one, but
    beside any other load, a second worker included, 5 to 50 times slower (measured on two processors).
    """
    load = library.needle_load

    def loading(*arguments: Any) -> Any:
        with _one_processor():
            return load(*arguments)

    library.needle_load = loading


@contextlib.contextmanager
def _one_processor() -> Generator[None, None, None]:
    """Let the C library count one processor: it reads files it cannot open now, then asks for the allowed ones.

    That is so in glibc from 2.34 on; elsewhere the count stays what it is. Limit and affinity are those of before
    afterwards.
    """
    if sys.platform != "linux":
        yield
        return
    allowed, (soft, hard) = os.sched_getaffinity(0), resource.getrlimit(resource.RLIMIT_NOFILE)
    os.sched_setaffinity(0, {min(allowed)})
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.sched_setaffinity(0, allowed)


class _Engine:
    """The one global conversation of the process, set up anew when tools or system text change."""

    def __init__(self, folder: str) -> None:
        sys.path.insert(0, folder)
        import needle  # noqa: PLC0415 # only this process may hold it: it has one conversation per process

        self._needle: Any = needle
        self._agent: Any = None
        self._setup: tuple[str, str] | None = None
        library = getattr(needle, "_lib", None)
        if library is not None:
            _keep_to_one_thread(library(3))  # the handle that the package loads the third generation's weights with
        self.answer(
            {"system": "", "tools": "[]", "turns": [{"text": "-"}]}
        )  # loads the weights before the first request

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Play the turns from the beginning and give the engine's answer to the last one."""
        setup = (request["system"], request["tools"])
        if setup != self._setup:
            self._setup = None
            self._agent = self._needle.Needle(tools=setup[1], system=setup[0], auto_date=False)
            self._setup = setup
        self._agent.reset()
        response: dict[str, Any] = {}
        for turn in request["turns"]:
            response = self._agent.complete(turn["text"])
            if turn.get("results") and response.get("function_calls"):
                response = self._agent.complete(turn["results"])
        return response


if __name__ == "__main__":
    main()
