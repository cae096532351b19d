"""How a run begins: prompts, histories of any form, states."""

import io
from pathlib import Path

import pytest

from agentkit import media
from agentkit.agent import Agent
from agentkit.errors import InvalidRequestError, StateError
from agentkit.testing.reply import call
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool
from agentkit.wire.content import ImagePart, ImageUrl, TextPart
from agentkit.wire.message import UserMessage


@tool
def now() -> str:
    return "noon"


ORPHAN = (
    "messages[{}] answers the tool call 'c', which no assistant message just before it makes. "
    "Keep each call and its result together."
)
CALL = {"role": "assistant", "tool_calls": call("now", id="c")["tool_calls"]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "noon"}


def sent(model, number=0):
    """What the model was asked, as the contract's dicts."""
    return [message.to_dict() for message in model.requests[number].messages]


def test_a_prompt_may_be_content_parts_ours_or_dicts():
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    model = ScriptedModel(["done", "done"])
    agent = Agent(model)
    agent.run_sync([{"type": "text", "text": "See:"}, image])
    agent.run_sync([TextPart(text="See:"), ImagePart(image_url=ImageUrl(url="https://example.org/a.png"))])
    wanted = [{"role": "user", "content": [{"type": "text", "text": "See:"}, image]}]
    assert [sent(model, 0), sent(model, 1)] == [wanted, wanted]


PNG = b"\x89PNG\r\n\x1a\n----"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgotLS0t"}}


def test_a_prompt_may_be_texts_paths_bytes_and_open_files(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    model = ScriptedModel(["done"])
    Agent(model).run_sync(["What is this?", media.image(path), path, PNG, io.BytesIO(PNG), "And this?", IMAGE])
    assert sent(model)[0]["content"] == [
        {"type": "text", "text": "What is this?"},
        *[IMAGE] * 4,
        {"type": "text", "text": "And this?"},
        IMAGE,
    ]


@pytest.mark.parametrize("prompt", [PNG, bytearray(PNG), io.BytesIO(PNG)], ids=["bytes", "bytearray", "open file"])
def test_a_prompt_may_be_one_source(prompt):
    model = ScriptedModel(["done"])
    Agent(model).run_sync(prompt)
    assert sent(model)[0]["content"] == [IMAGE]


def test_a_path_that_cannot_be_read_is_refused_before_anything_is_sent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = ScriptedModel(["never"])
    with pytest.raises(InvalidRequestError) as caught:
        Agent(model).run_sync(["What is this?", Path("cat.png")])
    assert str(caught.value) == (
        "'cat.png': it cannot be read: No such file or directory. "
        "Give a path that exists, bytes, a file opened with 'rb', or a URL."
    )
    assert model.requests == []


def test_a_history_in_the_contracts_dicts_is_read():
    history = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": call("now", id="c")["tool_calls"]},
        {"role": "tool", "tool_call_id": "c", "content": "noon"},
        {"role": "assistant", "content": "b", "tool_calls": None},
    ]
    model = ScriptedModel(["done"])
    Agent(model, tools=[now]).run_sync("x", history=history)
    assert [message["role"] for message in sent(model)] == ["user", "assistant", "tool", "assistant", "user"]


def test_the_messages_of_a_result_are_the_next_history_and_are_not_read_again():
    agent = Agent(ScriptedModel(["one", "two"]))
    first = agent.run_sync("x")
    second = agent.run_sync("y", history=first.messages)
    assert second.messages[0] is first.messages[0]
    assert [m.content for m in second.messages] == ["x", "one", "y", "two"]


def test_without_a_prompt_the_run_goes_on_from_the_history():
    model = ScriptedModel(["done"])
    result = Agent(model).run_sync(None, history=[{"role": "user", "content": "x"}])
    assert [m.content for m in result.messages] == ["x", "done"]
    assert [m.content for m in result.new_messages] == ["done"]


def test_without_a_prompt_open_calls_of_the_history_are_carried_out():
    history = [{"role": "user", "content": "x"}, CALL]
    result = Agent(ScriptedModel(["done"]), tools=[now]).run_sync(None, history=history)
    assert [m.role for m in result.new_messages] == ["tool", "assistant"]


