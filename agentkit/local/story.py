"""What a request's messages tell, sorted as the engine can be asked: facts, earlier turns, the question, its results.

`dialogue` reads requests through it; it knows the contract and nothing of the engine's answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agentkit.errors import UnsupportedRequestError
from agentkit.local.reading import Call, Turn
from agentkit.wire.content import text_of
from agentkit.wire.message import AssistantMessage, Message, ToolMessage, UserMessage

__all__ = ["Answered", "Story", "read_story"]

_SYSTEM_LIMIT = 1_000  # characters; more only slows the engine down, which is not steered by instructions
_RESULT_LIMIT = 2_000  # characters of one result; the engine's context is small
_EARLIER = 2  # turns; unrelated turns before it cost the engine confidence


@dataclass(frozen=True, slots=True)
class Answered:
    """A call and the text of its result; `call` is None where the result answers no call of the messages."""

    call: Call | None
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """The messages of a request, sorted.

    Attributes:
        system: The texts of system and developer messages, at most 1,000 characters.
        earlier: The last two user turns before the question, with their results.
        question: What the user said last.
        answered: What the tools gave since, in order.
    """

    system: str = ""
    earlier: tuple[Turn, ...] = ()
    question: str = ""
    answered: tuple[Answered, ...] = ()

    @property
    def results(self) -> str:
        """The results since the question, as the engine reads them best: lines of names and values, no JSON."""
        return "\n".join(_plain(_value(answered.text))[:_RESULT_LIMIT] for answered in self.answered)


def read_story(messages: Iterable[Message]) -> Story:
    """Sort the messages; what the assistant said in prose is left out, for the engine writes and reads none.

    Raises:
        UnsupportedRequestError: A message holds something other than text.
    """
    system: list[str] = []
    turns: list[tuple[str, list[Answered]]] = []
    calls: dict[str, Call] = {}
    speaking = False
    for index, message in enumerate(messages):
        text = _text(message, index)
        if isinstance(message, UserMessage):
            if speaking:  # several user messages in a row are one question
                text = f"{turns.pop()[0]}\n{text}"
            turns.append((text, []))
        elif isinstance(message, AssistantMessage):
            calls |= {
                call.id: Call(call.function.name, _arguments(call.function.arguments)) for call in message.tool_calls
            }
        elif isinstance(message, ToolMessage):
            if turns:
                turns[-1][1].append(Answered(calls.get(message.tool_call_id), text))
        elif message.role in ("system", "developer"):
            system.append(text)
        speaking = isinstance(message, UserMessage)
    question, answered = turns[-1] if turns else ("", [])
    return Story(
        system="\n".join(system)[:_SYSTEM_LIMIT],
        earlier=tuple(Turn(text, _as_json(given)) for text, given in turns[:-1][-_EARLIER:]),
        question=question,
        answered=tuple(answered),
    )


def _text(message: Message, index: int) -> str:
    if not isinstance(message.content, str | None):
        for part in message.content:
            kind: Any = part.type
            if kind not in ("text", "refusal"):
                raise UnsupportedRequestError(
                    f"The embedded model reads text only, and messages[{index}] holds a part of type {kind!r}. "
                    "Leave it out, or use a model that takes such parts."
                )
    return text_of(message.content)


def _arguments(text: str) -> Mapping[str, Any]:
    arguments = _value(text)
    return cast("Mapping[str, Any]", arguments) if isinstance(arguments, Mapping) else {}


def _as_json(given: Sequence[Answered]) -> str | None:
    if not given:
        return None
    return json.dumps([_value(answered.text[:_RESULT_LIMIT]) for answered in given], ensure_ascii=False)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        named = cast("Mapping[str, Any]", value)
        return ", ".join(f"{key.replace('_', ' ')} {_plain(item)}" for key, item in named.items())
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in cast("Sequence[Any]", value))
    return value if isinstance(value, str) else json.dumps(value)
