"""What became of the calls of one reply, recorded and today."""

from agentkit import Agent, tool
from agentkit.agent.run import Run, context_of
from agentkit.durable.comparison import Batch, output_difference
from agentkit.durable.record import Record, line_of, plain_answer, read_of
from agentkit.state import Attempt, PendingCall, RunState
from agentkit.testing import ScriptedModel
from agentkit.tools.answer import Answer
from agentkit.tools.execute import CallTool
from agentkit.wire.message import AssistantMessage, FunctionCall, ToolCall, ToolMessage, UserMessage


@tool
def look(city: str) -> str:
    """Look."""
    return city


CALL = ToolCall(id="a", function=FunctionCall(name="look", arguments='{"city":"Oslo"}'))
BEFORE = RunState("order", messages=(UserMessage(content="Hi"), AssistantMessage(tool_calls=(CALL,))), turns=1)
RAN = CallTool(CALL, look, {"city": "Oslo"}, context_of(Run(Agent().recipe_for(ScriptedModel([])), BEFORE), CALL))


def answer(text, status="ok"):
    return Answer(ToolMessage(tool_call_id="a", content=text), status, "look")


def calling(**more):
    return Record("order", "calling", 1, "a", line_of({"name": "look", "arguments": '{"city":"Oslo"}', **more}))


def answered(given):
    return Record("order", "answered", 1, "a", line_of({"answer": plain_answer(given)}))


def told(text, status="refused"):
    return BEFORE.with_answers((answer(text, status),))


def held(unknown=""):
    return BEFORE.replace(held=(PendingCall("a", "look", '{"city":"Oslo"}', "order", 1, unknown=unknown),))


def difference(after, records, now, ran=None):
    return Batch(BEFORE, after, (), records).difference(CALL, now, ran)


def test_what_became_of_a_call_is_told_where_it_is_another_thing():
    ran = told("4 degrees", "ok"), [calling(), answered(answer("4 degrees"))]
    refused = told("No."), [answered(answer("No.", "refused"))]
    waits = held(), []
    found = [
        difference(*ran, told("No.")),
        difference(*ran, held()),
        difference(*refused, BEFORE, RAN),
        difference(*refused, held()),
        difference(*waits, BEFORE, RAN),
        difference(*waits, told("No.")),
    ]
    assert [(one.what, one.recorded, one.today) for one in found] == [
        ("the call look (a) ran, and is not run today.", "4 degrees", "No."),
        ("the call look (a) ran, and waits for a decision today.", "4 degrees", None),
        ("the call look (a) was answered without being run, and runs today.", "No.", None),
        ("the call look (a) was answered without being run, and waits for a decision today.", "No.", None),
        ("the call look (a) waited for a decision, and runs today.", None, None),
        ("the call look (a) waited for a decision, and is not run today.", None, "No."),
    ]
    assert difference(*ran, BEFORE, RAN) is None
    assert difference(*refused, told("No.")) is None
    assert difference(*waits, held()) is None
    assert difference(BEFORE, [], BEFORE, RAN) is None
    cancelled = [Record("order", "failed", 1)]  # after a decision, and before anything was done by it
    assert Batch(held(), held(), (), cancelled).difference(CALL, BEFORE, RAN) is None


def test_what_the_model_is_told_otherwise_is_a_message_that_differs():
    found = difference(told("No."), [answered(answer("No.", "refused"))], told("Never."))
    assert (found.where, found.what) == ("message", "message 3, of the role tool, differs.")


def test_arguments_are_compared_as_they_were_read():
    assert read_of('{"city":"Oslo"}', {"city": "Oslo"}) is None
    assert read_of('{"city":"Oslo"}', {"city": object()}) == {"city": "object"}
    assert read_of("no JSON", {}) is None
    found = difference(BEFORE, [calling(read={"city": "OSLO"})], BEFORE, RAN)
    assert (found.where, found.recorded, found.today) == ("arguments", '{"city":"OSLO"}', '{"city":"Oslo"}')


def test_calls_in_doubt_are_known_from_what_was_begun_before():
    batch = Batch(BEFORE, held("It was begun."), [calling()], [])
    assert (batch.begun, batch.unknown) == ({"a": '{"city":"Oslo"}'}, {"a": "It was begun."})
    again = Batch(BEFORE, told("4", "ok"), [calling()], [calling(), answered(answer("4"))])
    assert (again.unknown, again.is_whole) == ({"a": ""}, True)
    done = Batch(BEFORE, BEFORE, [calling(), answered(answer("4"))], [])
    assert (done.begun, done.is_whole) == ({}, False)


def test_the_reason_of_an_output_that_was_refused_is_what_the_model_was_told():
    batch = Batch(BEFORE, told("Not one."), (), [])
    assert batch.reason_of('{"city":"Oslo"}') == "Not one."
    assert batch.reason_of("{}") is None
    taken = Batch(BEFORE, told("The output was taken.").replace(accepted="a"), (), [])
    assert taken.reason_of('{"city":"Oslo"}') is None
    assert list(taken.calls("look")) == []


def test_outputs_are_compared_by_what_became_of_them():
    refused = BEFORE.replace(attempts=(Attempt("3", "Too much."),))
    other = BEFORE.replace(attempts=(Attempt("3", "Too many."),))
    corrected = refused.replace(correction=(UserMessage(content="Again."),))
    cases = [
        (refused, BEFORE, "the output was refused, and is not today."),
        (BEFORE, refused, "the output was not refused, and is today."),
        (refused, other, "the output is refused for another reason."),
        (BEFORE.replace(accepted="a"), BEFORE, "another reply is taken as the output."),
        (corrected, refused, "message 3, of the role user, is gone."),
    ]
    for after, now, what in cases:
        assert output_difference(BEFORE, after, now).what == what
    assert output_difference(BEFORE, refused, refused) is None
