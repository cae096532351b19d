"""Keys that stand in for those that are not set."""

from agentkit.providers import PROVIDERS, resolve
from agentkit.testing.key import stand_in_keys


def test_each_provider_without_a_key_gets_one_and_then_resolves(monkeypatch):
    for provider in PROVIDERS.values():
        for variable in provider.key_variables:
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GROQ_API_KEY", "my own")
    keys = stand_in_keys()
    assert "GROQ_API_KEY" not in keys
    assert keys["OPENAI_API_KEY"] == "no-key-is-needed-in-a-replay"
    for variable, key in keys.items():
        monkeypatch.setenv(variable, key)
    assert resolve("openai:gpt-4o").name == "gpt-4o"
    assert stand_in_keys() == {}
