"""Bodies served over real sockets, as any endpoint would serve them."""

import asyncio
import contextlib

import pytest

from agentkit.errors import APIError
from agentkit.http import ChatModel, Retry
from agentkit.wire import ChatRequest, merge

REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "hi"}]})


async def serve(bodies):
    """Answer `POST /NUMBER/chat/completions` with the body of that number, or the next of several, and close."""

    async def converse(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:")
            await reader.readexactly(length)
            body = bodies[int(head.split(b"/")[1])]
            body = body.pop(0) if isinstance(body, list) else body
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    return await asyncio.start_server(converse, "127.0.0.1", 0)


async def ask(address, *, streamed):
    async with ChatModel("m", base_url=address, retry=Retry(attempts=1)) as model:
        try:
            if streamed:
                return merge([chunk async for chunk in model.stream(REQUEST)])
            return await model.complete(REQUEST)
        except APIError as error:
            return error


async def ask_all(bodies):
    server = await serve(bodies)
    port = server.sockets[0].getsockname()[1]
    found = {}
    for place in range(len(bodies)):
        for streamed in (False, True):
            found[place, streamed] = await ask(f"http://127.0.0.1:{port}/{place}", streamed=streamed)
    server.close()
    await server.wait_closed()
    return found


@pytest.fixture(scope="session")
def serving():
    """Give the server, a coroutine function of the bodies."""
    return serve


@pytest.fixture(scope="session")
def asked():
    """Give what a list of bodies is read as: by place and by whether a stream was asked for, a reply or its error."""
    return lambda bodies: asyncio.run(ask_all(bodies))
