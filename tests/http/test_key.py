"""Keys that show themselves to nobody."""

import asyncio

import pytest

from agentkit.errors import ConfigurationError
from agentkit.http.key import Key
from agentkit.secret import scrub


def test_a_key_is_in_no_repr():
    key = Key("sk-very-secret-2", "TEST_API_KEY")
    assert repr(key) == "Key(from TEST_API_KEY)"
    assert not hasattr(key, "__dict__")


def test_a_key_given_as_text_function_or_coroutine_is_read_and_trimmed():
    async def later():
        return "sk-3\n"

    assert asyncio.run(Key("sk-1 ").read()) == "sk-1"
    assert asyncio.run(Key(lambda: " sk-2").read()) == "sk-2"
    assert asyncio.run(Key(later).read()) == "sk-3"


def test_only_a_key_given_as_text_is_known_before_it_is_read():
    assert Key("sk-1 ").fixed == "sk-1"
    assert Key(lambda: "sk-2").fixed is None


def test_a_key_that_was_read_is_hidden_everywhere():
    asyncio.run(Key(lambda: "sk-very-secret-4").read())
    assert scrub("it was sk-very-secret-4.") == "it was [secret]."


def test_nothing_and_empty_text_are_no_key():
    assert Key.of(None) is None
    assert Key.of(" ") is None
    key = Key("k")
    assert Key.of(key) is key
    assert Key.of("k").source == "the argument api_key"


def test_a_function_that_gives_no_text_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(Key(lambda: None, "vault").read())
    assert str(caught.value) == "The key from vault is a NoneType; give a str."


def test_what_is_no_key_at_all_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        Key.of(17)
    assert str(caught.value) == "api_key is a int; give a str or a function that returns one."
