"""What was recorded over real sockets is replayed with the endpoint shut, byte for byte and without a key."""

import asyncio
import json
import re
import threading

import httpx
import pytest

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, RateLimitError, RecordingError, StreamCutError
from agentkit.http import ChatModel, Retry, Timeout
from agentkit.http.transport import taps
from agentkit.testing.cassette import recording
from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.fault import Fault
from agentkit.testing.reply import call, calls
from agentkit.tools import tool
from agentkit.wire import ChatRequest, merge

KEY = "a-key-that-nobody-may-see"
AGAIN = "Record it with `pytest --agentkit-record=record`, or with AGENTKIT_RECORD=record in the environment."


@tool
async def look(city: str) -> str:
    """Say how the weather is."""
    return f"sunny in {city}"


def ask(text, **fields):
    return ChatRequest.parse({"messages": [{"role": "user", "content": text}], **fields})


async def told(model, request):
    """Give the text and the chunks of a stream."""
    chunks = [chunk async for chunk in model.stream(request)]
    return merge(chunks).message.content, [chunk.to_dict() for chunk in chunks]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cassettes" / "c.json"


@pytest.fixture(autouse=True)
def no_tap_is_left():
    yield
    assert taps == []


def model_of(endpoint, **options):
    return ChatModel("m", base_url=endpoint.base_url, retry=Retry(wait=0.001), **options)


def recorded(path, texts, **options):
    """Record a plain answer to each text; give the model, whose endpoint is shut by then."""
    with FakeEndpoint(**options) as endpoint, recording(path, "record"):
        model = model_of(endpoint)
        for text in texts:
            asyncio.run(model.complete(ask(text)))
    return model


def test_plain_and_streamed_replies_come_back_as_they_were(path):
    async def main():
        whole = await model.complete(ask("Hi", n=2))
        return whole.to_dict(), await told(model, ask("Größe 東京")), model.name

    with FakeEndpoint(quirks=["crlf", "comments", "split_utf8"]) as endpoint, recording(path, "record"):
        model = model_of(endpoint)
        live = asyncio.run(main())
    with recording(path, "replay") as cassette:
        assert asyncio.run(main()) == live
    cassette.assert_complete()
    assert len(cassette) == 2
    assert repr(cassette) == f"<Cassette {path}, mode replay, 2 recordings>"


def test_a_whole_agent_is_replayed_with_its_failed_attempt_its_key_gone_and_the_endpoint_shut(path):
    replies = [calls(call("look", {"city": "Zürich"}), call("look", {"city": KEY})), f"Sunny; the key is {KEY}."]
    with FakeEndpoint(
        replies=replies, faults=[Fault.rate_limit(0)], api_key=KEY, headers={"Set-Cookie": "id=7"}
    ) as endpoint:
        agent = Agent(model_of(endpoint, api_key=KEY), tools=[look])
        with recording(path, "record"):
            live = agent.run_sync(f"Weather? {KEY}")
        sent = len(endpoint.requests)
    assert sent == 3
    written = path.read_bytes()
    assert KEY.encode() not in written
    for absent in (b"Bearer", b"uthorization", b"ookie", b"id=7"):
        assert absent not in written
    with recording(path, "replay") as cassette:
        again = Agent(agent._fields["model"].replace(api_key=None), tools=[look]).run_sync(f"Weather? {KEY}")
    cassette.assert_complete()
    assert again.output == live.output.replace(KEY, "[secret]")
    assert [m.to_json().decode().replace(KEY, "[secret]") for m in live.messages] == [
        m.to_json().decode().replace(KEY, "[secret]") for m in again.messages
    ]
    assert again.usage == live.usage


def test_a_stream_of_an_agent_is_replayed_event_by_event(path):
    def watch():
        with agent.stream_sync("Weather in Oslo?") as stream:
            kinds = [(event.type, getattr(event, "text", None)) for event in stream]
        return kinds, stream.result.output

    with FakeEndpoint(replies=[call("look", {"city": "Oslo"}), "Sunny, all of it."], quirks=["no_index"]) as endpoint:
        agent = Agent(model_of(endpoint), tools=[look])
        with recording(path, "record"):
            live = watch()
    with recording(path, "replay"):
        again = watch()
    assert again[1] == live[1] == "Sunny, all of it."
    assert again[0] == live[0]


def test_threads_and_tasks_that_others_started_are_covered(path):
    started, go_on, seen = threading.Event(), threading.Event(), []

    def work():
        started.set()
        go_on.wait()
        seen.append(Agent(model).run_sync("Hi").output)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    model = recorded(path, ["Hi"])
    with recording(path, "replay"):
        go_on.set()
        thread.join()
    assert seen == ["You said: Hi"]


def test_parallel_requests_are_told_apart_by_what_they_ask(path):
    async def main(texts):
        async with recording(path, mode):
            return await asyncio.gather(*(model.complete(ask(text)) for text in texts))

    texts = [f"number {place}" for place in range(20)]
    mode = "record"
    with FakeEndpoint() as endpoint:
        model = model_of(endpoint)
        asyncio.run(main(texts))
    mode = "replay"
    replies = asyncio.run(main(texts[::-1]))
    assert [reply.message.content for reply in replies] == [f"You said: {text}" for text in texts[::-1]]


