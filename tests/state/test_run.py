"""The run as one value: its transitions, its JSON, and that its history is valid at every step."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.state import Attempt, PendingCall, RunState
from agentkit.testing.reply import call, calls, completion
from agentkit.tools.answer import Answer, answer_value
from agentkit.wire.check import check_request
from agentkit.wire.content import ImagePart, ImageUrl
from agentkit.wire.message import AssistantMessage, SystemMessage, ToolMessage, UserMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Usage

START = RunState(run_id="r", messages=(UserMessage(content="x"),))
IMAGE = ImagePart(image_url=ImageUrl(url="https://example.org/a.png"))


def reply(said, **more):
    return ChatCompletion.parse({**completion(said, {"model": "m"}, number=1, size=40), **more})


def answer(call, status="ok", text="r", parts=()):
    return Answer(ToolMessage(tool_call_id=call.id, content=text), status, call.function.name, parts=parts)


def check(state):
    """Hold the contract's rules on the history with its open calls closed, as any next request would send it."""
    check_request(ChatRequest(messages=state.with_closed_calls("closed").messages))


def test_free_words_are_put_aside_without_an_attempt_and_the_state_is_finishing():
    said = START.with_reply(reply("free words"))
    asked = (said.messages[-1], UserMessage(content="In its form."))
    state = said.with_words_aside(asked)
    assert (state.messages, state.correction, state.attempts) == (START.messages, asked, ())
    assert (state.finishing, state.turns, state.reply) == (True, 1, None)
    assert state.with_reply(reply("{}")).correction == ()
    assert state.resumed().finishing
    check(state)


def test_an_attempt_that_stays_counts_like_one_that_does_not():
    state = START.with_reply(reply(call("a", id="1"), usage={"prompt_tokens": 1, "completion_tokens": 2}))
    kept = state.with_kept_attempt("t", "r")
    assert kept.messages == state.messages
    assert kept.attempts == state.with_attempt("t", "r", ()).attempts == (Attempt("t", "r", state.usages[-1]),)


def test_estimates_of_cut_requests_add_up_with_their_mark_apart_from_the_sum():
    one = Usage(prompt_tokens=3, completion_tokens=1)
    state = START.with_cut(one).with_cut(one)
    assert state.cut_usage.to_dict() == {
        "prompt_tokens": 6,
        "completion_tokens": 2,
        "total_tokens": 8,
        "estimated": True,
    }
    assert (state.usage, state.usages) == (START.usage, ())
    assert RunState.from_json(state.to_json()) == state


def test_half_a_surrogate_pair_does_not_keep_a_state_from_being_saved():
    state = replace(START, messages=(UserMessage(content="half \ud83d"),))
    assert RunState.from_json(state.to_json()).messages[0].content == "half \ufffd"


def test_ids_of_runs_are_32_hexadecimal_digits():
    ids = {RunState().run_id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(run_id) == 32 and int(run_id, 16) for run_id in ids)


def test_a_reply_is_taken_with_its_usage():
    state = START.with_reply(reply("hello")).with_reply(reply("again", usage=None))
    assert (state.turns, len(state.usages), state.usages[1], state.finish_reason) == (2, 2, None, "stop")
    assert state.usage == state.usages[0]


def test_a_reply_of_nothing_is_kept_as_an_empty_text():
    assert START.with_reply(reply({"content": None})).messages[1].encoded == b'{"role":"assistant","content":""}'
    refused = START.with_reply(reply({"content": None, "refusal": "No."})).messages[1]
    assert refused.encoded == b'{"role":"assistant","refusal":"No."}'


def test_results_stand_in_call_order_however_they_come():
    state = START.with_reply(reply(calls(*(call("t", id=name) for name in "abc"))))
    a, b, c = state.calls
    for one in (c, a, b):
        state = state.with_answers((answer(one),))
    assert [m.tool_call_id for m in state.messages if isinstance(m, ToolMessage)] == ["a", "b", "c"]
    assert (state.open_calls, state.tool_calls) == ((), 3)


def test_no_answers_change_nothing():
    assert START.with_answers(()) is START


@pytest.mark.parametrize(
    ("status", "counted"),
    [("ok", 1), ("error", 1), ("timeout", 1), ("retry", 1), ("refused", 0), ("denied", 0), ("cancelled", 0)],
)
def test_only_calls_that_were_performed_are_counted(status, counted):
    state = START.with_reply(reply(call("t")))
    assert state.with_answers((answer(state.calls[0], status),)).tool_calls == counted


def test_images_wait_for_the_last_result_of_the_batch():
    state = START.with_reply(reply(calls(call("t", id="a"), call("t", id="b"))))
    a, b = state.calls
    state = state.with_answers((answer(a, parts=(IMAGE,)),))
    assert (state.carried, state.messages[-1].role) == ({"a": (IMAGE,)}, "tool")
    assert RunState.from_json(state.to_json()) == state
    state = state.with_answers((answer(b, parts=(IMAGE,)),))
    assert (state.carried, state.messages[-1].role, len(state.messages[-1].content)) == ({}, "user", 5)
    check(state)


