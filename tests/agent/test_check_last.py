"""First tools, then a constrained last turn: where a format may not stand beside tools and no call can be forced."""

import asyncio
import base64
from typing import Literal

import pytest
from pydantic import BaseModel

from agentkit import media
from agentkit.agent import Agent, AttemptFailed, OutputAsked
from agentkit.errors import (
    ContentFilterError,
    ContextOverflowError,
    LengthError,
    LimitExceededError,
    OutputError,
    RefusalError,
)
from agentkit.http import Profile
from agentkit.output import OutputSpec
from agentkit.state import RunLimits, RunState
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import ToolRetry, tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest
from agentkit.wire.setting import Settings

FORM = "Now give your final answer in the form that is asked for: JSON that fits the schema, and nothing else."
WORDS = "Oslo has 700,000 people."


class City(BaseModel):
    name: str
    people: int


OSLO = City(name="Oslo", people=700000)
JSON = OSLO.model_dump_json()


@tool
def look() -> str:
    return "seen"


class Model(ScriptedModel):
    """Takes formats and tools, but not together, and cannot be made to call."""

    def __init__(self, replies, **profile):
        super().__init__(replies)
        self.profile = Profile(**{"output_mode": "native", "tool_choices": ("none", "auto"), **profile})

    @property
    def shapes(self):
        """What each request had: tools, format, roles."""
        return [
            (len(one.tools), one.response_format and one.response_format.type, [m.role for m in one.messages])
            for one in self.requests
        ]


def agent(model, output=City, **changes):
    return Agent(model, tools=[look], output=output, **changes)


def check(result):
    """Hold the contract's rules on the history, and that it ends with the output."""
    check_request(ChatRequest(messages=result.messages))
    assert result.messages[-1].role == "assistant"
    assert FORM not in [m.content for m in result.messages]


def test_tools_come_first_and_the_last_turn_has_the_format_alone():
    model = Model([call("look"), WORDS, JSON])
    result = agent(model).run_sync("x")
    assert (result.output, result.turns, result.attempts) == (OSLO, 3, ())
    assert model.shapes == [
        (1, None, ["user"]),
        (1, None, ["user", "assistant", "tool"]),
        (0, "json_schema", ["user", "assistant", "tool", "assistant", "user"]),
    ]
    assert [m.content for m in model.requests[2].messages[-2:]] == [WORDS, FORM]
    assert [m.role for m in result.messages] == ["user", "assistant", "tool", "assistant"]
    assert result.messages[-1].content == JSON
    assert result.usage.total_tokens == sum(one.total_tokens for one in result.usages)
    assert len(result.usages) == 3
    check(result)


@pytest.mark.parametrize("text", [JSON, f"```json\n{JSON}\n```", f"\n {JSON}"])
def test_a_free_reply_that_is_the_output_is_taken_without_another_request(text):
    model = Model([call("look"), text])
    result = agent(model).run_sync("x")
    assert (result.output, result.turns, result.state.finishing) == (OSLO, 2, False)
    check(result)


@pytest.mark.parametrize(
    ("output", "text", "given"),
    [
        (City, f"It says {JSON} there.", JSON),
        (list[int], "As [1] says, there are two.", "[2]"),
        (dict[str, int], 'I got {"error": 1} from it, so there are none.', "{}"),
        (Literal["big", "small"], "It is a big one.", '"big"'),
    ],
)
def test_json_that_stands_among_the_words_of_a_free_reply_is_not_taken_for_the_output(output, text, given):
    model = Model([text, given])
    result = agent(model, output).run_sync("x")
    assert (result.turns, result.messages[-1].content) == (2, given)


@pytest.mark.parametrize(("output", "text", "value"), [(int, "42", 42), (Literal["big", "small"], "big", "big")])
def test_a_bare_value_is_the_output(output, text, value):
    assert agent(Model([text]), output).run_sync("x").output == value


def test_in_json_mode_the_schema_is_known_from_the_first_turn_and_words_around_it_do_no_harm():
    model = Model([call("look"), f"Here it is: {JSON}"], output_mode="json")
    assert agent(model).run_sync("x").output == OSLO
    model = Model([call("look"), WORDS, JSON], output_mode="json")
    assert agent(model).run_sync("x").output == OSLO
    assert [shape[:2] for shape in model.shapes] == [(1, None), (1, None), (0, "json_object")]
    assert len({request.messages[0].content for request in model.requests}) == 1


@pytest.mark.parametrize("empty", [{"content": None}, "", "  \n"])
@pytest.mark.parametrize("output", [City, City | None, OutputSpec(City | str, mode="native")])
def test_after_an_empty_free_reply_the_form_is_asked_for_without_an_empty_message(output, empty):
    given = JSON if output is City else f'{{"response": {JSON}}}'
    model = Model([call("look"), empty, given])
    result = agent(model, output).run_sync("x")
    assert (result.output, result.attempts) == (OSLO, ())
    assert [m.role for m in model.requests[2].messages] == ["user", "assistant", "tool", "user"]
    check(result)