def test_the_same_request_is_answered_as_often_as_recorded_and_in_that_order(path):
    model = recorded(path, ["Hi", "Hi"], replies=["one", "two"])
    with recording(path, "replay"):
        said = [asyncio.run(model.complete(ask("Hi"))).message.content for _ in range(2)]
    assert said == ["one", "two"]
    with pytest.raises(RecordingError) as caught, recording(path, "replay"):
        for _ in range(3):
            asyncio.run(model.complete(ask("Hi")))
    assert str(caught.value) == (
        f"{path} has this request to {model.base_url}/chat/completions 2 times, and it was sent once more. Find out "
        f"why, or write recording(..., allow_repeats=True). {AGAIN}"
    )
    with recording(path, "replay", allow_repeats=True):
        said = [asyncio.run(model.complete(ask("Hi"))).message.content for _ in range(4)]
    assert said == ["one", "two", "two", "two"]


def test_a_request_that_was_not_recorded_is_shown_beside_the_nearest(path):
    model = recorded(path, ["Goodbye.", "What is the weather in Oslo?"])
    with pytest.raises(RecordingError) as caught, recording(path, "replay"):
        asyncio.run(model.complete(ask("What is the weather in Rome?", temperature=0)))
    assert str(caught.value) == (
        f"{path} has no recording of this request to {model.base_url}/chat/completions. The nearest of its 2 is number "
        "2; - was recorded, + was sent:\n"
        "@@ -3,8 +3,9 @@\n"
        '  "messages": [\n'
        "   {\n"
        '-   "content": "What is the weather in Oslo?",\n'
        '+   "content": "What is the weather in Rome?",\n'
        '    "role": "user"\n'
        "   }\n"
        "  ],\n"
        '- "model": "m"\n'
        '+ "model": "m",\n'
        '+ "temperature": 0\n'
        " }\n"
        f"Undo what changed the request, or take it over. {AGAIN}"
    )


