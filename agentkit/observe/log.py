"""A run's requests and calls, and what happens below them, as structured log lines on stderr; off unless asked for.

It is asked for by `middleware=[Log()]` or by the environment variable AGENTKIT_LOG (any value but 0). The process's own
structlog configuration is never touched.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any

from agentkit.agent.effect import Finished, Paused
from agentkit.agent.run import Ask, Call, Middleware, Perform, Run
from agentkit.model import ModelFellBack, ReplyCached, Report, RequestRetried, RequestWaited, listener
from agentkit.secret import scrub
from agentkit.state.run import RunState
from agentkit.tools.answer import Answer
from agentkit.tools.execute import CallTool
from agentkit.tools.line import Line, lines
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["Log"]


class Log(Middleware):
    """Log each request and each call: what, how long, what it cost, and a tool's traceback where it raised.

    What happens below a request has lines too: a retry, a wait for a limit of our own, a fall back to the next model,
    a reply from a cache. What a model learned of its endpoint is said by the standard library's logger "agentkit",
    whether or not this is on, so it is not said here again. What tools say by `context.log` is a line, from INFO on.

    Arguments, results and texts are not logged, for they may be private; `contents=True` adds them, cut at 200
    characters. Known keys are hidden in either case; but a logger of yours is given a tool's exception as it is, and
    writes its traceback itself.

    Args:
        contents: Whether arguments and results are logged.
        logger: A structlog logger; by default one that writes `key=value` lines to stderr, in colour on a terminal.
    """

    def __init__(self, *, contents: bool = False, logger: Any = None) -> None:
        self._contents = contents
        self._logger = logger

    async def run(self, state: RunState, run: Run, next: Perform, /) -> Finished | Paused:  # noqa: A002 # as in starlette
        """Show what the run's tools, and its functions of the context, log themselves."""
        before = lines.set(partial(self._show, run))
        try:
            return await next(state)
        finally:
            lines.reset(before)

    async def ask(self, request: ChatRequest, run: Run, next: Ask, /) -> ChatCompletion:  # noqa: A002 # as in starlette
        """Log one request."""
        log = self._bound(run, model=run.recipe.model.name, messages=len(request.messages), tools=len(request.tools))
        started = time.perf_counter()
        above = listener.get()
        before = listener.set(partial(_tell, log, above))
        try:
            completion = await next(request)
        except BaseException as error:  # a cancelled request is one, too
            log.warning("request failed", seconds=_since(started), error=_told(error))
            raise
        finally:
            listener.reset(before)
        usage, choice = completion.usage, completion.choices[0]
        tokens = usage.total_tokens if usage else None
        if completion.model not in ("", run.recipe.model.name):
            log = log.bind(reply_model=completion.model)
        calls = len(choice.message.tool_calls)
        log.info("reply", seconds=_since(started), finish_reason=choice.finish_reason, calls=calls, tokens=tokens)
        return completion

    async def call(self, call: CallTool, run: Run, next: Call, /) -> Answer:  # noqa: A002 # as in starlette
        """Log one call."""
        log = self._bound(run, tool=call.name, call_id=call.id)
        if self._contents:
            log = log.bind(arguments=_shown(call.call.function.arguments))
        try:
            answer = await next(call)
        except BaseException as error:
            trace = error if isinstance(error, Exception) else None
            log.warning("call", status="raised", error=_told(error), exc_info=trace)
            raise
        if self._contents:
            log = log.bind(result=_shown(answer.message.content))
        line = log.warning if answer.status in ("error", "timeout") else log.info
        line("call", status=answer.status, seconds=round(answer.seconds, 4), exc_info=answer.error)
        return answer

    def _show(self, run: Run, line: Line) -> None:
        extra = {
            "tool" if name == "tool_name" else str(name): value
            for name, value in line.extra.items()
            if not isinstance(value, str) or value
        }
        log = self._bound(run, **extra)
        say = log.error if line.level >= logging.ERROR else log.warning if line.level >= logging.WARNING else log.info
        say("log", **{"exc_info": line.exc_info} if line.exc_info else {}, message=line.text)

    def _bound(self, run: Run, /, **values: Any) -> Any:
        if self._logger is None:
            self._logger = _stderr_logger()
        return self._logger.bind(**{"run_id": run.state.run_id, "turn": run.state.turns, **values})


def _tell(log: Any, above: Callable[[Report], None] | None, event: Report) -> None:
    """Log what happened below the request, and pass it on to who listened before."""
    match event:
        case RequestRetried():
            log.warning("retry", attempt=event.attempt, wait=round(event.wait, 4), error=scrub(event.error))
        case RequestWaited():
            log.info("wait", model=event.model, seconds=round(event.seconds, 4), reason=event.reason)
        case ModelFellBack():
            log.warning("fall back", model=event.model, next_model=event.next_model, error=scrub(event.error))
        case ReplyCached():
            log.info("cached", model=event.model, fingerprint=event.fingerprint)
        case _:
            pass
    if above is not None:
        above(event)


def _told(error: BaseException) -> str:
    return scrub(f"{type(error).__name__}: {error}").removesuffix(": ")


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 4)


def _shown(value: Any) -> str:
    text = scrub(str(value))
    return text if len(text) <= 200 else f"{text[:199]}…"


class _Stderr:
    """Writes to what is stderr at the time; a line that cannot be written is lost, for the run matters more."""

    def info(self, line: str) -> None:
        """Write a line."""
        with suppress(AttributeError, OSError, ValueError):  # there is none, nobody reads it any more, or it is closed
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    warning = error = info

    @staticmethod
    def is_terminal() -> bool:
        """Tell whether a person reads along."""
        with suppress(AttributeError, ValueError):
            return sys.stderr.isatty()
        return False


def _stderr_logger() -> Any:
    import structlog  # noqa: PLC0415 # slow to import, and only needed here

    return structlog.wrap_logger(
        _Stderr(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            _hide_secrets,
            structlog.dev.ConsoleRenderer(colors=_Stderr.is_terminal()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        context_class=dict,
        cache_logger_on_first_use=False,
    )


def _hide_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: scrub(value) if isinstance(value, str) else value for key, value in event.items()}
