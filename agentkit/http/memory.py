"""The profile that a model obeys and what it learned of its endpoint; `ChatModel` asks it for each request.

What is learned is never silent: the run that is on is told, and a line is logged.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from agentkit.http.learn import Lesson
from agentkit.http.profile import Profile
from agentkit.model import ProfileLearned, report

__all__ = ["Memory"]

_LOG = logging.getLogger("agentkit")
_TAKEN = (
    "%s refused a request: %s. It is sent again by Profile(%s=%r), and so are all later ones; "
    "give the model that profile to have it right at first."
)
_WITHDRAWN = (
    "%s refused that request all the same: %s. Profile(%s=%r) holds again; "
    "what the endpoint named was not the reason, or not the only one."
)


class Memory:
    """A profile that lessons change, for all threads that share the model.

    Args:
        given: The profile to begin with.
    """

    __slots__ = ("_given", "_lock", "_logged", "profile")

    def __init__(self, given: Profile) -> None:
        self._given = given
        self._lock = threading.Lock()
        self._logged: set[tuple[str, str, str]] = set()
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
