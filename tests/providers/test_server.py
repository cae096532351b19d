"""What is known of the servers at addresses of the user's own."""

from agentkit.providers.provider import Dated
from agentkit.providers.server import SERVER

BY_NAME = {provider.name: provider for provider in SERVER}


def test_all_of_them_are_the_users():
    assert all(provider.own for provider in SERVER)
    assert [provider.name for provider in SERVER] == sorted(BY_NAME)


def test_those_of_this_machine_have_a_port_and_the_others_an_example():
    assert {name for name, provider in BY_NAME.items() if provider.base_url is None} == {"azure", "databricks"}
    assert all((provider.base_url is None) == bool(provider.example and provider.ending) for provider in SERVER)


def test_azures_header_query_and_path_are_data():
    azure = BY_NAME["azure"]
    assert azure.profile.key_header == "api-key"
    assert azure.ending == "/openai/v1"
    assert azure.dated == Dated(
        variable="OPENAI_API_VERSION",
        parameter="api-version",
        path="/openai/deployments/{model}/chat/completions",
    )


def test_strict_is_not_sent_to_ollama_nor_stream_options_to_databricks():
    assert BY_NAME["ollama"].facts == {"strict": False}
    assert BY_NAME["databricks"].facts == {"stream_usage": False}
