"""The loop driven by hand, as the pure generator that it is: no event loop, no model, no tools."""

from dataclasses import replace

import pytest

from agentkit.agent.effect import (
    AskModel,
    Bounds,
    CallTools,
    Checked,
    CheckOutput,
    Finished,
    HandOver,
    Paused,
    Prepare,
    Prepared,
    Turn,
)
from agentkit.agent.loop import loop, request_for
from agentkit.errors import LimitExceededError, OutputError, ToolRetriesExceededError
from agentkit.state import PendingCall, RunLimits, RunState
from agentkit.testing.reply import call, calls, completion
from agentkit.tools.answer import Answer
from agentkit.wire.message import SystemMessage, ToolMessage, UserMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

BOUNDS = Bounds(RunLimits(), output_retries=1, tool_retries={"picky": 0}, default_tool_retries=2)
START = RunState(messages=(UserMessage(content="x"),))


def reply(said):
    return ChatCompletion.parse(completion(said, {"model": "m"}, number=1, size=40))


def answers(state, status="ok", text="r"):
    return tuple(
        Answer(ToolMessage(tool_call_id=one.id, content=text), status, one.function.name) for one in state.open_calls
    )


def ended(steps, outcome):
    with pytest.raises(StopIteration) as caught:
        steps.send(outcome)
    return caught.value.value


def test_a_reply_without_calls_is_checked_and_ends_the_run():
    steps = loop(START, BOUNDS)
    assert next(steps) == Prepare(START)
    asking = steps.send(Prepared(START, Turn()))
    assert isinstance(asking, AskModel)
    assert asking.request.messages == START.messages
    state = START.with_reply(reply("hello"))
    assert steps.send(state) == CheckOutput(state)
    assert ended(steps, Checked(state, valid=True, output="hello")) == Finished(state, "hello")


def test_calls_are_answered_before_the_model_is_asked_again():
    steps = loop(START, BOUNDS)
    next(steps)
    steps.send(Prepared(START, Turn()))
    state = START.with_reply(reply(calls(call("a"), call("b"))))
    assert steps.send(state) == CallTools(state)
    answered = state.with_answers(answers(state))
    assert steps.send(answered) == Prepare(answered)
    assert steps.send(Prepared(answered, Turn())).request.messages == answered.messages


def test_a_held_call_pauses_the_run():
    state = START.with_reply(reply(call("a", id="c")))
    steps = loop(state, BOUNDS)
    assert next(steps) == CallTools(state)
    held = RunState(messages=state.messages, held=(PendingCall("c", "a", "{}"),))
    assert ended(steps, held) == Paused(held)


def test_the_state_alone_decides_what_comes_next():
    asked = START.with_reply(reply(call("a")))
    assert isinstance(next(loop(START, BOUNDS)), Prepare)
    assert isinstance(next(loop(asked, BOUNDS)), CallTools)
    assert isinstance(next(loop(asked.with_answers(answers(asked)), BOUNDS)), Prepare)
    assert isinstance(next(loop(START.with_reply(reply("x")), BOUNDS)), CheckOutput)


def test_a_handoff_comes_before_the_next_request_and_after_open_calls_and_an_output():
    asked = START.with_reply(reply(call("a"))).replace(handed="a")
    answered = asked.with_answers(answers(asked))
    assert isinstance(next(loop(asked, BOUNDS)), CallTools)
    assert isinstance(next(loop(START.with_reply(reply("x")).replace(handed="a"), BOUNDS)), CheckOutput)
    steps = loop(answered.replace(refused={"picky": 9}), BOUNDS)
    assert isinstance(next(steps), HandOver)
    gone_on = answered.replace(handed=None, agent="b")
    assert steps.send(gone_on) == Prepare(gone_on)


def test_a_failed_attempt_is_sent_with_one_correction_and_not_kept():
    state = START.with_reply(reply("bad"))
    steps = loop(state, BOUNDS)
    next(steps)
    correction = (*state.messages[-1:], UserMessage(content="again"))
    aside = state.with_attempt("bad", "again", correction)
    assert steps.send(Checked(aside, valid=False)) == Prepare(aside)
    request = steps.send(Prepared(aside, Turn())).request
    assert request.messages == (*START.messages, *correction)
    taken = aside.with_reply(reply("good"))
    assert [m.content for m in taken.messages] == ["x", "good"]
    assert steps.send(taken) == CheckOutput(taken)


