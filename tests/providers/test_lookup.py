"""Names resolved to models, with addresses and keys from the environment."""

import asyncio
import os

import pytest

from agentkit.errors import AuthenticationError, ConfigurationError, MissingKeyError, UnknownModelError
from agentkit.http import ChatModel, Retry
from agentkit.providers import PROVIDERS, resolve
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.wire import ChatRequest

REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "hello"}]})
KNOWN = (
    "4allapi, alibaba, anthropic, azure, cerebras, cohere, databricks, deepinfra, deepseek, fireworks, gemini, groq, "
    "huggingface, llamacpp, lmstudio, mistral, moonshot, nvidia, ollama, openai, openrouter, perplexity, sambanova, "
    "together, vercel, vllm, xai, zai, local"
)
OTHER = "for any other endpoint use ChatModel(name, base_url=...)."


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """Hide every variable that a provider may read."""
    for provider in PROVIDERS.values():
        for name in (*provider.key_variables, *provider.address_variables, "OPENAI_API_VERSION"):
            monkeypatch.delenv(name, raising=False)
    return monkeypatch


def key_of(model):
    return None if model._key is None else asyncio.run(model._key.read())


@pytest.mark.parametrize("name", sorted(name for name, provider in PROVIDERS.items() if provider.base_url))
def test_every_provider_gives_a_model_at_its_address(name, bare):
    provider = PROVIDERS[name]
    bare.setenv(provider.key_variables[0], "k-1")
    model = resolve(f"{name}:some/model:tag")
    assert isinstance(model, ChatModel)
    assert (model.name, model.base_url, model.profile) == ("some/model:tag", provider.base_url, provider.profile)
    assert key_of(model) == "k-1"


def test_the_first_variable_that_is_set_has_the_key(bare):
    bare.setenv("FOURALLAPI_API_KEY", "second")
    assert key_of(resolve("4allapi:m")) == "second"
    bare.setenv("4ALLAPI_API_KEY", "first\n")
    model = resolve("4allapi:m")
    assert key_of(model) == "first"
    assert repr(model._key) == "Key(from 4ALLAPI_API_KEY)"


def test_a_key_that_changes_is_read_anew(bare):
    bare.setenv("GROQ_API_KEY", "old")
    model = resolve("groq:m")
    bare.setenv("GROQ_API_KEY", " new ")
    assert key_of(model) == "new"


def test_a_missing_key_names_its_variables_and_where_keys_are_made():
    with pytest.raises(MissingKeyError) as caught:
        resolve("4allapi:m")
    assert str(caught.value) == (
        "No key for '4allapi': set 4ALLAPI_API_KEY or FOURALLAPI_API_KEY. Keys are made at the provider, see "
        "https://4allapi.com. Without any key 'local' runs the embedded model."
    )


def test_a_key_that_no_header_may_hold_is_refused_at_once(bare):
    bare.setenv("OPENAI_API_KEY", "sk-“quoted”")
    with pytest.raises(ConfigurationError) as caught:
        resolve("openai:m")
    assert "OPENAI_API_KEY" in str(caught.value)
    assert "quoted" not in str(caught.value)


def test_a_server_of_ones_own_needs_no_key_but_takes_one(bare):
    assert resolve("ollama:llama3.2")._key is None
    bare.setenv("VLLM_API_KEY", "k-1")
    assert key_of(resolve("vllm:m")) == "k-1"


def test_another_address_comes_from_the_environment(bare):
    bare.setenv("GROQ_API_KEY", "k-1")
    bare.setenv("GROQ_BASE_URL", "https://api.groq.com/other/v2/")
    model = resolve("groq:m")
    assert model.base_url == "https://api.groq.com/other/v2"
    assert key_of(model) == "k-1"


def test_a_key_is_not_sent_to_a_host_that_is_not_the_providers(bare):
    with FakeEndpoint(api_key="needed") as endpoint:
        bare.setenv("OPENAI_API_KEY", "sk-very-secret-7")
        bare.setenv("OPENAI_BASE_URL", endpoint.base_url)
        with pytest.raises(AuthenticationError) as caught:
            asyncio.run(resolve("openai:m").replace(retry=Retry(attempts=1)).complete(REQUEST))
    assert "authorization" not in endpoint.requests[0].headers
    assert str(caught.value) == (
        f"{endpoint.base_url}/chat/completions answered 401 (invalid_request_error): You didn't provide an API key. "
        "Use Authorization: Bearer YOUR_KEY. No key was sent: OPENAI_API_KEY is for https://api.openai.com/v1 only, "
        "and OPENAI_BASE_URL names another host. For that host write ChatModel(name, base_url=..., api_key=...)."
    )


def test_a_port_that_is_the_schemes_own_is_no_other_host(bare):
    bare.setenv("OPENAI_API_KEY", "k-1")
    bare.setenv("OPENAI_BASE_URL", "https://api.openai.com:443/v1")
    assert key_of(resolve("openai:m")) == "k-1"


