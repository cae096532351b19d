"""Replies kept: by address, key and body, whole and streamed alike, and only those that ended as they should."""

import asyncio
import json

import pytest

from agentkit import Agent, ChatModel, tool
from agentkit.around import Cache, Concurrency, Fallback, MemoryStore, RateLimit, SqliteStore
from agentkit.errors import ConfigurationError, InternalServerError, InvalidRequestError, StreamCutError
from agentkit.http import Retry
from agentkit.testing import FakeEndpoint, Fault, ScriptedModel, call, calls
from agentkit.wire import merge

ONCE = Retry(attempts=1)


class Known(ScriptedModel):
    """A scripted model with a fingerprint."""

    async def fingerprint(self, request, /):
        return request.encode().decode()


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
    else:
        made = SqliteStore(tmp_path / "replies.db")
        yield made
        made.close()


async def streamed(model, request):
    return merge([chunk async for chunk in model.stream(request)])


def without_usage(completion):
    return {key: value for key, value in completion.to_dict().items() if key not in ("usage", "object")}


def test_the_same_request_is_sent_once(ask, store, heard):
    with FakeEndpoint(replies=["Hello."]) as endpoint:

        async def main():
            async with Cache(ChatModel("m", base_url=endpoint.base_url), store) as model:
                return await model.complete(ask()), await model.complete(ask())

        first, second = asyncio.run(main())
    endpoint.assert_complete()
    assert without_usage(first) == without_usage(second)
    assert [one.type for one in heard] == ["request_sent", "reply_cached"]
    assert (heard[1].model, len(heard[1].fingerprint)) == ("m", 64)


def test_a_kept_reply_costs_nothing_and_says_what_it_once_cost(ask):
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "cost": 0.5}
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    model = Cache(Known([{"choices": [choice], "usage": usage}]))

    async def main():
        await model.complete(ask())
        return await model.complete(ask()), await streamed(model, ask())

    for completion in asyncio.run(main()):
        free = completion.usage
        assert (free.prompt_tokens, free.completion_tokens, free.total_tokens, free.cost) == (0, 0, 0, 0)
        assert free.cached_usage == usage


def test_a_run_counts_nothing_for_kept_replies():
    @tool
    def add(a: int, b: int) -> int:
        return a + b

    replies = [calls(call("add", {"a": 1, "b": 2}), call("add", {"a": 3, "b": 4})), "3 and 7."]
    with FakeEndpoint(replies=replies) as endpoint:
        agent = Agent(Cache(ChatModel("m", base_url=endpoint.base_url)), tools=[add])

        async def main():
            first = await agent.run("1 + 2, 3 + 4?")
            async with agent.stream("1 + 2, 3 + 4?") as stream:
                types = [event.type async for event in stream]
            return first, stream.result, types

        first, second, types = asyncio.run(main())
    endpoint.assert_complete()
    assert (first.output, second.output) == ("3 and 7.", "3 and 7.")
    assert first.messages == second.messages, "the call ids are the same, or the second turn would not be found"
    assert first.usage.total_tokens > second.usage.total_tokens == 0
    assert second.cost == 0
    assert types.count("reply_cached") == 2


def test_streamed_and_whole_requests_share_what_is_kept(ask, store):
    async def main():
        model = Cache(Known(["one two", "three four"]), store)
        whole = await streamed(model, ask()), await model.complete(ask())
        stream = await model.complete(ask("other")), await streamed(model, ask("other"))
        return [one.message.content for one in (*whole, *stream)]

    assert asyncio.run(main()) == ["one two", "one two", "three four", "three four"]


def test_a_kept_reply_is_streamed_as_one_chunk_with_calls_and_reasoning(ask):
    message = {**call("f", {"a": 1}, id="c1"), "content": "x", "reasoning_content": "hm"}
    model = Cache(Known([message]))

    async def main():
        first = await model.complete(ask())
        chunks = [chunk async for chunk in model.stream(ask())]
        return first, chunks

    first, chunks = asyncio.run(main())
    assert len(chunks) == 1
    again = merge(chunks)
    assert again.message.to_history() == first.message.to_history()
    assert (again.message.reasoning, again.choices[0].finish_reason) == ("hm", "tool_calls")


def test_a_reply_to_another_request_address_key_or_model_is_another(ask):
    with FakeEndpoint(replies=["x"] * 5) as one, FakeEndpoint(replies=["x"]) as two:
        kept = MemoryStore()

        async def main():
            models = [
                ChatModel("m", base_url=one.base_url, api_key="sk-of-the-one"),
                ChatModel("m", base_url=one.base_url, api_key="sk-of-the-other"),
                ChatModel("n", base_url=one.base_url, api_key="sk-of-the-one"),
                ChatModel("m", base_url=two.base_url, api_key="sk-of-the-one"),
            ]
            for _ in range(2):
                for model in models:
                    await Cache(model, kept).complete(ask())
                await Cache(models[0], kept).complete(ask(temperature=0.5))
                await Cache(models[0], kept).complete(ask("other"))
            for model in models:
                await model.aclose()

        asyncio.run(main())
        one.assert_complete()
        two.assert_complete()
    assert len(kept) == 6
    assert "sk-of" not in repr(kept._kept)


def reply(finish_reason, **message):
    return {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}]}


