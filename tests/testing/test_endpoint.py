"""The endpoint's life, routes and records, over real sockets."""

import asyncio
import contextlib
import gc
import json
import socket
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from agentkit.errors import ScriptError
from agentkit.testing.endpoint import FakeEndpoint, main
from agentkit.testing.fault import Fault
from agentkit.testing.quirk import QUIRKS, Quirk
from agentkit.testing.reply import call, calls

TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
    },
}


def ask(endpoint, client=None, **fields):
    body = {"model": "any", "messages": [{"role": "user", "content": "Hello there"}], **fields}
    if client:
        return client.post(f"{endpoint.base_url}/chat/completions", json=body)
    return httpx.post(f"{endpoint.base_url}/chat/completions", json=body, verify=False)


def chunks_of(answer):
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def text_of(chunks):
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


def test_a_text_of_the_script_comes_as_a_whole_completion():
    with FakeEndpoint(replies=["Good day."]) as endpoint:
        answer = ask(endpoint)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == "req_1"
    body = answer.json()
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Good day.", "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["model"] == "any"
    assert body["usage"]["completion_tokens"] == 3
    assert body["usage"]["prompt_tokens"] == len(endpoint.requests[0].raw) // 4
    endpoint.assert_complete()


def test_a_stream_adds_up_to_the_text_and_ends_with_usage_and_done():
    with FakeEndpoint(replies=["Good day, all."]) as endpoint:
        answer = ask(endpoint, stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    chunks = chunks_of(answer)
    assert text_of(chunks) == "Good day, all."
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 5
    assert chunks[-2]["choices"][0] == {"index": 0, "logprobs": None, "delta": {}, "finish_reason": "stop"}


def test_a_streamed_text_is_cut_into_as_many_chunks_as_wanted():
    with FakeEndpoint(replies=["x" * 10_000], chunks=5000) as endpoint:
        chunks = chunks_of(ask(endpoint, stream=True))
    assert len(chunks) == 5002
    assert text_of(chunks) == "x" * 10_000


def test_scripted_calls_get_ids_that_no_other_call_has():
    script = [calls(call("add", {"a": 1}), call("add", {"a": 2})), call("add", id="mine")]
    with FakeEndpoint(replies=script) as endpoint:
        first, second = (ask(endpoint, tools=[TOOL]).json()["choices"][0] for _ in script)
    assert [one["id"] for one in first["message"]["tool_calls"]] == ["call_1_0_0", "call_1_0_1"]
    assert first["finish_reason"] == "tool_calls"
    assert second["message"]["tool_calls"] == [
        {"id": "mine", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    ]


def test_replies_may_be_messages_whole_bodies_bytes_and_functions_of_the_request():
    script = [
        {"content": None, "refusal": "No.", "finish_reason": "stop"},
        {"choices": [{"message": {"content": "bare"}}]},
        b'{"raw": 1}',
        lambda request: request["messages"][-1]["content"].upper(),
        lambda request: Fault.status(503),
    ]
    with FakeEndpoint(replies=script) as endpoint:
        answers = [ask(endpoint) for _ in script]
    assert answers[0].json()["choices"][0]["message"]["refusal"] == "No."
    assert answers[1].json() == {"choices": [{"message": {"content": "bare"}}]}
    assert answers[2].json() == {"raw": 1}
    assert answers[3].json()["choices"][0]["message"]["content"] == "HELLO THERE"
    assert answers[4].status_code == 503


def test_bytes_answer_a_stream_as_they_are():
    with FakeEndpoint(replies=[b"data: x\n\n"]) as endpoint:
        answer = ask(endpoint, stream=True)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.content == b"data: x\n\n"


def test_n_choices_are_all_told_and_take_turns_in_a_stream():
    with FakeEndpoint(replies=["one two"] * 2) as endpoint:
        plain = ask(endpoint, n=2).json()
        streamed = chunks_of(ask(endpoint, n=2, stream=True))
    assert [choice["index"] for choice in plain["choices"]] == [0, 1]
    assert [chunk["choices"][0]["index"] for chunk in streamed] == [0, 1] * 4


def test_a_used_up_script_answers_500_and_is_not_complete():
    with FakeEndpoint(replies=["only"]) as endpoint:
        ask(endpoint)
        answer = ask(endpoint)
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "message": "FakeEndpoint: the script is used up; request 2 came after its last reply.",
        "type": "server_error",
        "param": None,
        "code": "script_used_up",
    }
    with pytest.raises(ScriptError) as caught:
        endpoint.assert_complete()
    assert str(caught.value) == (
        "FakeEndpoint: 1 of 2 requests came after the last reply of the script. "
        "Add replies, or find out why more was asked."
    )


def test_a_function_that_raises_is_answered_with_500_and_told_at_the_end():
    def reply(request):
        raise KeyError("missing")

    with FakeEndpoint(replies=[reply]) as endpoint:
        answer = ask(endpoint)
    text = "FakeEndpoint: the reply function failed with KeyError('missing')."
    assert (answer.status_code, answer.json()["error"]["message"]) == (500, text)
    with pytest.raises(ScriptError) as caught:
        endpoint.assert_complete()
    assert str(caught.value) == text


def test_requests_are_recorded_as_they_came():
    with FakeEndpoint(api_key="k") as endpoint:
        headers = {"Authorization": "Bearer k", "X-Own": "yes"}
        body = b'{"model": "m", "messages": [{"role": "user", "content": "a"}]}'
        httpx.post(f"{endpoint.base_url}/chat/completions?api-version=1", content=body, headers=headers)
    (seen,) = endpoint.requests
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.headers["x-own"] == "yes"
    assert seen.raw == body
    assert seen.body["model"] == "m"
    assert seen.keep_alive
    assert endpoint.refusals == []


def test_requests_are_not_kept_where_they_would_only_pile_up():
    with FakeEndpoint(record=False) as endpoint:
        ask(endpoint)
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "message", "code"),
    [
        ("POST", "/chat/completions", "k", 404, "Invalid URL (POST /chat/completions)", None),
        (
            "GET",
            "/v1/chat/completions",
            "k",
            405,
            "Not allowed to GET on /v1/chat/completions.",
            "method_not_supported",
        ),
        ("POST", "/v1/chat/completions", "wrong", 401, "Incorrect API key provided.", "invalid_api_key"),
        (
            "POST",
            "/v1/chat/completions",
            None,
            401,
            "You didn't provide an API key. Use Authorization: Bearer YOUR_KEY.",
            None,
        ),
        (
            "POST",
            "/v1/chat/completions",
            "k",
            400,
            "We could not parse the JSON body of your request. The API expects a JSON payload.",
            None,
        ),
    ],
)
def test_paths_methods_keys_and_broken_json_are_refused_as_openai_does(*, method, path, key, status, message, code):
    with FakeEndpoint(api_key="k") as endpoint:
        url = endpoint.base_url.removesuffix("/v1") + path
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = httpx.request(method, url, content=b"{no json", headers=headers)
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert endpoint.refusals == [message]


