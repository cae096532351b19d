"""Streams and plain answers over a socket: whole, cut, wrong, late; what is tried again and what is not."""

import asyncio
import json

import pytest

from agentkit import errors
from agentkit.http import ChatModel, Retry, Timeout
from agentkit.model import RequestRetried, RequestSent, listener
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.fault import Fault
from agentkit.wire import ChatRequest, merge

REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "one two three four"}]})
SAID = "You said: one two three four"
ONCE = Retry(attempts=1)
FAST = Retry(wait=0.001, longest=0.002)


def ask(endpoint, *, stream, retry=ONCE, **options):
    """Give the text that came, or the error, with the chunks before it and the events told."""
    chunks, events = [], []

    async def main():
        listener.set(events.append)
        async with ChatModel("m", base_url=endpoint.base_url, retry=retry, **options) as model:
            if not stream:
                return (await model.complete(REQUEST)).message.content
            async for chunk in model.stream(REQUEST):
                chunks.append(chunk)
            return merge(chunks).message.content

    try:
        found = asyncio.run(main())
    except errors.APIError as error:
        found = error
    return found, chunks, events


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_told_with_its_size(stream):
    with FakeEndpoint() as endpoint:
        found, _, events = ask(endpoint, stream=stream)
    size = len(endpoint.requests[0].raw)
    assert found == SAID
    assert events == [RequestSent(f"{endpoint.base_url}/chat/completions", "m", 1, size)]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        Fault.status(503),
        Fault.status(500),
        Fault.status(529),
        Fault.status(408),
        Fault.rate_limit(0),
        Fault.disconnect(),
    ],
)
def test_a_passing_failure_is_tried_again(stream, fault):
    with FakeEndpoint(faults=[fault]) as endpoint:
        found, _, events = ask(endpoint, stream=stream, retry=FAST)
    assert found == SAID
    assert [type(event) for event in events] == [RequestSent, RequestRetried, RequestSent]
    assert [event.attempt for event in events] == [1, 1, 2]
    assert endpoint.requests[0].raw == endpoint.requests[1].raw


@pytest.mark.parametrize("stream", [False, True])
def test_a_lasting_failure_is_raised_at_once_with_its_text(stream):
    with FakeEndpoint(faults=[Fault.status(404)]) as endpoint:
        found, _, events = ask(endpoint, stream=stream, retry=FAST)
    assert type(found) is errors.NotFoundError
    assert str(found) == (
        f"{endpoint.base_url}/chat/completions answered 404 (model_not_found): The model does not exist or you do not "
        "have access to it. Check the model name 'm', and that base_url ends in `/v1` as most do."
    )
    assert found.request_id == "req_1"
    assert len(events) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_redirect_is_not_followed(stream):
    with FakeEndpoint(faults=[Fault.redirect("http://127.0.0.1:9/steal")]) as endpoint:
        found, _, _ = ask(endpoint, stream=stream, api_key="k")
    assert type(found) is errors.RedirectError
    assert found.location == "http://127.0.0.1:9/steal"


@pytest.mark.parametrize("stream", [False, True])
def test_a_page_in_the_place_of_a_reply_is_no_reply(stream):
    with FakeEndpoint(faults=[Fault.html()]) as endpoint:
        found, _, _ = ask(endpoint, stream=stream)
    assert type(found) is errors.InvalidResponseError
    assert found.body.startswith("<!DOCTYPE html>")
    assert found.endpoint == f"{endpoint.base_url}/chat/completions"
    assert (found.__cause__, found.__context__) == (None, None)


def test_an_empty_stream_was_cut_off():
    with FakeEndpoint(faults=[Fault.empty()]) as endpoint:
        found, _, _ = ask(endpoint, stream=True)
    assert type(found) is errors.StreamCutError
    assert found.partial is None


def test_an_empty_stream_is_tried_again():
    with FakeEndpoint(faults=[Fault.empty()]) as endpoint:
        assert ask(endpoint, stream=True, retry=FAST)[0] == SAID


@pytest.mark.parametrize("fault", [Fault.truncate(3), Fault.disconnect(after=3)])
def test_a_stream_that_ends_early_gives_what_came_and_is_not_tried_again(fault):
    with FakeEndpoint(faults=[fault]) as endpoint:
        found, chunks, events = ask(endpoint, stream=True, retry=FAST)
    assert type(found) is errors.StreamCutError
    assert found.partial.message.content == merge(chunks).message.content == "You said"
    assert len(events) == 1
    assert (found.__cause__, found.__context__) == (None, None)


