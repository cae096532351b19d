"""A reply asked for in one piece although its run is watched, for middleware that must see all of it first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agentkit.agent.event import TextDelta
from agentkit.agent.run import Ask, Run
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["ask_whole"]


async def ask_whole(
    request: ChatRequest, run: Run, ask: Ask, change: Callable[[ChatCompletion], Awaitable[ChatCompletion]]
) -> ChatCompletion:
    """Ask, and change the reply before a watcher sees it; then its text is shown as one piece.

    Of several that do so, the outermost shows the text.
    """
    room, run.room = run.room, None
    try:
        reply = await change(await ask(request))
    finally:
        run.room = room
    if room is not None and reply.message.content:
        run.emit(TextDelta(reply.message.content))
    return reply
