"""What the model sees of a result, apart from what the program keeps."""

import pytest

from agentkit import Agent, RunState, ToolResult, media, tool
from agentkit.errors import ToolDefinitionError
from agentkit.state import Give
from agentkit.testing import ScriptedModel, call, calls
from agentkit.tools.answer import answer_value, content_of
from agentkit.wire.content import TextPart

PNG = b"\x89PNG\r\n\x1a\n----"
PDF = b"%PDF-1.7"


def test_the_model_sees_the_content_and_the_program_keeps_the_data():
    table = object()

    @tool
    def query(sql: str) -> ToolResult:
        """Ask the database."""
        return ToolResult("3 rows", data=table)

    result = Agent(ScriptedModel([call("query", {"sql": "x"}), "done"]), tools=[query]).run_sync("x")
    assert result.messages[2].content == "3 rows"
    assert result.answers[0].data is table
    assert result.answers[0].status == "ok"
    state = result.state.to_json()
    assert "object" not in state
    assert RunState.from_json(state).messages == result.messages


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("text", "text"),
        ({"rows": 3}, '{"rows":3}'),
        ([1, 2], "[1,2]"),
        (None, "null"),
        (0, "0"),
        ("", ""),
        ((TextPart(text="a"), {"b": 1}), 'a\n{"b":1}'),
    ],
    ids=str,
)
def test_the_content_may_be_whatever_a_tool_may_return(content, text):
    assert content_of(ToolResult(content), "get") == (text, ())


def test_without_data_the_content_is_kept_and_none_is_data_too():
    rows = [1, 2]
    assert answer_value("c", "get", ToolResult(rows)).data is rows
    assert answer_value("c", "get", ToolResult("none", data=None)).data is None
    assert answer_value("c", "get", "plain").data == "plain"


def test_images_and_files_follow_the_content():
    result = ToolResult(
        {"title": "Sales"},
        images=[media.image(PNG), PNG, bytearray(PNG), "https://example.org/a.png"],
        files=[media.file(PDF), PDF],
    )
    text, parts = content_of(result, "draw")
    assert text == '{"title":"Sales"}\n' + "\n".join(
        f"[{'image' if n < 5 else 'file'} {n}: in the next user message]" for n in range(1, 7)
    )
    assert [part.type for part in parts] == ["image_url"] * 4 + ["file"] * 2
    assert parts[0] == parts[1] == parts[2]
    assert parts[3].image_url.url == "https://example.org/a.png"
    assert parts[4] == parts[5]


def test_parts_among_the_content_come_before_those_beside_it():
    text, parts = content_of(ToolResult(["See:", media.image(PNG)], files=PDF), "draw")
    assert text == "See:\n[image 1: in the next user message]\n[file 2: in the next user message]"
    assert [part.type for part in parts] == ["image_url", "file"]


@pytest.mark.parametrize("result", [ToolResult(images=PNG), ToolResult(images="data:image/png;base64,AAAA")])
def test_one_image_may_stand_alone_and_without_words(result):
    text, parts = content_of(result, "draw")
    assert text == "[image 1: in the next user message]"
    assert len(parts) == 1


def test_images_of_a_batch_travel_in_one_user_message():
    @tool
    def draw(title: str) -> ToolResult:
        """Draw."""
        return ToolResult(title, images=[PNG])

    both = calls(call("draw", {"title": "a"}, id="a"), call("draw", {"title": "b"}, id="b"))
    result = Agent(ScriptedModel([both, "done"]), tools=[draw]).run_sync("x")
    assert [message.role for message in result.messages] == ["user", "assistant", "tool", "tool", "user", "assistant"]
    assert [part.type for part in result.messages[4].content] == ["text", "text", "image_url", "text", "image_url"]


def test_an_error_is_told_as_it_is_and_marked_on_the_answer():
    answer = answer_value("c", "find", ToolResult("There is no order 5.", data=404, error=True))
    assert (answer.message.content, answer.status, answer.data) == ("There is no order 5.", "error", 404)
    assert answer.error is None
    assert not answer.counts


def test_an_exception_as_content_is_told_like_one_that_was_raised():
    answer = answer_value("c", "find", ToolResult(ValueError("no such city"), data=404))
    assert (answer.message.content, answer.status) == ("The tool failed. ValueError: no such city", "error")
    assert answer.data == 404
    assert isinstance(answer.error, ValueError)


def test_a_result_that_was_given_by_a_decision_may_be_one():
    @tool(approval=True)
    def pay(euros: int) -> str:
        """Pay."""
        raise AssertionError

    agent = Agent(ScriptedModel([call("pay", {"euros": 3}, id="p"), "done"]), tools=[pay])
    state = agent.run_sync("x").state
    result = agent.resume_sync(state, decisions={"p": Give(ToolResult("paid", data=7, error=True))})
    assert (result.messages[2].content, result.answers[0].data, result.answers[0].status) == ("paid", 7, "given")


def test_a_long_content_is_cut_and_kept_whole():
    answer = answer_value("c", "get", ToolResult("abc" * 10, data=None), most=7)
    assert answer.message.content == "abcabca\n[Cut: the result has 30 characters, the first 7 are shown.]"
    assert answer.value.content == "abc" * 10


def test_inside_another_value_it_is_a_clear_error_and_shows_no_data():
    with pytest.raises(ToolDefinitionError) as caught:
        content_of({"a": [ToolResult("x", data="private")]}, "get")
    assert str(caught.value) == (
        "Tool 'get' returned a value of type dict, which has no JSON: it holds a ToolResult, which stands for a whole "
        "result. Return text, numbers, lists, dicts, dataclasses or pydantic models."
    )


@pytest.mark.parametrize(("wrong", "shown"), [(PDF, "b'%PDF-1.7'"), ("a.png", "'a.png'"), (5, "5")])
def test_what_is_no_image_is_refused(wrong, shown):
    with pytest.raises(ToolDefinitionError) as caught:
        ToolResult("x", images=[wrong])
    assert str(caught.value) == (
        f"ToolResult(images=...) got {shown}, which is no image. "
        "Give media.image(path) of agentkit.media, a URL, or the bytes of an image."
    )


@pytest.mark.parametrize(("wrong", "shown"), [(PNG, repr(PNG)), ("a.pdf", "'a.pdf'"), (b"x" * 99, repr(b"x" * 20))])
def test_what_is_no_file_is_refused(wrong, shown):
    with pytest.raises(ToolDefinitionError) as caught:
        ToolResult("x", files=wrong)
    assert str(caught.value) == (
        f"ToolResult(files=...) got {shown}, which is no file. "
        "Give media.file(path) or media.audio(path) of agentkit.media, or the bytes of a PDF, a wav or an mp3."
    )


def test_it_shows_the_content_and_no_data():
    shown = repr(ToolResult("There is none.", data="private", images=PNG, error=True))
    assert shown == "ToolResult('There is none.', 1 parts, error=True)"


def test_a_tool_that_gives_one_says_nothing_of_it_to_the_model():
    def draw(title: str) -> ToolResult:
        """Draw."""
        return ToolResult(title)

    def text(title: str) -> str:
        """Draw."""
        return title

    assert tool(draw).definition == tool(text, name="draw").definition
