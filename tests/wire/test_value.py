import copy
import json
import pickle

import pytest

from agentkit.errors import InvalidRequestError
from agentkit.wire import AssistantMessage, FunctionDefinition, ToolDefinition, UserMessage
from agentkit.wire.value import is_empty, join_encoded, well_formed


def test_json_is_encoded_once_for_the_life_of_a_value():
    message = UserMessage(content="hello")

    assert message.encoded == b'{"role":"user","content":"hello"}'
    assert message.encoded is message.encoded


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda value: pickle.loads(pickle.dumps(value)),
        lambda value: value.model_copy(),
        lambda value: value.replace(content="hello"),
    ],
    ids=["copy", "deepcopy", "pickle", "model_copy", "replace"],
)
def test_a_copy_drops_the_encoded_bytes_and_is_equal(copied):
    message = UserMessage(content="hello")
    first = message.encoded
    again = copied(message)

    assert not hasattr(again, "_encoded")
    assert again == message
    assert again.encoded == first
    assert again.encoded is not first


def test_a_changed_copy_encodes_what_it_holds():
    message = UserMessage(content="before")
    assert b"before" in message.encoded

    assert message.replace(content="after").encoded == b'{"role":"user","content":"after"}'


def test_encoding_does_not_change_equality_or_the_json_form():
    encoded, fresh = UserMessage(content="x"), UserMessage(content="x")
    assert encoded.encoded

    assert encoded == fresh
    assert encoded.to_dict() == fresh.to_dict() == {"role": "user", "content": "x"}


def test_a_value_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        UserMessage(content="x").content = "y"


def test_unknown_fields_are_kept_and_sent_again_and_none_is_not_sent():
    message = UserMessage.model_validate(
        {"role": "user", "content": "x", "cache_control": {"type": "ephemeral"}, "z": None}
    )

    assert message.model_extra["cache_control"] == {"type": "ephemeral"}
    assert json.loads(message.encoded) == {"role": "user", "content": "x", "cache_control": {"type": "ephemeral"}}


def test_none_inside_a_schema_is_sent_for_there_it_means_something():
    tool = ToolDefinition(function=FunctionDefinition(name="f", parameters={"default": None, "enum": [None, 1]}))

    assert json.loads(tool.encoded)["function"]["parameters"] == {"default": None, "enum": [None, 1]}


def test_numbers_in_the_place_of_text_are_read_as_text():
    assert UserMessage.model_validate({"role": "user", "content": 5}).content == "5"


def test_a_lone_surrogate_is_sent_as_a_replacement_character():
    message = UserMessage.model_validate({"content": "name\udcff.txt", "note": {"\ud83d": "\ud83d\ude00"}})

    assert json.loads(message.encoded) == {"role": "user", "content": "name�.txt", "note": {"�": "😀"}}


@pytest.mark.parametrize(
    ("given", "read"), [("plain", "plain"), ("\ud83d\ude00", "😀"), ("a\ud83d", "a�"), ("\ude00", "�")]
)
def test_surrogates_are_joined_or_replaced(given, read):
    assert well_formed(given) == read


def test_what_json_does_not_have_is_refused_with_its_kind():
    with pytest.raises(InvalidRequestError) as caught:
        _ = AssistantMessage.model_validate({"content": "x", "note": object()}).encoded

    assert str(caught.value) == (
        "AssistantMessage cannot be written as JSON: Unable to serialize unknown type: <class 'object'>. "
        "Give its fields only text, numbers, booleans, lists and maps."
    )


def test_emptiness_leaves_a_field_out():
    assert is_empty(())
    assert not is_empty((1,))


def test_encoded_values_are_joined_wherever_one_is_not_encoded_yet():
    values = [UserMessage(content=text) for text in "abc"]
    together = b",".join(UserMessage(content=text).encoded for text in "abc")
    assert join_encoded(values) == together
    values[1] = UserMessage(content="b")
    assert join_encoded(values) == together
    assert join_encoded(values, b"[", b"]") == b"[%b]" % together
    assert join_encoded([]) == b""
    assert join_encoded([], b"[", b"]") == b"[]"


def test_values_of_all_their_fields_are_encoded_once_too_however_many_are_new():
    values = [UserMessage.of_fields(role="user", content=text, name=None) for text in "abcdefg"]
    together = b",".join(UserMessage(content=text).encoded for text in "abcdefg")
    assert join_encoded(values) == together
    assert join_encoded(values, b"[", b"]") == b"[%b]" % together
    assert values[0].encoded is values[0].encoded


def test_a_value_of_all_its_fields_is_as_one_that_was_read():
    made = UserMessage.of_fields(role="user", content="hi", name=None)
    read = UserMessage(content="hi", name=None)
    assert made == read
    assert made.encoded == read.encoded
    assert made.replace(name="me", extra=1).to_dict() == {"role": "user", "content": "hi", "name": "me", "extra": 1}


def test_a_changed_copy_knows_what_was_given_and_shares_nothing():
    message = UserMessage(content="hi", extra=[1])
    copied = message.replace(name=None, other=2)
    assert copied.model_fields_set == {"content", "extra", "name", "other"}
    assert (copied.model_extra, message.model_extra) == ({"extra": [1], "other": 2}, {"extra": [1]})
    assert copied == message.model_copy(update={"name": None, "other": 2})
