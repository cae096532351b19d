"""Against llmock, an independent server that injects faults and judges its client."""

import asyncio
import json
import socket
import subprocess
import sys
import urllib.request

import pytest

from agentkit import errors
from agentkit.http import ChatModel, Retry, Timeout
from agentkit.wire import ChatRequest, merge

pytestmark = pytest.mark.real

REQUEST = ChatRequest.parse({"messages": [{"role": "user", "content": "Say hello."}]})
QUICK = Retry(wait=0.3, longest=1)


class Judge:
    """The server's control address."""

    def __init__(self, port):
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._control = f"http://127.0.0.1:{port}/_llmock"

    def call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._control + path, data), timeout=10) as answer:
            return json.load(answer)

    def plan(self, *behaviors):
        self.call("/reset", {})
        if behaviors:
            self.call("/scenario", {"behaviors": list(behaviors)})

    def assert_content(self):
        verdict = self.call("/verdict")
        assert verdict["findings"] == []
        assert verdict["passed"]
        return verdict


@pytest.fixture(scope="module")
def judge():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "llmock.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--stream-chunk-delay-ms", "20"]  # so that a client that leaves is seen to leave
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        if "running on" in line:
            break
    try:
        yield Judge(port)
    finally:
        server.terminate()
        server.communicate(timeout=10)


def complete(judge, **options):
    async def main():
        async with ChatModel("gpt-4o-mini", base_url=judge.base_url, api_key="k", **options) as model:
            return await model.complete(REQUEST)

    return asyncio.run(main())


def stream(judge, *, tries=1, **options):
    """Read a stream to its end; what broke off is asked again, once the judge saw that the first was left."""

    async def main():
        async with ChatModel("gpt-4o-mini", base_url=judge.base_url, api_key="k", **options) as model:
            while True:
                try:
                    return merge([chunk async for chunk in model.stream(REQUEST)])
                except errors.APIError as error:
                    broken.append(error)
                    if len(broken) == tries:
                        raise
                    await asyncio.wait_for(ended(len(broken)), 10)

    async def ended(count):
        """Wait until the judge wrote so many requests down; it takes one that overlaps another for another call."""
        while (await asyncio.to_thread(judge.call, "/requests"))["count"] < count:
            continue

    broken = []
    return asyncio.run(main()), broken


def test_a_plain_reply(judge):
    judge.plan()
    assert complete(judge).message.content
    assert complete(judge).usage.total_tokens > 0
    judge.assert_content()


def test_a_stream_with_its_usage(judge):
    judge.plan()
    reply, _ = stream(judge)
    assert reply.message.content
    assert reply.usage.total_tokens > 0
    judge.assert_content()


def test_a_rate_limit_is_waited_for_as_asked(judge):
    judge.plan({"type": "fail", "status": 429, "retry_after": 0.5, "times": 2})
    assert complete(judge).message.content
    assert judge.assert_content()["attempts"] == 3


def test_an_overload_is_tried_again_with_growing_waits(judge):
    judge.plan({"type": "fail", "status": 503, "times": 3})
    assert complete(judge, retry=QUICK).message.content
    assert judge.assert_content()["attempts"] == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_lasting_error_is_not_tried_again(judge, status):
    judge.plan({"type": "fail", "status": status})
    with pytest.raises(errors.APIStatusError) as caught:
        complete(judge, retry=QUICK)
    assert caught.value.status_code == status
    assert judge.assert_content()["attempts"] == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("disconnect", errors.StreamCutError),
        ("truncate", errors.StreamCutError),
        ("malformed", errors.InvalidResponseError),
    ],
)
def test_a_broken_stream_is_never_a_reply(judge, kind, error):
    judge.plan({"type": "stream_fault", "kind": kind, "after_chunks": 2})
    reply, broken = stream(judge, tries=2)
    assert reply.message.content
    assert [type(one) for one in broken] == [error]
    judge.assert_content()


def test_a_stream_that_stalls_is_left(judge):
    judge.plan({"type": "stream_fault", "kind": "stall", "after_chunks": 2, "stall_seconds": 20})
    reply, broken = stream(judge, tries=2, timeout=Timeout(read=0.3))
    assert reply.message.content
    assert [type(one) for one in broken] == [errors.APITimeoutError]
    judge.assert_content()


def test_a_stream_that_breaks_before_its_first_chunk_is_tried_again(judge):
    judge.plan({"type": "stream_fault", "kind": "disconnect", "after_chunks": 0})
    reply, broken = stream(judge, retry=QUICK)
    assert reply.message.content
    assert broken == []
    judge.assert_content()