def test_with_a_prompt_open_calls_of_the_history_are_answered_as_not_run():
    history = [{"role": "user", "content": "x"}, CALL]
    model = ScriptedModel(["done"])
    Agent(model, tools=[now]).run_sync("y", history=history)
    assert sent(model)[2:] == [
        {"role": "tool", "tool_call_id": "c", "content": "Not run: the user went on."},
        {"role": "user", "content": "y"},
    ]


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (
            [CALL, {"role": "user", "content": "y"}],  # dangling
            "The tool calls c have no result. Add a tool message for each call before the next message.",
        ),
        ([RESULT], ORPHAN.format(0)),
        ([CALL, RESULT, RESULT], ORPHAN.format(2)),  # twice
        ([RESULT, CALL], ORPHAN.format(0)),  # out of order
        ([CALL, RESULT, {"role": "user", "content": "y"}, RESULT], ORPHAN.format(3)),  # too late
    ],
    ids=["dangling", "orphan", "twice", "out of order", "too late"],
)
def test_a_broken_history_is_refused_before_anything_is_sent(broken, text):
    model = ScriptedModel(["never"])
    with pytest.raises(InvalidRequestError) as caught:
        Agent(model, tools=[now]).run_sync("x", history=broken)
    assert str(caught.value) == text
    assert model.requests == []


def test_an_id_that_was_used_before_may_be_used_again():
    model = ScriptedModel([call("now", id="c"), "done"])
    result = Agent(model, tools=[now]).run_sync("x", history=[CALL, RESULT])
    assert [m.tool_call_id for m in result.messages if m.role == "tool"] == ["c", "c"]


def test_a_run_of_nothing_is_refused():
    with pytest.raises(InvalidRequestError) as caught:
        Agent(ScriptedModel(["never"])).run_sync(None)
    assert str(caught.value) == "Request field 'messages' is empty; the contract allows at least one message."


def test_a_finished_state_gives_its_output_again_without_a_request():
    model = ScriptedModel(["done"])
    agent = Agent(model)
    result = agent.run_sync("x")
    assert agent.resume_sync(result.state).output == "done"
    assert agent.resume_sync(result.state.to_json().encode()).output == "done"
    assert len(model.requests) == 1


def test_a_state_that_is_none_is_refused():
    with pytest.raises(StateError) as caught:
        Agent(ScriptedModel([])).resume_sync("{")
    assert str(caught.value) == (
        "This is no state of a run: EOF while parsing an object at line 1 column 1. Give what `to_json` gave."
    )


USER = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    ("prompt", "seen"),
    [
        ([USER], "prompt[0] is no content part: {'role': 'user', 'content': 'x'}."),
        ([{"type": "text", "text": "See:"}, 5], "prompt[1] is no content part: 5."),
        ([UserMessage(content="x")], "prompt[0] is no content part: UserMessage(role='user', content='x', name=None)."),
        ([{"text": "x"}], "prompt[0] is no content part: {'text': 'x'}."),
        (5, "prompt[0] is no content part: 5."),
        (USER, "prompt[0] is no content part: {'role': 'user', 'content': 'x'}."),
    ],
    ids=["message", "bare number", "message of ours", "no type", "number", "one message"],
)
def test_a_prompt_that_is_neither_text_nor_parts_is_refused(prompt, seen):
    model = ScriptedModel(["never"])
    with pytest.raises(InvalidRequestError) as caught:
        Agent(model).run_sync(prompt)
    assert str(caught.value) == (
        f'{seen} Write the prompt as one text, or as a list of texts and parts such as media.image("cat.png"). '
        "Messages are given as `history`, and `agent.run(None, history=messages)` goes on from them."
    )
    assert model.requests == []


@pytest.mark.parametrize("wrong", [None, {"run_id": "x"}, Agent(ScriptedModel(["done"])).run_sync("x")])
def test_what_has_a_state_is_no_state(wrong):
    with pytest.raises(StateError) as caught:
        Agent(ScriptedModel([])).resume_sync(wrong)
    assert str(caught.value) == (
        f"This is no state of a run: it is of type {type(wrong).__name__}. "
        "Give `result.state`, `error.state`, or what `to_json` gave."
    )
