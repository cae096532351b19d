"""Events read as values: out of the text or the output tool's arguments, anew for each attempt."""

from agentkit.agent.event import (
    AttemptFailed,
    OutputAsked,
    OutputReady,
    ReasoningDelta,
    ReplyReceived,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from agentkit.agent.growth import Growth
from agentkit.output import ElementReader, PartialReader
from agentkit.wire.message import AssistantMessage, FunctionCall, ToolCall
from agentkit.wire.response import Usage


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


def test_a_reply_of_which_another_loop_took_pieces_is_read_at_its_end():
    late = Growth(PartialReader(dict[str, dict[str, int]]), missed=True)
    assert late.take([TextDelta('{"a": 1}}')]) == []
    assert late.take([received('{"b": {"a": 1}}')]) == [{"b": {"a": 1}}]
    passed = Growth(PartialReader(list[int]))
    assert passed.take([TextDelta("[1, ")]) == [[1]]
    passed.miss(TextDelta("2, "))
    assert passed.take([TextDelta("3, "), ReasoningDelta("hm")]) == []
    assert passed.take([received("[1, 2, 3, 4]")]) == [[1, 2, 3, 4]]
    passed.miss(TextDelta("["))
    passed.miss(received("["))
    assert passed.take([TextDelta("[5]")]) == [[5]]


def test_a_reply_that_was_cut_is_not_joined_with_the_next_one():
    growth = Growth(PartialReader(list[int]))
    cut = UsageReported(Usage(), Usage(), estimated=True)
    assert growth.take([TextDelta("[1, "), cut, TextDelta("[7, ")]) == [[7]]
    refused = Growth(PartialReader(dict[str, int]), "final_result")
    begun = [ToolCallStarted(1, "final_result"), ToolCallDelta(1, '{"a": 1, ')]
    assert refused.take([*begun, AttemptFailed("", "unreadable")]) == []
    assert refused.take([ToolCallStarted(0, "final_result"), ToolCallDelta(0, '{"b": 2}')]) == [{"b": 2}]


def test_a_run_that_goes_on_in_another_mode_is_read_in_that():
    growth = Growth(PartialReader(dict[str, int]))
    assert growth.take([TextDelta("no"), OutputAsked("tool", "final_result")]) == []
    assert growth.take([TextDelta('{"a": 1}'), ToolCallStarted(0, "final_result"), ToolCallDelta(0, '{"b": 2}')]) == [
        {"b": 2}
    ]


def test_free_words_are_read_only_where_they_were_the_output():
    growth = Growth(PartialReader(list[int]), tools_first=True)
    assert growth.take([TextDelta("[9]"), received("[9]"), OutputAsked("native")]) == []
    assert growth.take([TextDelta("[1, 2"), received("[1, 2]"), OutputReady([1, 2])]) == [[1]]
    growth = Growth(PartialReader(list[int]), tools_first=True)
    assert growth.take([TextDelta("[1]"), received("[1]")]) == []
    assert growth.take([OutputReady([1])]) == [[1]]


def test_free_words_that_another_loop_took_are_read_where_they_were_the_output():
    growth = Growth(ElementReader(list[int]), tools_first=True)
    for event in (TextDelta("[1]"), received("[1]")):
        growth.miss(event)
    assert growth.take([OutputReady([1])]) == [1]


def test_an_output_that_came_as_text_in_the_place_of_the_tools_arguments_is_read():
    growth = Growth(ElementReader(list[int]), "final_result")
    assert growth.take([TextDelta("[1]"), received("[1]"), OutputReady([1])]) == [1]
    assert Growth(ElementReader(list[int]), "final_result").take([received("[1]"), AttemptFailed("", "")]) == []


def test_a_new_way_to_ask_begins_anew_and_tells_what_is_read():
    growth = Growth(PartialReader(dict[str, int]))
    assert growth.take([TextDelta('{"a": 1, ')]) == [{"a": 1}]
    calls = (ToolCall(id="c", function=FunctionCall(name="give", arguments='{"b": 2}')),)
    events = [OutputAsked("tool", "give"), TextDelta('{"no": 3}'), ToolCallStarted(0, "give")]
    assert growth.take([*events, ToolCallDelta(0, '{"b": 2}'), received(calls=calls)]) == [{"b": 2}]
