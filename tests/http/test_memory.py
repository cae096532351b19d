"""What a model remembers of its endpoint, and that it says so."""

import logging

import pytest

from agentkit.errors import BadRequestError, NotFoundError
from agentkit.http.learn import Lesson
from agentkit.http.memory import Memory
from agentkit.http.profile import Profile
from agentkit.model import ProfileLearned, listener
from agentkit.wire import ChatRequest

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


HELLO = ChatRequest.parse({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hello"}]})
AGAIN = ChatRequest.parse({"messages": [{"role": "user", "content": "hello"}, {"role": "user", "content": "As JSON."}]})
OTHER = ChatRequest.parse({"messages": [{"role": "user", "content": "bye"}]})
NO_TOOLS = Lesson({"tools": False, "strict": True}, "It does not support tools.")


def refusal(kind=BadRequestError):
    return kind("no", endpoint=URL)


def told_without_url(change, *given):
    return told(lambda *all_given: change(*all_given[:-1]), *given)


def test_what_a_request_cannot_be_sent_again_by_is_told_and_logged_so(log):
    memory = Memory(Profile())
    assert told_without_url(memory.try_out, memory.profile, NO_TOOLS, HELLO, refusal()) == (
        True,
        [ProfileLearned(URL, "tools", "False", "It does not support tools.")],
    )
    assert memory.profile == Profile(tools=False)
    assert [record.getMessage() for record in log.records] == [
        (
            f"{URL} refused a request: It does not support tools. Profile(tools=False) holds from now on. That request "
            "is not sent again, for it would mean something else; an agent that chooses its output mode itself asks in "
            "another. Give the model that profile to have it right at first."
        )
    ]
    assert told_without_url(memory.try_out, memory.profile, NO_TOOLS, HELLO, refusal()) == (True, [])
    assert told_without_url(memory.try_out, Profile(), NO_TOOLS, HELLO, refusal()) == (False, [])


def test_what_is_on_trial_stays_once_its_conversation_gets_a_reply():
    memory = Memory(Profile())
    memory.try_out(memory.profile, NO_TOOLS, HELLO, refusal())
    memory.confirm(AGAIN)
    memory.fail(AGAIN, refusal(), "Bad messages.")
    assert memory.profile == Profile(tools=False)


def test_all_that_is_on_trial_goes_where_its_conversation_is_refused_to_the_end():
    memory = Memory(Profile())
    one, two = Lesson({"response_formats": ("text", "json_object")}, "a"), Lesson({"response_formats": ("text",)}, "b")
    for lesson in (one, two, NO_TOOLS):
        memory.try_out(memory.profile, lesson, HELLO, refusal())
    assert memory.learned == {"response_formats": ("text",), "tools": False}
    undone = told_without_url(memory.fail, AGAIN, refusal(), "Bad messages.")
    assert (memory.profile, {event.field for event in undone[1]}) == (Profile(), {"response_formats", "tools"})
    assert told_without_url(memory.fail, AGAIN, refusal(), "Bad messages.") == (None, [])


@pytest.mark.parametrize(("request_", "kind"), [(OTHER, BadRequestError), (AGAIN, NotFoundError)])
def test_another_conversation_and_another_failure_undo_nothing(request_, kind):
    memory = Memory(Profile())
    memory.try_out(memory.profile, NO_TOOLS, HELLO, refusal())
    memory.confirm(OTHER)
    memory.fail(request_, refusal(kind), "Bad messages.")
    assert memory.profile == Profile(tools=False)
    memory.fail(AGAIN, refusal(), "Bad messages.")
    assert memory.profile == Profile()


@pytest.mark.parametrize("request_", [HELLO, OTHER])
def test_what_several_conversations_teach_at_once_stays_or_goes_together(request_):
    for is_answered in (True, False):
        memory = Memory(Profile())
        memory.try_out(memory.profile, NO_TOOLS, HELLO, refusal())
        memory.try_out(memory.profile, Lesson({"formats_with_tools": True}, "x"), OTHER, refusal())
        if is_answered:
            memory.confirm(request_)
        memory.fail(request_, refusal(), "no")
        assert memory.profile == (Profile(tools=False, formats_with_tools=True) if is_answered else Profile())


def test_nothing_is_learned_at_first():
    assert Memory(Profile(strict=False)).learned == {}