@pytest.mark.parametrize(
    "bad",
    [
        reply("length", content="Half a"),
        reply("content_filter", content="Half a"),
        reply("model_length", content="Half a"),
        reply(None, content="Half a"),
        reply("stop", content=""),
        reply("stop", content=None),
        reply("stop", content=None, refusal="No."),
        reply("tool_calls", **call("f", '{"city": "Os', id="c1")),
    ],
)
@pytest.mark.parametrize("method", ["complete", "stream"])
def test_a_reply_that_did_not_end_as_it_should_is_not_kept(bad, method, ask):
    kept = MemoryStore()

    async def main():
        model = Cache(Known([bad, "Whole."]), kept)
        if method == "complete":
            await model.complete(ask())
        else:
            await streamed(model, ask())
        assert len(kept) == 0
        return (await model.complete(ask())).message.content

    assert asyncio.run(main()) == "Whole."


def test_one_bad_choice_among_several_keeps_none(ask):
    several = reply("stop", content="a")["choices"] + [{**reply("length", content="b")["choices"][0], "index": 1}]
    kept = MemoryStore()
    asyncio.run(Cache(Known([{"choices": several}]), kept).complete(ask()))
    assert len(kept) == 0


def test_an_error_is_not_kept(ask):
    async def main():
        model = Cache(Known([InternalServerError("down"), "Whole."]))
        with pytest.raises(InternalServerError):
            await model.complete(ask())
        return (await model.complete(ask())).message.content

    assert asyncio.run(main()) == "Whole."


def test_a_stream_that_was_left_or_cut_off_is_not_kept(ask):
    with FakeEndpoint(replies=["one two three"] * 2, faults=[Fault.truncate(3), None]) as endpoint:

        async def main():
            kept = MemoryStore()
            async with Cache(ChatModel("m", base_url=endpoint.base_url, retry=ONCE), kept) as model:
                with pytest.raises(StreamCutError):
                    await streamed(model, ask())
                left = model.stream(ask())
                await anext(left)
                await left.aclose()
                assert len(kept) == 0
                return (await streamed(model, ask())).message.content

        assert asyncio.run(main()) == "one two three"


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"choices": []}', b'{"version": 0}', b"\xff\x00"])
def test_what_cannot_be_read_is_a_miss_and_replaced(value, ask, store):
    model = Cache(Known(["Whole."]), store)

    async def main():
        key = await model.fingerprint(ask())
        await store.put(key, value)
        first = await model.complete(ask())
        assert json.loads(await store.get(key))["choices"]
        return first, await model.complete(ask())

    assert {one.message.content for one in asyncio.run(main())} == {"Whole."}


def test_a_store_that_fails_is_warned_of_and_the_request_is_sent(ask):
    class Broken(MemoryStore):
        async def get(self, key, /):
            raise OSError("the disk is gone")

        async def put(self, key, value, /):
            raise OSError("the disk is full")

    with pytest.warns(RuntimeWarning) as caught:
        said = asyncio.run(Cache(Known(["Whole."]), Broken()).complete(ask()))
    assert said.message.content == "Whole."
    assert [str(one.message) for one in caught] == [
        "A kept reply could not be read, so the request is sent: the disk is gone",
        "A reply could not be kept: the disk is full",
    ]


def test_a_request_that_breaks_the_contract_is_refused_before_anything_is_looked_up(ask):
    with pytest.raises(InvalidRequestError):
        asyncio.run(Cache(ChatModel("m", base_url="http://127.0.0.1:1/v1")).complete(ask(temperature=9)))


def test_it_goes_round_all_other_layers_and_they_round_it(ask):
    with FakeEndpoint(replies=["x"]) as endpoint:
        inner = ChatModel("m", base_url=endpoint.base_url)
        kept = MemoryStore()

        async def main():
            outside = Cache(RateLimit(Fallback([Concurrency(inner, 1)]), requests=1, max_wait=0), kept)
            inside = Fallback([Concurrency(RateLimit(outside, requests=5), 1)])
            both = Cache(inside, MemoryStore())
            said = [await model.complete(ask()) for model in (outside, outside, inside, both, both)]
            await both.aclose()
            return said

        said = asyncio.run(main())
    endpoint.assert_complete()
    assert [one.usage.total_tokens == 0 for one in said] == [False, True, True, True, True]
    assert said[-1].usage.cached_usage == said[1].usage.cached_usage


def test_closing_it_closes_the_store_also_where_the_model_fails():
    closed = []

    class Closing(MemoryStore):
        async def aclose(self):
            closed.append(True)

    class Failing(Known):
        async def aclose(self):
            raise OSError("broken")

    with pytest.raises(OSError):
        asyncio.run(Cache(Failing([]), Closing()).aclose())
    assert closed == [True]


@pytest.mark.parametrize(
    "wrap", [lambda model: model, lambda model: Concurrency(model, 1), lambda model: Fallback([model])]
)
def test_a_model_without_a_fingerprint_is_refused(wrap):
    model = wrap(ScriptedModel([]))
    with pytest.raises(ConfigurationError) as caught:
        Cache(model)
    assert str(caught.value) == (
        f"Cache needs a model that can name what a reply depends on, and {model!r} has no `fingerprint`. "
        "Use a ChatModel, or write `async def fingerprint(self, request) -> str`."
    )


@pytest.mark.parametrize("given", ["replies.db", MemoryStore])
def test_what_is_no_store_is_refused(given):
    with pytest.raises(ConfigurationError) as caught:
        Cache(Known([]), given)
    assert str(caught.value) == (
        f"Cache keeps replies in a store, and got {given!r}. Give MemoryStore() or SqliteStore('replies.db')."
    )
