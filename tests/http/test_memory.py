"""What a model remembers of its endpoint, and that it says so."""

import logging

from agentkit.http.learn import Lesson
from agentkit.http.memory import Memory
from agentkit.http.profile import Profile
from agentkit.model import ProfileLearned, listener

URL = "https://api.test/v1/chat/completions"
LESSON = Lesson({"strict": False, "stream_usage": True}, "Unknown field strict.")


def taken(memory, known, lesson):
    events = []
    token = listener.set(events.append)
    try:
        return memory.take(known, lesson, URL), events
    finally:
        listener.reset(token)


def test_a_lesson_is_kept_told_and_logged_once(caplog):
    memory = Memory(Profile())
    with caplog.at_level(logging.WARNING, "agentkit"):
        assert taken(memory, memory.profile, LESSON) == (
            True,
            [ProfileLearned(URL, "strict", "False", "Unknown field strict.")],
        )
        assert taken(memory, memory.profile, LESSON) == (True, [])
    assert memory.profile == Profile(strict=False)
    assert memory.learned == {"strict": False}
    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "agentkit",
            "WARNING",
            (
                f"{URL} refused a request: Unknown field strict. It is sent again by Profile(strict=False), and so are "
                "all later ones; give the model that profile to have it right at first."
            ),
        )
    ]


def test_a_lesson_by_an_older_profile_is_not_taken():
    memory = Memory(Profile())
    older = memory.profile
    taken(memory, older, LESSON)
    assert taken(memory, older, Lesson({"developer_role": False}, "no")) == (False, [])
    assert memory.profile == Profile(strict=False)


def test_nothing_is_learned_at_first():
    assert Memory(Profile(strict=False)).learned == {}
