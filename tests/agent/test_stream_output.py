"""An output that is watched as it grows: in each mode, whatever comes, however it is left, until it is validated."""

import asyncio
import json
from itertools import pairwise
from typing import Literal

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent, AttemptFailed, OutputReady, TextDelta
from agentkit.errors import ConfigurationError, OutputError
from agentkit.http import ChatModel
from agentkit.output import OutputSpec, PartialReader
from agentkit.testing import FakeEndpoint, ScriptedModel, call
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest

MODES = ["native", "tool", "json", "prompted"]


class Item(BaseModel):
    name: str
    size: int


class Order(BaseModel):
    customer: str
    items: list[Item]
    note: str | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


ORDER = {"customer": "Ann", "items": [{"name": "lamp", "size": 12}, {"name": "bed", "size": 200}], "note": "soon"}
ROWS = {"response": ORDER["items"]}


def reply(mode, value, *, fenced=False):
    """What a model answers in a mode."""
    if mode == "tool":
        return call("final_result", value)
    return f"Here it is:\n```json\n{json.dumps(value, indent=2)}\n```" if fenced else json.dumps(value)


async def collect(iterator):
    return [one async for one in iterator]


def watched(how, *replies, chunk_delay=0.0, **spec):
    """Give what one way of reading a stream gives, and the result; over a real connection."""

    async def main():
        async with (
            FakeEndpoint(replies=replies, chunk_delay=chunk_delay, chunks=40) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
            Agent(model, output=OutputSpec(**spec)).stream("x") as stream,
        ):
            return await collect(getattr(stream, how)()), stream.result

    return asyncio.run(asyncio.wait_for(main(), 30))


def said(value):
    return value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value


