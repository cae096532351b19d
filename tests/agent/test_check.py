"""Replies read as the output, and what becomes of those that are none."""

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent
from agentkit.errors import LengthError, OutputError
from agentkit.output import OutputSpec, Rejected
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest


class City(BaseModel):
    name: str
    people: int


OSLO = {"name": "Oslo", "people": 700000}
BY_TOOL = OutputSpec(City, mode="tool")


@tool
def look() -> str:
    return "seen"


def roles(messages):
    return [message.role for message in messages]


def check(messages):
    """Hold the contract's rules on a history."""
    check_request(ChatRequest(messages=messages))


def test_a_failed_attempt_is_replaced_and_the_final_history_holds_neither():
    model = ScriptedModel(['{"name": "Oslo"}', '{"name": "Oslo", "people": "many"}', '{"name":"Oslo","people":700000}'])
    result = Agent(model, output=City).run_sync("x")
    assert result.output == City(**OSLO)
    assert roles(result.messages) == ["user", "assistant"]
    assert [roles(request.messages) for request in model.requests] == [
        ["user"],
        ["user", "assistant", "user"],
        ["user", "assistant", "user"],
    ]
    assert model.requests[2].messages[1].content == '{"name": "Oslo", "people": "many"}'
    assert [attempt.text for attempt in result.attempts] == [
        '{"name": "Oslo"}',
        '{"name": "Oslo", "people": "many"}',
    ]
    assert all(attempt.usage.total_tokens for attempt in result.attempts)
    assert result.turns == 3


def test_attempts_are_on_the_error_and_a_resumed_run_asks_again():
    model = ScriptedModel(["a", "b", "c", '{"name":"Oslo","people":700000}'])
    agent = Agent(model, output=City)
    with pytest.raises(OutputError) as caught:
        agent.run_sync("x")
    assert [attempt.text for attempt in caught.value.attempts] == ["a", "b", "c"]
    result = agent.resume_sync(caught.value.state.to_json())
    assert (result.output.name, len(result.attempts)) == ("Oslo", 3)
    assert roles(result.messages) == ["user", "assistant"]


def test_an_empty_reply_is_asked_again_without_an_empty_message():
    model = ScriptedModel(["", '{"name":"Oslo","people":700000}'])
    Agent(model, output=City).run_sync("x")
    assert roles(model.requests[1].messages) == ["user", "user"]


def test_the_output_may_come_as_the_arguments_of_a_tool():
    model = ScriptedModel([call("final_result", OSLO)])
    result = Agent(model, output=BY_TOOL).run_sync("x")
    assert result.output == City(**OSLO)
    assert roles(result.messages) == ["user", "assistant", "tool"]
    check(result.messages)


def test_calls_beside_a_valid_output_run_first_and_the_output_is_taken():
    model = ScriptedModel([calls(call("final_result", OSLO, id="o"), call("look", id="l"))])
    result = Agent(model, tools=[look], output=BY_TOOL).run_sync("x")
    assert result.output == City(**OSLO)
    assert [m.content for m in result.messages if m.role == "tool"] == ["The output was taken.", "seen"]


def test_an_invalid_output_beside_real_calls_is_answered_like_invalid_arguments_and_stays():
    model = ScriptedModel([calls(call("look"), call("final_result", {"name": "Oslo"})), call("final_result", OSLO)])
    result = Agent(model, tools=[look], output=BY_TOOL).run_sync("x")
    assert result.output == City(**OSLO)
    assert roles(result.messages) == ["user", "assistant", "tool", "tool", "assistant", "tool"]
    check(result.messages)


def test_an_invalid_output_alone_is_set_aside():
    model = ScriptedModel([call("final_result", {"name": "Oslo"}), call("final_result", OSLO)])
    result = Agent(model, output=BY_TOOL).run_sync("x")
    assert roles(model.requests[1].messages) == ["user", "assistant", "tool"]
    assert roles(result.messages) == ["user", "assistant", "tool"]
    assert len(result.attempts) == 1


