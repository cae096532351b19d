import pytest

from agentkit.errors import UnsupportedRequestError
from agentkit.local.reading import Call, Turn
from agentkit.local.story import Answered, Story, read_story

SYSTEM = {"role": "system", "content": "The user lives in Oslo."}


def test_a_first_question_has_facts_and_no_past(ask):
    assert read_story(ask(SYSTEM, "Weather?").messages) == Story("The user lives in Oslo.", (), "Weather?", ())


def test_results_stand_with_the_calls_that_they_answer(ask, called):
    story = read_story(ask("Weather?", *called(("get_weather", {"city": "Oslo"}, "4 C"))).messages)
    assert story.answered == (Answered(Call("get_weather", {"city": "Oslo"}), "4 C"),)


def test_results_are_told_as_names_and_values(ask, called):
    calls = called(
        ("f", {}, '{"customer_id": "C-1", "open": [{"order_no": 1}, 2]}'), ("g", {}, "4 C"), ("h", {}, "true")
    )
    assert read_story(ask("Go", *calls).messages).results == "customer id C-1, open order no 1, 2\n4 C\ntrue"


def test_the_last_two_earlier_turns_are_kept_with_their_results(ask, called):
    ok = {"role": "assistant", "content": "ok"}
    story = read_story(ask("One", ok, "Two", *called(("f", {}, "4 C")), ok, "Three", ok, "Four").messages)
    assert story.earlier == (Turn("Two", '["4 C"]'), Turn("Three"))
    assert story.question == "Four"


def test_user_messages_in_a_row_are_one_question(ask):
    assert read_story(ask("Weather?", "In Oslo.").messages).question == "Weather?\nIn Oslo."


def test_damaged_arguments_of_an_old_call_are_read_as_none(ask, called):
    messages = ask("Go", *called(("f", {}, "4 C"))).messages
    call = messages[1].tool_calls[0]
    damaged = messages[1].replace(tool_calls=(call.replace(function=call.function.replace(arguments='{"a":')),))
    assert read_story((messages[0], damaged, messages[2])).answered[0].call == Call("f", {})


def test_no_messages_of_the_user_is_an_empty_question(ask):
    assert read_story(ask(SYSTEM).messages).question == ""


def test_an_image_is_refused(ask):
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    with pytest.raises(UnsupportedRequestError) as caught:
        read_story(ask("Hello", {"role": "user", "content": parts}).messages)
    assert str(caught.value) == (
        "The embedded model reads text only, and messages[1] holds a part of type 'image_url'. "
        "Leave it out, or use a model that takes such parts."
    )


def test_text_parts_are_joined(ask):
    parts = [{"type": "text", "text": "Weather "}, {"type": "text", "text": "in Oslo?"}]
    assert read_story(ask({"role": "user", "content": parts}).messages).question == "Weather in Oslo?"