def test_attempts_over_the_retries_are_an_error_with_all_of_them():
    state = START.with_reply(reply("one")).with_attempt("one", "Bad one.", ())
    state = state.with_reply(reply("two")).with_attempt("two", "Bad two.", ())
    with pytest.raises(OutputError) as caught:
        next(loop(state, BOUNDS))
    assert str(caught.value) == (
        "No valid output after 2 attempts. The last was refused: Bad two. "
        "The attempts are in `error.attempts`; `agent.resume(error.state)` asks again."
    )
    assert [one.text for one in caught.value.attempts] == ["one", "two"]
    assert caught.value.text == "two"
    assert isinstance(next(loop(state.resumed(), BOUNDS)), Prepare)


def test_a_single_attempt_is_told_as_one():
    bounds = replace(BOUNDS, output_retries=0)
    with pytest.raises(OutputError, match=r"^No valid output after 1 attempt\. The last was refused: Bad one\. "):
        next(loop(START.with_reply(reply("one")).with_attempt("one", "Bad one.", ()), bounds))


@pytest.mark.parametrize(("name", "most"), [("picky", 0), ("patient", 2)])
def test_refusals_over_a_tools_retries_are_an_error(name, most):
    state = START
    for times in range(most + 1):
        assert isinstance(next(loop(state, BOUNDS)), Prepare)
        state = state.with_reply(reply(call(name, id=f"c{times}")))
        refused = answers(state, "refused", "No.")
        state = state.with_answers(refused).with_refusals(refused)
    with pytest.raises(ToolRetriesExceededError) as caught:
        next(loop(state, BOUNDS))
    assert str(caught.value) == (
        f"The calls of tool '{name}' were refused {most + 1} times in a row. The last reason: No. "
        "The arguments are in `error.arguments`; `agent.resume(error.state)` lets the model try again."
    )


@pytest.mark.parametrize(("limits", "spent"), [(RunLimits(turns=1), 1), (RunLimits(requests=1), 1)])
def test_limits_are_checked_before_the_next_request(limits, spent):
    state = START.with_reply(reply(call("a")))
    state = state.with_answers(answers(state))
    name = "turns" if limits.turns == 1 else "requests"
    with pytest.raises(LimitExceededError) as caught:
        next(loop(state, Bounds(limits, 0, {}, 0)))
    assert str(caught.value) == (
        f"The run reached its limit {name}=1 (spent: {spent}); the next request was not sent. "
        f"Go on with `agent.resume(error.state, limits=RunLimits({name}=...))`."
    )


def test_an_output_in_hand_is_taken_whatever_the_limits():
    state = START.with_reply(reply("hello"))
    assert isinstance(next(loop(state, Bounds(RunLimits(turns=1), 0, {}, 0))), CheckOutput)


def test_a_request_is_instructions_then_history_then_correction():
    told = SystemMessage(content="Be brief.")
    state = RunState(messages=START.messages, correction=(UserMessage(content="again"),))
    request = request_for(state, Turn(instructions=(told,), blank=ChatRequest(messages=(), temperature=0.5)))
    assert [m.content for m in request.messages] == ["Be brief.", "x", "again"]
    assert request.temperature == 0.5
    assert b'"temperature":0.5' in request.encode()


def test_bounds_are_those_of_the_turn_that_was_prepared_last():
    state = RunState(messages=(UserMessage(content="x"),))
    steps = loop(state, Bounds(RunLimits(), 2, {"get": 5}, 3))
    assert isinstance(next(steps), Prepare)
    asked = steps.send(Prepared(state, Turn(bounds=Bounds(RunLimits(), 2, {"get": 0}, 3))))
    called = steps.send(asked.state.with_reply(reply(call("get"))))
    with pytest.raises(ToolRetriesExceededError):
        steps.send(called.state.with_answers(answers(called.state)).replace(refused={"get": 1}))