@pytest.mark.parametrize("fenced", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_model_grows_in_every_mode_and_ends_as_the_output(mode, fenced):
    partials, result = watched("partials", reply(mode, ORDER, fenced=fenced), type=Order, mode=mode, chunk_delay=0.005)
    assert said(partials[-1]) == said(result.output) == ORDER
    assert [type(one).__name__ for one in partials] == ["PartialOrder"] * len(partials)
    assert len(partials) > 3
    assert all(item.size in (None, 12, 200) for one in partials for item in one.items or ())
    assert all(before != after for before, after in pairwise(partials))


@pytest.mark.parametrize(
    ("type_", "value"),
    [(int, 1234), (bool, True), (Literal["a", "ab"], "ab"), (list[int], [1, 23]), (int | None, None)],
)
@pytest.mark.parametrize("mode", MODES)
def test_what_was_wrapped_comes_out_of_its_wrapping_in_every_mode(mode, type_, value):
    partials, result = watched("partials", reply(mode, {"response": value}), type=type_, mode=mode, chunk_delay=0.005)
    assert result.output == value
    assert partials[-1:] == [value]
    assert all(isinstance(value, list) and one == value[: len(one)] for one in partials[:-1])


@pytest.mark.parametrize("fenced", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_elements_come_once_each_in_every_mode(mode, fenced):
    items, result = watched("items", reply(mode, ROWS, fenced=fenced), type=list[Item], mode=mode, chunk_delay=0.005)
    assert items == result.output == [Item(**row) for row in ORDER["items"]]


def test_a_list_that_is_a_field_has_no_items_but_grows_among_the_partials():
    with pytest.raises(ConfigurationError, match="Order, which is no list"):
        watched("items", reply("json", ORDER), type=Order, mode="json")
    partials, _ = watched("partials", reply("json", ORDER), type=Order, mode="json", chunk_delay=0.001)
    counts = [len(one.items or ()) for one in partials]
    assert counts == sorted(counts)
    assert counts[-1] == 2


@pytest.mark.parametrize("mode", ["native", "json", "prompted"])
def test_white_space_may_come_first_in_a_stream(mode):
    partials, result = watched("partials", f"\n \n\n\t{json.dumps(ORDER)}\n", type=Order, mode=mode, chunk_delay=0.005)
    assert said(partials[-1]) == said(result.output)


def test_a_union_whose_data_comes_before_its_kind_is_withheld():
    data = '{"response": {"name": "Rex", "kind": "dog"}}'
    partials, result = watched("partials", data, type=Cat | Dog, mode="native", chunk_delay=0.001)
    assert result.output == Dog(kind="dog", name="Rex")
    assert [said(one) for one in partials] == [{"kind": "dog", "name": "Rex"}]


def test_the_output_is_validated_in_full_after_its_partials():
    def refuse(order):
        raise ValueError(f"{order.customer} is unknown.")

    seen = []

    async def main():
        spec = OutputSpec(Order, "native", retries=0, validators=[refuse])
        async with Agent(ScriptedModel([json.dumps(ORDER)]), output=spec).stream("x") as stream:
            async for partial in stream.partials():
                seen.append(said(partial))

    with pytest.raises(OutputError, match="Ann is unknown"):
        asyncio.run(main())
    assert seen[-1] == ORDER


def test_an_output_that_is_not_valid_ends_in_an_error_after_what_was_shown_of_it():
    seen = []

    async def main():
        spec = OutputSpec(Item, "native", retries=0)
        async with Agent(ScriptedModel(['{"name": "lamp", "size": "much"}']), output=spec).stream("x") as stream:
            async for partial in stream.partials():
                seen.append(said(partial))

    with pytest.raises(OutputError):
        asyncio.run(main())
    assert seen[-1] == {"name": "lamp"}


def test_values_that_are_changed_do_not_leak_into_later_ones_or_the_result():
    async def main():
        replies = [json.dumps(ORDER)]
        async with (
            FakeEndpoint(replies=replies, chunk_delay=0.001, chunks=40) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
            Agent(model, output=OutputSpec(Order, "native")).stream("x") as stream,
        ):
            async for partial in stream.partials():
                assert partial.customer is None or "Ann".startswith(partial.customer)
                partial.customer = "changed"
                for item in partial.items or ():
                    assert item.size in (None, 12, 200)
                    item.size = -1
                if partial.items:
                    partial.items.append("more")
            return stream.result.output

    assert said(asyncio.run(main())) == ORDER


def test_an_element_that_is_changed_changes_no_result():
    async def main():
        agent = Agent(ScriptedModel([json.dumps(ROWS)]), output=OutputSpec(list[Item], "native"))
        async with agent.stream("x") as stream:
            async for item in stream.items():
                item.size = -1
            return stream.result.output

    assert [item.size for item in asyncio.run(main())] == [12, 200]


def test_a_rejected_attempt_clears_what_was_shown_by_an_event():
    async def main():
        replies = ['{"name": "lamp", "size": "no"}', '{"name": "bed", "size": 2}']
        reader, shown, seen = PartialReader(Item), None, []
        async with Agent(ScriptedModel(replies), output=OutputSpec(Item, "native")).stream("x") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    reader.feed(event.text)
                    for value in reader.read():
                        shown = said(value)
                elif isinstance(event, AttemptFailed):
                    seen.append(shown)
                    shown = None
                    reader.restart(cleared=True)
                elif isinstance(event, OutputReady):
                    seen.append((shown, said(event.output)))
        return seen

    assert asyncio.run(main()) == [{"name": "lamp"}, ({"name": "bed", "size": 2},) * 2]


def test_a_value_is_not_given_twice_though_another_attempt_repeats_it():
    tries = []

    def once(item):
        tries.append(item)
        if len(tries) < 2:
            raise ValueError("Think again.")
        return item

    async def main():
        spec = OutputSpec(Item, "tool", validators=[once])
        agent = Agent(ScriptedModel([call("final_result", {"name": "lamp", "size": 1})] * 2), output=spec)
        async with agent.stream("x") as stream:
            return [said(one) for one in await collect(stream.partials())], stream.result.output

    partials, output = asyncio.run(main())
    assert len(tries) == 2
    assert all(before != after for before, after in pairwise(partials))
    assert partials[-1] == said(output)


async def by_break(values, _):
    async for _value in values:
        break


async def by_error(values, _):
    async for _value in values:
        raise KeyError


async def by_cancellation(values, me):
    await anext(values)
    me.cancel()
    await asyncio.Event().wait()


async def by_timeout(values, _):
    await anext(values)
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


@pytest.mark.parametrize("leave", [by_break, by_error, by_cancellation, by_timeout], ids=lambda one: one.__name__)
@pytest.mark.parametrize(("how", "type_"), [("partials", Order), ("items", list[int])])
def test_leaving_what_grows_closes_the_connection_and_leaves_a_valid_state(how, type_, leave):
    async def inside(stream):
        async with stream:
            await leave(getattr(stream, how)(), asyncio.current_task())

    async def main():
        endless = {"response": [*range(4000)]} if how == "items" else {"customer": "word " * 4000}
        async with (
            FakeEndpoint(replies=[json.dumps(endless)], chunk_delay=0.001) as endpoint,
            ChatModel("m", base_url=endpoint.base_url) as model,
        ):
            stream = Agent(model, output=OutputSpec(type_, "native")).stream("x")
            task = asyncio.create_task(inside(stream))
            await asyncio.wait([task])
            if not task.cancelled():
                assert isinstance(task.exception(), KeyError | TimeoutError | None)
            while endpoint.open_connections:  # noqa: ASYNC110  # it counts; nothing tells
                await asyncio.sleep(0)
            return stream

    stream = asyncio.run(asyncio.wait_for(main(), 30))
    check_request(ChatRequest(messages=stream.state.messages))
    assert stream.cut_usage.estimated
