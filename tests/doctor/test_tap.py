"""What came over the wire for one patient."""

import asyncio

import pytest

from agentkit.doctor.tap import TooManyRequestsError, Wiretap
from agentkit.http import ChatModel
from agentkit.http.transport import taps
from agentkit.testing import FakeEndpoint
from agentkit.wire import ChatRequest

HELLO = ChatRequest.parse({"messages": [{"role": "user", "content": "Hello"}]})


def test_the_bytes_are_kept_as_they_came_and_the_request_as_it_went():
    async def main():
        server = FakeEndpoint(replies=["Hi."], quirks=["leading_whitespace"])
        async with server, ChatModel("any", base_url=server.base_url) as model:
            tap = Wiretap(1)
            with tap:
                await model.complete(HELLO)
            return tap.heard, server.requests[0].raw

    heard, raw = asyncio.run(main())
    assert heard.body.startswith(b"\n")
    assert (heard.status, heard.headers["content-type"], heard.request) == (200, "application/json", raw)


def test_a_stream_is_kept_too():
    async def main():
        async with FakeEndpoint(replies=["Hi."]) as server, ChatModel("any", base_url=server.base_url) as model:
            tap = Wiretap(1)
            with tap:
                assert [chunk async for chunk in model.stream(HELLO)]
            return bytes(tap.heard.body)

    assert asyncio.run(main()).endswith(b"data: [DONE]\n\n")


def test_no_more_is_sent_than_the_bound():
    async def main():
        async with FakeEndpoint() as server, ChatModel("any", base_url=server.base_url) as model:
            tap = Wiretap(1)
            with tap:
                await model.complete(HELLO)
                with pytest.raises(TooManyRequestsError) as caught:
                    await model.complete(HELLO)
            return str(caught.value), tap.sent, len(server.requests)

    assert asyncio.run(main()) == ("The bound of 1 requests is reached; no more is sent.", 1, 1)


def test_other_models_are_not_heard_and_not_bound():
    async def main():
        async with FakeEndpoint() as server, ChatModel("any", base_url=server.base_url) as model:
            begun, done = asyncio.Event(), asyncio.Event()

            async def elsewhere():
                await begun.wait()
                await model.complete(HELLO)
                done.set()

            other = asyncio.create_task(elsewhere())
            tap = Wiretap(0)
            with tap:
                begun.set()
                await done.wait()
            await other
            return tap.sent, tap.heard

    assert asyncio.run(main()) == (0, None)
    assert not [tap for tap in taps if isinstance(tap, Wiretap)]
