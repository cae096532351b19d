"""All providers: each fact has its source, and the page shows what the data say."""

from datetime import date
from pathlib import Path

import pytest

from agentkit.http.address import Address
from agentkit.providers import PROVIDERS
from agentkit.providers.catalog import as_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers.md"
NO_FIELDS = {"base_url", "dated"}


def test_every_provider_of_the_contract_is_there():
    assert set(PROVIDERS) >= {
        *("openai", "4allapi", "openrouter", "groq", "deepseek", "mistral", "gemini", "together", "fireworks", "xai"),
        *("cerebras", "azure", "ollama", "vllm", "llamacpp", "lmstudio"),
    }
    assert PROVIDERS["4allapi"].base_url == "https://api.4allapi.com/v1"


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.name)
def test_every_fact_has_its_source_and_every_source_its_fact(provider):
    assert set(provider.facts) == set(provider.sources) - NO_FIELDS
    assert all(address.startswith("https://") for address in (provider.source, *provider.sources.values()))
    assert provider.checked or not provider.sources, "what was read was read on a day"
    assert provider.checked is None or provider.checked <= date(2026, 11, 22)
    assert (provider.profile.source, provider.profile.checked) == (None, None)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.name)
def test_every_address_can_be_used(provider):
    if provider.base_url is None:
        assert provider.example.startswith("https://NAME.")
        assert provider.own
    else:
        assert str(Address.parse(provider.base_url)) == provider.base_url
        assert provider.own == Address.parse(provider.base_url).is_loopback


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.name)
def test_an_output_is_asked_for_in_a_way_that_is_taken(provider):
    taken = {
        "native": "json_schema" in provider.profile.response_formats,
        "json": "json_object" in provider.profile.response_formats,
        "tool": "required" in provider.profile.tool_choices,
        "prompted": True,
    }
    assert taken[provider.profile.output_mode]


def test_no_two_providers_share_a_name_or_a_key():
    names = [name for provider in PROVIDERS.values() for name in provider.key_variables]
    assert len(names) == len(set(names))
    assert all(name == provider.name == name.lower() for name, provider in PROVIDERS.items())


def test_the_page_shows_the_data():
    hint = "write what agentkit.providers.catalog.as_table() gives into docs/providers.md"
    assert f"\n{as_table()}\n" in PAGE.read_text(encoding="utf-8"), hint


def test_a_line_of_the_table_names_facts_and_sources():
    lines = {line.split("`")[1]: line for line in as_table().splitlines()[2:]}
    assert len(lines) == len(PROVIDERS)
    assert lines["4allapi"] == (
        "| [`4allapi`](https://4allapi.com) | `https://api.4allapi.com/v1` | `4ALLAPI_API_KEY`, `FOURALLAPI_API_KEY` "
        "| nothing known | no |"
    )
    thinking = "https://api-docs.deepseek.com/guides/thinking_mode"
    assert f"[`echo`]({thinking}) reasoning_content<br>" in lines["deepseek"]
    assert ") without json_schema<br>" in lines["deepseek"]
    assert ") yes |" in lines["deepseek"]
    assert "`AZURE_OPENAI_ENDPOINT=https://NAME.openai.azure.com`" in lines["azure"]
