"""One validated call to its answer: the tool's clock, its thread, and what becomes of what it raises.

The driver reads and gates calls and sends each through the middleware; this is the core at the end of that stack.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from agentkit.errors import PendingCallsError, ToolFailedError
from agentkit.secret import scrub
from agentkit.tools.answer import Answer, Status, answer_error, answer_value
from agentkit.tools.context import Context, ToolRetry
from agentkit.tools.thread import run_in_thread
from agentkit.tools.tool import Tool
from agentkit.wire.message import ToolCall, ToolMessage

__all__ = ["CallTool", "HeldError", "OnToolError", "SubRuns", "execute", "is_ending", "running"]

running: ContextVar[SubRuns | None] = ContextVar("agentkit_running_call", default=None)
"""The call that is being executed; runs that its tool starts take their ids from it."""

OnToolError = Literal["report", "raise"] | Callable[["CallTool", Exception], Any]
"""What becomes of an exception of a tool: told to the model, raised as `ToolFailedError`, or a function (sync or
async) of the call and the exception, whose result is the tool's and which may raise `ToolRetry`."""


@dataclass(frozen=True, slots=True)
class CallTool:
    """One call whose name is known and whose arguments are complete and valid.

    Attributes:
        call: As the model wrote it, or with the arguments that a decision put in their place.
        tool: What is called.
        arguments: The validated values by parameter name, as the function takes them.
        context: What the function gets where it asks for a `Context`.
    """

    call: ToolCall
    tool: Tool[Any]
    arguments: dict[str, Any]
    context: Context[Any]

    @property
    def id(self) -> str:
        """Give the id of the call."""
        return self.call.id

    @property
    def name(self) -> str:
        """Give the name that the model called."""
        return self.call.function.name


class SubRuns:
    """The ids of the runs that one call starts: the run's, a slash and the call's; from the second on with a number.

    No two runs have one id: a slash in a call's is written `%2F`, and a turn after the first, which may have the ids of
    an earlier one again, is put before it: `2:call_1`.

    Attributes:
        over: Whether the call was answered; a run of its thread that goes on, for it was abandoned, is shown no more.
        through: An error of such a run that is no failure of the tool: it ends the run that made the call, too.
    """

    def __init__(self, context: Context[Any]) -> None:
        self.over = False
        self.through: BaseException | None = None
        self._context = context
        self._count = 0

    def next_id(self) -> str:
        """Give the id of the next one."""
        self._count += 1
        context = self._context
        turn = f"{context.turn}:" if context.turn > 1 else ""
        first = f"{context.run_id}/{turn}{quote(context.call_id, safe='', errors='replace')}"
        return first if self._count == 1 else f"{first}.{self._count}"


class HeldError(PendingCallsError):
    """What an agent's tool raises where calls of its run wait for decisions: its own call then waits for them."""


class _OutOfTimeError(TimeoutError):
    """The tool's own clock ran out, not one that its body watches."""


async def execute(
    call: CallTool, on_error: OnToolError = "report", ends_run: Callable[[Exception], bool] | None = None
) -> Answer:
    """Run the tool and give its answer; the clock covers its body only.

    Args:
        call: The call.
        on_error: What becomes of what the tool raises.
        ends_run: Tells what of that is no failure of the tool, and is raised as it is.

    Raises:
        ToolFailedError: The tool raised and `on_error` is "raise"; the cause is what it raised.
        Exception: What ended a run that the tool began and is none of the tool's.
    """
    started = time.perf_counter()
    sub_runs = SubRuns(call.context)
    token = running.set(sub_runs)
    try:
        value = await (_body(call) if call.tool.timeout is None else _in_time(call))
        seconds = time.perf_counter() - started
        return answer_value(call.id, call.name, value, seconds=seconds, most=call.tool.max_characters)
    except ToolRetry as advice:
        return answer_error(call.id, call.name, advice, seconds=time.perf_counter() - started)
    except _OutOfTimeError as error:
        seconds = time.perf_counter() - started
        if on_error == "report":
            return answer_error(call.id, call.name, error, status="timeout", seconds=seconds)
        return await _failed(call, error, on_error, seconds)
    except HeldError as held:
        message = ToolMessage(tool_call_id=call.id, content=f"Not finished: {held}")
        return Answer(message, "held", call.name, seconds=time.perf_counter() - started)
    except Exception as error:
        if error is sub_runs.through or (ends_run is not None and ends_run(error)):
            raise
        return await _failed(call, error, on_error, time.perf_counter() - started)
    finally:
        sub_runs.over = True
        running.reset(token)


async def _in_time(call: CallTool) -> Any:
    tool, timeout = call.tool, call.tool.timeout
    clock = asyncio.timeout(timeout)
    try:
        async with clock:
            return await _body(call)
    except TimeoutError as error:
        if not clock.expired():
            raise  # the tool's own
        later = "" if tool.is_async or not tool.thread else " Its thread was left running: its effect may still happen."
        raise _OutOfTimeError(f"Tool '{call.name}' did not end within {timeout:g} s.{later}") from error


async def _body(call: CallTool) -> Any:
    tool = call.tool
    try:
        if tool.is_async or not tool.thread:
            value = tool.call(call.arguments, call.context)
        else:
            value = await run_in_thread(tool.call, call.arguments, call.context)
        return await value if inspect.isawaitable(value) else value
    except (asyncio.CancelledError, SystemExit) as error:
        if isinstance(error, asyncio.CancelledError) and is_ending():
            raise
        # what the tool waited for was cancelled by others, or it is a program that exits: neither ends the run
        raise RuntimeError(f"It ended with {type(error).__name__}{f'({error})' if str(error) else ''}.") from error


def is_ending() -> bool:
    """Tell whether the task that asks is being cancelled; else a `CancelledError` is of what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _failed(call: CallTool, error: Exception, on_error: OnToolError, seconds: float) -> Answer:
    if on_error == "report":
        return answer_error(call.id, call.name, error, seconds=seconds)
    if on_error == "raise":
        seen = f"Tool '{call.name}' raised {type(error).__name__}: {scrub(str(error)) or 'no message'}"
        said = str(error) if isinstance(error, _OutOfTimeError) else seen
        failed = ToolFailedError(f'{said.rstrip(".")}. With on_tool_error="report" the model is told instead.')
        failed.tool_name, failed.call_id = call.name, call.id
        raise failed from error
    try:
        value = on_error(call, error)
        if inspect.isawaitable(value):
            value = await value
    except ToolRetry as advice:
        return answer_error(call.id, call.name, advice, seconds=seconds)
    most: int | None = call.tool.max_characters
    status: Status = "timeout" if isinstance(error, _OutOfTimeError) else "ok"  # whatever the model is told
    return answer_value(call.id, call.name, value, seconds=seconds, status=status, most=most)