def test_of_several_outputs_the_first_valid_one_is_taken_and_no_call_dangles():
    batch = calls(call("final_result", {"name": 1}), call("final_result", OSLO), call("final_result", OSLO))
    result = Agent(ScriptedModel([batch]), output=BY_TOOL).run_sync("x")
    told = [m.content for m in result.messages if m.role == "tool"]
    assert told[1:] == ["The output was taken.", "Not taken: an earlier output of the same reply was."]
    check(result.messages)


def test_an_output_waits_for_the_decision_on_a_call_beside_it():
    @tool(approval=True)
    def pay() -> str:
        return "paid"

    agent = Agent(
        ScriptedModel([calls(call("final_result", OSLO, id="o"), call("pay", id="p"))]), tools=[pay], output=BY_TOOL
    )
    waiting = agent.run_sync("x")
    assert [one.id for one in waiting.pending] == ["p"]
    result = agent.resume_sync(waiting.state.to_json(), decisions={"p": True})
    assert result.output == City(**OSLO)
    check(result.messages)


@pytest.mark.parametrize("output", [City, BY_TOOL])
def test_an_output_cut_at_the_token_limit_is_an_error_with_the_text(output):
    cut = '{"name": "Os'
    reply = call("final_result", cut) if output is BY_TOOL else {"content": cut}
    with pytest.raises(LengthError) as caught:
        Agent(ScriptedModel([{**reply, "finish_reason": "length"}]), output=output).run_sync("x")
    assert str(caught.value) == (
        "The reply reached its token limit before the output was whole (12 characters came, in `error.text`). "
        "Raise `max_completion_tokens`, or ask for less."
    )
    assert caught.value.text == cut


@pytest.mark.parametrize(
    ("cut", "ends"),
    [
        ('{"name": ' + " \n" * 300, "601 characters of white space"),
        ('{"name": "' + "la la land, " * 90 + "la", "repeats of 'la la land,'"),
    ],
)
def test_an_output_that_would_not_have_ended_is_told_so(cut, ends):
    with pytest.raises(LengthError) as caught:
        Agent(ScriptedModel([{"content": cut, "finish_reason": "length"}]), output=City).run_sync("x")
    assert str(caught.value) == (
        f"The reply reached its token limit before the output was whole ({len(cut)} characters came, in `error.text`). "
        f"It ends in {ends}: a higher limit would hardly help. Set a `frequency_penalty`, ask for JSON in the "
        "instructions, or take another output mode or model."
    )


@pytest.mark.parametrize(
    "draft",
    [
        'Perhaps {"name": "Oslo", "people": 7}? No, for',
        'Hm.\n```json\n{"name": "Oslo", "people": 7}\n```\nBut',
        '{"name": "Oslo", "people": 7}? I thought.</think>\nSo',
    ],
)
def test_a_draft_among_words_that_were_cut_is_no_output(draft):
    with pytest.raises(LengthError):
        Agent(ScriptedModel([{"content": draft, "finish_reason": "length"}]), output=City).run_sync("x")
    kept = Agent(ScriptedModel([{"content": draft, "finish_reason": "length"}]), output=City | str).run_sync("x")
    assert kept.output == draft


def test_an_output_whose_explanation_was_cut_is_taken():
    reply = {"content": '<think>Hm</think>```json\n{"name":"Oslo","people":7}\n```\nFor', "finish_reason": "length"}
    assert Agent(ScriptedModel([reply]), output=City).run_sync("x").output == City(name="Oslo", people=7)


def test_an_output_that_is_whole_at_the_token_limit_is_taken():
    reply = {"content": '{"name":"Oslo","people":700000}', "finish_reason": "length"}
    assert Agent(ScriptedModel([reply]), output=City).run_sync("x").output == City(**OSLO)


