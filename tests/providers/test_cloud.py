"""What is known of the providers that serve everyone, where a wrong fact would break each request."""

import pytest

from agentkit.providers.cloud import CLOUD
from agentkit.providers.provider import Provider

BY_NAME = {provider.name: provider for provider in CLOUD}


def test_none_of_them_is_a_server_of_the_users():
    assert all(isinstance(provider, Provider) and not provider.own for provider in CLOUD)
    assert all(provider.base_url and provider.base_url.startswith("https://") for provider in CLOUD)


def test_they_stand_in_the_order_of_their_names_behind_openai():
    names = [provider.name for provider in CLOUD]
    assert names == ["openai", *sorted(set(names) - {"openai"})]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "openai",
            {"max_tokens_field": "max_completion_tokens", "output_mode": "native", "formats_with_tools": True},
        ),
        ("mistral", {"stream_usage": False, "call_ids": "nine_alphanumeric", "developer_role": False}),
        ("openrouter", {"echo": ("reasoning_details",)}),
        ("gemini", {}),
        ("4allapi", {}),
    ],
)
def test_what_is_known_is_what_the_sources_say(name, facts):
    assert BY_NAME[name].facts == facts


def test_reasoning_goes_back_to_those_that_refuse_a_turn_without_it():
    asking = {provider.name for provider in CLOUD if provider.profile.echo_empty}
    assert asking == {"deepseek", "moonshot"}
    assert all(BY_NAME[name].profile.echo == ("reasoning_content",) for name in asking)
