"""What a model remembers of its endpoint, and that it says so."""

import logging

import pytest

from agentkit.http.learn import Lesson
from agentkit.http.memory import Memory
from agentkit.http.profile import Profile
from agentkit.model import ProfileLearned, listener

URL = "https://api.test/v1/chat/completions"
LESSON = Lesson({"strict": False, "stream_usage": True}, "Unknown field strict.")
LEARNED = {"strict": (True, False), "stream_usage": (True, True)}
LOGGED = (
    f"{URL} refused a request: Unknown field strict. It is sent again by Profile(strict=False), and so are all later "
    "ones; give the model that profile to have it right at first."
)


@pytest.fixture
def log(caplog):
    with caplog.at_level(logging.WARNING, "agentkit"):
        yield caplog


def told(change, *given):
    """Make a change; give what came of it and the events."""
    events = []
    token = listener.set(events.append)
    try:
        return change(*given, URL), events
    finally:
        listener.reset(token)


def test_a_lesson_is_kept_told_and_logged_once(log):
    memory = Memory(Profile())
    assert told(memory.take, memory.profile, LESSON) == (
        {"strict": True},
        [ProfileLearned(URL, "strict", "False", "Unknown field strict.")],
    )
    assert told(memory.take, memory.profile, LESSON) == ({}, [])
    assert memory.profile == Profile(strict=False)
    assert memory.learned == {"strict": False}
    assert [(record.name, record.levelname, record.getMessage()) for record in log.records] == [
        ("agentkit", "WARNING", LOGGED)
    ]


def test_a_lesson_by_an_older_profile_is_not_taken():
    memory = Memory(Profile())
    older = memory.profile
    told(memory.take, older, LESSON)
    assert told(memory.take, older, Lesson({"developer_role": False}, "no")) == (None, [])
    assert memory.profile == Profile(strict=False)


def test_a_lesson_that_was_of_no_help_is_undone_told_and_logged_once(log):
    memory = Memory(Profile())
    for _ in range(3):
        told(memory.take, memory.profile, LESSON)
        undone = told(memory.withdraw, LEARNED, "Bad messages.")
        assert undone == (None, [ProfileLearned(URL, "strict", "True", "Bad messages.")])
        assert (memory.profile, memory.learned) == (Profile(), {})
    assert [record.getMessage() for record in log.records] == [
        LOGGED,
        (
            f"{URL} refused that request all the same: Bad messages. Profile(strict=True) holds again; what the "
            "endpoint named was not the reason, or not the only one."
        ),
    ]


def test_what_another_request_taught_since_is_not_undone():
    memory = Memory(Profile(strict=False, unsupported=("user", "store")))
    learned = {"unsupported": ((), ("user",))}
    assert told(memory.withdraw, learned, "Bad messages.") == (None, [])
    assert memory.profile == Profile(strict=False, unsupported=("user", "store"))


def test_nothing_is_learned_at_first():
    assert Memory(Profile(strict=False)).learned == {}
