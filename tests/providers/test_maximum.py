"""The longest replies of models, by their names."""

import pytest

from agentkit.providers.maximum import maximum_of


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("gpt-4o-mini", 16_384),
        ("gpt-4o-2024-05-13", 4096),
        ("GPT-5-mini", 128_000),
        ("openai/gpt-4.1-nano", 32_768),
        ("anthropic/claude-sonnet-4.5:beta", 64_000),
        ("anthropic/claude-opus-4.7", 128_000),
        ("models/gemini-2.5-flash", 64_000),
        ("gpt-5.2-chat-latest", 16_384),
        ("claude-opus-4-1", None),
        ("gpt-4-1106-preview", 4096),
        ("my-gpt-4o", None),
        ("llama3.2", None),
        ("", None),
    ],
)
def test_the_beginning_of_the_name_tells_it_whoever_serves_it(name, tokens):
    assert maximum_of(name) == tokens
