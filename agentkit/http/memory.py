"""The profile that a model obeys and what it learned of its endpoint; `ChatModel` asks it for each request.

What is learned is never silent: the run that is on is told, and a line is logged. What a request cannot be sent again
by is on trial until the same conversation gets a reply: where that is refused in every way, nothing was learned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from agentkit.errors import APIStatusError
from agentkit.http.learn import Lesson
from agentkit.http.profile import Profile
from agentkit.model import ProfileLearned, report
from agentkit.wire.request import ChatRequest

__all__ = ["Memory"]

_LOG = logging.getLogger("agentkit")
_TAKEN = (
    "%s refused a request: %s. It is sent again by Profile(%s=%r), and so are all later ones; "
    "give the model that profile to have it right at first."
)
_ON_TRIAL = (
    "%s refused a request: %s. Profile(%s=%r) holds from now on. That request is not sent again, for it would mean "
    "something else; an agent that chooses its output mode itself asks in another. Give the model that profile to have "
    "it right at first."
)
_WITHDRAWN = (
    "%s refused that request all the same: %s. Profile(%s=%r) holds again; "
    "what the endpoint named was not the reason, or not the only one."
)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Lessons that wait for a reply: of which conversations, by what their users began with, and how it was refused."""

    begun: frozenset[bytes]
    refusal: type[APIStatusError]
    learned: Mapping[str, tuple[Any, Any]]


class Memory:
    """A profile that lessons change, for all threads that share the model.

    Args:
        given: The profile to begin with.
    """

    __slots__ = ("_given", "_lock", "_logged", "_trial", "profile")

    def __init__(self, given: Profile) -> None:
        self._given = given
        self._lock = threading.Lock()
        self._logged: set[tuple[str, str, str]] = set()
        self._trial: _Trial | None = None
        self.profile = given

    @property
    def learned(self) -> dict[str, Any]:
        """What the endpoint taught: fields of the profile that are no longer as they were given."""
        now, given = self.profile, self._given
        names = () if now is given else tuple(field.name for field in fields(now))
        return {name: value for name in names if (value := getattr(now, name)) != getattr(given, name)}

    def take(self, known: Profile, lesson: Lesson, endpoint: str) -> dict[str, Any] | None:
        """Obey a lesson from now on; give what the fields that it changes were before.

        None, and nothing is taken, where another request taught something else since `known` was read.
        """
        with self._lock:
            if self.profile is not known:
                return None
            news = {name: value for name, value in lesson.changes.items() if value != getattr(known, name)}
            if news:
                self.profile = known.replace(**news)
        self._tell(_TAKEN, news, lesson.reason, endpoint)
        return {name: getattr(known, name) for name in news}

    def try_out(self, known: Profile, lesson: Lesson, request: ChatRequest, error: APIStatusError) -> bool:
        """Obey a lesson by which the refused request cannot be sent again.

        It stays once the same conversation gets a reply (`confirm`), and goes where that is refused, too (`fail`); what
        several teach at once, stays or goes together. False, and nothing is taken, where another request taught
        something else since `known` was read.
        """
        with self._lock:
            if self.profile is not known:
                return False
            news = {name: value for name, value in lesson.changes.items() if value != getattr(known, name)}
            if news:
                trial = self._trial or _Trial(frozenset(), type(error), {})
                learned = dict(trial.learned)
                for name, value in news.items():
                    before = learned[name][0] if name in learned else getattr(known, name)
                    learned[name] = (before, value)
                self._trial = _Trial(trial.begun | {_begun(request)}, type(error), learned)
                self.profile = known.replace(**news)
        self._tell(_ON_TRIAL, news, lesson.reason, error.endpoint or "")
        return True

    def confirm(self, request: ChatRequest) -> None:
        """Keep what is on trial, if this request, which got a reply, is of that conversation."""
        waiting = self._trial
        if waiting is None:
            return
        with self._lock:
            if self._trial is not None and _begun(request) in self._trial.begun:
                self._trial = None

    def fail(self, request: ChatRequest, error: APIStatusError, reason: str) -> None:
        """Undo what is on trial, if this request, which was refused and taught nothing, is of that conversation."""
        with self._lock:
            trial = self._trial
            if trial is None or trial.refusal is not type(error) or _begun(request) not in trial.begun:
                return
            self._trial = None
        self.withdraw(trial.learned, reason, error.endpoint or "")

    def withdraw(self, learned: Mapping[str, tuple[Any, Any]], reason: str, endpoint: str) -> None:
        """Undo what one request taught that was then refused all the same.

        Args:
            learned: The fields that it changed, each with its value before and after; what was changed again since
                stays.
            reason: The endpoint's last words.
            endpoint: Where the request went.
        """
        with self._lock:
            now = self.profile
            mine = {name: values for name, values in learned.items() if values[0] != values[1]}
            old = {name: before for name, (before, after) in mine.items() if getattr(now, name) == after}
            if old:
                self.profile = now.replace(**old)
        self._tell(_WITHDRAWN, old, reason, endpoint)

    def _tell(self, text: str, news: Mapping[str, Any], reason: str, endpoint: str) -> None:
        """Report each change, and log it once: an endpoint that refuses everything would fill the log."""
        for name, value in news.items():
            report(ProfileLearned(endpoint, name, str(value), reason))
            mark = (text, name, repr(value))
            if mark not in self._logged:
                self._logged.add(mark)
                _LOG.warning(text, endpoint, reason.rstrip("."), name, value)


def _begun(request: ChatRequest) -> bytes:
    """Give what stays of a conversation however it is asked on: its first message that gives no instructions."""
    return next((one.encoded for one in request.messages if one.role not in ("system", "developer")), b"")
