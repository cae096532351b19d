"""What a tool gave once is given again to the same call."""

import dataclasses

import pytest

from agentkit import Agent, Context, ToolResult, ToolRetry, errors, tool
from agentkit.around import MemoryStore, SqliteStore
from agentkit.guard import Guard, ToolCache
from agentkit.testing import ScriptedModel, call, calls
from agentkit.wire.content import ImagePart, ImageUrl


@dataclasses.dataclass
class Weather:
    city: str
    degrees: float


class Counted:
    """A tool that counts its calls."""

    def __init__(self, give):
        self.given = []

        def look(city: str, unit: str = "C") -> object:
            """Look."""
            self.given.append(city)
            return give(city)

        self.tool = tool(look)


def run(counted, cache, *arguments, **options):
    """Call the tool with each of the arguments, one after another; give the answers and what the model was told."""
    model = ScriptedModel([*(call("look", given) for given in arguments), "Done."])
    middleware = [*options.pop("before", ()), cache]
    result = Agent(model, tools=[counted.tool], middleware=middleware).run_sync("Go.", **options)
    return result.answers, [message.content for message in result.messages if message.role == "tool"]


def test_the_same_call_is_answered_from_the_cache_with_the_same_words():
    counted = Counted(lambda city: f"sunny in {city}")

    answers, told = run(counted, ToolCache(["look"]), {"city": "Oslo"}, {"city": "Oslo"}, {"city": "Rome"})

    assert counted.given == ["Oslo", "Rome"]
    assert told == ["sunny in Oslo", "sunny in Oslo", "sunny in Rome"]
    assert [answer.value for answer in answers] == told
    assert (answers[1].status, answers[1].seconds) == ("ok", 0.0)
    assert answers[1].message.tool_call_id != answers[0].message.tool_call_id


def test_values_that_are_no_text_come_back_as_their_json():
    counted = Counted(lambda city: Weather(city, 4.5))

    answers, told = run(counted, ToolCache(["look"]), {"city": "Oslo"}, {"city": "Oslo"})

    assert told[0] == told[1] == '{"city":"Oslo","degrees":4.5}'
    assert [answer.value for answer in answers] == [Weather("Oslo", 4.5), {"city": "Oslo", "degrees": 4.5}]


def test_text_that_looks_like_json_stays_text():
    answers, _ = run(Counted(lambda _: "[1]"), ToolCache(["look"]), {"city": "Oslo"}, {"city": "Oslo"})
    assert [answer.value for answer in answers] == ["[1]", "[1]"]


def test_the_order_of_arguments_and_how_they_are_written_does_not_matter():
    counted = Counted(str)
    run(
        counted,
        ToolCache(["look"]),
        '{"city": "Oslo", "unit": "C"}',
        '{"unit":"C","city":"Oslo"}',
        '```json\n{"city": "Oslo", "unit": "C"}\n```',
    )
    assert counted.given == ["Oslo"]


def test_only_named_tools_are_kept():
    counted = Counted(str)
    run(counted, ToolCache(["other"]), {"city": "Oslo"}, {"city": "Oslo"})
    assert counted.given == ["Oslo", "Oslo"]


@pytest.mark.parametrize(
    "give",
    [
        lambda _: ImagePart(image_url=ImageUrl(url="https://x.y/cat.png")),
        lambda _: "x" * 100_001,
        lambda _: ValueError("no"),
        lambda _: ToolResult("sunny", data=20),
    ],
    ids=["image", "cut", "error", "with data"],
)
def test_what_is_not_text_alone_whole_and_well_is_not_kept(give):
    counted = Counted(give)
    run(counted, ToolCache(["look"]), {"city": "Oslo"}, {"city": "Oslo"})
    assert counted.given == ["Oslo", "Oslo"]


def test_what_is_cut_by_the_tools_own_limit_is_not_kept_and_what_is_longer_than_the_usual_one_may_be():
    for most, size, times in ((5, 6, 2), (5, 5, 1), (200_000, 150_000, 1)):
        counted = Counted(lambda _, size=size: "x" * size)
        counted.tool = counted.tool.replace(max_characters=most)
        run(counted, ToolCache(["look"]), {"city": "Oslo"}, {"city": "Oslo"})
        assert len(counted.given) == times


def test_advice_is_not_kept():
    def give(_):
        raise ToolRetry("Ask for another city.")

    counted = Counted(give)
    run(counted, ToolCache(["look"]), {"city": "Oslo"}, {"city": "Oslo"})
    assert counted.given == ["Oslo", "Oslo"]