def test_an_address_elsewhere_needs_no_key(bare):
    bare.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert resolve("openai:m")._key is None


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080/v1"),
        (":9000", "http://127.0.0.1:9000/v1"),
        ("box", "http://box:11434/v1"),
        ("http://box:1234/", "http://box:1234/v1"),
        ("https://box", "https://box/v1"),
        ("http://box", "http://box/v1"),
        ("http://box:1234/v1", "http://box:1234/v1"),
        ("http://box:1234/ollama/", "http://box:1234/ollama/v1"),
        ("[::1]:7000", "http://[::1]:7000/v1"),
        ("[::]", "http://127.0.0.1:11434/v1"),
    ],
)
def test_the_host_of_ollama_is_read_as_ollama_reads_it(bare, host, address):
    bare.setenv("OLLAMA_HOST", host)
    assert resolve("ollama:m").base_url == address


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("https://team.openai.azure.com/", "https://team.openai.azure.com/openai/v1"),
        ("https://team.openai.azure.com/openai", "https://team.openai.azure.com/openai/v1"),
        ("https://team.openai.azure.com/openai/v1/", "https://team.openai.azure.com/openai/v1"),
        ("https://team.openai.azure.com/openai/v1/chat/completions", "https://team.openai.azure.com/openai/v1"),
        ("https://openai.example.org/team", "https://openai.example.org/team/openai/v1"),
    ],
)
def test_azure_is_reached_by_its_undated_api(bare, endpoint, address):
    bare.setenv("AZURE_OPENAI_ENDPOINT", endpoint)
    bare.setenv("AZURE_OPENAI_API_KEY", "k-1")
    model = resolve("azure:my-gpt")
    assert model.base_url == address
    assert (model.profile.key_header, model.profile.path) == ("api-key", "/chat/completions")
    assert key_of(model) == "k-1"


@pytest.mark.parametrize("ending", ["/", "/chat/completions"])
def test_an_address_of_azures_undated_api_stays_one_whatever_the_version(bare, ending):
    bare.setenv("AZURE_OPENAI_ENDPOINT", f"https://team.openai.azure.com/openai/v1{ending}")
    bare.setenv("OPENAI_API_VERSION", "2024-10-21")
    model = resolve("azure:my-gpt")
    assert model._address.url(model.profile, model.name) == "https://team.openai.azure.com/openai/v1/chat/completions"


@pytest.mark.parametrize("endpoint", ["https://team.openai.azure.com", "https://team.openai.azure.com/openai/"])
def test_azure_is_reached_by_a_dated_api_where_one_is_asked_for(bare, endpoint):
    bare.setenv("AZURE_OPENAI_ENDPOINT", endpoint)
    bare.setenv("OPENAI_API_VERSION", "2024-10-21")
    model = resolve("azure:my-gpt")
    assert model._address.url(model.profile, model.name) == (
        "https://team.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    )


def test_an_address_that_names_a_deployment_gets_the_version_only(bare):
    bare.setenv("AZURE_OPENAI_ENDPOINT", "https://team.openai.azure.com/openai/deployments/mine/chat/completions")
    bare.setenv("OPENAI_API_VERSION", "2024-10-21")
    model = resolve("azure:my-gpt")
    assert model._address.url(model.profile, model.name) == (
        "https://team.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2024-10-21"
    )


@pytest.mark.parametrize(
    "host", ["https://team.cloud.databricks.com", "https://team.cloud.databricks.com/serving-endpoints/"]
)
def test_a_workspace_of_databricks_is_reached_by_its_host(bare, host):
    bare.setenv("DATABRICKS_HOST", host)
    bare.setenv("DATABRICKS_TOKEN", "k-1")
    bare.setenv("OPENAI_API_VERSION", "2024-10-21")
    model = resolve("databricks:llama")
    assert model.base_url == "https://team.cloud.databricks.com/serving-endpoints"
    assert model.profile.query == ()
    assert key_of(model) == "k-1"


def test_azure_without_an_address_says_which_variable_is_missing():
    with pytest.raises(ConfigurationError) as caught:
        resolve("azure:my-gpt")
    assert str(caught.value) == (
        "The address of 'azure' is not set. Set AZURE_OPENAI_ENDPOINT, e.g. "
        "AZURE_OPENAI_ENDPOINT=https://NAME.openai.azure.com."
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "gpt-4o",
            f"'gpt-4o' names no provider. Write 'provider:model', such as 'openai:gpt-4o'; the providers are {KNOWN}.",
        ),
        (
            "",
            f"'' names no provider. Write 'provider:model', such as 'openai:gpt-4o-mini'; the providers are {KNOWN}.",
        ),
        ("openai", "'openai' names no model. Write 'openai:' and the model's name behind it."),
        ("openai:", "'openai:' names no model. Write 'openai:' and the model's name behind it."),
        (
            "opnai:gpt-4o",
            f"There is no provider 'opnai'. Did you mean 'openai:gpt-4o'? The providers are {KNOWN}; {OTHER}",
        ),
        (
            "zzz:m",
            f"There is no provider 'zzz'. The providers are {KNOWN}; {OTHER}",
        ),
        ("local:big", "There is no embedded model 'big'. Write 'local' or 'local:needle3'."),
    ],
)
def test_an_unknown_name_is_refused_with_what_to_write(name, text):
    with pytest.raises(UnknownModelError) as caught:
        resolve(name)
    assert str(caught.value) == text


def test_the_environment_is_not_read_by_a_model_of_ones_own(bare):
    bare.setenv("OPENAI_API_KEY", "k-1")
    assert ChatModel("gpt-4o")._key is None
    assert os.environ["OPENAI_API_KEY"] == "k-1"
