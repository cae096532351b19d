"""What is private is hidden from the model, and put back into what it says."""

import asyncio
import itertools
import json

import pytest

from agentkit import Agent, ChatModel, errors, tool
from agentkit.agent import TextDelta
from agentkit.guard import Guard, Redact
from agentkit.secret import remember_secret
from agentkit.testing import FakeEndpoint, ScriptedModel, call
from agentkit.wire.message import parse_messages

MAILS = "Write to ann@example.org and bob@example.org, then ann@example.org again."


@tool
def send(to: str, text: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


def sent(model, index=-1):
    return b"".join(message.encoded for message in model.requests[index].messages).decode()


def test_the_model_sees_names_and_the_program_the_values():
    model = ScriptedModel([call("send", {"to": "[email 2]", "text": "Hi [email 1]"}), "Sent to [email 2]."])
    agent = Agent(model, tools=[send], middleware=[Redact()])

    result = agent.run_sync(MAILS)

    assert "example.org" not in sent(model, 0) + sent(model)
    assert "Write to [email 1] and [email 2], then [email 1] again." in sent(model, 0)
    assert model.requests[1].messages[-1].content == "sent to [email 2]"
    assert result.answers[0].value == "sent to bob@example.org"
    assert result.output == "Sent to bob@example.org."
    assert result.messages[0].content == MAILS
    assert json.loads(result.messages[1].tool_calls[0].function.arguments) == {
        "to": "bob@example.org",
        "text": "Hi ann@example.org",
    }


def test_each_request_of_a_run_gives_the_same_names():
    replies = [call("send", {"to": "[email 1]", "text": "x"})] * 3 + ["Done."]
    model = ScriptedModel(replies)

    Agent(model, tools=[send], middleware=[Redact()]).run_sync(MAILS)

    bodies = [sent(model, index) for index in range(4)]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(bodies))


def test_every_text_of_a_request_is_looked_into():
    private = "ann@example.org"
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"to": private})}}]
    custom = [{"id": "c2", "type": "custom", "function": {"name": "g"}, "custom": {"name": "g", "input": private}}]
    history = [
        {"role": "system", "content": private},
        {"role": "user", "content": [{"type": "text", "text": private}]},
        {"role": "assistant", "content": private, "reasoning_content": private, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": private},
        {"role": "assistant", "content": None, "refusal": private},
        {"role": "assistant", "content": "x", "reasoning_details": [{"type": "reasoning.text", "text": private}]},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": private}},
        {"role": "function", "name": "f", "content": private},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": private}]},
        {"role": "assistant", "content": None, "tool_calls": custom},
        {"role": "tool", "tool_call_id": "c2", "content": "ok"},
    ]
    model = ScriptedModel(["Done."])

    Agent(model, instructions=f"Ask {private}.", middleware=[Redact()]).run_sync(private, history=history)

    body = sent(model)
    assert private not in body
    assert body.count("[email 1]") == 14


def test_arguments_stay_json_where_a_number_is_hidden():
    arguments = json.dumps({"card": 4111111111111111, "deep": [{"mail": "a@b.co"}], "n": 5, "yes": True, "x": 1.5})
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}]
    history = [{"role": "assistant", "content": None, "tool_calls": calls}]
    history += [{"role": "tool", "tool_call_id": "c1", "content": "ok"}]
    model = ScriptedModel(["Done."])

    Agent(model, middleware=[Redact()]).run_sync("Go.", history=history)

    (made,) = model.requests[0].messages[0].tool_calls
    assert json.loads(made.function.arguments) == {
        "card": "[card 1]",
        "deep": [{"mail": "[email 1]"}],
        "n": 5,
        "yes": True,
        "x": 1.5,
    }


def test_a_message_without_anything_private_is_the_same_value():
    history = parse_messages([{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}])
    model = ScriptedModel(["Done."])

    Agent(model, middleware=[Redact()]).run_sync(MAILS, history=history)

    assert model.requests[0].messages[0] is history[0]
    assert model.requests[0].messages[1] is history[1]


def test_values_put_back_into_json_keep_it_json():
    patterns = {"name": r'Ann "A" Lee'}
    model = ScriptedModel([call("send", '{"to": "[name 1]", "text": "x"}'), "Dear [name 1]."])

    result = Agent(model, tools=[send], middleware=[Redact((), patterns=patterns)]).run_sync('Write to Ann "A" Lee.')

    assert result.answers[0].value == 'sent to Ann "A" Lee'
    assert result.output == 'Dear Ann "A" Lee.'


def test_names_that_stand_for_nothing_stay():
    result = Agent(ScriptedModel(["[email 7] [email 1]"]), middleware=[Redact()]).run_sync("I am a@b.co.")
    assert result.output == "[email 7] a@b.co"


def test_what_looks_like_a_name_beforehand_stays_itself():
    model = ScriptedModel(["You wrote [email 1], she is [email 2].", "Yes."])
    agent = Agent(model, middleware=[Redact()])

    result = agent.run_sync("I wrote [email 1] to ann@example.org.")
    agent.run_sync("Sure?", history=result.messages)

    assert "I wrote [email 1] to [email 2]." in sent(model, 0)
    assert result.output == "You wrote [email 1], she is ann@example.org."
    assert "You wrote [email 1], she is [email 2]." in sent(model, 1)
    assert Redact()("[email 1] a@b.co") == "[email 1] [email]"


