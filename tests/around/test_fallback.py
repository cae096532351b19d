"""Several models for one: by error, by reply, before a stream's first chunk, and what is left when all fail."""

import asyncio

import pytest

from agentkit import Agent, ChatModel
from agentkit.around import Cache, Fallback, is_worth_another
from agentkit.errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ContentFilterError,
    ContextOverflowError,
    InternalServerError,
    InvalidRequestError,
    LocalModelError,
    NotFoundError,
    RateLimitError,
    ReplyRefusedError,
    ScriptError,
    StreamCutError,
    ToolUseFailedError,
    UnsupportedRequestError,
)
from agentkit.http import Profile, Retry
from agentkit.secret import remember_secret
from agentkit.testing import FakeEndpoint, Fault, ScriptedModel
from agentkit.wire import ChatCompletionChunk, ChatRequest, merge

ONCE = Retry(attempts=1)


def scripted(*replies, name="m"):
    return ScriptedModel(replies, name=name)


def fails(error, name="a"):
    return scripted(error, name=name)


def text_of(model, request):
    return asyncio.run(model.complete(request)).message.content


async def streamed(model, request):
    return merge([chunk async for chunk in model.stream(request)])


def is_cut(completion):
    return "it was cut" if completion.choices[0].finish_reason == "length" else None


def test_the_first_model_answers_where_it_can(ask, heard):
    other = scripted("b")
    assert text_of(Fallback([scripted("a"), other]), ask()) == "a"
    assert (other.requests, heard) == ([], [])


