"""The defaults of a profile, which fit a server that nothing is known of."""

from agentkit.http.profile import Profile


def test_the_defaults_fit_an_unknown_server():
    profile = Profile()
    assert profile.max_tokens_field == "max_tokens"
    assert profile.stream_usage
    assert profile.key_header == "authorization"
    assert profile.path == "/chat/completions"
    assert profile.query == ()
    assert profile.output_mode == "tool"