def test_a_plain_answer_is_the_answer_of_a_union_with_str():
    model = Model([call("look"), WORDS])
    result = agent(model, OutputSpec(City | str, mode="native")).run_sync("x")
    assert (result.output, result.turns) == (WORDS, 2)
    assert [shape[:2] for shape in model.shapes] == [(1, None)] * 2


def test_a_union_with_str_takes_the_outputs_tool_where_the_model_need_not_be_forced():
    model = Model([call("look"), call("final_result", OSLO.model_dump())])
    assert agent(model, City | str).run_sync("x").output == OSLO
    assert [(len(request.tools), request.tool_choice) for request in model.requests] == [(2, None)] * 2


def test_a_free_reply_that_was_cut_is_an_error_and_resumes_free():
    model = Model([{"content": "Oslo has", "finish_reason": "length"}, call("look"), JSON])
    with pytest.raises(LengthError) as caught:
        agent(model).run_sync("x")
    assert (caught.value.text, caught.value.state.finishing) == ("Oslo has", False)
    assert agent(model).resume_sync(caught.value.state.to_json()).output == OSLO
    assert [shape[:2] for shape in model.shapes] == [(1, None)] * 3


def test_a_last_reply_that_was_cut_is_an_error_and_resumes_constrained():
    model = Model([WORDS, {"content": '{"name": "Os', "finish_reason": "length"}, JSON])
    with pytest.raises(LengthError) as caught:
        agent(model).run_sync("x")
    assert (caught.value.text, caught.value.state.finishing) == ('{"name": "Os', True)
    result = agent(model).resume_sync(caught.value.state.to_json())
    assert (result.output, model.shapes[-1][:2]) == (OSLO, (0, "json_schema"))
    check(result)


@pytest.mark.parametrize("reply", [{"content": None, "refusal": "No."}])
@pytest.mark.parametrize("before", [(), (WORDS,)])
def test_a_refusal_is_an_error_in_both_steps(before, reply):
    model = Model([*before, reply, JSON])
    with pytest.raises(RefusalError) as caught:
        agent(model).run_sync("x")
    assert agent(model).resume_sync(caught.value.state.to_json()).output == OSLO


@pytest.mark.parametrize("before", [(), (WORDS,)])
def test_a_filtered_reply_is_an_error_in_both_steps(before):
    with pytest.raises(ContentFilterError) as caught:
        agent(Model([*before, {"content": "so", "finish_reason": "content_filter"}])).run_sync("x")
    assert caught.value.partial == "so"


def test_a_reply_with_words_and_calls_is_no_free_reply_yet():
    model = Model([calls(call("look"), content="Let me look."), JSON])
    result = agent(model).run_sync("x")
    assert (result.output, result.turns) == (OSLO, 2)
    assert result.messages[1].content == "Let me look."


def test_calls_in_the_last_reply_are_answered_and_the_form_is_asked_for_again():
    model = Model([WORDS, call("look"), JSON])
    result = agent(model).run_sync("x")
    assert result.output == OSLO
    assert model.shapes[2] == (0, "json_schema", ["user", "assistant", "tool"])
    check(result)


def test_retries_stay_constrained_and_the_words_are_gone():
    model = Model([call("look"), WORDS, "{}", '{"name": "Oslo"}', JSON])
    result = agent(model).run_sync("x")
    assert (result.output, [one.text for one in result.attempts]) == (OSLO, ["{}", '{"name": "Oslo"}'])
    assert [shape[:2] for shape in model.shapes] == [(1, None)] * 2 + [(0, "json_schema")] * 3
    assert [m.role for m in model.requests[-1].messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert model.requests[-1].messages[-2].content == '{"name": "Oslo"}'
    check(result)


def test_what_was_put_aside_counts_as_no_attempt():
    model = Model([WORDS, "{}", "{}", "{}"])
    with pytest.raises(OutputError) as caught:
        agent(model).run_sync("x")
    assert [one.text for one in caught.value.attempts] == ["{}"] * 3
    assert caught.value.state.turns == 4


def test_a_validator_that_refuses_a_free_output_is_told_like_any_and_tools_stay():
    def exact(city):
        if city.people != 700001:
            raise ToolRetry("Look again.")
        return city

    model = Model([JSON, call("look"), '{"name":"Oslo","people":700001}'])
    result = agent(model, OutputSpec(City, validators=[exact])).run_sync("x")
    assert (result.output.people, [one.reason for one in result.attempts]) == (700001, ["Look again."])
    assert [shape[0] for shape in model.shapes] == [1, 1, 1]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look"}}])
def test_a_forced_choice_is_obeyed_relaxed_and_left_out_of_the_last_turn(choice):
    model = Model([call("look"), WORDS, JSON])
    agent(model, settings=Settings(tool_choice=choice, parallel_tool_calls=False, seed=7)).run_sync("x")
    assert [request.tool_choice for request in model.requests] == [choice, "auto", None]
    assert [request.parallel_tool_calls for request in model.requests] == [False, False, None]
    assert [request.seed for request in model.requests] == [7, 7, 7]


def test_images_of_tools_are_in_the_last_turn_too():
    pixel = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )

    @tool
    def photo():
        return media.image(pixel)

    model = Model([call("photo"), WORDS, JSON])
    result = Agent(model, tools=[photo], output=City).run_sync("x")
    assert model.shapes[2][2] == ["user", "assistant", "tool", "user", "assistant", "user"]
    assert [m.role for m in result.messages] == ["user", "assistant", "tool", "user", "assistant"]
    check(result)


