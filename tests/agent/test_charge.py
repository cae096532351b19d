"""What requests are reserved with and what they took: bounds that are sent, costs, sub-runs, ends of every kind."""

import asyncio
import threading

import pytest

from agentkit import Agent, Budget, ChatModel, Price, RunLimits, RunState, Settings, tool
from agentkit.around import Fallback, Layer
from agentkit.errors import (
    APITimeoutError,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    LimitExceededError,
    RateLimitError,
)
from agentkit.http import Retry
from agentkit.model import RequestSent, report
from agentkit.state import Spent
from agentkit.testing import FakeEndpoint, Fault, ScriptedModel
from agentkit.wire.response import ChatCompletion

PRICE = Price(input=1000, output=10_000)  # a tenth of a cent and one cent a token


def reply(text="done", prompt=10, output=5, calls=(), **more):
    message = {"role": "assistant", "content": None if calls else text}
    if calls:
        message["tool_calls"] = [
            {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for number, (name, arguments) in enumerate(calls)
        ]
    usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output, **more}
    finish = "tool_calls" if calls else "stop"
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
    }


class Model:
    """Answers in turn with replies, errors, or what functions of the request give; notes the requests."""

    name, price, settings, profile = "double", PRICE, None, None

    def __init__(self, *replies, **attributes):
        self.replies, self.requests = list(replies), []
        for name, value in attributes.items():
            setattr(self, name, value)

    async def complete(self, request):
        self.requests.append(request)
        one = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        one = await one(request) if callable(one) else one
        if isinstance(one, BaseException):
            raise one
        return ChatCompletion.model_validate(one)

    async def stream(self, request):
        raise AssertionError("no stream was asked for")
        yield


def run(model, prompt="x", limits=None, **more):
    return Agent(model, **more).run_sync(prompt, limits=limits)


def bound_of(request):
    return request.max_completion_tokens or request.max_tokens


def test_where_no_limit_is_in_force_requests_go_out_as_they_are():
    model = Model(reply())
    run(model, limits=RunLimits(seconds=60, turns=5))
    assert bound_of(model.requests[0]) is None


@pytest.mark.parametrize(
    ("limits", "more", "sent"),
    [
        ({"output_tokens": 1000}, {}, 1000),
        ({"output_tokens": 100_000}, {}, 32_768),
        ({"output_tokens": 1000}, {"settings": Settings(max_tokens=500)}, 500),
        ({"output_tokens": 300}, {"settings": Settings(max_tokens=500)}, 300),
        ({"output_tokens": 300}, {"settings": Settings(max_completion_tokens=500)}, 300),
        ({"output_tokens": 1000}, {"settings": Settings(n=3)}, 333),
        ({"output_tokens": 1000}, {"settings": Settings(n=3, max_tokens=100)}, 100),
        ({"cost": 4.0}, {"settings": Settings(max_tokens=500)}, None),
    ],
)
def test_the_reply_is_bounded_by_what_is_left(limits, more, sent):
    model = Model(reply())
    run(model, limits=RunLimits(**limits), **more)
    bound = bound_of(model.requests[0])
    assert bound == sent if sent else 256 < bound < 400  # by the estimate of the prompt


def test_the_models_own_settings_and_maximum_count_where_the_request_says_nothing():
    model = Model(reply(), settings=Settings(max_tokens=400))
    run(model, limits=RunLimits(output_tokens=1000))
    assert bound_of(model.requests[0]) is None  # the model sends its own
    run(model, limits=RunLimits(output_tokens=300))
    assert bound_of(model.requests[1]) == 300
    known = Model(reply(), name="openai/gpt-4o-mini")
    run(known, limits=RunLimits(output_tokens=10**6))
    assert bound_of(known.requests[0]) == 16_384