@pytest.mark.parametrize(
    "error",
    [
        *(APIConnectionError("x"), APITimeoutError("x"), InternalServerError("x"), RateLimitError("x")),
        *(AuthenticationError("x"), NotFoundError("x"), BadRequestError("x"), ContextOverflowError("x")),
        *(StreamCutError("x"), LocalModelError("x"), UnsupportedRequestError("x")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_another_model_may_do_is_asked_of_it(error, ask):
    assert is_worth_another(error)
    assert text_of(Fallback([fails(error), scripted("b")]), ask()) == "b"


@pytest.mark.parametrize(
    "error",
    [ContentFilterError("x"), ToolUseFailedError("x"), InvalidRequestError("x"), ScriptError("x"), OSError("x")],
    ids=lambda error: type(error).__name__,
)
def test_what_another_model_would_not_do_or_should_not_is_raised(error, ask):
    other = scripted("b")
    with pytest.raises(type(error)) as caught:
        text_of(Fallback([fails(error), other]), ask())
    assert caught.value is error
    assert other.requests == []


@pytest.mark.parametrize(
    "on", [ValueError, (KeyError, ValueError), lambda error: isinstance(error, ValueError)], ids=["one", "some", "told"]
)
def test_the_errors_that_count_can_be_named(on, ask):
    assert text_of(Fallback([fails(ValueError("x")), scripted("b")], on=on), ask()) == "b"
    with pytest.raises(RateLimitError):
        text_of(Fallback([fails(RateLimitError("x")), scripted("b")], on=on), ask())


def test_a_fall_is_reported_without_keys(ask, heard):
    remember_secret("sk-very-secret")
    text_of(Fallback([fails(RateLimitError("no, sk-very-secret")), scripted("b", name="b")]), ask())
    (fell,) = heard
    assert (fell.type, fell.model, fell.next_model) == ("model_fell_back", "a", "b")
    assert fell.error == "RateLimitError: no, [secret]"


def test_where_all_fail_the_last_error_knows_the_others(ask):
    first, second, last = RateLimitError("too many"), APIConnectionError("gone"), NotFoundError("no such model")
    model = Fallback([fails(first), fails(second, "b"), fails(last, "c")])
    with pytest.raises(NotFoundError) as caught:
        text_of(model, ask())
    assert caught.value is last
    assert caught.value.__cause__.exceptions == (first, second)
    assert caught.value.__notes__ == [
        "Fallback: before this, a failed: RateLimitError: too many",
        "Fallback: before this, b failed: APIConnectionError: gone",
    ]


def test_an_error_that_ends_it_keeps_its_own_cause(ask):
    cause, last = KeyError("x"), InternalServerError("down")
    last.__cause__ = cause
    with pytest.raises(InternalServerError) as caught:
        text_of(Fallback([fails(RateLimitError("too many")), fails(last, "b")]), ask())
    assert caught.value.__cause__ is cause
    assert caught.value.__notes__ == ["Fallback: before this, a failed: RateLimitError: too many"]


def test_the_same_error_of_two_models_is_not_its_own_cause(ask):
    error = RateLimitError("x")
    with pytest.raises(RateLimitError) as caught:
        text_of(Fallback([fails(error), fails(error)]), ask())
    assert caught.value.__cause__ is None


def test_a_reply_that_does_not_do_is_refused_and_the_next_model_asked(ask, heard):
    cut = {"content": "Half a", "finish_reason": "length"}
    model = Fallback([scripted(cut, name="a"), scripted("A whole reply.", name="b")], refuse=is_cut)
    completion = asyncio.run(model.complete(ask()))
    assert completion.message.content == "A whole reply."
    assert heard[0].error == "ReplyRefusedError: The reply of a was refused: it was cut"


def test_the_usage_of_a_refused_reply_is_part_of_that_of_the_one_given(ask):
    def reply(finish, tokens, **more):
        choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": finish}
        usage = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1, **more}
        return {"choices": [choice], "usage": usage}

    def models():
        cut, whole = reply("length", 10, cost=0.5), reply("stop", 20, cost=0.25)
        return Fallback([scripted(cut), scripted(whole)], refuse=is_cut)

    whole, stream = asyncio.run(models().complete(ask())), asyncio.run(streamed(models(), ask()))
    for usage in (whole.usage, stream.usage):
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, usage.cost) == (30, 2, 32, 0.75)


def test_where_the_last_reply_is_refused_too_it_is_on_the_error(ask):
    cut = {"content": "Half a", "finish_reason": "length"}
    with pytest.raises(ReplyRefusedError) as caught:
        text_of(Fallback([fails(RateLimitError("no")), scripted(cut, name="b")], refuse=is_cut), ask())
    assert str(caught.value) == "The reply of b was refused: it was cut"
    assert caught.value.reply.message.content == "Half a"
    assert caught.value.__notes__ == ["Fallback: before this, a failed: RateLimitError: no"]


def test_a_stream_falls_back_before_its_first_chunk(ask, heard):
    completion = asyncio.run(streamed(Fallback([fails(RateLimitError("x")), scripted("b c")]), ask()))
    assert completion.message.content == "b c"
    assert [one.type for one in heard] == ["model_fell_back"]


def test_a_stream_that_breaks_after_its_first_chunk_is_an_error():
    with (
        FakeEndpoint(replies=["one two three"], faults=[Fault.truncate(2)]) as first,
        FakeEndpoint(replies=[]) as second,
    ):

        async def main():
            models = [ChatModel("m", base_url=endpoint.base_url, retry=ONCE) for endpoint in (first, second)]
            async with Fallback(models) as model:
                agent = Agent(model)
                with pytest.raises(StreamCutError) as caught:
                    async with agent.stream("x") as stream:
                        _ = [event async for event in stream]
                return caught.value

        assert asyncio.run(main()).partial is not None
    assert second.requests == []


def test_a_stream_that_is_to_be_judged_is_held_until_it_is_whole(ask):
    cut = {"content": "Half a", "finish_reason": "length"}
    model = Fallback([scripted(cut), scripted("A whole reply.")], refuse=is_cut)
    assert asyncio.run(streamed(model, ask())).message.content == "A whole reply."


def test_a_stream_of_nothing_is_given_as_it_is(ask):
    class Empty(ScriptedModel):
        async def stream(self, request, /):
            for chunk in ():
                yield chunk

    async def main():
        return [chunk async for chunk in Fallback([Empty([])]).stream(ask())]

    assert asyncio.run(main()) == []


def test_a_request_that_names_a_model_names_the_first_one_s(ask):
    first, second = fails(RateLimitError("x")), scripted("b")
    text_of(Fallback([first, second]), ask(model="gpt-4o"))
    assert (first.requests[0].model, second.requests[0].model) == ("gpt-4o", None)


def test_the_models_retries_come_before_the_next_model():
    with FakeEndpoint(faults=[Fault.status(503, times=2)], replies=[]) as first, FakeEndpoint(replies=["b"]) as second:

        async def main():
            models = [
                ChatModel("m", base_url=first.base_url, retry=Retry(attempts=2, wait=0)),
                ChatModel("m", base_url=second.base_url),
            ]
            async with Fallback(models) as model:
                return (await Agent(model).run("x")).output

        assert asyncio.run(main()) == "b"
    assert (len(first.requests), len(second.requests)) == (2, 1)


def test_an_agent_streams_from_the_next_model_and_says_so():
    with FakeEndpoint(faults=[Fault.status(500)]) as first, FakeEndpoint(replies=["Hello there."]) as second:

        async def main():
            models = [ChatModel("m", base_url=endpoint.base_url, retry=ONCE) for endpoint in (first, second)]
            async with Fallback(models) as model, Agent(model).stream("x") as stream:
                return [event.type async for event in stream], stream.result.output

        types, output = asyncio.run(main())
    assert types.count("model_fell_back") == 1
    assert output == "Hello there."


@pytest.mark.parametrize(
    ("modes", "common"),
    [
        (("native", "native"), "native"),
        (("json", "json"), "json"),
        (("native", "tool"), "tool"),
        (("tool", "json"), "prompted"),
        (("native", "prompted"), "prompted"),
        ((None, "native"), "native"),
        ((None, "tool"), "tool"),
    ],
)
def test_an_output_is_asked_for_in_the_mode_that_all_models_take(modes, common):
    models = [
        scripted() if mode is None else ChatModel("m", profile=Profile(output_mode=mode, source=mode)) for mode in modes
    ]
    profile = Fallback(models).profile
    assert profile.output_mode == common
    assert profile.source == next(mode for mode in modes if mode)


class Pieces(ScriptedModel):
    """A model whose stream is what it is given, errors too."""

    def __init__(self, *pieces):
        super().__init__([], name="pieces")
        self._pieces = pieces

    async def stream(self, request, /):
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield ChatCompletionChunk.parse({"choices": piece})


def delta(**fields):
    return [{"index": 0, "delta": fields, "finish_reason": None}]


@pytest.mark.parametrize(
    "begun", [[], delta(role="assistant"), delta(role="assistant", content="")], ids=["filters", "role", "empty"]
)
def test_a_stream_that_breaks_off_before_it_said_something_falls_back(begun, ask):
    model = Fallback([Pieces(begun, StreamCutError("cut off")), scripted("Hello.")])
    assert asyncio.run(streamed(model, ask())).message.content == "Hello."
    silent = Fallback([Pieces(delta(role="assistant")), scripted("Hello.")])
    assert asyncio.run(streamed(silent, ask())).message.content is None


@pytest.mark.parametrize("said", [delta(content="Hi"), delta(reasoning="Hm"), delta(refusal="No")])
def test_a_stream_that_breaks_off_after_it_said_something_is_an_error(said, ask):
    model = Fallback([Pieces(delta(role="assistant"), said, StreamCutError("cut off")), scripted("Hello.")])
    with pytest.raises(StreamCutError):
        asyncio.run(streamed(model, ask()))


def test_a_choice_is_forced_only_where_all_models_take_that():
    free = Profile(tool_choices=("none", "auto"))
    assert Fallback([ChatModel("m"), ChatModel("m", profile=free)]).profile.tool_choices == ("none", "auto")
    texts = Profile(response_formats=("text", "json_object"))
    assert Fallback([ChatModel("m"), ChatModel("m", profile=texts)]).profile.response_formats == ("text", "json_object")
    assert Fallback([ChatModel("m"), scripted()]).profile == ChatModel("m").profile


def test_tools_and_formats_beside_them_are_common_only_where_all_models_take_them():
    both, none = Profile(formats_with_tools=True), Profile(tools=False)
    for profiles, tools, together in [
        ([both, both], True, True),
        ([both, Profile()], True, False),
        ([both, both.replace(tools=False)], False, True),
        ([Profile(), none], False, False),
    ]:
        profile = Fallback([ChatModel("m", profile=one) for one in profiles]).profile
        assert (profile.tools, profile.formats_with_tools) == (tools, together)
    assert Fallback([scripted(), ChatModel("m", profile=both)]).profile.formats_with_tools
    words = [Profile(unsupported_keywords=("title",)), Profile(unsupported_keywords=("format",))]
    assert Fallback([ChatModel("m", profile=one) for one in words]).profile.unsupported_keywords == ("title",)


def test_an_agent_asks_for_a_typed_output_in_a_way_that_both_models_take():
    with FakeEndpoint(faults=[Fault.status(500)]) as first, FakeEndpoint(replies=['{"response": 3}']) as second:

        async def main():
            models = [
                ChatModel("m", base_url=first.base_url, retry=ONCE, profile=Profile(output_mode="native")),
                ChatModel("m", base_url=second.base_url, profile=Profile(output_mode="prompted")),
            ]
            async with Fallback(models) as model:
                return (await Agent(model, output=int).run("x")).output

        assert asyncio.run(main()) == 3
    assert "response_format" not in second.requests[0].body


@pytest.mark.parametrize("around", [Fallback, lambda models: Cache(Fallback(models))])
def test_what_a_model_learned_that_its_endpoint_does_not_take_is_asked_of_the_next(around):
    def look():
        """Look."""

    refusal = Fault.status(400, body={"error": {"message": "m does not support tools"}})
    with FakeEndpoint(replies=lambda _: refusal) as first, FakeEndpoint(replies=lambda _: "b") as second:

        async def main():
            async with around([ChatModel("m", base_url=one.base_url) for one in (first, second)]) as model:
                agent = Agent(model, tools=[look])
                return [(await agent.run(text)).output for text in ("x", "y", "z")]

        assert asyncio.run(main()) == ["b", "b", "b"]
    assert (len(first.requests), len(second.requests)) == (1, 3)


def test_a_request_that_no_model_takes_has_no_fingerprint(ask):
    model = Fallback([ChatModel("m", profile=Profile(tools=False))])
    tools = [{"type": "function", "function": {"name": "f"}}]
    request = ChatRequest.parse({"messages": [{"role": "user", "content": "x"}], "tools": tools})
    with pytest.raises(UnsupportedRequestError):
        asyncio.run(model.fingerprint(request))
    assert asyncio.run(model.fingerprint(ask()))


def test_the_common_profile_is_made_anew_only_where_one_of_them_changed():
    first = scripted()
    first.profile = Profile()
    model = Fallback([first, ChatModel("m")])
    before = model.profile
    assert model.profile is before
    first.profile = Profile(tools=False)
    assert not model.profile.tools


def test_models_without_profile_or_fingerprint_give_none():
    model = Fallback([scripted(), ChatModel("m")])
    assert getattr(model, "fingerprint", None) is None
    with pytest.raises(AttributeError) as caught:
        _ = Fallback([scripted()]).profile
    assert str(caught.value) == "None of these models has a profile."


def test_the_fingerprint_is_that_of_all_models_and_of_the_test(ask):
    a, b = (ChatModel("m", base_url=f"http://127.0.0.1:{port}/v1") for port in (1, 2))
    models = [Fallback([a, b]), Fallback([b, a]), Fallback([a]), Fallback([a, b], refuse=is_cut)]

    async def main():
        return [await model.fingerprint(request) for model in models for request in (ask(), ask(), ask("other"))]

    found = asyncio.run(main())
    assert found[0::3] == found[1::3]
    assert len(set(found)) == 8


def test_it_is_named_after_its_models_and_gives_them():
    models = scripted(name="a"), scripted(name="b")
    fallback = Fallback(iter(models))
    assert (fallback.name, fallback.models) == ("fallback(a, b)", models)


def test_closing_it_closes_each_model_once_also_where_one_fails():
    class Closing(ScriptedModel):
        closed = 0

        async def aclose(self):
            self.closed += 1
            raise OSError("broken")

    one, two = Closing([]), Closing([])

    async def main():
        async with Fallback([one, two, one, scripted()]):
            pass

    with pytest.raises(OSError):
        asyncio.run(main())
    assert (one.closed, two.closed) == (1, 1)


@pytest.mark.parametrize("given", ["openai:gpt-4o", 3])
def test_what_is_no_list_is_refused(given):
    with pytest.raises(ConfigurationError) as caught:
        Fallback(given)
    assert str(caught.value) == f"Fallback takes a list of models, and got {given!r}. Write Fallback([...])."


def test_no_models_are_refused():
    with pytest.raises(ConfigurationError) as caught:
        Fallback([])
    assert str(caught.value) == "Fallback got no models. Give at least one: Fallback([ChatModel(...), ...])."
