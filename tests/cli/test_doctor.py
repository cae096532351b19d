"""`agentkit doctor`: what it asks before, what it prints, how it ends."""

import json
from pathlib import Path

import pytest

from agentkit.http import Profile
from agentkit.testing import FakeEndpoint
from agentkit.testing.fault import Fault

KEY = "sk-of-the-doctor-0123456789"


def test_a_pipe_gets_a_table_in_markdown_and_the_bounds_are_told_beforehand(run):
    with FakeEndpoint() as endpoint:
        code, out, err = run("doctor", endpoint.base_url, "--model", "any")
    assert code == 0
    assert err.startswith(f"any at {endpoint.base_url}: at most 41 requests and about ")
    lines = out.splitlines()
    assert lines[:2] == ["| probe | verdict | what was seen | what agentkit does |", "| --- | --- | --- | --- |"]
    assert "All that agents need works." in out


def test_json_is_one_document(run):
    with FakeEndpoint(quirks=["no_done"]) as endpoint:
        code, out, _ = run("doctor", endpoint.base_url, "-m", "any", "--json", "--vision")
    document = json.loads(out)
    assert (code, document["is_well"], document["requests"]) == (0, True, len(endpoint.requests))
    assert "no_done" in [finding["deviation"] for finding in document["findings"]]
    assert "images" in [finding["probe"] for finding in document["findings"]]


def test_the_profile_is_written_where_it_is_asked_for(run, here):
    with FakeEndpoint(quirks=["demands_short_ids"]) as endpoint:
        code, _, err = run("doctor", endpoint.base_url, "-m", "any", "--output", "profile.json")
    assert code == 0
    assert err.endswith("The profile is in profile.json: ChatModel(..., profile=Path('profile.json')).\n")
    assert Profile.of(Path("profile.json")).call_ids == "nine_alphanumeric"


def test_a_place_that_cannot_be_written_is_told(run):
    with FakeEndpoint() as endpoint:
        code, _, err = run("doctor", endpoint.base_url, "-m", "any", "--output", "missing/profile.json")
    assert (code, err.splitlines()[-1]) == (
        2,
        "error: missing/profile.json cannot be written: No such file or directory.",
    )


def test_something_that_agents_need_and_that_fails_is_code_1(run):
    with FakeEndpoint(quirks=["error_mid_stream"]) as endpoint:
        code, out, _ = run("doctor", endpoint.base_url, "-m", "any")
    assert code == 1
    assert "Agents need what was not seen to work here: stream, streamed calls, agentkit." in out


@pytest.mark.parametrize("fault", [Fault.status(404), "disconnect"])
def test_an_endpoint_that_gives_no_reply_is_code_2(run, fault):
    with FakeEndpoint(faults=[fault]) as endpoint:
        code, out, _ = run("doctor", endpoint.base_url, "-m", "any", "--output", "profile.json")
    assert code == 2
    assert "The endpoint gave no reply, so nothing else was asked." in out
    assert not Path("profile.json").exists()


def test_the_bounds_are_obeyed(run):
    with FakeEndpoint() as endpoint:
        code, _, err = run("doctor", endpoint.base_url, "-m", "any", "--requests", "4")
    assert len(endpoint.requests) <= 4
    assert (code, "at most 4 requests" in err) == (1, True)


def test_a_key_is_read_from_its_variable_and_never_shown(run, monkeypatch, here):
    monkeypatch.setenv("MY_KEY", KEY)

    def leaking(request):
        return f"Your key is {KEY}."

    with FakeEndpoint(replies=[leaking] * 60, api_key=KEY) as endpoint:
        _, out, err = run("doctor", endpoint.base_url, "-m", "any", "--key-variable", "MY_KEY", "-o", "profile.json")
        assert endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"
        _, document, _ = run("doctor", endpoint.base_url, "-m", "any", "--key-variable", "MY_KEY", "--json")
    assert KEY not in out + err + document + Path("profile.json").read_text(encoding="utf-8")
    assert "[secret]" in out


def test_a_key_that_a_provider_owns_goes_to_no_other_host(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with FakeEndpoint(api_key="another") as endpoint:
        code, out, _ = run("doctor", endpoint.base_url, "-m", "any")
    assert "authorization" not in endpoint.requests[0].headers
    assert code == 2
    assert "Say which environment variable holds it: --key-variable NAME." in out


def test_a_providers_model_is_examined_at_its_address_with_its_key(run):
    with FakeEndpoint() as endpoint:
        code, out, _ = run("doctor", "openai:gpt-any", "--json", endpoint=endpoint)
        assert (code, json.loads(out)["model"]) == (0, "gpt-any")
        code, out, _ = run("doctor", "openai", "-m", "gpt-any", "--json", "--requests", "2", endpoint=endpoint)
    assert json.loads(out)["model"] == "gpt-any"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["http://127.0.0.1:1/v1"],
            "error: No model is named. Write --model NAME, as the endpoint calls it.\n",
        ),
        (
            ["127.0.0.1:1/v1", "-m", "any"],
            (
                "error: '127.0.0.1:1/v1' is neither a URL nor a provider's model. Write a URL with its scheme and "
                "--model NAME, such as http://127.0.0.1:8080/v1 --model NAME, or PROVIDER:MODEL without --model.\n"
            ),
        ),
        (
            ["http://127.0.0.1:1/v1", "-m", "any", "--key-variable", "NO_SUCH_KEY"],
            "error: No key: the environment variable NO_SUCH_KEY is not set.\n",
        ),
    ],
)
def test_what_is_written_wrongly_is_told_before_anything_is_sent(run, arguments, text):
    assert run("doctor", *arguments) == (2, "", text)


def test_a_key_is_not_sent_over_plain_http_unless_that_is_said(run, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    code, _, err = run("doctor", "http://192.0.2.1/v1", "-m", "any", "--key-variable", "MY_KEY")
    assert code == 2
    assert err.startswith("error: A key would go to http://192.0.2.1 over plain http")


def test_a_terminal_is_asked_before_another_machine_is(terminal):
    with terminal("doctor", "http://192.0.2.1/v1", "-m", "any") as shown:
        shown.expect("Begin? [y, n] ")
        shown.type("n\n")
        shown.expect("Nothing was sent.")
        assert shown.end() == 2


def test_a_terminal_sees_what_is_asked_and_a_table(terminal):
    with FakeEndpoint() as endpoint, terminal("doctor", endpoint.base_url, "-m", "any", COLUMNS="160") as shown:
        shown.expect(".. streamed calls: two calls in a stream")
        shown.expect("what agentkit does")
        assert shown.end() == 0
    assert "| --- |" not in shown.shown


def test_what_an_endpoint_says_cannot_move_the_cursor(run):
    with FakeEndpoint(replies=["\x1b[2J\x1b]0;owned\x07 | evil"] * 60) as endpoint:
        _, out, err = run("doctor", endpoint.base_url, "-m", "any")
    assert "\x1b" not in out + err
    assert "\x07" not in out