def test_a_bound_in_the_body_is_one_and_gives_way_to_a_lower_one():
    model = Model(reply())
    settings = Settings(extra_body={"max_tokens": 500, "top_k": 3})
    run(model, limits=RunLimits(output_tokens=1000), settings=settings)
    run(model, limits=RunLimits(output_tokens=300), settings=settings)
    run(model, limits=RunLimits(output_tokens=300), settings=Settings(max_completion_tokens=500))
    first, second, third = model.requests
    assert (third.max_tokens, third.max_completion_tokens) == (None, 300)
    assert (first.extra_body["max_tokens"], bound_of(first)) == (500, None)
    assert (second.extra_body, second.max_tokens) == ({"top_k": 3}, 300)


def test_what_bounds_nothing_is_no_bound_and_of_two_that_are_set_none_is_left_beside_a_lower_one():
    model = Model(reply())
    run(model, limits=RunLimits(output_tokens=1000), settings=Settings(extra_body={"max_tokens": -1}))
    both = Settings(max_tokens=900, extra_body={"max_completion_tokens": 500})
    run(model, limits=RunLimits(output_tokens=300), settings=both)
    assert [one.to_dict() | {"messages": 0} for one in model.requests] == [
        {"messages": 0, "max_completion_tokens": 1000},
        {"messages": 0, "max_completion_tokens": 300},
    ]


def test_choices_and_bounds_of_the_models_of_a_fallback_are_reserved():
    models = [Model(reply(), settings=Settings(n=2, max_tokens=500)), Model(reply(), settings=Settings(max_tokens=100))]
    run(Fallback(models), limits=RunLimits(output_tokens=1000))
    run(Fallback(models), limits=RunLimits(output_tokens=600))
    run(Fallback([models[0], Model(reply())]), limits=RunLimits(output_tokens=600))
    assert [bound_of(one) for one in models[0].requests] == [None, 300, 300]


def test_below_the_floor_nothing_is_sent():
    model = Model(reply())
    with pytest.raises(LimitExceededError) as caught:
        run(model, limits=RunLimits(output_tokens=255))
    assert str(caught.value) == (
        "The run reached its limit output_tokens=255 (spent: 0); the next request was not sent, for its reply needs "
        "room for 256 tokens. Go on with `agent.resume(error.state, limits=RunLimits(output_tokens=...))`."
    )
    assert model.requests == []
    assert run(model, limits=RunLimits(output_tokens=255, output_floor=100)).output == "done"
    assert run(model, limits=RunLimits(output_tokens=20), settings=Settings(max_tokens=15)).output == "done"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_bound_that_is_sent_is_spelled_as_the_endpoint_wants_it(field):
    with FakeEndpoint(replies=["a", "b"]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, profile={"max_tokens_field": field})
        run(model, limits=RunLimits(output_tokens=777))
        run(model, limits=RunLimits(output_tokens=300), settings=Settings(max_tokens=700))
        bodies = [request.body for request in endpoint.requests]
    assert [body[field] for body in bodies] == [777, 300]
    assert all(len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1 for body in bodies)


def test_a_bound_that_is_too_high_for_the_model_is_learned_and_one_that_is_refused_otherwise_is_explained():
    def served(request):
        if request["max_tokens"] > 1000:
            text = "max_tokens is too large. This model supports at most 1000 completion tokens."
            return Fault.status(400, body={"error": {"message": text, "type": "invalid_request_error"}})
        return Fault.status(400) if request["messages"][-1]["content"] == "no" else reply()

    with FakeEndpoint(replies=served) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url)
        run(model, limits=RunLimits(output_tokens=5000))
        run(model, limits=RunLimits(output_tokens=5000))
        with pytest.raises(BadRequestError) as caught:
            run(model, prompt="no", limits=RunLimits(output_tokens=5000))
        bounds = [request.body["max_tokens"] for request in endpoint.requests]
    assert (bounds, model.profile.max_output_tokens) == ([5000, 1000, 1000, 1000], 1000)
    (note,) = caught.value.__notes__
    assert note == (
        "A limit is in force, so at most 1000 tokens were asked for. If that is too much for the model, set "
        "max_completion_tokens, or give it a Profile(max_output_tokens=...)."
    )