def test_one_connection_takes_many_requests_and_is_counted_once():
    with FakeEndpoint() as endpoint, httpx.Client() as client:
        for stream in (False, True, False):
            ask(endpoint, client, stream=stream)
        assert (endpoint.connections, endpoint.open_connections) == (1, 1)
    assert endpoint.open_connections == 0


def test_five_hundred_connections_are_served_at_once():
    async def one(client, endpoint):
        body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}]}
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
            raw = json.dumps(body).encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(raw), raw))
            status = await reader.readline()
            client.append(writer)
            return status

    async def run():
        async with FakeEndpoint(latency=0.01) as endpoint:
            writers = []
            answers = await asyncio.gather(*(one(writers, endpoint) for _ in range(500)))
            assert endpoint.open_connections == 500
            for writer in writers:
                writer.close()
        return answers

    assert asyncio.run(run()) == [b"HTTP/1.1 200 OK\r\n"] * 500


def test_leaving_the_block_ends_threads_tasks_and_connections():
    before = threading.active_count()
    with FakeEndpoint(faults=["stall"]) as endpoint, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, endpoint)
        while not endpoint.requests:
            pass
        endpoint.__exit__()
        assert isinstance(waiting.exception(), httpx.RemoteProtocolError)
        endpoint.__enter__()  # and it may be opened again
        assert ask(endpoint).status_code == 200
    assert threading.active_count() <= before  # others may end meanwhile
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", endpoint.port))


def test_the_async_face_leaves_no_task_on_the_loop():
    async def run():
        async with FakeEndpoint(faults=["stall"]) as endpoint:
            _, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
            while not endpoint.open_connections:  # noqa: ASYNC110  # it counts; nothing tells
                await asyncio.sleep(0)
            writer.close()
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1


def test_closing_does_not_wait_for_a_client_that_never_reads():
    body = b'{"model": "any", "messages": [{"role": "user", "content": "Hi"}]}'
    with FakeEndpoint(faults=["huge"]) as endpoint:
        client = socket.create_connection(("127.0.0.1", endpoint.port))
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        while not endpoint.requests:
            pass
    client.close()
    assert endpoint.open_connections == 0


@contextlib.contextmanager
def left_unsent(endpoint):
    """A client of an endpoint that has closed its connection with a part of the answer left to be sent."""
    body = b'{"model": "any", "messages": [{"role": "user", "content": "Hi"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    endpoint._server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", endpoint.port))
        client.sendall(head + body)
        client.recv(1)  # the answer is on its way, which is closed behind it
        yield client


LITTLE = b"x" * 60_000
"""Little enough to be left in a transport, and more than the sockets of `left_unsent` take."""


