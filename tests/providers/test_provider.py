"""One provider as a value."""

import dataclasses

import pytest

from agentkit.http import Profile
from agentkit.providers import Provider


def test_variables_follow_from_the_name():
    provider = Provider(name="acme", base_url="https://acme.example/v1", source="https://acme.example")
    assert provider.key_variables == ("ACME_API_KEY",)
    assert provider.address_variables == ("ACME_BASE_URL",)


def test_variables_that_are_given_stay():
    provider = Provider(
        name="acme", base_url=None, source="https://acme.example", key_variables=("A",), address_variables=("B",)
    )
    assert (provider.key_variables, provider.address_variables) == (("A",), ("B",))


def test_facts_are_what_is_not_the_default():
    plain = Provider(name="acme", base_url=None, source="https://acme.example")
    assert plain.facts == {}
    knowing = dataclasses.replace(plain, profile=Profile(strict=False, echo=("reasoning",), path="/chat/completions"))
    assert knowing.facts == {"strict": False, "echo": ("reasoning",)}


def test_a_provider_does_not_change():
    provider = Provider(name="acme", base_url=None, source="https://acme.example")
    with pytest.raises(dataclasses.FrozenInstanceError):
        provider.name = "other"