@pytest.mark.parametrize("limits", [RunLimits(turns=2), RunLimits(requests=2)])
def test_the_last_request_counts_and_a_run_at_its_limit_goes_on_from_there(limits):
    model = Model([call("look"), WORDS, JSON])
    with pytest.raises(LimitExceededError) as caught:
        agent(model, limits=limits).run_sync("x")
    state = RunState.from_json(caught.value.state.to_json())
    assert (state.finishing, state.turns) == (True, 2)
    assert agent(model).resume_sync(state).output == OSLO
    assert [m.content for m in model.requests[2].messages[-2:]] == [WORDS, FORM]


def test_a_run_that_waits_for_approval_finishes_after_it():
    @tool(approval=True)
    def pay() -> str:
        return "paid"

    model = Model([call("pay", id="p"), WORDS, JSON])
    one = Agent(model, tools=[pay], output=City)
    waiting = one.run_sync("x")
    result = one.resume_sync(waiting.state.to_json(), decisions={"p": True})
    assert (result.output, result.turns) == (OSLO, 3)
    check(result)


def test_a_state_that_was_finishing_goes_on_with_a_model_that_takes_both():
    model = Model([WORDS, "{}"])
    with pytest.raises(OutputError) as caught:
        agent(model, OutputSpec(City, retries=0)).run_sync("x")
    other = ScriptedModel([JSON])
    assert agent(other).resume_sync(caught.value.state.to_json()).output == OSLO
    assert (len(other.requests[0].tools), other.requests[0].response_format.type) == (1, "json_schema")


def test_the_next_run_on_the_history_begins_free_again():
    model = Model([WORDS, JSON, call("look"), JSON])
    one = agent(model)
    one.run_sync("y", history=one.run_sync("x").messages)
    assert [shape[:2] for shape in model.shapes] == [(1, None), (0, "json_schema"), (1, None), (1, None)]


def test_without_tools_there_is_one_step():
    model = Model([JSON])
    assert Agent(model, output=City).run_sync("x").output == OSLO
    assert model.shapes == [(0, "json_schema", ["user"])]


def test_a_watcher_is_told_that_the_form_is_asked_for():
    async def main():
        async with agent(Model([call("look"), WORDS, JSON])).stream("x") as stream:
            return [event async for event in stream]

    events = asyncio.run(main())
    shown = [event for event in events if event.type in ("reply", "output_asked", "output")]
    assert [event.type for event in shown] == ["reply", "reply", "output_asked", "reply", "output"]
    assert shown[2] == OutputAsked("native", None, tools_first=False)
    assert not [event for event in events if isinstance(event, AttemptFailed)]


@pytest.mark.parametrize("last", [("I think of [1] and [9].", "[1, 2]"), ("[1, 2]",)])
def test_values_of_a_stream_never_show_free_words(last):
    async def main(read):
        async with agent(Model([calls(call("look"), content="[7]"), *last]), list[int]).stream("x") as stream:
            return [value async for value in read(stream)]

    assert asyncio.run(main(lambda stream: stream.items())) == [1, 2]
    partials = asyncio.run(main(lambda stream: stream.partials()))
    assert partials[-1] == [1, 2]
    assert all(value in ([], [1], [1, 2]) for value in partials)


def test_values_read_in_a_later_loop_never_show_free_words_either():
    async def main(words):
        async with agent(Model([call("look"), words, "[1, 2]"]), list[int]).stream("x") as stream:
            async for event in stream:
                if event.type == "reply" and event.message.content:
                    break
            return [value async for value in stream.items()]

    assert asyncio.run(main("I think of [9].")) == [1, 2]


def test_a_context_that_overflows_says_that_asking_for_the_form_did_it():
    model = Model([WORDS, ContextOverflowError("too long")])
    with pytest.raises(ContextOverflowError) as caught:
        agent(model).run_sync("x")
    assert "This request asked again for the output" in caught.value.__notes__[0]
