"""Each fault, as a client meets it."""

import gzip
import json
import socket

import httpx
import pytest

from agentkit.testing.answer import Answer
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.fault import FAULTS, ODD_ERRORS, Fault


def ask(endpoint, **fields):
    body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def met(fault, **fields):
    with FakeEndpoint(faults=[fault]) as endpoint:
        return ask(endpoint, **fields)


def received(fault, *, stream):
    """Read all that comes on a plain socket until the other side closes."""
    body = json.dumps({"model": "any", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with FakeEndpoint(faults=[fault]) as endpoint, socket.create_connection(("127.0.0.1", endpoint.port)) as client:
        client.sendall(head + body)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_status_has_an_openai_shaped_body_unless_another_is_given():
    answer = met(Fault.status(503, retry_after=3, headers={"X-More": "1"}))
    error = {"message": "The server is overloaded.", "type": "server_error", "param": None, "code": "overloaded"}
    assert (answer.status_code, answer.json()) == (503, {"error": error})
    assert (answer.headers["retry-after"], answer.headers["x-more"]) == ("3", "1")
    assert met(Fault.status(401, body={"detail": "Invalid API Key"})).json() == {"detail": "Invalid API Key"}
    plain = met(Fault.status(529, body="overloaded"))
    assert (plain.status_code, plain.text, plain.headers["content-type"]) == (529, "overloaded", "text/plain")


def test_rate_limit_names_seconds_or_a_date():
    answer = met(Fault.rate_limit("Wed, 21 Oct 2026 07:28:00 GMT"))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "Wed, 21 Oct 2026 07:28:00 GMT"
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"


def test_redirect_html_and_empty_are_no_completions():
    redirect = met(Fault.redirect("http://elsewhere.example/", code=308))
    assert (redirect.status_code, redirect.headers["location"]) == (308, "http://elsewhere.example/")
    page = met("html")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
    assert page.text.startswith("<!DOCTYPE html>")
    assert (met("empty").status_code, met("empty").content) == (200, b"")


def test_disconnect_before_the_answer_sends_nothing():
    assert received("disconnect", stream=False) == b""


def test_disconnect_in_the_middle_sends_some_and_leaves_the_body_open():
    stream = received(Fault.disconnect(2), stream=True)
    assert stream.count(b"data: ") == 2
    assert not stream.endswith(b"0\r\n\r\n")
    with pytest.raises(httpx.RemoteProtocolError):
        met(Fault.disconnect(2))


def test_stall_is_silent_until_its_time_is_over_and_then_cuts():
    assert received(Fault.stall(0.01), stream=True) == b""
    assert received(Fault.stall(0.01, 1), stream=True).count(b"data: ") == 1


def test_stall_ends_when_the_client_leaves():
    with FakeEndpoint(faults=["stall"]) as endpoint:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{endpoint.base_url}/chat/completions",
                json={"model": "any", "messages": [{"role": "user", "content": "Hi"}]},
                timeout=0.05,
                verify=False,
            )
        while endpoint.open_connections:
            pass


def test_slow_first_gives_the_whole_answer_and_moves_the_script():
    with FakeEndpoint(replies=["one", "two"], faults=[Fault.slow_first(0.01)]) as endpoint:
        texts = [ask(endpoint).json()["choices"][0]["message"]["content"] for _ in range(2)]
    assert texts == ["one", "two"]
    endpoint.assert_complete()


def test_truncate_ends_cleanly_and_too_early():
    stream = received(Fault.truncate(2), stream=True)
    assert stream.count(b"data: ") == 2
    assert b"[DONE]" not in stream
    assert stream.endswith(b"0\r\n\r\n")
    with pytest.raises(ValueError):
        met("truncate").json()


def test_malformed_puts_broken_json_among_good_events():
    lines = [line.removeprefix("data: ") for line in met("malformed", stream=True).text.splitlines() if line]
    with pytest.raises(ValueError):
        json.loads(lines[1])
    assert json.loads(lines[2])
    assert lines[-1] == "[DONE]"
    with pytest.raises(ValueError):
        met("malformed").json()


def test_huge_is_one_document_or_one_line():
    assert len(met(Fault.huge(100_000)).json()["choices"][0]["message"]["content"]) == 100_000
    lines = met(Fault.huge(100_000), stream=True).text.splitlines()
    assert len(max(lines, key=len)) > 100_000


def test_gzip_compresses_what_nobody_asked_to_have_compressed():
    head, _, body = received("gzip", stream=False).partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert json.loads(gzip.decompress(body))["choices"]
    assert met("gzip", stream=True).text.endswith("data: [DONE]\n\n")


def test_a_fault_meets_as_many_requests_as_told_and_none_lets_one_pass():
    with FakeEndpoint(faults=[None, Fault.status(500, times=2), None]) as endpoint:
        assert [ask(endpoint).status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_words_make_faults_with_their_options():
    fault = Fault.named("status:code=503,times=2,retry_after=1")
    assert (fault.name, fault.times) == ("status", 2)
    assert Fault.named("redirect:to=http://x.example/").name == "redirect"
    for name in FAULTS:
        assert Fault.named(name).name == name


def test_an_unknown_fault_is_refused_with_the_known_ones():
    with pytest.raises(ValueError) as caught:
        FakeEndpoint(faults=["no_such"])
    known = ", ".join(sorted(FAULTS))
    assert str(caught.value) == f"FakeEndpoint: there is no fault 'no_such'; the faults are {known}."


def test_text_and_a_json_string_stand_in_the_place_of_a_reply():
    plain, string = met("text"), met("json_text:code=500,body=Oh")
    assert (plain.status_code, plain.text) == (200, "Welcome to the model server.")
    assert plain.headers["content-type"] == "text/plain"
    assert (string.status_code, string.json(), string.headers["content-type"]) == (500, "Oh", "application/json")


@pytest.mark.parametrize("form", ODD_ERRORS)
def test_an_error_has_another_form_than_openais(form):
    answer = met(f"odd_error:form={form},code=422")
    assert (answer.status_code, answer.json()) == (422, ODD_ERRORS[form])


def test_an_unknown_form_of_an_error_is_refused_with_the_known_ones():
    with pytest.raises(ValueError) as caught:
        Fault.odd_error("rare")
    forms = ", ".join(sorted(ODD_ERRORS))
    assert str(caught.value) == f"FakeEndpoint: there is no form 'rare'; the forms are {forms}."


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            "status:cod=503",
            "the fault 'status' has no option 'cod'; its options are code, body, retry_after, headers, times.",
        ),
        ("status:code=abc", "the fault 'status' takes code as int, not 'abc'."),
        ("stall:after=1.5", "the fault 'stall' takes after as int | None, not '1.5'."),
    ],
)
def test_an_option_that_a_fault_does_not_take_is_refused_with_those_that_it_takes(words, text):
    with pytest.raises(ValueError) as caught:
        Fault.named(words)
    assert str(caught.value) == f"FakeEndpoint: {text}"


def test_options_are_read_as_the_fault_takes_them():
    assert met("text:body=12").text == "12"
    assert met('status:code=418,body={"a":1},retry_after=0.5').headers["retry-after"] == "0.5"
    assert Fault.named("stall:after=null,seconds=2").spoil(Answer(chunked=True)).silence == 2