@pytest.mark.parametrize(("type_", "cut"), [(City | None, ""), (City | None, " \n"), (int, "12"), (float | None, "1.")])
@pytest.mark.parametrize("mode", ["native", "tool", "prompted"])
def test_at_the_token_limit_nothing_is_no_none_and_a_number_may_go_on(type_, cut, mode):
    reply = call("final_result", cut) if mode == "tool" else {"content": cut}
    with pytest.raises(LengthError) as caught:
        Agent(ScriptedModel([{**reply, "finish_reason": "length"}]), output=OutputSpec(type_, mode)).run_sync("x")
    assert caught.value.text.strip() in (cut.strip(), "{}")  # a call without arguments has no text for them


@pytest.mark.parametrize("mode", ["native", "tool"])
def test_a_run_whose_output_was_cut_asks_again_when_resumed(mode):
    replies = {
        "native": ({"content": '{"a": '}, '{"a": 1}'),
        "tool": (call("final_result", '{"a": '), call("final_result", {"a": 1})),
    }
    cut, good = replies[mode]
    agent = Agent(
        ScriptedModel([{**cut, "finish_reason": "length"}, good]), output=OutputSpec(dict[str, int], mode=mode)
    )
    with pytest.raises(LengthError) as caught:
        agent.run_sync("x")
    assert agent.resume_sync(caught.value.state.to_json()).output == {"a": 1}


@pytest.mark.parametrize("saved", [False, True])
def test_an_output_that_is_invalid_after_a_resume_keeps_the_calls_beside_it(saved):
    looked, tries = [], []

    @tool(name="look")
    def look_once() -> str:
        looked.append(1)
        return "seen"

    def check_it(city):
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("the database does not answer")
        if len(tries) == 2:
            raise ValueError("there is no such city.")
        return city

    batch = calls(call("look"), call("final_result", OSLO))
    spec = OutputSpec(City, mode="tool", validators=[check_it])
    agent = Agent(ScriptedModel([batch, call("final_result", OSLO)]), tools=[look_once], output=spec)
    with pytest.raises(ConnectionError) as caught:
        agent.run_sync("x")
    state = caught.value.state
    result = agent.resume_sync(state.to_json() if saved else state)
    assert (result.output, looked) == (City(**OSLO), [1])
    assert [m.content for m in result.messages if m.role == "tool"] == [
        "seen",
        "Your answer is not accepted: there is no such city. Answer again, corrected.",
        "The output was taken.",
    ]
    check(result.messages)


@pytest.mark.parametrize("mode", ["native", "tool"])
def test_the_last_refusal_is_the_cause_of_the_error(mode):
    def refuse(value):
        raise ValueError("not in the books")

    replies = {"native": '{"a": 1}', "tool": call("final_result", {"a": 1})}
    spec = OutputSpec(dict[str, int], mode=mode, retries=1, validators=[refuse])
    with pytest.raises(OutputError) as caught:
        Agent(ScriptedModel([replies[mode]] * 2), output=spec).run_sync("x")
    rejected = caught.value.__cause__
    assert isinstance(rejected, Rejected)
    assert rejected.reason == caught.value.attempts[-1].reason
    assert repr(rejected.__cause__) == "ValueError('not in the books')"


def test_an_output_that_was_taken_and_is_refused_after_a_resume_keeps_the_calls_beside_it():
    looked = []

    @tool(name="look")
    def look_once() -> str:
        looked.append(1)
        return "seen"

    def refuse_few(city):
        if city.people < 800000:
            raise ValueError("count again")
        return city

    batch = calls(call("look"), call("final_result", OSLO, id="o"))
    model = ScriptedModel([batch, call("final_result", {**OSLO, "people": 900000}, id="o")])
    agent = Agent(model, tools=[look_once], output=BY_TOOL)
    state = agent.run_sync("x").state
    stricter = agent.replace(output=OutputSpec(City, mode="tool", validators=[refuse_few]))
    result = stricter.resume_sync(state.to_json())
    assert (result.output.people, looked) == (900000, [1])
    assert [m.content for m in result.messages if m.role == "tool"] == [
        "seen",
        "Your answer is not accepted: count again. Answer again, corrected.",
        "The output was taken.",
    ]
    check(result.messages)