def test_a_client_that_reads_slowly_ends_a_connection_without_an_error(caplog):
    """asyncio's transports fail where they are ended once more after the last that was left to send."""
    with FakeEndpoint(replies=[LITTLE]) as endpoint, left_unsent(endpoint) as client:
        assert sum(map(len, iter(lambda: client.recv(1_000), b""))) > len(LITTLE)
    assert not caplog.records


def test_closing_drops_what_a_client_has_not_read():
    gc.collect()
    with warnings.catch_warnings(record=True) as warned, contextlib.ExitStack() as later:
        warnings.simplefilter("always")
        with FakeEndpoint(replies=[LITTLE]) as endpoint:
            client = later.enter_context(left_unsent(endpoint))
        gc.collect()
        assert sum(map(len, iter(lambda: client.recv(100_000), b""))) < len(LITTLE)
    assert not warned


def test_a_port_that_is_taken_is_told_by_with():
    with FakeEndpoint() as endpoint, pytest.raises(OSError), FakeEndpoint(port=endpoint.port):
        pass


def test_a_delay_sends_the_pieces_of_a_stream_one_by_one():
    with FakeEndpoint(replies=["a b"], chunk_delay=0.001, headers={"X-More": "1"}) as endpoint:
        answer = ask(endpoint, stream=True)
    assert answer.headers["x-more"] == "1"
    assert text_of(chunks_of(answer)) == "a b"


def test_a_client_that_leaves_in_the_middle_of_a_slow_stream_ends_it():
    async def run():
        async with FakeEndpoint(replies=["word " * 1000], chunk_delay=0.001) as endpoint:
            async with httpx.AsyncClient() as client:
                body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
                async with client.stream("POST", f"{endpoint.base_url}/chat/completions", json=body) as answer:
                    async for _ in answer.aiter_bytes():
                        break
            async with asyncio.timeout(10):
                while endpoint.open_connections:  # noqa: ASYNC110  # it counts; nothing tells
                    await asyncio.sleep(0)

    asyncio.run(run())


def test_a_quirk_of_your_own_is_played_beside_those_known_by_name():
    def shout(completion):
        completion["choices"][0]["message"]["content"] += "!"

    with FakeEndpoint(replies=["Hi"], quirks=[Quirk(name="shout", message=shout), "reasoning"]) as endpoint:
        message = ask(endpoint).json()["choices"][0]["message"]
    assert (message["content"], message["reasoning"]) == ("Hi!", "The user wants an answer.")


def test_what_is_not_http_is_answered_with_400():
    with FakeEndpoint() as endpoint, socket.create_connection(("127.0.0.1", endpoint.port)) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_the_command_line_names_the_faults_it_knows():
    command = [sys.executable, "-m", "agentkit.testing", "--fault", "no_such"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no fault 'no_such'; the faults are disconnect, empty," in done.stderr


def test_what_the_command_line_does_not_know_is_told_on_one_line(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for options, text in (
            (["--quirk", "no_indx"], "argument --quirk: FakeEndpoint: there is no quirk 'no_indx'. Did you mean"),
            (["--fault", "stal"], "argument --fault: FakeEndpoint: there is no fault 'stal'. Did you mean"),
            (["--port", "99999"], "argument --port: 99999 cannot be served: bind(): port must be 0-65535."),
            (["--port", str(port)], f"argument --port: {port} cannot be served: [Errno"),
        ):
            with pytest.raises(SystemExit) as left:
                main(options)
            assert left.value.code == 2
            assert f"python -m agentkit.testing.endpoint: error: {text}" in capsys.readouterr().err


def test_the_help_has_a_line_for_each_quirk(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert all(f"  {name:30} {quirk.summary}" in lines for name, quirk in QUIRKS.items())


@pytest.mark.parametrize("module", ["agentkit.testing.endpoint", "agentkit.testing"])
def test_a_process_of_its_own_prints_its_base_url_and_serves(module):
    command = [sys.executable, "-W", "error", "-m", module]
    command += ["--port", "0", "--quirk", "reasoning", "--fault", "status:code=503,times=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip() + "/chat/completions"
            body = {"model": "any", "messages": [{"role": "user", "content": "Hi"}]}
            answers = [httpx.post(url, json=body) for _ in range(3)]
        finally:
            process.terminate()
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[2].json()["choices"][0]["message"]["reasoning"] == "The user wants an answer."


@pytest.mark.parametrize("steps", range(6))
def test_connections_that_come_as_it_closes_are_ended_with_it(steps, caplog):
    async def meet():
        async with FakeEndpoint() as endpoint:
            clients = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(3)]
            for _ in range(steps):
                await asyncio.sleep(0)
        return clients

    for client in asyncio.run(meet()):
        client.close()
    gc.collect()  # what was left open would warn here
    assert caplog.records == []