def test_values_are_put_back_into_reasoning_and_refusals():
    model = ScriptedModel([{"content": "Hi.", "reasoning_content": "She is [email 1]."}])
    result = Agent(model, middleware=[Redact()]).run_sync("I am a@b.co.")
    assert result.messages[-1].reasoning_content == "She is a@b.co."

    with pytest.raises(errors.RefusalError) as caught:
        Agent(ScriptedModel([{"refusal": "Not for [email 1]."}]), middleware=[Redact()]).run_sync("I am a@b.co.")
    assert caught.value.text == "Not for a@b.co."


def test_values_are_put_back_into_a_call_that_the_endpoint_could_not_read():
    failure = errors.ToolUseFailedError("No call.")
    failure.failed_generation = "<send>[email 1]"
    result = Agent(ScriptedModel([failure, "Done."]), middleware=[Redact()]).run_sync("I am a@b.co.")
    assert result.attempts[0].text == "<send>a@b.co"


def test_lines_of_a_result_that_is_json_are_looked_into():
    @tool
    def notes() -> dict[str, str]:
        """Read."""
        return {"notes": "Ann:\nann@example.org\n020 7946 0958"}

    model = ScriptedModel([call("notes"), call("send", {"to": "[email 1]", "text": "Hi."}), "Done."])
    result = Agent(model, tools=[notes, send], middleware=[Redact()]).run_sync("Go.")

    assert model.requests[1].messages[-1].content == '{"notes":"Ann:\\n[email 1]\\n[phone 1]"}'
    assert result.answers[1].value == "sent to ann@example.org"


def test_without_restoring_the_names_stay_and_streams_come_in_pieces():
    async def read(redact):
        model = ScriptedModel(["Mail to [email 1], now."])
        async with Agent(model, middleware=[redact]).stream("I am a@b.co.") as stream:
            texts = [event.text async for event in stream if isinstance(event, TextDelta)]
        return texts, stream.result.output

    kept, output = asyncio.run(read(Redact(restore=False)))
    assert (len(kept) > 1, output) == (True, "Mail to [email 1], now.")
    assert asyncio.run(read(Redact())) == (["Mail to a@b.co, now."], "Mail to a@b.co, now.")


def test_a_stream_in_which_nothing_is_hidden_comes_in_pieces():
    async def read():
        async with Agent(ScriptedModel(["one two three"]), middleware=[Redact()]).stream("Hi.") as stream:
            return [piece async for piece in stream.text()]

    assert len(asyncio.run(read())) > 1


def test_nothing_private_leaves_the_process():
    with FakeEndpoint(replies=["Hello [email 1]."]) as endpoint:
        agent = Agent(ChatModel("fake", base_url=endpoint.base_url), middleware=[Redact()])
        assert agent.run_sync("I am ann@example.org, +47 22 12 34 56.").output == "Hello ann@example.org."
        body = str(endpoint.requests[0].body)

    assert "I am [email 1], [phone 1]." in body
    assert "ann@" not in body


def test_known_keys_are_hidden_and_not_put_back():
    remember_secret("my-very-own-key")
    model = ScriptedModel(["It is [secret]."])
    assert Agent(model, middleware=[Redact()]).run_sync("It is my-very-own-key.").output == "It is [secret]."
    assert "my-very-own-key" not in sent(model)


def test_it_hides_for_good_as_a_function_and_as_a_check():
    redact = Redact()
    assert redact("Mail a@b.co or c@d.co.") == "Mail [email] or [email]."
    model = ScriptedModel(["Hi c@d.co."])

    result = Agent(model, middleware=[Guard(input=redact, output=redact, result=redact)]).run_sync("I am a@b.co.")

    assert [message.content for message in result.messages] == ["I am [email].", "Hi [email]."]


def test_kinds_are_chosen_and_own_ones_come_first():
    text = "a@b.co, +47 22 12 34 56, K-12345"
    assert Redact("email")(text) == "[email], +47 22 12 34 56, K-12345"
    assert Redact(["phone"], patterns={"customer": r"K-\d{5}"})(text) == "a@b.co, [phone], [customer]"
    assert Redact(patterns={"email": r"K-\d{5}"})(text) == "a@b.co, [phone], [email]"


def test_an_unknown_kind_is_refused():
    with pytest.raises(errors.ConfigurationError) as caught:
        Redact(["ssn"])
    assert str(caught.value) == (
        "Redact knows no kind 'ssn'. Give some of key, email, iban, card, phone, or patterns={'ssn': r'...'}."
    )


def test_a_name_that_is_not_of_letters_is_refused():
    with pytest.raises(errors.ConfigurationError) as caught:
        Redact(patterns={"customer no": "x"})
    assert str(caught.value) == "The name 'customer no' of a pattern is not of letters only. Write e.g. 'customer'."
