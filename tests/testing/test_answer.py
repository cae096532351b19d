"""What is written to a socket."""

import asyncio

from agentkit.testing.answer import Answer, encode, error_body, send


class Written:
    """The half of a connection that is written to, keeping each write."""

    def __init__(self):
        self.writes = []

    def write(self, data):
        self.writes.append(bytes(data))

    async def drain(self):
        return None

    def is_closing(self):
        return False


def written(answer, **options):
    async def run():
        reader, writer = asyncio.StreamReader(), Written()
        kept = await send(answer, reader, writer, **options)
        return kept, writer.writes

    return asyncio.run(run())


def test_a_document_is_one_write_with_its_length():
    kept, writes = written(Answer.of_json({"a": "é"}), headers=(("X-Own", "1"),))
    assert kept
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Own: 1\r\nContent-Length: 10\r\n\r\n"
    assert writes == [head + '{"a":"é"}'.encode()]


def test_a_stream_without_pause_is_one_write_of_many_http_chunks():
    kept, (data,) = written(Answer(pieces=[b"one", b"", b"two"], chunked=True))
    assert kept
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert data == head + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


def test_a_stream_with_a_pause_is_one_write_a_piece():
    _, writes = written(Answer(pieces=[b"one", b"two"], chunked=True), pause=0.0001)
    assert writes[1:] == [b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"]


def test_an_answer_that_is_cut_has_no_end_and_ends_the_connection():
    kept, (data,) = written(Answer(pieces=[b"one"], chunked=True, ending="cut"))
    assert not kept
    assert data.endswith(b"3\r\none\r\n")
    assert written(Answer(status=0, ending="cut")) == (False, [b""])


def test_a_status_in_no_register_has_a_phrase_too():
    _, (data,) = written(Answer(status=529))
    assert data == b"HTTP/1.1 529 Unknown\r\nContent-Length: 0\r\n\r\n"


def test_errors_and_json_are_shaped_as_openai_does():
    assert error_body("No.", code="x") == {
        "error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": "x"}
    }
    assert encode({"a": [1, "東"]}) == '{"a":[1,"東"]}'.encode()
