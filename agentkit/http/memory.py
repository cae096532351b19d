"""The profile that a model obeys and what it learned of its endpoint; `ChatModel` asks it for each request.

What is learned is never silent: the run that is on is told, and a line is logged.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import fields
from typing import Any

from agentkit.http.learn import Lesson
from agentkit.http.profile import Profile
from agentkit.model import ProfileLearned, report

__all__ = ["Memory"]

_LOG = logging.getLogger("agentkit")


class Memory:
    """A profile that lessons change, for all threads that share the model.

    Args:
        given: The profile to begin with.
    """

    __slots__ = ("_given", "_lock", "profile")

    def __init__(self, given: Profile) -> None:
        self._given = given
        self._lock = threading.Lock()
        self.profile = given

    @property
    def learned(self) -> dict[str, Any]:
        """What the endpoint taught: fields of the profile that are no longer as they were given."""
        now, given = self.profile, self._given
        names = () if now is given else tuple(field.name for field in fields(now))
        return {name: value for name in names if (value := getattr(now, name)) != getattr(given, name)}

    def take(self, known: Profile, lesson: Lesson, endpoint: str) -> bool:
        """Obey a lesson from now on; False where another request taught something else since `known` was read."""
        with self._lock:
            if self.profile is not known:
                return False
            news = {name: value for name, value in lesson.changes.items() if value != getattr(known, name)}
            if news:
                self.profile = known.replace(**news)
        for name, value in news.items():
            report(ProfileLearned(endpoint, name, str(value), lesson.reason))
            _LOG.warning(
                "%s refused a request: %s. It is sent again by Profile(%s=%r), and so are all later ones; "
                "give the model that profile to have it right at first.",
                endpoint,
                lesson.reason.rstrip("."),
                name,
                value,
            )
        return True
