"""Prompts on one history, whatever ends them."""

import pytest

from agentkit import Agent, errors, tool
from agentkit.agent.event import OutputReady, ReplyReceived, RunEnded, ToolCallReady, ToolResulted
from agentkit.cli.conversation import Conversation
from agentkit.state.decision import Deny
from agentkit.testing import ScriptedModel, call, calls
from agentkit.wire.message import open_calls


@tool(approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


@tool
def look(text: str) -> str:
    """Look something up."""
    return f"{text} found"


def said(conversation):
    return [(message.role, message.content) for message in conversation.messages]


def test_each_prompt_goes_on_from_what_was_said():
    model = ScriptedModel(["One.", "Two."])
    conversation = Conversation(Agent(model), lambda event: None, None)
    conversation.say("1?")
    conversation.say("2?")
    assert said(conversation) == [("user", "1?"), ("assistant", "One."), ("user", "2?"), ("assistant", "Two.")]
    assert len(model.requests[1].messages) == 3


def test_a_prompt_that_got_no_answer_is_not_kept():
    model = ScriptedModel(["One.", errors.APIConnectionError("gone"), "Two."])
    conversation = Conversation(Agent(model), lambda event: None, None)
    conversation.say("1?")
    with pytest.raises(errors.APIConnectionError):
        conversation.say("2?")
    conversation.say("3?")
    assert said(conversation) == [("user", "1?"), ("assistant", "One."), ("user", "3?"), ("assistant", "Two.")]


def test_what_tools_did_before_an_error_is_kept():
    model = ScriptedModel([call("look", {"text": "a"}), errors.APIConnectionError("gone"), "Two."])
    conversation = Conversation(Agent(model, tools=[look]), lambda event: None, None)
    with pytest.raises(errors.APIConnectionError):
        conversation.say("1?")
    assert said(conversation) == [("user", "1?"), ("assistant", None), ("tool", "a found")]
    conversation.say("2?")
    assert len(conversation.messages) == 5


def test_a_history_that_an_interrupt_left_has_an_answer_to_every_call():
    def interrupt(event):
        if isinstance(event, ReplyReceived):
            raise KeyboardInterrupt

    model = ScriptedModel([call("pay", {"amount": 5}), "Two."])
    conversation = Conversation(Agent(model, tools=[pay]), interrupt, None)
    with pytest.raises(KeyboardInterrupt):
        conversation.say("1?")
    assert open_calls(conversation.messages) == ()


def test_a_call_that_waits_is_decided_and_the_run_goes_on():
    shown, asked = [], []

    def decide(waiting):
        asked.append(waiting.name)
        return True

    model = ScriptedModel([calls(call("pay", {"amount": 5}), call("look", {"text": "a"})), "Paid."])
    conversation = Conversation(Agent(model, tools=[pay, look]), shown.append, decide)
    assert conversation.say("Pay 5").output == "Paid."
    assert asked == ["pay"]
    kinds = (ToolCallReady, ToolResulted, ReplyReceived, OutputReady, RunEnded)
    after = [event.type for event in shown if isinstance(event, kinds)]
    resumed = ["tool_call_ready", "tool_result", "reply", "output", "run_ended"]
    assert after[-5:] == resumed
    assert [event.content for event in shown if isinstance(event, ToolResulted)] == ["a found", "paid 5"]


def test_the_text_after_a_decision_is_streamed_too():
    shown = []
    model = ScriptedModel([call("pay", {"amount": 5}), "Paid."])
    Conversation(Agent(model, tools=[pay]), shown.append, lambda waiting: True).say("Pay 5")
    kinds = [event.type for event in shown]
    assert kinds.count("run_started") == kinds.count("run_ended") == 2
    assert "text_delta" in kinds[kinds.index("run_ended") :]


def test_a_denied_call_tells_the_model_why():
    model = ScriptedModel([call("pay", {"amount": 5}), "I did not."])
    conversation = Conversation(Agent(model, tools=[pay]), lambda event: None, lambda waiting: Deny("Too much."))
    conversation.say("Pay 5")
    assert said(conversation)[2] == ("tool", "Not run: Too much.")


def test_without_anyone_to_decide_the_result_waits_and_the_history_is_valid():
    model = ScriptedModel([call("pay", {"amount": 5})])
    conversation = Conversation(Agent(model, tools=[pay]), lambda event: None, None)
    result = conversation.say("Pay 5")
    assert [waiting.name for waiting in result.pending] == ["pay"]
    assert said(conversation)[2] == (
        "tool",
        "Not finished: the user broke off. Its effect may or may not have happened.",
    )


def test_an_error_after_a_decision_keeps_what_the_call_did():
    model = ScriptedModel([call("pay", {"amount": 5}), errors.APIConnectionError("gone")])
    conversation = Conversation(Agent(model, tools=[pay]), lambda event: None, lambda waiting: True)
    with pytest.raises(errors.APIConnectionError):
        conversation.say("Pay 5")
    assert said(conversation)[2] == ("tool", "paid 5")
