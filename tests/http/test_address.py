"""Base URLs as users write them."""

import pytest

from agentkit.errors import ConfigurationError
from agentkit.http.address import Address
from agentkit.http.profile import Profile


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("https://api.test/v1", "https://api.test/v1/chat/completions"),
        ("https://api.test/v1/", "https://api.test/v1/chat/completions"),
        ("https://api.test/v1/chat/completions", "https://api.test/v1/chat/completions"),
        ("https://api.test/v1/chat/completions/", "https://api.test/v1/chat/completions"),
        (" https://API.test:8443/v1 ", "https://api.test:8443/v1/chat/completions"),
        ("http://[::1]:80/v1", "http://[::1]/v1/chat/completions"),
        ("https://api.test:443/v1", "https://api.test/v1/chat/completions"),
        ("http://api.test:443/v1", "http://api.test:443/v1/chat/completions"),
        ("https://api.test", "https://api.test/chat/completions"),
        ("https://api.test/a b", "https://api.test/a%20b/chat/completions"),
    ],
)
def test_slashes_and_a_whole_url_are_tolerated(written, endpoint):
    assert Address.parse(written).endpoint(Profile(), "m") == endpoint


def test_a_profile_gives_path_and_query():
    profile = Profile(path="/openai/deployments/{model}/chat/completions", query=(("api-version", "2024-10-21"),))
    address = Address.parse("https://x.openai.azure.com")
    assert address.url(profile, "my gpt") == (
        "https://x.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    )
    assert "?" not in address.endpoint(profile, "my gpt")


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_is_known(host):
    assert Address.parse(f"http://{host}:1/v1").is_loopback


@pytest.mark.parametrize("host", ["localhost.evil.test", "192.168.0.4", "0.0.0.0", "[2001:db8::1]", "api.test"])
def test_other_machines_are_not_this_one(host):
    assert not Address.parse(f"http://{host}:1/v1").is_loopback


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("api.test/v1", "base_url 'api.test/v1' is no http(s) URL. Write e.g. 'https://api.openai.com/v1'."),
        ("ftp://api.test", "base_url 'ftp://api.test' is no http(s) URL. Write e.g. 'https://api.openai.com/v1'."),
        ("https:///v1", "base_url 'https:///v1' is no http(s) URL. Write e.g. 'https://api.openai.com/v1'."),
        ("https://[::1/v1", "base_url is no URL: Invalid IPv6 URL. Write e.g. 'https://api.openai.com/v1'."),
        (
            "https://me:pw@api.test/v1",
            "base_url holds credentials. Give them as api_key=... or headers={...} instead.",
        ),
        (
            "https://api.test/v1?key=abc",
            (
                "base_url 'https://api.test/v1' has a query or fragment. "
                "Leave it out; what must stand in the query goes into Profile(query=(('name', 'value'),))."
            ),
        ),
    ],
)
def test_what_is_no_base_url_is_refused(written, text):
    with pytest.raises(ConfigurationError) as caught:
        Address.parse(written)
    assert str(caught.value) == text
