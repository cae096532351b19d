"""Events read as values: out of the text or the output tool's arguments, anew for each attempt."""

from agentkit.agent.event import AttemptFailed, ReplyReceived, TextDelta, ToolCallDelta, ToolCallStarted
from agentkit.agent.growth import Growth
from agentkit.output import ElementReader, PartialReader
from agentkit.wire.message import AssistantMessage, FunctionCall, ToolCall


def received(content=None, calls=()):
    return ReplyReceived(AssistantMessage(content=content, tool_calls=calls), None, "stop", None)


def test_events_that_came_together_give_one_value():
    growth = Growth(PartialReader(str), None)
    assert growth.take([TextDelta("a"), TextDelta("b")]) == ["ab"]
    assert growth.take([ToolCallStarted(0, "other"), ToolCallDelta(0, "{}")]) == []
    assert growth.take([TextDelta("c"), received("abc")]) == ["abc"]
    assert growth.take([]) == []


def test_the_arguments_of_the_outputs_tool_are_read_and_no_others():
    growth = Growth(PartialReader(dict[str, int]), "final_result")
    assert growth.take([TextDelta('{"no": 1}'), ToolCallStarted(0, "add"), ToolCallDelta(0, '{"a": 1}')]) == []
    assert growth.take(
        [ToolCallStarted(1, "final_result"), ToolCallDelta(1, '{"b": 1, '), ToolCallDelta(1, '"c"')]
    ) == [{"b": 1}]
    assert growth.take([ToolCallDelta(1, ": 2}"), received()]) == [{"b": 1, "c": 2}]


def test_a_reply_that_came_whole_is_read_whole():
    assert Growth(PartialReader(str), None).take([received("Hi")]) == ["Hi"]
    calls = (ToolCall(id="c", function=FunctionCall(name="final_result", arguments='{"a": 1}')),)
    assert Growth(PartialReader(dict[str, int]), "final_result").take([received(calls=calls)]) == [{"a": 1}]
    assert Growth(PartialReader(dict[str, int]), "final_result").take([received("Hi")]) == []


def test_each_reply_begins_anew():
    growth = Growth(PartialReader(list[int]), None)
    assert growth.take([TextDelta("[1, 2"), received("[1, 2"), AttemptFailed("[1, 2", "cut")]) == [[1]]
    assert growth.take([TextDelta("[3, 4]")]) == [[3, 4]]


def test_elements_that_the_next_attempt_repeats_are_not_given_again():
    growth = Growth(ElementReader(list[int]), None)
    assert growth.take([TextDelta("[1, 2, x"), received("[1, 2, x"), AttemptFailed("", "")]) == [1, 2]
    assert growth.take([TextDelta("[1, 2, 3]"), received("[1, 2, 3]")]) == [3]
