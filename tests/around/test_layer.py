"""What every model around a model has: the inner one's name, profile and fingerprint, and one end for both."""

import asyncio

import pytest

from agentkit import Agent, ChatModel
from agentkit.around import Cache, Concurrency, Fallback, RateLimit
from agentkit.around.layer import Layer, as_model, close, leaving
from agentkit.errors import ConfigurationError, UnknownModelError
from agentkit.http import Profile
from agentkit.model import Model
from agentkit.providers import resolve
from agentkit.testing import ScriptedModel


class Closing(ScriptedModel):
    closed = 0

    async def aclose(self):
        self.closed += 1


def test_a_layer_is_a_model_with_the_name_and_profile_of_the_inner_one():
    profile = Profile(output_mode="json")
    inner = ChatModel("m", profile=profile)
    layer = Concurrency(RateLimit(inner, requests=1), 2)
    assert isinstance(layer, Model)
    assert (layer.name, layer.profile, layer.model.model) == ("m", profile, inner)


def test_a_layer_round_a_model_without_profile_and_fingerprint_has_none():
    layer = Concurrency(ScriptedModel([]), 1)
    assert getattr(layer, "profile", None) is getattr(layer, "fingerprint", None) is None


def test_a_layer_shows_what_it_is_made_of():
    model = ChatModel("m", base_url="http://127.0.0.1:1/v1", api_key="sk-of-the-tests")
    limited = RateLimit(model, requests=500, tokens=30_000, max_wait=1.5)
    shown = "ChatModel('m', base_url='http://127.0.0.1:1/v1')"
    assert repr(Concurrency(limited, 4)) == (
        f"Concurrency(RateLimit({shown}, requests=500, tokens=30000, seconds=60, max_wait=1.5), 4)"
    )
    assert repr(Concurrency(model, 4, max_wait=0)) == f"Concurrency({shown}, 4, max_wait=0)"
    assert repr(Fallback([model, Cache(model)])) == f"Fallback([{shown}, Cache({shown}, MemoryStore(most=1000))])"


def test_a_layer_does_not_change():
    with pytest.raises(AttributeError):
        Concurrency(ScriptedModel([]), 1).model = None


def test_closing_a_layer_closes_the_inner_model_again_and_again():
    inner = Closing([])

    async def main():
        async with Concurrency(RateLimit(inner, requests=1), 1) as layer:
            pass
        await layer.aclose()

    asyncio.run(main())
    assert inner.closed == 2


def test_closing_a_layer_round_what_cannot_be_closed_does_nothing():
    asyncio.run(Layer(ScriptedModel([])).aclose())
    asyncio.run(close(object()))


def test_a_stream_that_is_left_is_closed():
    ended = []

    async def pieces():
        try:
            yield 1
            yield 2
        finally:
            ended.append(True)

    async def main():
        async with leaving(pieces()) as chunks:
            async for _ in chunks:
                break
        assert ended == [True]

    asyncio.run(main())


def test_a_name_stands_for_its_model_as_it_does_for_an_agent(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
    model = Fallback(["openai:gpt-4o", Concurrency("openai:gpt-4o-mini", 2)])
    assert model.name == "fallback(gpt-4o, gpt-4o-mini)"
    assert model.models[0] is resolve("openai:gpt-4o")


def test_a_name_that_nobody_owns_is_refused_at_once():
    with pytest.raises(UnknownModelError) as caught:
        RateLimit("nobody:gpt-4o", requests=1)
    assert "nobody" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "seen"), [(3, "a value of type int"), (ChatModel, "the class ChatModel"), (Agent, "the class Agent")]
)
def test_what_is_no_model_is_refused(given, seen):
    with pytest.raises(ConfigurationError) as caught:
        as_model(given, "Concurrency")
    assert str(caught.value) == (
        f'Concurrency takes models, and got {seen}. Give a ChatModel, a name, "provider:model", or anything with '
        "`name`, `complete` and `stream`."
    )
