"""One request and its refusals: `Correction` learns from each and gives the request as it is sent again, if it can be.

`ChatModel` makes one at a request's first refusal; what is learned it puts into the `Memory`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agentkit.errors import APIStatusError, InvalidRequestError
from agentkit.http.exchange import Exchange
from agentkit.http.fault import Fault
from agentkit.http.learn import Lesson, learn
from agentkit.http.memory import Memory
from agentkit.http.profile import Profile
from agentkit.wire.request import ChatRequest

__all__ = ["Correction"]

_MOST_LESSONS: Final = 6
_OF_NAMES: Final = {"tool_choices", "unsupported", "unsupported_keywords"}  # fields that change name by name


class Correction:
    """What one request teaches.

    Args:
        memory: Where it is kept.
        request: As it was asked.
        spell: Writes the request by a profile, or refuses to (`InvalidRequestError`).
    """

    __slots__ = ("_learned", "_memory", "_refusal", "_request", "_spell")

    def __init__(self, memory: Memory, request: ChatRequest, spell: Callable[[Profile], Exchange]) -> None:
        self._memory = memory
        self._request = request
        self._spell = spell
        self._learned: dict[str, tuple[Any, Any]] = {}  # field -> before, after
        self._refusal: type[APIStatusError] | None = None

    def after(self, error: APIStatusError, refused: Exchange) -> Exchange | None:
        """Learn from a refusal; None where there is nothing to learn, or where the request cannot be said otherwise.

        Each field is learned once for a request (of what is a list of names each name), so that this comes to an end.
        """
        while True:
            known = self._memory.profile
            lesson = learn(error, self._request, known)
            if lesson is None or not self._is_new(lesson):
                self._forget(error)
                return None
            corrected = self._spelled(known.replace(**lesson.changes))
            same = corrected is not None and corrected.body == refused.body
            if corrected is None or (same and "formats_with_tools" in lesson.changes):
                if self._memory.try_out(known, lesson, self._request, error):
                    return None
            elif same:  # what it names was not sent, or only in the caller's own words
                self._forget(error)
                return None
            elif (before := self._memory.take(known, lesson, refused.route.asked.endpoint)) is not None:
                self._note(lesson, before, error)
                return corrected

    def _is_new(self, lesson: Lesson) -> bool:
        return len(self._learned) < _MOST_LESSONS and not lesson.changes.keys() & (self._learned.keys() - _OF_NAMES)

    def _spelled(self, profile: Profile) -> Exchange | None:
        try:
            return self._spell(profile)
        except InvalidRequestError:
            return None

    def _note(self, lesson: Lesson, before: dict[str, Any], error: APIStatusError) -> None:
        for name, value in lesson.changes.items():
            old = (self._learned.get(name) or (before.get(name, value),))[0]
            self._learned[name] = (old, value)
        self._refusal = type(error)

    def _forget(self, error: APIStatusError) -> None:
        """Undo what was of no help: what the refusals taught was refused in the same way."""
        words = Fault.of(error.body).message
        if type(error) is self._refusal:
            self._memory.withdraw(self._learned, words, error.endpoint or "")
        self._memory.fail(self._request, error, words)
