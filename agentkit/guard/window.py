"""`Window`, a middleware: what of a long run each request shows, so that it does not grow with every turn.

The windows themselves are those of sessions; this tells them what a turn is in a run, and what must never go.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from agentkit.agent.run import Ask, Middleware, Run
from agentkit.errors import ConfigurationError
from agentkit.session import LastTokens, LastTurns, Summary, repair
from agentkit.session.summary import put_before
from agentkit.session.window import Window as Seen
from agentkit.session.window import is_carrier, is_instruction, tokens_of, turn_starts
from agentkit.wire.message import AssistantMessage, Message, UserMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["Window"]

_GO_ON = "Go on."


class Window(Middleware):
    """Show each request the end of what was said so far; the history stays whole.

    Always sent are the instructions, what the user said in this run (the prompt, and what was put in later), the last
    reply with the results of its calls, and what asks again for an output. Before those, a turn is a reply of this
    run with its results, or, in the history, what the user said and all that followed; turns are left out whole.

    Where there is too much, as much goes at once that about half of the window is free again: so requests begin
    alike for many turns, for the endpoint's cache of prompts. Nothing is remembered: the same run shows the same
    after a pause, in another process too.

    Args:
        window: `LastTurns(n)`, `LastTokens(n)` (which counts instructions and messages, not the definitions of
            tools; more is sent only where what must be sent has more), `Summary(model, keep=n)`; or a function, sync
            or async, of the messages after the instructions, which decides alone, and is repaired.

    Raises:
        ConfigurationError: The window is none of these.
    """

    def __init__(self, window: Seen) -> None:
        given: Any = window
        if not callable(given) or isinstance(given, type):
            raise ConfigurationError(
                f"Window got {given!r}, which is no window. Give LastTokens(50_000), LastTurns(20), "
                "Summary(model) of agentkit.session, or a function of the messages."
            )
        self._window = window

    async def ask(self, request: ChatRequest, run: Run, next: Ask, /) -> ChatCompletion:  # noqa: A002 # as in starlette
        """Send what the window shows."""
        state, whole = run.state, request.messages
        place = len(whole) - len(state.correction) - len(state.injected)
        tail, whole = whole[place:], whole[:place]
        begin = _begin(whole, place - len(state.new_messages))
        if isinstance(self._window, LastTurns | LastTokens):
            seen = _end(self._window, whole, begin, sum(map(tokens_of, tail)))
        elif isinstance(self._window, Summary):
            seen = await _summarised(self._window, whole, begin)
        else:
            seen = await _chosen(self._window, whole)
        return await next(request.replace(messages=(*seen, *tail)))


def _begin(messages: Sequence[Message], place: int) -> int:
    """Give where this run begins: at its prompt, or where the user spoke last before, if it has none."""
    if 0 <= place < len(messages) and isinstance(messages[place], UserMessage):
        return place
    return max((start for start in turn_starts(messages) if start <= place), default=0)


def _turns(messages: Sequence[Message], begin: int) -> list[list[int]]:
    """Give the turns that may be left out, as the places of their messages; what is in none is always sent."""
    turns: list[list[int]] = []
    starts = {*turn_starts(messages[:begin])}
    for place, message in enumerate(messages):
        said = place >= begin and isinstance(message, UserMessage) and not is_carrier(messages, place)
        if said or is_instruction(message):
            continue
        if not turns or place in starts or (place >= begin and isinstance(message, AssistantMessage)):
            turns.append([])
        turns[-1].append(place)
    return turns


def _end(window: LastTurns | LastTokens, messages: Sequence[Message], begin: int, more: int) -> tuple[Message, ...]:
    """Leave out the first turns that are too many; `more` tokens follow the messages."""
    turns = _turns(messages, begin)
    if isinstance(window, LastTurns):
        room, step, sizes = window.count, window.count // 2, [1] * len(turns)
    else:
        sizes = [sum(tokens_of(messages[place]) for place in turn) for turn in turns]
        room = window.count - (sum(map(tokens_of, messages)) - sum(sizes))
        room, step = room - more, room // 2
    goes = _first(sizes, sum(sizes) - room, max(1, step))
    if turns and turns[-1][0] >= begin:
        goes = min(goes, len(turns) - 1)
    left_out = {place for turn in turns[:goes] for place in turn}
    return tuple(message for place, message in enumerate(messages) if place not in left_out)


def _first(sizes: Sequence[int], over: int, step: int) -> int:
    """Count the first turns that have together what is over, rounded up to steps."""
    goes = 0
    left = -(-over // step) * step
    while left > 0 and goes < len(sizes):
        left -= sizes[goes]
        goes += 1
    return goes


async def _summarised(window: Summary, messages: Sequence[Message], begin: int) -> tuple[Message, ...]:
    """Have older turns summarised: a word of the user before each of this run makes it one to the window."""
    word = UserMessage(content=_GO_ON)
    marked: list[Message] = []
    for place, message in enumerate(messages):
        spoke = place > 0 and isinstance(messages[place - 1], UserMessage) and not is_carrier(messages, place - 1)
        if place > begin and isinstance(message, AssistantMessage) and not spoke:
            marked.append(word)
        marked.append(message)
    seen = await window(marked)
    first = next((place for place, message in enumerate(seen) if not is_instruction(message)), len(seen))
    cut = len(marked) - (len(seen) - first)  # what is seen from there on is the end of what there was
    ran = {id(message) for message in messages[begin:]}
    lost: list[Message] = [
        message
        for place, message in enumerate(marked[:cut])
        if isinstance(message, UserMessage) and id(message) in ran and not is_carrier(marked, place)
    ]
    rest = [*seen[first:]]
    if lost and marked[cut] is word:  # the notes go before the prompt, which says what they are for
        lost[0] = put_before(str(rest.pop(0).content).removesuffix(_GO_ON), lost[0])
    return (*seen[:first], *lost, *(message for message in rest if message is not word))


async def _chosen(window: Seen, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    first = next((place for place, message in enumerate(messages) if not is_instruction(message)), len(messages))
    given = window(messages[first:])
    return (*messages[:first], *repair(await given if inspect.isawaitable(given) else given))