def test_what_a_result_depends_on_besides_keeps_users_apart():
    counted = Counted(str)
    cache = ToolCache(["look"], by=lambda context: context.deps)
    for user in ("ann", "bob", "ann"):
        run(counted, cache, {"city": "Oslo"}, deps=user)
    assert counted.given == ["Oslo", "Oslo"]


def test_results_on_disk_outlive_the_process_and_another_tool_does_not_get_them(tmp_path):
    place = tmp_path / "results.db"
    first, second = Counted(lambda _: 1), Counted(lambda _: 2)
    run(first, ToolCache(["look"], SqliteStore(place)), {"city": "Oslo"})
    answers, _ = run(second, ToolCache(["look"], SqliteStore(place)), {"city": "Oslo"})
    assert ([answer.value for answer in answers], second.given) == ([1], [])

    other = Counted(str)

    def look(city: str) -> int:
        """Look elsewhere."""
        return 4

    other.tool = tool(look)
    answers, _ = run(other, ToolCache(["look"], SqliteStore(place)), {"city": "Oslo"})
    assert [answer.value for answer in answers] == [4]


def test_a_call_that_waits_for_approval_waits_though_its_result_is_kept():
    @tool(approval=True)
    def look() -> str:
        """Look."""
        return "seen"

    agent = Agent(ScriptedModel([call("look", id="a"), call("look", id="b")]), tools=[look])
    agent = agent.replace(middleware=[ToolCache(["look"])])

    first = agent.run_sync("Go.")
    second = agent.resume_sync(first.state, decisions={"a": True})

    assert [one.id for one in second.pending] == ["b"]


def test_what_stands_before_it_sees_kept_results_too():
    counted, seen = Counted(str), []
    guard = Guard(result=lambda text, _: seen.append(text))
    run(counted, ToolCache(["look"]), {"city": "Oslo"}, {"city": "Oslo"}, before=[guard])
    assert (counted.given, seen) == (["Oslo"], ["Oslo", "Oslo"])


def test_a_tool_with_a_context_is_kept_like_any_other():
    given = []

    @tool
    def look(context: Context[str], city: str) -> str:
        """Look."""
        given.append(context.deps)
        return city

    model = ScriptedModel([calls(call("look", {"city": "Oslo"})), call("look", {"city": "Oslo"}), "Done."])
    Agent(model, tools=[look], middleware=[ToolCache(["look"])]).run_sync("Go.", deps="ann")
    assert given == ["ann"]


class Broken:
    """A store that fails, or that another wrote to."""

    def __init__(self, value=None):
        self.value = value

    async def get(self, key):
        if self.value is None:
            raise OSError("disk full")
        return self.value

    async def put(self, key, value):
        raise OSError("disk full")

    async def aclose(self):
        pass


def test_a_store_that_fails_is_a_warning_and_the_tool_is_called():
    counted = Counted(str)
    with pytest.warns(RuntimeWarning) as warned:
        run(counted, ToolCache(["look"], Broken()), {"city": "Oslo"})
    assert counted.given == ["Oslo"]
    assert [str(one.message) for one in warned] == [
        "A kept result could not be read, so the tool is called: disk full",
        "A result could not be kept: disk full",
    ]


@pytest.mark.parametrize("value", [b"", b"no json", b"[1]", b'{"content": 1}', b'{"content":1,"text":true}'])
def test_what_another_wrote_is_not_taken(value):
    counted = Counted(str)
    with pytest.warns(RuntimeWarning, match="could not be kept"):
        run(counted, ToolCache(["look"], Broken(value)), {"city": "Oslo"})
    assert counted.given == ["Oslo"]


@pytest.mark.parametrize("tools", ["look", []])
def test_tools_are_named(tools):
    with pytest.raises(errors.ConfigurationError) as caught:
        ToolCache(tools)
    assert str(caught.value) == (
        f"ToolCache got {tools!r} for tools. Name those whose results may be kept: ToolCache(['get_weather'])."
    )


def test_what_is_no_store_is_refused():
    with pytest.raises(errors.ConfigurationError) as caught:
        ToolCache(["look"], MemoryStore)
    assert str(caught.value) == (
        f"ToolCache keeps results in a store, and got {MemoryStore!r}. Give MemoryStore() or SqliteStore('results.db')."
    )


def test_by_that_gives_no_text_is_told():
    with pytest.raises(errors.ConfigurationError) as caught:
        run(Counted(str), ToolCache(["look"], by=lambda context: context.deps), {"city": "Oslo"}, deps=7)
    assert str(caught.value) == (
        "ToolCache(by=...) gave 7 for a call of 'look'. "
        "Give a text that names whose result it is: by=lambda context: context.deps.user."
    )
