"""What of a long history a run sees: windows keep whole turns, so that no call or result is ever left alone.

A session applies one; each can be called on a plain history too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.errors import ConfigurationError
from agentkit.session.repair import repair
from agentkit.tools.answer import CARRIED
from agentkit.wire.content import AudioPart, FilePart, ImagePart, TextPart
from agentkit.wire.message import AssistantMessage, DeveloperMessage, Message, SystemMessage, ToolMessage, UserMessage

__all__ = [
    "LastTokens",
    "LastTurns",
    "Window",
    "cut_before",
    "is_carrier",
    "is_instruction",
    "tokens_of",
    "turn_starts",
]

Window = Callable[[tuple[Message, ...]], Iterable[Message] | Awaitable[Iterable[Message]]]
"""A function, sync or async, of a whole history that gives what a run sees of it; a session repairs what it gives."""

_BYTES_A_TOKEN = 3  # of JSON: English has 4 and more, languages with few speakers and digits fewer
_TOKENS_A_MESSAGE = 4  # what a server's template adds to each
_TOKENS_A_MEDIUM = 1500  # of an image in full detail at most providers


@dataclass(frozen=True, slots=True)
class LastTurns:
    """Keeps the last turns; a turn is what the user said and all that followed it.

    What it gives begins with a user message; only system and developer messages of the history stand before that.
    """

    count: int

    def __post_init__(self) -> None:
        _check("LastTurns", self.count)

    def __call__(self, messages: Iterable[Message | Mapping[str, Any]], /) -> tuple[Message, ...]:
        """Give the end of a history, repaired."""
        whole = repair(messages)
        starts = turn_starts(whole)
        return cut_before(whole, starts[-self.count :][0]) if starts else whole


@dataclass(frozen=True, slots=True)
class LastTokens:
    """Keeps as many of the last turns as have no more tokens than that, by an estimate that is rather too high.

    A last turn that has more is kept without its first steps (replies that called tools, and the results), or not at
    all where its words alone are too many. System and developer messages count and are always kept.
    """

    count: int

    def __post_init__(self) -> None:
        _check("LastTokens", self.count)

    def __call__(self, messages: Iterable[Message | Mapping[str, Any]], /) -> tuple[Message, ...]:
        """Give the end of a history, repaired."""
        whole = repair(messages)
        starts = turn_starts(whole)
        if not starts:
            return whole
        room = self.count - sum(map(tokens_of, filter(is_instruction, whole)))
        cut = _fitting(whole, starts, room)
        if cut < len(whole):
            return cut_before(whole, cut)
        last = starts[-1]
        return (*filter(is_instruction, whole[:last]), *_thinned(whole[last:], room))


def turn_starts(messages: Sequence[Message]) -> list[int]:
    """Give the positions at which turns begin: at user messages, but not at one right after another.

    Images that tools returned travel in a user message too, which begins no turn.
    """
    said = [isinstance(one, UserMessage) and not is_carrier(messages, place) for place, one in enumerate(messages)]
    return [place for place, says in enumerate(said) if says and not (place and said[place - 1])]


def cut_before(messages: tuple[Message, ...], place: int) -> tuple[Message, ...]:
    """Leave out what stands before a place, but for instructions."""
    return (*filter(is_instruction, messages[:place]), *messages[place:])


def tokens_of(message: Message) -> int:
    """Estimate a message's tokens, rather too high: 3 bytes of its JSON a token, 1,500 for an image, audio or file."""
    parts = message.content if isinstance(message.content, tuple) else ()
    media = [len(part.encoded) for part in parts if isinstance(part, ImagePart | AudioPart | FilePart)]
    plain = len(message.encoded) - sum(media)
    return -(-plain // _BYTES_A_TOKEN) + _TOKENS_A_MESSAGE + len(media) * _TOKENS_A_MEDIUM


def _fitting(messages: Sequence[Message], starts: Sequence[int], room: int) -> int:
    """Give the first of the starts from which on all fits; the end where that is none."""
    cut = len(messages)
    for start in reversed(starts):
        room -= _size(messages[start:cut])
        if room < 0:
            break
        cut = start
    return cut


def _size(messages: Sequence[Message]) -> int:
    """Estimate the tokens of messages without the instructions among them, which are counted beforehand."""
    return sum(tokens_of(message) for message in messages if not is_instruction(message))


def _thinned(turn: tuple[Message, ...], room: int) -> tuple[Message, ...]:
    """Give what the user said and the last steps that fit; nothing where none does."""
    steps = [place for place, message in enumerate(turn) if isinstance(message, AssistantMessage)]
    said = turn[: steps[0]] if steps else turn
    cut = _fitting(turn, steps, room - _size(said))
    return (*said, *cut_before(turn[len(said) :], cut - len(said))) if cut < len(turn) else cut_before(turn, cut)


def is_instruction(message: Message) -> bool:
    """Tell whether a message is one that no window leaves out."""
    return isinstance(message, SystemMessage | DeveloperMessage)


def is_carrier(messages: Sequence[Message], place: int) -> bool:
    """Tell whether what stands there are images that tools returned."""
    content = messages[place].content
    follows = place > 0 and isinstance(messages[place - 1], ToolMessage)
    first = content[0] if follows and isinstance(content, tuple) and content else None
    return isinstance(first, TextPart) and first.text == CARRIED


def _check(name: str, count: int) -> None:
    if count < 1:
        raise ConfigurationError(f"{name}({count}) would keep nothing. Give 1 or more.")
