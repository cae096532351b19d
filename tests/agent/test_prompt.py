"""What the user says as one message: the forms it may have, and what is refused; how runs begin is in `test_start`."""

import pytest

from agentkit.agent.prompt import injected_message, user_message
from agentkit.errors import InvalidRequestError
from agentkit.wire.content import TextPart
from agentkit.wire.message import SystemMessage, UserMessage


@pytest.mark.parametrize(
    "given", ["Hello.", UserMessage(content="Hello."), {"role": "user", "content": "Hello."}], ids=type
)
def test_what_is_put_into_a_run_is_a_text_or_a_user_message(given):
    assert injected_message(given) == UserMessage(content="Hello.")


def test_what_is_put_into_a_run_may_have_parts():
    image = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    made = injected_message(["See:", image])
    assert made == user_message(["See:", image])
    assert made.content[0] == TextPart(text="See:")


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (None, "None"),
        ({"role": "system", "content": "x"}, "a message of the role 'system'"),
        (SystemMessage(content="x"), "a message of the role 'system'"),
        ({"role": "tool", "tool_call_id": "c", "content": "x"}, "a message of the role 'tool'"),
    ],
)
def test_a_message_of_another_role_is_not_put_into_a_run(given, seen):
    with pytest.raises(InvalidRequestError) as caught:
        injected_message(given)
    assert str(caught.value) == (
        f"Only what the user says can be put into a run, and this is {seen}. Give a text, content parts, or a "
        "user message; what the agent must know for good belongs into its instructions."
    )


def test_what_is_no_message_at_all_is_refused_as_a_prompt_is():
    with pytest.raises(InvalidRequestError, match=r"^prompt\[0\] is no content part: 5\. "):
        injected_message(5)
