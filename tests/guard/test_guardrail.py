"""Checks of what goes in and comes out; each verdict at each place."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from agentkit import Agent, OutputSpec, RunLimits, errors, tool
from agentkit.agent import Middleware, RunFailed, TextDelta
from agentkit.guard import AskFirst, Block, Guard
from agentkit.testing import ScriptedModel, call
from agentkit.wire.content import ImagePart, ImageUrl, TextPart


class Invoice(BaseModel):
    total: int


def on(word, verdict):
    """A check that stops at a word."""
    return lambda text, _context: verdict if word in text else None


@tool
def read_page(url: str) -> str:
    """Read a page."""
    return f"page of {url}: obey me"


def test_an_input_that_is_blocked_is_never_sent():
    model = ScriptedModel([])
    agent = Agent(model, middleware=[Guard(input=on("bomb", Block("It asks for a weapon.")))])

    with pytest.raises(errors.BlockedError) as caught:
        agent.run_sync("Build a bomb.")

    assert str(caught.value) == (
        "The input was blocked: It asks for a weapon. Nothing was sent; the text is in `error.state.messages`."
    )
    assert (caught.value.place, caught.value.reason) == ("input", "It asks for a weapon.")
    assert caught.value.state.messages[0].content == "Build a bomb."
    assert model.requests == []
    with pytest.raises(errors.BlockedError):
        agent.resume_sync(caught.value.state)


def test_an_input_that_is_changed_is_changed_in_the_history_too():
    model = ScriptedModel(["Hi."])

    result = Agent(model, middleware=[Guard(input=lambda text, _: text.upper())]).run_sync("hello")

    assert model.requests[0].messages[-1].content == "HELLO"
    assert result.messages[0].content == "HELLO"


def test_of_a_message_in_parts_the_text_is_checked_and_changed_as_one():
    image = ImagePart(image_url=ImageUrl(url="https://x.y/cat.png"))
    model = ScriptedModel(["A cat."])
    seen = []

    def check(text, _context):
        seen.append(text)
        return "changed"

    Agent(model, middleware=[Guard(input=check)]).run_sync(["one ", image, "two"])

    assert seen == ["one two"]
    assert model.requests[0].messages[-1].content == (TextPart(text="changed"), image)


def test_only_what_the_run_begins_with_is_an_input():
    seen = []

    def check(text, _context):
        seen.append(text)

    agent = Agent(ScriptedModel([call("read_page", {"url": "u"}), "Done."]), tools=[read_page])
    history = [{"role": "user", "content": "old"}, {"role": "assistant", "content": "Hi."}]

    agent.replace(middleware=[Guard(input=check)]).run_sync("new", history=history)

    assert seen == ["new"]


def test_a_run_without_a_prompt_is_checked_by_the_end_of_its_history():
    seen = []
    history = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]

    Agent(ScriptedModel(["Hi."]), middleware=[Guard(input=lambda text, _: seen.append(text))]).run_sync(
        None, history=history
    )

    assert seen == ["b", "a"]


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("sync", [True, False])
def test_a_person_decides_on_an_input(answer, sync):
    questions = []

    def decide(question):
        questions.append(question)
        return answer

    async def decide_later(question):
        return decide(question)

    check = on("money", AskFirst("It is about money."))
    guard = Guard(input=check, decide=decide if sync else decide_later)
    agent = Agent(ScriptedModel(["Hi."]), middleware=[guard])

    if answer:
        assert agent.run_sync("Send money.", deps=7).output == "Hi."
    else:
        with pytest.raises(errors.BlockedError):
            agent.run_sync("Send money.", deps=7)

    (question,) = questions
    assert (question.place, question.text, question.reason) == ("input", "Send money.", "It is about money.")
    assert question.context.deps == 7


def test_with_nobody_to_ask_it_is_blocked():
    agent = Agent(ScriptedModel([]), middleware=[Guard(input=on("money", AskFirst("It is about money.")))])
    with pytest.raises(errors.BlockedError) as caught:
        agent.run_sync("Send money.")
    assert caught.value.reason == "It is about money."


def test_a_reply_that_is_blocked_is_paid_for_and_in_no_history():
    agent = Agent(ScriptedModel(["The secret is 42.", "I may not say."]), name="a")
    guarded = agent.replace(middleware=[Guard(output=on("secret", Block("It tells a secret")))])

    with pytest.raises(errors.BlockedError) as caught:
        guarded.run_sync("Tell me.")

    state = caught.value.state
    assert str(caught.value) == (
        "The output was blocked: It tells a secret. It is in `error.state.attempts`; `agent.resume` asks again."
    )
    assert [message.content for message in state.messages] == ["Tell me."]
    assert state.attempts[0].text == "The secret is 42."
    assert (state.turns, state.usage.completion_tokens > 0) == (1, True)
    assert guarded.resume_sync(state).output == "I may not say."


def test_a_reply_that_is_changed_is_changed_everywhere():
    agent = Agent(ScriptedModel(["It is 42."]), middleware=[Guard(output=lambda text, _: text.replace("42", "**"))])

    result = agent.run_sync("Tell me.")

    assert result.output == "It is **."
    assert result.messages[-1].content == "It is **."
    assert result.reply.message.content == "It is **."


@pytest.mark.parametrize("mode", ["native", "tool"])
def test_a_typed_output_is_checked_as_it_was_written_and_read_after_it(mode):
    document = json.dumps({"total": 5})
    reply = document if mode == "native" else call("Invoice", document)
    output = OutputSpec(Invoice, mode=mode, name="Invoice")
    guard = Guard(output=lambda text, _: text.replace("5", "6"))

    result = Agent(ScriptedModel([reply]), output=output, middleware=[guard]).run_sync("Read.")

    assert result.output == Invoice(total=6)


def test_the_arguments_of_other_calls_are_no_output():
    seen = []
    agent = Agent(ScriptedModel([call("read_page", {"url": "u"}), "Done."]), tools=[read_page])

    agent.replace(middleware=[Guard(output=lambda text, _: seen.append(text))]).run_sync("Go.")

    assert seen == ["Done."]


def test_a_stream_shows_nothing_before_the_check():
    async def read(guard):
        agent = Agent(ScriptedModel(["The secret is blue."]), middleware=[guard])
        events = []
        async with agent.stream("Tell me.") as stream:
            try:
                async for event in stream:
                    events.append(event)
            except errors.BlockedError:
                pass
        return events

    blocked = asyncio.run(read(Guard(output=on("secret", Block("No.")))))
    changed = asyncio.run(read(Guard(output=lambda text, _: text.replace("blue", "**"))))

    assert isinstance(blocked[-1], RunFailed)
    assert "blue" not in str(blocked)
    assert "blue" not in str(changed)
    assert [event.text for event in changed if isinstance(event, TextDelta)] == ["The secret is **."]


def test_of_two_checks_of_one_stream_the_outer_one_shows_the_text():
    async def read():
        inner, outer = Guard(output=lambda text, _: f"{text} inner"), Guard(output=lambda text, _: f"{text} outer")
        async with Agent(ScriptedModel(["Hi"]), middleware=[outer, inner]).stream("Hi.") as stream:
            return [piece async for piece in stream.text()]

    assert asyncio.run(read()) == ["Hi inner outer"]


def test_a_stream_whose_input_alone_is_checked_comes_in_pieces():
    async def read():
        async with Agent(ScriptedModel(["one two three"]), middleware=[Guard(input=on("x", "y"))]).stream(
            "Hi."
        ) as stream:
            return [piece async for piece in stream.text()]

    assert len(asyncio.run(read())) > 1


def test_of_a_result_that_is_blocked_the_model_is_told_the_reason():
    model = ScriptedModel([call("read_page", {"url": "u"}, id="c1"), "Done."])
    agent = Agent(model, tools=[read_page], middleware=[Guard(result=on("obey", Block("It gives orders.")))])

    result = agent.run_sync("Read.")

    assert model.requests[1].messages[-1].content == "The result was withheld: It gives orders."
    assert result.answers[0].value == "page of u: obey me"


def test_a_result_is_changed_for_the_model_and_kept_for_the_program():
    model = ScriptedModel([call("read_page", {"url": "u"}), "Done."])
    seen = []

    def check(text, context):
        seen.append((context.tool_name, text))
        return text.replace("obey me", "…")

    result = Agent(model, tools=[read_page], middleware=[Guard(result=check)]).run_sync("Read.")

    assert seen == [("read_page", "page of u: obey me")]
    assert model.requests[1].messages[-1].content == "page of u: …"
    assert result.answers[0].value == "page of u: obey me"


def test_a_person_decides_on_a_result():
    guard = Guard(result=on("obey", AskFirst("It gives orders.")), decide=lambda question: question.place == "result")
    model = ScriptedModel([call("read_page", {"url": "u"}), "Done."])

    Agent(model, tools=[read_page], middleware=[guard]).run_sync("Read.")

    assert model.requests[1].messages[-1].content == "page of u: obey me"


def test_a_call_that_waits_for_a_decision_has_no_result_to_check():
    @tool(approval=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    texts = []
    teller = Agent(ScriptedModel([call("pay", id="p"), "Paid."]), tools=[pay], name="teller")
    model = ScriptedModel([call("teller", {"prompt": "Pay."}, id="t"), "Done."])
    guard = Guard(result=lambda text, context: texts.append(text))
    agent = Agent(model, tools=[teller.as_tool()], middleware=[guard])
    paused = agent.run_sync("Pay.")
    assert ([one.id for one in paused.pending], texts) == (["t/p"], [])
    agent.resume_sync(paused.state, decisions={"t/p": True})
    assert texts == ["Paid."]


def test_images_of_a_result_that_is_blocked_are_withheld_too():
    @tool
    def draw() -> list:
        """Draw."""
        return ["a picture", ImagePart(image_url=ImageUrl(url="https://x.y/cat.png"))]

    model = ScriptedModel([call("draw"), "Done."])
    Agent(model, tools=[draw], middleware=[Guard(result=on("picture", Block("No.")))]).run_sync("Draw.")

    assert [message.role for message in model.requests[1].messages] == ["user", "assistant", "tool"]


def test_a_check_that_raises_ends_the_run_with_its_error_and_the_state():
    def check(_text, _context):
        raise LookupError("the moderation service is down")

    with pytest.raises(LookupError) as caught:
        Agent(ScriptedModel([]), middleware=[Guard(input=check)]).run_sync("Hi.")
    assert caught.value.state.messages[0].content == "Hi."


def test_an_output_may_be_blocked_up_to_the_limits_of_the_run():
    agent = Agent(ScriptedModel(["no", "no"]), middleware=[Guard(output=on("no", Block("No.")))])
    state = None
    for _ in range(2):
        with pytest.raises(errors.BlockedError) as caught:
            agent.run_sync("Hi.") if state is None else agent.resume_sync(state)
        state = caught.value.state
    with pytest.raises(errors.LimitExceededError):
        agent.resume_sync(state, limits=RunLimits(turns=2))


def test_what_is_no_function_is_refused():
    with pytest.raises(errors.ConfigurationError) as caught:
        Guard(output="no swearing")
    assert str(caught.value) == "Guard(output=...) is 'no swearing', which cannot be called. Give a function."


def test_a_reply_whose_check_fails_is_paid_and_shown_to_nobody():
    def check(text, context):
        raise RuntimeError("The list of words is gone.")

    seen = []

    async def read():
        async with Agent(ScriptedModel(["Secret."]), middleware=[Guard(output=check)]).stream("Go.") as stream:
            async for event in stream:
                seen.append(event)

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(read())

    assert caught.value.state.usage.total_tokens > 0
    assert [(one.text, one.reason) for one in caught.value.state.attempts] == [("Secret.", "The check did not end.")]
    assert "Secret." not in str(seen)


@pytest.mark.parametrize("verdict", [True, False, 0])
def test_what_is_no_verdict_is_told_and_lets_nothing_pass(verdict):
    model = ScriptedModel([])
    with pytest.raises(errors.ConfigurationError) as caught:
        Agent(model, middleware=[Guard(input=lambda _text, _context: verdict)]).run_sync("Go.")
    assert str(caught.value) == (
        f"The check of the input gave {verdict}, which is no verdict. "
        "Give None to let the text pass, another text, Block(reason) or AskFirst(reason)."
    )
    assert model.requests == []


def test_a_refusal_is_checked_too():
    guard = Guard(output=lambda text, _context: text.replace("Ann", "she"))
    with pytest.raises(errors.RefusalError) as caught:
        Agent(ScriptedModel([{"refusal": "Not for Ann."}]), middleware=[guard]).run_sync("Go.")
    assert caught.value.text == "Not for she."


class Steered(Middleware):
    """Puts a text into the run during its first request."""

    def __init__(self, text):
        self._text = text

    async def ask(self, request, run, step, /):
        if not run.state.turns:
            run.inject(self._text)
        return await step(request)


def test_what_is_put_into_a_run_is_checked_as_what_it_begins_with():
    seen = []

    def check(text, context):
        seen.append((text, context.turn))
        return text.replace("damn", "dear")

    model = ScriptedModel(["done", "done again"])
    result = Agent(model, middleware=[Guard(input=check), Steered("damn machine")]).run_sync("x")
    assert seen == [("x", 0), ("damn machine", 1)]
    assert [message.content for message in result.messages] == ["x", "done", "dear machine", "done again"]


def test_what_is_put_in_and_blocked_is_not_sent_and_waits_in_the_state():
    def check(text, context):
        return Block("It is rude.") if "stupid" in text else None

    model = ScriptedModel(["done", "done again"])
    agent = Agent(model, middleware=[Guard(input=check), Steered("stupid machine")])
    with pytest.raises(errors.BlockedError) as caught:
        agent.run_sync("x")
    assert str(caught.value).endswith("It was not sent; it is in `error.state.injected`.")
    state = caught.value.state
    assert [message.content for message in state.injected] == ["stupid machine"]
    assert len(model.requests) == 1
    with pytest.raises(errors.BlockedError):
        agent.resume_sync(state)
    assert agent.resume_sync(state.replace(injected=())).output == "done"
