"""A saved run as JSON: read back unchanged, or refused by name."""

import hmac
import json
from dataclasses import fields, replace

import pytest

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, StateError
from agentkit.state import Attempt, PendingCall, RunState
from agentkit.state.spent import Spent
from agentkit.testing.reply import call, calls, completion
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools.answer import Answer
from agentkit.wire.content import ImagePart, ImageUrl
from agentkit.wire.message import AssistantMessage, ToolMessage, UserMessage
from agentkit.wire.response import ChatCompletion, Usage

START = RunState(run_id="r", messages=(UserMessage(content="x"),))

IMAGE = ImagePart(image_url=ImageUrl(url="https://example.org/a.png"))


def reply(said, **more):
    return ChatCompletion.parse({**completion(said, {"model": "m"}, number=1, size=40), **more})


def answer(call, status="ok", text="r", parts=()):
    return Answer(ToolMessage(tool_call_id=call.id, content=text), status, call.function.name, parts=parts)


def full():
    """A state with something in every field."""
    asked = START.with_reply(reply(calls(call("a", id="1"), call("b", {"k": None}, id="2"), content="Let me see.")))
    state = asked.with_answers((answer(asked.calls[0], parts=(IMAGE,)),))
    state = state.with_refusals((answer(asked.calls[0], "refused"),))
    return replace(
        state,
        start=1,
        attempts=(Attempt("t", "r", Usage(prompt_tokens=1, completion_tokens=2)), Attempt("u", "s")),
        correction=(AssistantMessage(content="t"), UserMessage(content="r")),
        forgiven=1,
        kept=0,
        usages=(*state.usages, None),
        costs=(0.25, None),
        cut_usage=Usage(prompt_tokens=3),
        below=Spent(requests=1, cost=0.5),
        guessed=Spent(input_tokens=4),
        accepted="2",
        finishing=True,
        held=(PendingCall("2", "b", '{"k":null}', "r", 1),),
        subs={"2": RunState(run_id="r/2", messages=START.messages)},
        agent="billing",
        handed="transfer_to_billing",
        since=1,
        shown=START.messages,
        seconds=1.5,
        injected=(UserMessage(content="and more"),),
    )


NO_NUMBER = (
    "This is no state of a run: turns: Input should be a valid integer, unable to parse string as an integer. "
    "Give what `to_json` gave."
)


def test_the_full_state_has_something_in_every_field():
    empty = RunState(run_id="r")
    same = [one.name for one in fields(RunState) if getattr(full(), one.name) == getattr(empty, one.name)]
    assert same == ["run_id", "version"]


def test_a_state_goes_through_json_and_back_unchanged():
    for state in (START, full(), RunState()):
        assert RunState.from_json(state.to_json()) == state
        assert RunState.from_json(state.to_json().encode()) == state
        assert RunState.from_json(RunState.from_json(state.to_json()).to_json()).to_json() == state.to_json()


def test_a_state_that_was_saved_before_estimates_were_kept_is_read():
    saved = json.loads(START.to_json())
    saved.pop("cut_usage", None)
    assert RunState.from_json(json.dumps(saved)) == START


def test_unknown_fields_of_messages_survive_json():
    signed = {"id": "1", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    signed["extra_content"] = {"google": {"thought_signature": "s", "empty": None}}
    state = START.with_reply(reply({"tool_calls": [signed]}))
    back = RunState.from_json(state.to_json())
    assert back.calls[0].extra_content == {"google": {"thought_signature": "s", "empty": None}}
    assert back.messages[1].encoded == state.messages[1].encoded


def test_a_state_of_another_version_is_refused():
    saved = {**json.loads(START.to_json()), "version": 2}
    with pytest.raises(StateError) as caught:
        RunState.from_json(json.dumps(saved))
    assert str(caught.value) == (
        "The state has version 2; this agentkit reads version 1. Finish the run with the release that saved it."
    )


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "This is no state of a run: EOF while parsing an object at line 1 column 1. Give what `to_json` gave."),
        ("", "This is no state of a run: EOF while parsing a value at line 1 column 0. Give what `to_json` gave."),
        ("[]", None),
        ('"x"', None),
        (
            '{"turns": "many"}',
            NO_NUMBER,
        ),
        ('{"spent": 1}', None),
        ('{"messages": [{"role": "robot"}]}', None),
        (START.to_json()[:-3], None),
    ],
)
def test_a_damaged_state_is_refused(document, text):
    with pytest.raises(StateError) as caught:
        RunState.from_json(document)
    assert str(caught.value).startswith("This is no state of a run: ")
    assert str(caught.value).endswith(" Give what `to_json` gave.")
    assert text is None or str(caught.value) == text


KEY = "of the tests, 32 bytes or longer"


def refusal(document, **options):
    with pytest.raises(StateError) as caught:
        RunState.from_json(document, **options)
    return str(caught.value)