def test_a_cassette_that_is_missing_or_empty_says_how_to_record_it(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = ChatModel("m", base_url="https://api.example/v1")
    with pytest.raises(RecordingError) as caught, recording(path, "replay"):
        asyncio.run(model.complete(ask("Hi")))
    url = "https://api.example/v1/chat/completions"
    assert str(caught.value) == f"The cassette cassettes/c.json is not there, so POST {url} has no answer. {AGAIN}"
    recorded(path, ["Hi"])
    recorded(path, [])
    with pytest.raises(RecordingError) as caught, recording(path, "replay"):
        asyncio.run(model.complete(ask("Hi")))
    assert str(caught.value) == f"The cassette cassettes/c.json is empty, so POST {url} has no answer. {AGAIN}"


def test_a_miss_that_the_code_under_test_swallowed_is_raised_at_the_end(path):
    model = recorded(path, ["Hi"])
    with pytest.raises(RecordingError, match="no recording of this request"), recording(path, "replay"):  # noqa: SIM117  # the inner one catches first
        with pytest.raises(RecordingError):
            asyncio.run(model.complete(ask("Bye")))
    with pytest.raises(KeyError), recording(path, "replay"):
        try:
            asyncio.run(model.complete(ask("Bye")))
        except RecordingError:
            raise KeyError from None


def test_recordings_that_nobody_asked_for_are_named_on_demand(path):
    model = recorded(path, ["one", "two", "three"])
    with recording(path, "replay") as cassette:
        asyncio.run(model.complete(ask("two")))
    with pytest.raises(RecordingError) as caught:
        cassette.assert_complete()
    assert str(caught.value) == (
        f"2 of the 3 recordings in {path} were not asked for: number 1, 3. Find out why less was asked. {AGAIN}"
    )


async def first_of(model):
    """Leave a stream after its first chunk."""
    chunks = model.stream(ask("one two three"))
    await anext(chunks)
    await chunks.aclose()


def test_a_stream_that_was_left_gives_what_came_and_then_says_so(path):
    with FakeEndpoint(chunk_delay=0.01) as endpoint, recording(path, "record"):
        model = model_of(endpoint)
        asyncio.run(first_of(model))
    with recording(path, "replay"):
        asyncio.run(first_of(model))
    with pytest.raises(RecordingError) as caught, recording(path, "replay") as cassette:
        asyncio.run(told(model, ask("one two three")))
    size = len(cassette._tracks[0].reply)
    assert size > 0
    assert str(caught.value) == (
        f"The recording of {model.base_url}/chat/completions ends here, after {size} bytes: its reader left the stream "
        f"then. {AGAIN}"
    )


def test_a_stream_that_broke_breaks_again_and_a_stall_times_out_again(path):
    faults = [Fault.disconnect(3), Fault.stall(after=3)]
    ways = []
    with FakeEndpoint(faults=faults) as endpoint:
        model = model_of(endpoint).replace(timeout=Timeout(read=0.2), retry=Retry(attempts=1))
        for mode in ("record", "replay"):
            with recording(path, mode):
                for _ in faults:
                    with pytest.raises(Exception) as caught:
                        asyncio.run(told(model, ask("one two three")))
                    partial = getattr(caught.value, "partial", None)
                    ways.append((type(caught.value), str(caught.value), partial and partial.message.content))
    assert ways[:2] == ways[2:]
    assert ways[0][0] is StreamCutError
    assert isinstance(caught.value, TimeoutError)


def test_errors_are_recorded_and_lost_connections_are_not(path):
    faults = [Fault.disconnect(), Fault.status(503), Fault.status(401)]
    with FakeEndpoint(faults=faults) as endpoint, recording(path, "record") as cassette:
        model = model_of(endpoint)
        with pytest.raises(Exception, match="401"):
            asyncio.run(model.complete(ask("Hi")))
    assert [track.status for track in cassette._tracks if track.status] == [503, 401]
    with recording(path, "replay") as cassette, pytest.raises(Exception, match="401"):
        asyncio.run(model.complete(ask("Hi")))
    cassette.assert_complete()


def test_what_an_error_says_of_limits_survives(path):
    with FakeEndpoint(faults=[Fault.rate_limit(7)]) as endpoint:
        model = model_of(endpoint).replace(retry=Retry(attempts=1))
        for mode in ("record", "replay"):
            with recording(path, mode), pytest.raises(RateLimitError) as caught:
                asyncio.run(model.complete(ask("Hi")))
            assert (caught.value.retry_after, caught.value.request_id) == (7.0, "req_1")


def test_the_mode_comes_from_the_environment_and_is_else_a_replay(path, monkeypatch):
    monkeypatch.delenv("AGENTKIT_RECORD", raising=False)
    assert recording(path).mode == "replay"
    monkeypatch.setenv("AGENTKIT_RECORD", "Record")
    assert recording(path).mode == "record"
    monkeypatch.setenv("AGENTKIT_RECORD", "all")
    with pytest.raises(ConfigurationError) as caught:
        recording(path)
    assert str(caught.value) == ("The mode 'all' is unknown. Write replay, record or off (also in AGENTKIT_RECORD).")


def test_off_stands_in_nobodys_way_and_writes_nothing(path):
    with FakeEndpoint() as endpoint, recording(path, "off") as cassette:
        assert Agent(model_of(endpoint)).run_sync("Hi").output == "You said: Hi"
    cassette.assert_complete()
    assert not path.exists()


def test_recordings_can_stand_inside_each_other(path):
    outer = path.with_name("outer.json")
    model = recorded(path, ["inner"])
    with FakeEndpoint() as endpoint:
        live = model_of(endpoint)
        with recording(outer, "record") as kept:
            with recording(path, "replay"):
                asyncio.run(model.complete(ask("inner")))
            asyncio.run(live.complete(ask("outer")))
    assert len(kept) == 1


def test_a_client_given_by_the_user_is_recorded_too(path):
    import httpx

    async def main(base_url):
        async with httpx.AsyncClient(verify=False) as client:
            return (await ChatModel("m", base_url=base_url, http_client=client).complete(ask("Hi"))).message.content

    with FakeEndpoint() as endpoint, recording(path, "record"):
        assert asyncio.run(main(endpoint.base_url)) == "You said: Hi"
    with recording(path, "replay"):
        assert asyncio.run(main(endpoint.base_url)) == "You said: Hi"


def test_a_key_that_only_the_users_client_knows_is_hidden_too(path):
    async def main():
        async with httpx.AsyncClient(auth=("me", "password-of-mine"), headers={"X-Api-Key": "clients-own"}) as client:
            model = ChatModel("m", base_url=endpoint.base_url, http_client=client)
            with recording(path, "record"):
                await model.complete(ask("Hi"))

    def told(request):
        return f"{endpoint.requests[-1].headers['x-api-key']} {endpoint.requests[-1].headers['authorization']}"

    with FakeEndpoint(replies=[told]) as endpoint:
        asyncio.run(main())
    assert '"content\\": \\"[secret] [secret]\\"' in path.read_text()


def test_a_stream_that_spells_the_key_over_several_events_replays_without_it(path):
    with FakeEndpoint(replies=[f"the key is {KEY}, once more", "Fine."]) as endpoint:
        agent = Agent(model_of(endpoint, api_key=KEY))
        with recording(path, "record"):
            with agent.stream_sync("Hi") as stream:
                assert KEY in "".join(stream.text())
            agent.run_sync("Good?", history=stream.result.messages)
    assert KEY not in json.dumps("".join(re.findall(r'content[\\": ]+([^"\\]*)', path.read_text())))
    with recording(path) as cassette:
        with agent.stream_sync("Hi") as stream:
            assert "".join(stream.text()) == "the key is [secret], once more"
        assert agent.run_sync("Good?", history=stream.result.messages).output == "Fine."
    cassette.assert_complete()


def test_a_recording_that_fails_before_its_first_answer_wipes_nothing(path):
    recorded(path, ["one"])
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), recording(path, "record"):
        raise ZeroDivisionError
    assert path.read_bytes() == before