@pytest.mark.parametrize("fault", [Fault.truncate(1), Fault.disconnect(after=1)])
def test_a_stream_that_ends_before_it_said_anything_is_tried_again(fault):
    with FakeEndpoint(faults=[fault]) as endpoint:
        found, chunks, events = ask(endpoint, stream=True, retry=FAST)
    assert found == SAID
    assert [event.type for event in events] == ["request_sent", "request_retried", "request_sent"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert sum(choice.delta.role is not None for chunk in chunks for choice in chunk.choices) == 1


def test_a_stream_that_ends_early_counts_the_requests_before_it():
    with FakeEndpoint(faults=[Fault.status(503), Fault.truncate(3)]) as endpoint:
        found, _, _ = ask(endpoint, stream=True, retry=FAST)
    assert (type(found), found.attempts) == (errors.StreamCutError, 2)


def test_comments_keep_a_stream_open_until_the_total_time_is_over():
    async def main():
        left = asyncio.Event()

        async def on(reader, writer):
            await reader.readuntil(b"}")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            while not writer.is_closing():
                writer.write(b": ping\n\n")
                await asyncio.sleep(0.05)
            left.set()

        server = await asyncio.start_server(on, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with server, ChatModel("m", base_url=url, retry=ONCE, timeout=Timeout(read=0.5, total=1)) as model:
            with pytest.raises(TimeoutError) as caught:
                await anext(model.stream(REQUEST))
            await left.wait()
        assert type(caught.value) is errors.APITimeoutError
        assert str(caught.value) == (
            f"{url}/chat/completions did not answer whole within 1 s. Give more time by timeout=Timeout(total=...)."
        )

    asyncio.run(main())


def test_events_that_answer_a_plain_request_and_break_off_are_tried_again():
    with FakeEndpoint(quirks=["sse_for_plain"], faults=[Fault.truncate(3), None]) as endpoint:
        found, _, _ = ask(endpoint, stream=False)
        assert type(found) is errors.StreamCutError
        assert found.endpoint == f"{endpoint.base_url}/chat/completions"
        assert found.partial.message.content == "You said"
    with FakeEndpoint(quirks=["sse_for_plain"], faults=[Fault.truncate(3)]) as endpoint:
        assert ask(endpoint, stream=False, retry=FAST)[0] == SAID


def test_broken_events_that_answer_a_plain_request_are_no_reply():
    with FakeEndpoint(quirks=["sse_for_plain"], faults=[Fault.malformed(2)]) as endpoint:
        found, _, _ = ask(endpoint, stream=False)
    assert type(found) is errors.InvalidResponseError
    assert found.endpoint == f"{endpoint.base_url}/chat/completions"
    assert (found.__cause__, found.__context__) == (None, None)


def test_a_cut_says_how_it_was_seen():
    with FakeEndpoint(faults=[Fault.truncate(3), Fault.disconnect(after=3)]) as endpoint:
        ended, broken = (ask(endpoint, stream=True)[0] for _ in range(2))
    url = f"{endpoint.base_url}/chat/completions"
    assert str(ended) == (
        f"The stream of {url} was cut off: neither a finish_reason nor [DONE] came. What came is in `error.partial`."
    )
    assert str(broken) == (
        f"The stream of {url} was cut off: The connection to {url} broke before the answer was whole: peer closed "
        "connection without sending complete message body (incomplete chunked read). What came is in `error.partial`."
    )


def test_a_broken_chunk_ends_the_stream_after_the_good_ones():
    with FakeEndpoint(faults=[Fault.malformed(3)]) as endpoint:
        found, chunks, _ = ask(endpoint, stream=True)
    assert type(found) is errors.InvalidResponseError
    assert merge(chunks).message.content == "You said"


def test_a_stream_that_falls_silent_names_the_clock():
    with FakeEndpoint(faults=[Fault.stall(after=3)]) as endpoint:
        found, chunks, _ = ask(endpoint, stream=True, timeout=Timeout(read=1))
    assert type(found) is errors.APITimeoutError
    assert "sent nothing within 1 s" in str(found)
    assert len(chunks) == 3


def test_a_stream_that_never_begins_names_the_clock_and_is_tried_again():
    with FakeEndpoint(faults=[Fault.stall()]) as endpoint:
        found, _, events = ask(endpoint, stream=True, retry=FAST, timeout=Timeout(read=1))
    assert found == SAID
    assert "APITimeoutError" in events[1].error


@pytest.mark.parametrize("quirk", ["error_mid_stream", "error_event"])
def test_an_error_in_the_middle_of_a_stream_is_of_its_class(quirk):
    with FakeEndpoint(quirks=[quirk]) as endpoint:
        found, chunks, _ = ask(endpoint, stream=True)
    assert isinstance(found, errors.APIStatusError)
    assert found.status_code == 200
    assert chunks


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_in_a_200_is_of_its_class_and_tried_again_as_that(stream):
    body = json.dumps({"error": {"message": "Slow down.", "code": 429}}).encode()
    with FakeEndpoint(replies=[body, "Good."]) as endpoint:
        found, _, events = ask(endpoint, stream=stream, retry=FAST)
    assert found == "Good."
    assert events[1].error.startswith("RateLimitError: ")


@pytest.mark.parametrize("quirk", ["json_for_stream", "sse_for_plain"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_form_of_an_answer_need_not_be_that_asked_for(quirk, stream):
    with FakeEndpoint(quirks=[quirk]) as endpoint:
        assert ask(endpoint, stream=stream)[0] == SAID


@pytest.mark.parametrize(
    "quirk",
    ["bom", "crlf", "split_utf8", "comments", "leading_whitespace", "no_done", "done_then_more", "no_finish_reason"],
)
def test_a_stream_is_read_however_it_is_written(quirk):
    with FakeEndpoint(quirks=[quirk]) as endpoint:
        found, _, _ = ask(endpoint, stream=True)
    assert found.startswith(SAID)


def test_the_usage_that_follows_the_text_is_kept():
    with FakeEndpoint() as endpoint:
        _, chunks, _ = ask(endpoint, stream=True)
    assert merge(chunks).usage.total_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_that_stays_open_after_done_is_left(stream):
    event = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

    async def converse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + event)
        await reader.read()
        writer.close()
        left.set()

    async def main():
        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        model = ChatModel("m", base_url=url, retry=ONCE)
        if stream:
            reply = merge([chunk async for chunk in model.stream(REQUEST)])
        else:
            reply = await model.complete(REQUEST)
        assert reply.message.content == "Hi"
        await left.wait()
        server.close()
        await server.wait_closed()

    left = asyncio.Event()
    asyncio.run(asyncio.wait_for(main(), 20))


def test_leaving_a_stream_closes_its_connection_at_once():
    async def main():
        async with FakeEndpoint(chunk_delay=0.01) as endpoint, ChatModel("m", base_url=endpoint.base_url) as model:
            stream = model.stream(REQUEST)
            await anext(stream)
            await stream.aclose()
            while endpoint.open_connections:  # noqa: ASYNC110  # the endpoint has no event for it
                await asyncio.sleep(0)
            assert (await model.complete(REQUEST)).message.content == SAID

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_cancelled_request_leaves_nothing_open():
    async def main():
        faults = [Fault.stall()]
        async with FakeEndpoint(faults=faults) as endpoint, ChatModel("m", base_url=endpoint.base_url) as model:
            task = asyncio.create_task(model.complete(REQUEST))
            while not endpoint.requests:  # noqa: ASYNC110  # the endpoint has no event for it
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while endpoint.open_connections:  # noqa: ASYNC110  # the same
                await asyncio.sleep(0)
            assert (await model.complete(REQUEST)).message.content == SAID

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_stream_that_is_done_before_it_began_is_no_answer():
    with FakeEndpoint(replies=[b"data: [DONE]\n\n"] * 2) as endpoint:
        found, chunks, _ = ask(endpoint, stream=True)
        plain, _, _ = ask(endpoint, stream=False)
    assert (type(found), chunks) == (errors.StreamCutError, [])
    assert str(found) == (
        f"The stream of {endpoint.base_url}/chat/completions was cut off: [DONE] came before anything else. "
        "What came is in `error.partial`."
    )
    assert str(plain) == str(found)