def test_calls_that_wait_in_states_of_the_first_releases_are_this_runs():
    plain = json.loads(full().to_json())
    plain["held"] = [{"id": "2", "name": "b", "arguments": '{"k":null}'}]
    assert RunState.from_json(json.dumps(plain)).held == (PendingCall("2", "b", '{"k":null}', "r", 1),)


def test_a_signed_state_is_read_with_its_key():
    for key in (KEY, KEY.encode(), b"0" * 16):
        signed = full().to_json(key=key)
        assert RunState.from_json(signed, key=key) == RunState.from_json(signed.encode(), key=key) == full()
    assert full().to_json(key=KEY) == full().to_json(key=KEY.encode())


def test_a_signature_is_the_hmac_of_the_text_that_stands_beside_it():
    signed = json.loads(full().to_json(key=KEY))
    assert list(signed) == ["signed", "hmac_sha256"]
    assert signed["signed"] == full().to_json()
    assert signed["hmac_sha256"] == hmac.new(KEY.encode(), signed["signed"].encode(), "sha256").hexdigest()


def test_a_store_may_write_the_signed_document_in_its_own_way():
    signed = json.loads(full().to_json(key=KEY))
    other = json.dumps(dict(reversed(signed.items())), indent=2)
    assert RunState.from_json(other, key=KEY) == full()


def test_a_signed_state_is_not_read_without_its_key():
    assert refusal(full().to_json(key=KEY)) == (
        "The state is signed. Read it with the key that it was signed with: `RunState.from_json(document, key=...)`."
    )


def test_an_unsigned_state_is_not_read_with_a_key():
    assert refusal(full().to_json(), key=KEY) == (
        "The state is not signed, and a key was given to read it with. Read only what `to_json(key=...)` gave; "
        "leave `key` out for one that you trust."
    )
    assert refusal("[]", key=KEY).startswith("The state is not signed")


def changed(document, **change):
    return json.dumps({**json.loads(document), **change})


SIGNED = full().to_json(key=KEY)


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (SIGNED, KEY + "!"),
        (changed(SIGNED, signed=full().replace(turns=9).to_json()), KEY),
        (SIGNED.replace('\\"turns\\":1', '\\"turns\\":2'), KEY),
        (changed(SIGNED, hmac_sha256="0" * 64), KEY),
        (changed(SIGNED, hmac_sha256=""), KEY),
        (changed(SIGNED, hmac_sha256=None), KEY),
        (changed(SIGNED, hmac_sha256="ä"), KEY),
        (changed(SIGNED, signed=None), KEY),
        (changed(SIGNED, signed=json.loads(full().to_json())), KEY),
        (full().to_json(key="another key of the tests"), KEY),
    ],
)
def test_a_changed_state_or_another_key_is_refused(document, key):
    assert document != SIGNED or key != KEY
    assert refusal(document, key=key) == (
        "The state's signature is wrong: it was changed, or signed with another key. Do not resume it."
    )


@pytest.mark.parametrize("key", ["", "short", b"0" * 15, 5, ["k"] * 20])
def test_a_key_that_can_be_guessed_is_refused(key):
    for use in (lambda: full().to_json(key=key), lambda: RunState.from_json(SIGNED, key=key)):
        with pytest.raises(ConfigurationError) as caught:
            use()
        assert str(caught.value) == (
            f"The key that signs states is none: it is of type {type(key).__name__}, or shorter than 16 bytes. "
            "Give text or bytes that nobody can guess, as `secrets.token_bytes(32)` makes them once."
        )


def test_a_document_that_is_too_long_is_not_read():
    for document in (START.to_json(), START.to_json().encode()):
        size = len(document)
        assert RunState.from_json(document, max_bytes=size) == START
        assert refusal(document, max_bytes=size - 1) == (
            f"The state has {size} bytes, and at most {size - 1} are read. If it may be that large: "
            "`RunState.from_json(document, max_bytes=...)`."
        )
    assert refusal("ä" * 10, max_bytes=19).startswith("The state has 20 bytes, and at most 19 are read. ")


def test_a_document_that_is_nested_too_deep_is_not_read():
    deep = "[" * 300 + "]" * 300
    for document, options in ((deep, {}), (json.dumps({"signed": deep, "hmac_sha256": ""}), {"key": KEY})):
        assert refusal(document, **options) == (
            "This is no state of a run: its JSON is nested more than 200 levels deep. Give what `to_json` gave."
            if not options
            else "The state's signature is wrong: it was changed, or signed with another key. Do not resume it."
        )


def test_a_signed_state_is_resumed_once_it_was_read():
    agent = Agent(ScriptedModel(["done"]))
    state = START.to_json(key=KEY)
    with pytest.raises(StateError, match="The state is signed"):
        agent.resume_sync(state)
    assert agent.resume_sync(RunState.from_json(state, key=KEY)).output == "done"