def test_a_cost_that_is_bounded_needs_a_price():
    model = Model(reply(), price=None)
    with pytest.raises(ConfigurationError) as caught:
        run(model, limits=RunLimits(cost=1.0))
    assert str(caught.value) == (
        "A limit of cost is in force, and what 'double' costs is not known; nothing was sent. Give its "
        "price, ChatModel(..., price=Price(input=2.5, output=10)), in dollars for a million tokens. List "
        'prices come with an extra: pip install "agentkit-chat[cost]".'
    )
    assert model.requests == []


def test_costs_are_the_endpoints_word_then_the_price_and_unknown_ones_are_said():
    assert run(Model(reply(cost=0.125))).cost == 0.125
    priced = run(Model(reply(prompt=10, output=5)))
    assert (priced.cost, priced.unpriced) == (pytest.approx(0.06), 0)
    unknown = run(Model(reply(), price=None))
    assert (unknown.cost, unknown.unpriced) == (None, 1)


def test_a_list_price_is_looked_up_when_it_is_asked_for_and_survives_a_saved_state():
    pytest.importorskip("genai_prices")
    with FakeEndpoint(replies=[reply(prompt=1_000_000, output=0)]) as endpoint:
        state = run(ChatModel("gpt-4o-mini", base_url=endpoint.base_url)).state
    (known,) = state.costs
    assert known == f"{endpoint.base_url}/chat/completions gpt-4o-mini"
    assert (state.cost, state.unpriced) == (None, 1)  # nobody knows who is behind that address
    listed = state.replace(costs=("https://api.openai.com/v1/chat/completions gpt-4o-mini",))
    assert RunState.from_json(listed.to_json()).cost == pytest.approx(0.15)


def test_the_price_that_was_given_is_that_of_the_model_which_answered():
    with FakeEndpoint(replies=[reply(prompt=1000, output=0)], faults=[Fault.status(500)]) as endpoint:
        dear = ChatModel("a", base_url=endpoint.base_url, price=Price(input=100, output=0), retry=Retry(attempts=1))
        cheap = ChatModel("b", base_url=endpoint.base_url, price=Price(input=1, output=0))
        model = Fallback([dear, cheap])
        assert model.price == Price(input=100, output=0, cached_input=100, audio_input=100, audio_output=0)
        assert run(model).cost == pytest.approx(0.001)


def test_a_layer_has_the_price_and_the_settings_of_the_model_inside():
    inner = ChatModel("a", price=PRICE, settings=Settings(max_tokens=7))
    assert (Layer(inner).price, Layer(inner).settings) == (PRICE, inner.settings)
    assert Fallback([inner, ScriptedModel(["x"])]).price is None


def test_reasoning_counts_as_output_also_where_it_is_in_the_total_only():
    model = Model(reply(prompt=10, output=5, total_tokens=315))
    with Budget(output_tokens=1000) as budget:
        run(model)
    assert budget.spent.output_tokens == 305


def test_a_reply_without_usage_is_counted_by_its_size_and_its_prompt_as_it_was_estimated():
    silent = reply("x" * 100)
    del silent["usage"]
    with Budget(tokens=2000) as budget:
        result = run(Model(silent))
    assert budget.spent.requests == 1
    assert (result.state.guessed.output_tokens, result.state.guessed.requests) == (50, 0)
    assert 10 < result.state.guessed.input_tokens == budget.spent.input_tokens
    assert result.state.spent == budget.spent


