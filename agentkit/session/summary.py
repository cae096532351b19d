"""`Summary`: a window that has a model put the older turns of a history into a few words, once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, MutableMapping
from itertools import pairwise
from typing import Any

from agentkit.errors import ConfigurationError, InvalidResponseError
from agentkit.model import Model
from agentkit.session.repair import repair
from agentkit.session.transcript import markdown
from agentkit.session.window import cut_before, tokens_of, turn_starts
from agentkit.wire.content import TextPart
from agentkit.wire.message import Message, SystemMessage, UserMessage
from agentkit.wire.request import ChatRequest

__all__ = ["Summary", "put_before"]

_INSTRUCTIONS = """\
You keep the notes of a conversation between a user and an assistant. Write what the assistant must still know to go \
on: facts, names, numbers, wishes, decisions, what was done and what is open. Keep everything of the notes so far that \
still holds. Write in the language of the conversation, at most 300 words, and nothing else."""
_HEAD = "Notes of the conversation before this message:"
_MOST_KEPT = 1000  # summaries in memory


class Summary:
    """Keeps the last turns as they are, and a summary of those before in the first one's user message.

    A summary is made when `keep` turns have become old, goes on from the one before, and is kept: in a session by its
    store, on a plain history by this object. So one request is made in `keep` turns, and what a run sees begins alike
    until then, for the endpoint's cache of prompts.

    Args:
        model: Asked for summaries: a `ChatModel`, `providers.resolve("provider:model")`, any `Model`.
        keep: How many turns stay as they are; up to twice as many less one.
        most: Tokens of the turns in one request, by an estimate; a longer part is summarised in several.
        instructions: What the model is told; the default asks for notes of at most 300 words.
    """

    def __init__(self, model: Model, *, keep: int = 4, most: int = 20_000, instructions: str = _INSTRUCTIONS) -> None:
        if keep < 1 or most < 1:
            raise ConfigurationError(f"Summary(keep={keep}, most={most}) is no bound. Give 1 or more for each.")
        self._model, self._keep, self._most, self._instructions = model, keep, most, instructions
        self._notes: dict[str, str] = {}

    async def __call__(self, messages: Iterable[Message | Mapping[str, Any]], /) -> tuple[Message, ...]:
        """Give the end of a history after a summary of the rest.

        Raises:
            APIError: The model gave no usable reply.
        """
        seen = await self.noted(messages, self._notes)
        while len(self._notes) > _MOST_KEPT:
            del self._notes[next(iter(self._notes))]
        return seen

    async def noted(
        self, messages: Iterable[Message | Mapping[str, Any]], notes: MutableMapping[str, str]
    ) -> tuple[Message, ...]:
        """Do the same with summaries that are kept elsewhere: a new one takes the place of the one before it.

        Args:
            messages: The whole history.
            notes: Summaries by a digest of what they cover.
        """
        whole = repair(messages)
        starts = turn_starts(whole)
        old = (len(starts) - self._keep) // self._keep * self._keep
        if old < 1:
            return cut_before(whole, starts[0]) if starts else whole
        turns = [whole[begin:end] for begin, end in pairwise(starts[: old + 1])]
        digests = self._digests(turns)
        known = next((count for count in range(old, 0, -1) if digests[count] in notes), 0)
        text = notes[digests[known]] if known else ""
        for piece in self._pieces(turns[known:]):
            text = await self._ask(text, piece)
        if known < old:
            notes.pop(digests[known], None)
            notes[digests[old]] = text
        kept = cut_before(whole, starts[old])
        place = len(kept) - len(whole) + starts[old]  # after the instructions
        # of two user messages in a row some servers' templates refuse one
        told = put_before(f"{_HEAD}\n\n{text}\n\n---\n\n", kept[place])
        return (*kept[:place], told, *kept[place + 1 :])

    def _digests(self, turns: list[tuple[Message, ...]]) -> list[str]:
        """Give one digest for each count of turns: of them, the model, and what it is told."""
        digest = hashlib.blake2b(f"{self._model.name}\n{self._instructions}".encode(), digest_size=16)
        digests = [digest.hexdigest()]
        for turn in turns:
            for message in turn:
                digest.update(message.encoded)
            digests.append(digest.hexdigest())
        return digests

    def _pieces(self, turns: list[tuple[Message, ...]]) -> list[tuple[Message, ...]]:
        pieces: list[tuple[Message, ...]] = []
        room = 0
        for turn in turns:
            size = sum(map(tokens_of, turn))
            if size > room:
                pieces.append(())
                room = self._most
            pieces[-1] += turn
            room -= size
        return pieces

    async def _ask(self, before: str, messages: tuple[Message, ...]) -> str:
        told = f"# Notes so far\n\n{before or 'None.'}\n\n# What was said since\n\n{markdown(messages)}"
        asked = (SystemMessage(content=self._instructions), UserMessage(content=told))
        completion = await self._model.complete(ChatRequest(messages=asked))
        text = completion.message.content
        if not text:
            reason = completion.choices[0].finish_reason
            raise InvalidResponseError(
                f"The model {self._model.name!r} wrote no summary (finish_reason {reason!r}). "
                "Give `Summary` another model, or keep turns by `LastTurns`."
            )
        return text


def put_before(text: str, message: Message) -> Message:
    """Let a message say something before what it says."""
    content = message.content
    if isinstance(content, tuple):
        return message.replace(content=(TextPart(text=text), *content))
    return message.replace(content=f"{text}{content}")
