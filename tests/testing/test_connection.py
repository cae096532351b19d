"""Requests as they come over a socket."""

import asyncio

import pytest

from agentkit.testing.connection import receive


class Written:
    """The half of a connection that is written to, keeping each write."""

    def __init__(self):
        self.writes = []

    def write(self, data):
        self.writes.append(data)


def received(data):
    async def run():
        reader, writer = asyncio.StreamReader(), Written()
        reader.feed_data(data)
        reader.feed_eof()
        return await receive(reader, writer), writer.writes

    return asyncio.run(run())


def test_a_request_with_a_length_is_read_whole():
    data = b'POST /v1/x?q=1 HTTP/1.1\r\nContent-Length: 8\r\nX-Own:  a:b \r\n\r\n{"a": 1}rest'
    request, _ = received(data)
    assert (request.method, request.path, request.raw, request.body) == ("POST", "/v1/x", b'{"a": 1}', {"a": 1})
    assert request.headers == {"content-length": "8", "x-own": "a:b"}
    assert request.keep_alive


def test_a_chunked_request_is_put_together():
    data = b'POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5;x=1\r\n": 1}\r\n0\r\n\r\n'
    assert received(data)[0].body == {"a": 1}


def test_a_client_that_waits_is_told_to_go_on():
    data = b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
    assert received(data)[1] == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_old_clients_and_those_that_say_close_are_not_kept():
    assert not received(b"GET /x HTTP/1.0\r\n\r\n")[0].keep_alive
    assert not received(b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n")[0].keep_alive


def test_an_end_between_requests_is_none_and_one_inside_is_an_error():
    assert received(b"")[0] is None
    with pytest.raises(asyncio.IncompleteReadError):
        received(b"POST /x HTTP/1.1\r\nContent-Length: 8\r\n\r\n{")


def test_what_is_not_http_is_a_value_error():
    with pytest.raises(ValueError):
        received(b"hello\r\n\r\n")


def test_a_body_that_is_no_json_is_none():
    assert received(b"POST /x HTTP/1.1\r\nContent-Length: 1\r\n\r\n{")[0].body is None
