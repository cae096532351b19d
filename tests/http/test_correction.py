"""What one request makes of its refusals; how it is sent again is tested with the model's learning."""

from types import SimpleNamespace

import pytest

from agentkit.errors import InvalidRequestError
from agentkit.http.correction import Correction
from agentkit.http.memory import Memory
from agentkit.http.profile import Profile
from agentkit.http.status import Asked, status_error
from agentkit.wire import ChatRequest

ASKED = Asked(endpoint="https://api.test/v1/chat/completions", model="m")
REQUEST = ChatRequest.parse(
    {"messages": [{"role": "user", "content": "hi"}], "tools": [{"type": "function", "function": {"name": "f"}}]}
)


class Spelled:
    """Stands for an exchange: what it sends, and where."""

    route = SimpleNamespace(asked=ASKED)

    def __init__(self, body):
        self.body = body


def refused(text):
    return status_error(400, {}, b'{"error": {"message": "%s"}}' % text.encode(), ASKED)


@pytest.fixture
def memory():
    return Memory(Profile())


def spell(profile):
    if not profile.tools:
        raise InvalidRequestError("no tools")
    return Spelled(repr((profile.strict, profile.parallel_tool_calls, profile.stream_usage)).encode())


def test_a_request_is_sent_again_by_what_its_refusal_taught(memory):
    correction = Correction(memory, REQUEST, spell)
    corrected = correction.after(refused("strict is not supported"), spell(memory.profile))
    assert (corrected.body, memory.profile) == (spell(Profile(strict=False)).body, Profile(strict=False))


def test_a_request_that_cannot_be_said_otherwise_teaches_all_the_same(memory):
    first = Correction(memory, REQUEST, spell)
    assert first.after(refused("m does not support tools"), spell(memory.profile)) is None
    assert memory.profile == Profile(tools=False)


def test_what_was_learned_before_a_way_was_refused_stays(memory):
    correction = Correction(memory, REQUEST, spell)
    corrected = correction.after(refused("strict is not supported"), spell(memory.profile))
    assert correction.after(refused("m does not support tools"), corrected) is None
    assert memory.profile == Profile(strict=False, tools=False)


def test_a_conversation_that_is_refused_in_every_way_teaches_nothing(memory):
    Correction(memory, REQUEST, spell).after(refused("m does not support tools"), spell(memory.profile))
    asked_otherwise = REQUEST.replace(tools=())
    assert Correction(memory, asked_otherwise, lambda _: Spelled(b"")).after(refused("Go away."), Spelled(b"")) is None
    assert memory.profile == Profile()


def test_a_lesson_that_changes_nothing_that_was_sent_is_none(memory):
    correction = Correction(memory, REQUEST, lambda _: Spelled(b"the same"))
    assert correction.after(refused("strict is not supported"), Spelled(b"the same")) is None
    assert memory.profile == Profile()