@pytest.mark.parametrize(
    ("error", "billed"),
    [
        (RateLimitError("slow down"), False),
        (InternalServerError("oops"), False),
        (APITimeoutError("nothing came"), True),
        (ValueError("of a model of one's own"), False),
    ],
)
def test_a_request_that_failed_counts_only_where_it_may_have_been_billed(error, billed):
    if isinstance(error, InternalServerError | RateLimitError):
        error.status_code = 500
    with Budget(output_tokens=1000) as budget, pytest.raises(type(error)) as caught:
        run(Model(error))
    assert budget.spent.output_tokens == (1000 if billed else 0)
    assert budget.left["output_tokens"] == (0 if billed else 1000)
    assert caught.value.state.guessed.requests == billed
    assert caught.value.state.spent == budget.spent


def test_a_usage_below_nothing_gives_nothing_back():
    with Budget(tokens=2000) as budget:
        run(Model(reply(prompt=-500, output=-700)))
    assert budget.spent.input_tokens > 10
    assert budget.spent.output_tokens == 2


def test_a_reply_that_cannot_be_counted_leaves_nothing_reserved():
    class Odd(Price):
        def cost(self, usage):
            raise ValueError(usage)

    with Budget(tokens=2000) as budget, pytest.raises(ValueError, match="prompt_tokens=10"):
        run(Model(reply(), price=Odd(input=1, output=1)))
    assert budget.left == {"tokens": 2000 - budget.spent.tokens}


def test_a_request_that_is_cancelled_before_it_is_tried_again_counts_its_attempt():
    async def main():
        with FakeEndpoint(replies=["x"], faults=[Fault.status(504)]) as endpoint:
            async with ChatModel("m", base_url=endpoint.base_url, retry=Retry(wait=30, longest=30)) as model:
                agent = Agent(model, settings=Settings(max_tokens=300))
                async with agent.stream("x") as stream:
                    async for event in stream:
                        if event.type == "request_retried":
                            break

    with Budget(output_tokens=1000) as budget:
        asyncio.run(asyncio.wait_for(main(), 20))
    assert (budget.spent.requests, budget.spent.output_tokens, budget.left) == (1, 300, {"output_tokens": 700})


