"""Many branches that share one budget, against an endpoint whose usage is any that the bounds allow."""

import asyncio
import random
import threading

import pytest

from agentkit import Agent, Budget, ChatModel, Price, RunLimits, Settings, tool
from agentkit.errors import InvalidResponseError, LimitExceededError
from agentkit.http import Retry
from agentkit.testing import FakeEndpoint, Fault

PRICE = Price(input=2.0, output=8.0)


class Bill:
    """An endpoint's own count: each answer takes as much as it likes of what the request allows, reasoning with it."""

    def __init__(self, seed, calls=0.0, refused=0.0):
        self.chance, self.calls, self.refused = random.Random(seed), calls, refused
        self.requests = self.tokens = self.calls_asked = 0
        self.cost, self.bounds = 0.0, []

    def __call__(self, request):
        if self.chance.random() < self.refused:
            return Fault.status(self.chance.choice((429, 500, 503)))
        bound = request.get("max_tokens") or request.get("max_completion_tokens")
        prompt = sum(len(str(message)) for message in request["messages"]) // self.chance.randint(3, 5)
        output = self.chance.choice((bound, self.chance.randint(0, bound), min(bound, self.chance.randint(0, 300))))
        self.requests += 1
        self.tokens += prompt + output
        self.cost += (prompt * 2 + output * 8) / 1e6
        self.bounds.append(bound)
        message = {"role": "assistant", "content": "done"}
        if request.get("tools") and request["messages"][-1]["role"] != "tool" and self.chance.random() < self.calls:
            self.calls_asked += 1
            name = self.chance.choice([one["function"]["name"] for one in request["tools"]])
            called = {"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
            message = {"role": "assistant", "content": None, "tool_calls": [called]}
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": output,
                "total_tokens": prompt + output,
                "completion_tokens_details": {"reasoning_tokens": output // 2},
            },
        }


async def spend(agents, branches, seed):
    """Run branch after branch until each finds too little left."""

    async def branch(number):
        chance, ran = random.Random(seed * 1000 + number), 0
        while True:
            try:
                await chance.choice(agents).run("x" * chance.randint(1, 400))
            except LimitExceededError:
                return ran
            except InvalidResponseError:  # of a reply that was cut
                continue
            ran += 1

    return await asyncio.gather(*(branch(number) for number in range(branches)))


@pytest.mark.parametrize(
    ("limits", "within"),
    [
        ({"tokens": 120_000}, lambda bill, left: bill.tokens <= 120_000 and left["tokens"] < 700),
        ({"cost": 0.6}, lambda bill, left: bill.cost <= 0.6 and left["cost"] < 0.005),
        ({"requests": 333}, lambda bill, left: bill.requests == 333 and left["requests"] == 0),
        ({"output_tokens": 100_000, "input_tokens": 10**6}, lambda _, left: 0 <= left["output_tokens"] < 256),
    ],
)
@pytest.mark.parametrize("settings", [Settings(max_tokens=2000), None])
def test_two_hundred_branches_spend_all_of_a_budget_and_nothing_over_it(limits, within, settings):
    bill = Bill(1)

    async def main():
        async with (
            FakeEndpoint(replies=bill, record=False) as endpoint,
            ChatModel("m", base_url=endpoint.base_url, price=PRICE) as model,
        ):
            with Budget(**limits) as budget:
                await spend([Agent(model, settings=settings)], 200, 1)
            return budget

    budget = asyncio.run(asyncio.wait_for(main(), 120))
    assert within(bill, budget.left)
    assert budget.spent.requests == bill.requests
    assert budget.spent.tokens == bill.tokens
    assert budget.spent.cost == pytest.approx(bill.cost)


def test_runs_of_tools_calls_retries_and_threads_share_it_too():
    bill, budget = Bill(2, calls=0.7, refused=0.3), Budget(tokens=150_000, cost=1.0, tool_calls=60)
    ends = []

    def thread(seed, base_url):
        async def main():
            retry = Retry(wait=0, longest=0, attempts=30)
            async with ChatModel("m", base_url=base_url, price=PRICE, retry=retry) as model:
                inner = Agent(model, settings=Settings(max_tokens=700))

                @tool
                async def ask() -> str:
                    """Ask."""
                    return (await inner.run("y")).output

                @tool
                def ask_sync() -> str:
                    """Ask."""
                    return inner.run_sync("y").output

                agents = [inner, Agent(model, tools=[ask, ask_sync], limits=RunLimits(tokens=20_000))]
                with budget:
                    ends.append(sum(await spend(agents, 25, seed)))

        asyncio.run(asyncio.wait_for(main(), 120))

    with FakeEndpoint(replies=bill, record=False) as endpoint:
        threads = [threading.Thread(target=thread, args=(seed, endpoint.base_url)) for seed in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(150)
    assert len(ends) == 4
    assert bill.tokens == budget.spent.tokens <= 150_000
    assert bill.cost == pytest.approx(budget.spent.cost)
    assert budget.spent.tool_calls <= 60
    assert min(budget.left["tokens"] - 700, budget.left["cost"] * 100 - 1, budget.left["tool_calls"]) <= 0


def test_attempts_that_were_cut_are_counted_as_they_may_have_been_billed():
    bill = Bill(3)

    async def main():
        faults = ["disconnect", None, "truncate", None] * 10
        async with (
            FakeEndpoint(replies=bill, faults=faults, record=False) as endpoint,
            ChatModel("m", base_url=endpoint.base_url, retry=Retry(wait=0, longest=0)) as model,
        ):
            with Budget(tokens=60_000) as budget:
                await spend([Agent(model, settings=Settings(max_tokens=600))], 50, 3)
            return budget

    budget = asyncio.run(asyncio.wait_for(main(), 120))
    assert bill.tokens < budget.spent.tokens <= 60_000
    assert budget.left["tokens"] < 700


def test_a_map_never_goes_over_its_budget_and_goes_on_with_its_store(tmp_path):
    bill = Bill(4)
    inputs = [f"input {number}" for number in range(200)]
    with FakeEndpoint(replies=bill, record=False) as endpoint:
        agent = Agent(ChatModel("m", base_url=endpoint.base_url, price=PRICE), settings=Settings(max_tokens=900))
        done = 0
        with pytest.raises(LimitExceededError) as caught:
            for outcome in agent.map_sync(inputs, budget=RunLimits(cost=0.1), store=tmp_path / "s", concurrency=20):
                done += outcome.error is None
        assert 0.09 < bill.cost <= 0.1
        assert 10 < done < 200
        assert str(caught.value).startswith("The map reached its budget cost=0.1 (spent: ")
        result = agent.map_sync(inputs, budget=RunLimits(cost=5.0), store=tmp_path / "s").result()
    assert (result.summary.done, result.summary.restored) == (200, done)


def test_a_budget_round_a_map_ends_it():
    bill = Bill(5)
    with FakeEndpoint(replies=bill, record=False) as endpoint:
        agent = Agent(ChatModel("m", base_url=endpoint.base_url), settings=Settings(max_tokens=900))
        with Budget(tokens=20_000) as budget, pytest.raises(LimitExceededError) as caught:
            agent.map_sync(["x"] * 10_000).result()
    assert bill.tokens == budget.spent.tokens <= 20_000
    assert bill.requests < 500
    assert str(caught.value).startswith("The budget reached its limit tokens=20000 (spent: ")