def test_images_are_not_lost_when_the_rest_of_the_batch_is_closed():
    state = START.with_reply(reply(calls(call("t", id="a"), call("t", id="b"))))
    state = state.with_answers((answer(state.calls[0], parts=(IMAGE,)),)).with_closed_calls("closed")
    assert [m.role for m in state.messages] == ["user", "assistant", "tool", "tool", "user"]


def test_refusals_are_counted_once_a_batch_and_forgotten_after_a_success():
    state = START.with_reply(reply(calls(call("t", id="a"), call("t", id="b"), call("u", id="c"))))
    a, b, c = state.calls
    once = state.with_refusals((answer(a, "refused"), answer(b, "retry"), answer(c, "refused")))
    assert once.refused == {"t": 1, "u": 1}
    assert once.with_refusals((answer(a, "refused"), answer(b))).refused == {"u": 1}
    assert once.with_refusals((answer(c, "error"),)).refused == {"t": 1}
    assert once.resumed().refused == {}


def test_the_last_call_of_a_tool_and_what_it_was_told():
    state = START.with_reply(reply(calls(call("t", {"n": 1}, id="a"), call("u", id="b"))))
    state = state.with_answers(tuple(answer(one, text=f"told {one.id}") for one in state.calls))
    state = state.with_reply(reply(call("t", {"n": 2}, id="c")))
    assert state.last_call("t") == ('{"n":2}', "")
    assert state.last_call("u") == ("{}", "told b")
    assert state.last_call("v") == ("", "")


def test_a_failed_attempt_leaves_the_history_with_its_results():
    state = START.with_reply(reply(calls(call("out", id="a"), call("out", id="b"))))
    state = state.with_answers(tuple(answer(one) for one in state.calls))
    aside = state.with_attempt("text", "reason", (UserMessage(content="again"),))
    assert aside.messages == START.messages
    assert aside.attempts == (Attempt("text", "reason", state.usages[0]),)
    assert (aside.turns, aside.usage) == (state.turns, state.usage)


def test_a_history_of_the_caller_is_no_reply_of_the_run():
    earlier = (UserMessage(content="a"), AssistantMessage(content="b"))
    state = RunState(messages=earlier, start=2)
    assert (state.reply, state.new_messages) == (None, ())


def test_closing_calls_again_changes_nothing():
    asked = START.with_reply(reply(calls(call("a", id="1"), call("b", id="2"))))
    state = asked.with_answers((answer(asked.calls[0], parts=(IMAGE,)),)).replace(held=(PendingCall("2", "b", "{}"),))
    closed = state.with_closed_calls("closed")
    assert closed.with_closed_calls("closed").messages == closed.messages
    assert closed.held == ()


NAMES = st.sampled_from(["a", "b", "unknown"])
IDS = st.sampled_from(["", "1", "2", "3"])
CALLS = st.lists(st.builds(lambda name, given: call(name, {}, id=given), NAMES, IDS), max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reply"), st.text(max_size=5), CALLS),
        st.tuples(st.just("answer"), st.integers(0, 3), st.sampled_from(["ok", "refused", "error"]), st.booleans()),
        st.tuples(st.just("attempt")),
        st.tuples(st.just("close")),
        st.tuples(st.just("user")),
    ),
    max_size=25,
)


def step(state, what, *how):
    """Do one thing that a run may do at this point; nothing where it may not."""
    if what == "reply" and not state.open_calls:
        text, several = how
        return state.with_reply(reply(calls(*several, content=text) if several else text))
    if what == "answer" and state.open_calls:
        number, status, image = how
        one = state.open_calls[number % len(state.open_calls)]
        return state.with_answers((answer(one, status, parts=(IMAGE,) if image else ()),))
    if what == "attempt" and state.turns and isinstance(state.messages[-1], AssistantMessage) and not state.open_calls:
        return state.with_attempt("t", "r", ())
    if what == "close":
        return state.with_closed_calls("closed")
    if what == "user" and not state.open_calls:
        return replace(state, messages=(*state.messages, UserMessage(content="y")))
    return state


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whatever_happens_the_history_stays_valid_and_the_state_savable(steps):
    state = START
    for what, *how in steps:
        state = step(state, what, *how)
        check(state)
        assert RunState.from_json(state.to_json()) == state
        assert state.with_closed_calls("closed").open_calls == ()


def test_a_system_message_of_the_history_is_kept():
    state = RunState(messages=(SystemMessage(content="s"), UserMessage(content="x")))
    assert RunState.from_json(state.to_json()) == state


def test_a_value_given_by_a_decision_counts_as_an_answer():
    state = START.with_reply(reply(call("t", id="a")))
    assert state.with_answers((answer_value("a", "t", {"n": 1}, status="given"),)).messages[-1].content == '{"n":1}'