def test_of_many_runs_at_once_some_come_to_their_end_where_there_is_not_enough_for_all():
    @tool
    async def look_up() -> str:
        """Look up."""
        await turns(7)
        return "here"

    async def served(request):
        await turns(3)
        if request.messages[-1].role == "tool":
            return reply("done", len(request.encode()) // 4, min(400, request.max_tokens or 0))
        return reply(prompt=len(request.encode()) // 4, output=20, calls=[("look_up", "{}")])

    async def turns(count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def main():
        agent = Agent(Model(served), tools=[look_up], settings=Settings(max_tokens=400))
        return await asyncio.gather(*(agent.run("Look it up.") for _ in range(40)), return_exceptions=True)

    for limits, done in (({"tokens": 3000}, 5), ({"requests": 10}, 5)):
        with Budget(**limits) as budget:
            ends = asyncio.run(main())
        refused = [end for end in ends if isinstance(end, LimitExceededError)]
        assert len(refused) == 40 - done
        assert all(value >= 0 for value in budget.left.values())


def test_a_refused_attempt_that_is_tried_again_is_one_reservation():
    with FakeEndpoint(replies=[reply(prompt=7, output=3)], faults=[Fault.status(429, times=2)]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, retry=Retry(wait=0, longest=0))
        with Budget(tokens=600, requests=1) as budget:
            run(model)
        assert len(endpoint.requests) == 3
    assert budget.spent == Spent(1, 0, 7, 3, 0.0, 1)


def test_an_attempt_that_may_have_been_billed_is_reserved_once_more():
    with FakeEndpoint(replies=[reply(prompt=7, output=3)], faults=[Fault.status(504)]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, retry=Retry(wait=0, longest=0))
        settings = Settings(max_tokens=300)
        with Budget(tokens=1000, requests=2) as budget:
            result = run(model, settings=settings)
        assert budget.spent.requests == 2
        assert budget.spent.tokens == 10 + result.state.guessed.tokens
        assert result.state.guessed.output_tokens == 300


def test_an_attempt_for_which_too_little_is_left_is_not_made():
    with FakeEndpoint(replies=["x"], faults=[Fault.status(504, times=3)]) as endpoint:
        model = ChatModel("m", base_url=endpoint.base_url, retry=Retry(wait=0, longest=0))
        with Budget(output_tokens=500), pytest.raises(LimitExceededError) as caught:
            run(model, settings=Settings(max_tokens=300))
        assert len(endpoint.requests) == 1
    assert isinstance(caught.value.__cause__, InternalServerError)


def test_another_model_that_is_asked_instead_is_reserved_too_and_a_refused_reply_is_told_by_the_last_one():
    first = Model(APITimeoutError("nothing came"))
    with Budget(output_tokens=1000, requests=5) as budget:
        run(Fallback([first, Model(reply(output=5))]), settings=Settings(max_tokens=300))
    assert (budget.spent.requests, budget.spent.output_tokens) == (2, 305)
    refusing = Fallback(
        [Model(reply("bad", 10, 50)), Model(reply("good", 10, 5))],
        refuse=lambda one: "bad" if one.choices[0].message.content == "bad" else None,
    )
    with Budget(output_tokens=1000, requests=5) as budget:
        result = run(refusing, settings=Settings(max_tokens=300))
    assert (budget.spent.requests, budget.spent.output_tokens, result.usage.completion_tokens) == (2, 55, 55)


def test_a_run_goes_on_with_more_from_where_it_stopped():
    calls = reply(prompt=300, output=300, calls=[("ping", "{}")])
    model = Model(calls, reply(prompt=400, output=5))

    @tool
    def ping() -> str:
        """Ping."""
        return "pong"

    agent = Agent(model, tools=[ping], settings=Settings(max_tokens=300))
    with pytest.raises(LimitExceededError) as caught:
        agent.run_sync("x", limits=RunLimits(tokens=700))
    assert (caught.value.limit, caught.value.state.spent.tokens) == ("tokens", 600)
    saved = caught.value.state.to_json()
    with pytest.raises(LimitExceededError):
        agent.resume_sync(saved, limits=RunLimits(tokens=800))
    result = agent.resume_sync(saved, limits=RunLimits(tokens=2000))
    assert (result.output, result.usage.total_tokens, result.state.spent.requests) == ("done", 1005, 2)


def sub_agent(model, **more):
    inner = Agent(model, **more)

    @tool
    def ask() -> str:
        """Ask."""
        return inner.run_sync("y").output

    @tool
    async def ask_async() -> str:
        """Ask."""
        return (await inner.run("y")).output

    return [ask, ask_async]


@pytest.mark.parametrize("name", ["ask", "ask_async"])
@pytest.mark.parametrize("limits", [None, RunLimits(tokens=10_000)])
def test_what_a_tools_run_spends_is_the_outer_runs_too(name, limits):
    outer = Model(reply(prompt=10, output=5, calls=[(name, "{}")]), reply(prompt=20, output=5))
    inner = Model(reply(prompt=100, output=50))
    result = run(outer, limits=limits, tools=sub_agent(inner))
    assert result.state.below == Spent(1, 0, 100, 50, pytest.approx(0.6))
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (130, 60)
    assert len(result.usages) == 2
    assert result.cost == pytest.approx(0.6 + 0.03 + 0.1)
    assert RunState.from_json(result.state.to_json()).below == result.state.below


@pytest.mark.parametrize("name", ["ask", "ask_async"])
def test_a_limit_of_the_outer_run_that_is_reached_within_a_tool_ends_the_outer_run(name):
    outer, inner = Model(reply(prompt=10, output=5, calls=[(name, "{}")])), Model(reply(prompt=100, output=50))
    with pytest.raises(LimitExceededError) as caught:
        run(outer, limits=RunLimits(requests=1), tools=sub_agent(inner))
    assert (caught.value.limit, len(outer.requests), inner.requests) == ("requests", 1, [])
    with Budget(requests=1), pytest.raises(LimitExceededError):
        run(outer, tools=sub_agent(inner))


def test_a_limit_of_the_tools_own_run_is_told_to_the_model():
    outer = Model(reply(calls=[("ask", "{}")]), reply("Then not."))
    inner = Model(reply())
    limits = RunLimits(requests=0)
    result = run(outer, limits=RunLimits(tokens=10_000), tools=sub_agent(inner, limits=limits))
    assert result.output == "Then not."
    assert "requests=0" in result.messages[2].content


def test_calls_of_tools_are_counted_in_a_budget_and_a_batch_over_it_does_not_start():
    ran = []

    @tool
    def ping() -> str:
        """Ping."""
        ran.append(1)
        return "pong"

    model = Model(reply(calls=[("ping", "{}"), ("ping", "{}")]), reply(calls=[("ping", "{}"), ("ping", "{}")]), reply())
    with Budget(tool_calls=3) as budget, pytest.raises(LimitExceededError) as caught:
        run(model, tools=[ping])
    assert (caught.value.limit, len(ran), budget.spent.tool_calls) == ("tool_calls", 2, 2)


def test_a_cancelled_request_that_was_sent_counts_as_it_was_reserved_and_one_that_waits_is_given_back():
    async def main():
        sent = asyncio.Event()

        async def never(_request):
            report(RequestSent("http://e", "m"))
            sent.set()
            await asyncio.Event().wait()

        agent = Agent(Model(never), settings=Settings(max_tokens=300))
        with Budget(output_tokens=300) as budget:
            first = asyncio.create_task(agent.run("x"))
            await sent.wait()
            second = asyncio.create_task(agent.run("x"))
            for _ in range(20):
                await asyncio.sleep(0)
            for one in (second, first):
                assert budget.spent.requests == 0
                one.cancel()
                await asyncio.wait([one])
        return budget

    budget = asyncio.run(main())
    assert (budget.spent.output_tokens, budget.spent.requests, budget.left) == (300, 1, {"output_tokens": 0})


def test_a_stream_whose_reader_runs_another_agent_of_the_same_budget_is_not_waited_for():
    async def main():
        words = "word " * 20_000
        with FakeEndpoint(
            replies=lambda request: words if request["messages"][-1]["content"] == "long" else "short"
        ) as endpoint:
            model = ChatModel("m", base_url=endpoint.base_url)
            agent, seen = Agent(model, settings=Settings(max_tokens=60_000)), []
            with Budget(output_tokens=70_000) as budget:
                async with agent.stream("long") as stream:
                    async for event in stream:
                        if event.type == "text_delta" and not seen:
                            # the stream fills what may be unread, and stops until this has its answer
                            seen.append((await agent.run("short")).output)
            await model.aclose()
            assert budget.left["output_tokens"] == 70_000 - budget.spent.output_tokens
            return seen

    assert asyncio.run(asyncio.wait_for(main(), 60)) == ["short"]


def test_a_model_that_runs_an_agent_within_its_request_does_not_wait_for_itself():
    inner = Agent(Model(reply(prompt=5, output=5)))

    async def nested(_request):
        return reply((await inner.run("y")).output)

    with Budget(output_tokens=1000) as budget:
        assert run(Model(nested), settings=Settings(max_tokens=700)).output == "done"
    assert budget.spent.requests == 2


def test_threads_of_their_own_loops_and_sync_runs_share_a_budget():
    model = Model(reply(prompt=10, output=100))
    agent = Agent(model, settings=Settings(max_tokens=256))
    ends = []

    def thread(budget):
        with budget:
            for _ in range(5):
                try:
                    ends.append(agent.run_sync("x").output)
                except LimitExceededError as error:
                    ends.append(error.limit)

    budget = Budget(output_tokens=1000)
    threads = [threading.Thread(target=thread, args=(budget,)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert len(ends) == 20
    assert ends.count("done") == 8  # the ninth finds 200 left, below the floor
    assert budget.spent.output_tokens == 800
