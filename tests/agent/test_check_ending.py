"""However a reply ends and however often it is no output: what the run gives, keeps, counts and can go on from."""

import asyncio

import pytest
from pydantic import BaseModel

from agentkit.agent import Agent, AttemptFailed
from agentkit.errors import ContentFilterError, ContextOverflowError, LengthError, OutputError, RefusalError
from agentkit.output import OutputSpec
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import ToolRetry, tool
from agentkit.wire.check import check_request
from agentkit.wire.request import ChatRequest


class City(BaseModel):
    name: str
    people: int


OSLO = City(name="Oslo", people=700000)
JSON = OSLO.model_dump_json()
GIVEN = OSLO.model_dump()
MODES = ["native", "tool", "json", "prompted"]
NOTHING = "You answered with nothing. Answer again with one complete JSON object that fits the schema."
MISSING = """Your answer does not fit the schema:
- people: is missing
Answer again with one complete JSON object that fits the schema."""


@tool
def look() -> str:
    return "seen"


def given(mode, text=JSON):
    return call("final_result", text) if mode == "tool" else {"content": text}


def asked(model, mode, **fields):
    return Agent(model, output=OutputSpec(City, mode=mode, **fields))


def run(agent, *, streamed=False):
    """Run, whole or streamed; both must end alike."""

    async def stream():
        async with agent.stream("x") as stream:
            _ = [event async for event in stream]
        return stream.result

    return asyncio.run(stream()) if streamed else agent.run_sync("x")


def resumed(agent, error):
    """Go on from an error's state, as JSON; the history then ends with the output and is valid."""
    result = agent.resume_sync(error.state.to_json())
    assert result.output == OSLO
    check_request(ChatRequest(messages=result.messages))
    return result


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "reply",
    [{"content": None}, {"content": ""}, {"content": None, "reasoning_content": "Let me think about Os"}],
    ids=["null", "empty", "reasoning"],
)
def test_nothing_at_the_token_limit_is_an_error_whose_state_asks_again(mode, reply, streamed):
    agent = asked(ScriptedModel([{**reply, "finish_reason": "length"}, given(mode)]), mode)
    with pytest.raises(LengthError) as caught:
        run(agent, streamed=streamed)
    error = caught.value
    assert str(error) == (
        "The reply reached its token limit before the output was whole (0 characters came, in `error.text`). "
        "Raise `max_completion_tokens`, or ask for less."
    )
    assert (error.text, [one.reason for one in error.attempts]) == ("", ["It was cut at the token limit."])
    assert [m.role for m in error.state.messages] == ["user"]
    assert resumed(agent, error).attempts == error.attempts


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_part_at_the_token_limit_is_an_error_with_the_part(mode, streamed):
    cut = '{"name": "Oslo", "people": 70'
    agent = asked(ScriptedModel([{**given(mode, cut), "finish_reason": "length"}, given(mode)]), mode)
    with pytest.raises(LengthError) as caught:
        run(agent, streamed=streamed)
    error = caught.value
    assert (error.text, [one.text for one in error.attempts]) == (cut, [cut])
    assert error.attempts[0].usage.total_tokens == error.state.usage.total_tokens > 0
    assert [m.role for m in error.state.messages] == ["user"]
    resumed(agent, error)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_all_at_the_token_limit_is_taken(mode, streamed):
    result = run(asked(ScriptedModel([{**given(mode), "finish_reason": "length"}]), mode), streamed=streamed)
    assert (result.output, result.finish_reason, result.attempts) == (OSLO, "length", ())


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", [None, '{"name": "Os'])
def test_a_filtered_output_is_an_error_with_what_came(mode, text, streamed):
    reply = {"content": text, "finish_reason": "content_filter"}
    agent = asked(ScriptedModel([reply, given(mode)]), mode)
    with pytest.raises(ContentFilterError) as caught:
        run(agent, streamed=streamed)
    error = caught.value
    assert (error.partial, error.status_code) == (text, 200)
    assert [(one.text, one.reason) for one in error.state.attempts] == [
        (text or "", "The endpoint's content filter stopped it.")
    ]
    assert [m.role for m in error.state.messages] == ["user"]
    resumed(agent, error)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_refused_output_is_an_error_with_the_models_words(mode, streamed):
    agent = asked(ScriptedModel([{"content": None, "refusal": "I will not."}, given(mode)]), mode)
    with pytest.raises(RefusalError) as caught:
        run(agent, streamed=streamed)
    error = caught.value
    assert (str(error), error.text) == ("The model declined: I will not.", "I will not.")
    assert error.reply.message.refusal == "I will not."
    assert [(one.text, one.reason) for one in error.attempts] == [("I will not.", "The model declined.")]
    assert [m.role for m in error.state.messages] == ["user"]
    resumed(agent, error)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "reply",
    [{"content": None}, {"content": " \n"}, {"content": None, "reasoning_content": JSON}],
    ids=["null", "blank", "reasoning"],
)
def test_nothing_but_reasoning_or_nothing_at_all_is_asked_again_without_an_empty_message(mode, reply, streamed):
    model = ScriptedModel([reply, given(mode)])
    result = run(asked(model, mode), streamed=streamed)
    assert (result.output, [one.reason for one in result.attempts]) == (OSLO, [NOTHING])
    assert [m.role for m in model.requests[1].messages if m.role != "system"] == ["user", "user"]
    assert [m.role for m in result.messages][:2] == ["user", "assistant"]


def test_an_optional_output_may_be_nothing():
    result = Agent(ScriptedModel([{"content": None}]), output=City | None).run_sync("x")
    assert (result.output, result.attempts) == (None, ())


def two(first, second):
    """Give a reply of two choices."""
    texts = enumerate((first, second))
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for index, text in texts
    ]
    return {"id": "c", "model": "m", "choices": choices}


@pytest.mark.parametrize("streamed", [False, True])
def test_of_several_choices_the_first_is_the_output_and_all_are_there(streamed):
    result = run(asked(ScriptedModel([two(JSON, "other")]), "native"), streamed=streamed)
    assert (result.output, result.attempts) == (OSLO, ())
    assert [one.message.content for one in result.reply.choices] == [JSON, "other"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_first_choice_that_is_no_output_is_asked_again_whatever_the_second_says(streamed):
    result = run(asked(ScriptedModel([two("no", JSON), JSON]), "native"), streamed=streamed)
    assert (result.output, [one.text for one in result.attempts]) == (OSLO, ["no"])


def failing(*reasons):
    """Give a validator that refuses a value for each reason, one after another, and then takes it."""
    left = list(reasons)

    def check(value):
        if left:
            raise left.pop(0)
        return value

    return check


@pytest.mark.parametrize("mode", MODES)
def test_schema_validator_and_function_share_one_count(mode):
    def build(name: str, people: int) -> City:
        if people < 0:
            raise ValueError("nobody lives there.")
        return City(name=name, people=people)

    spec = OutputSpec(build, mode=mode, validators=[failing(ToolRetry("Look again."))], name="final_result", retries=2)
    texts = ['{"name": "Oslo"}', '{"name": "Oslo", "people": -1}', JSON]
    model = ScriptedModel([given(mode, text) for text in (*texts, JSON)])
    agent = Agent(model, output=spec)
    with pytest.raises(OutputError) as caught:
        agent.run_sync("x")
    error = caught.value
    assert [one.text for one in error.attempts] == texts
    assert [one.reason.splitlines()[0] for one in error.attempts][1:] == [
        "Your answer is not accepted: nobody lives there. Answer again, corrected.",
        "Look again.",
    ]
    assert error.text == texts[-1]
    assert error.__cause__.reason == "Look again."
    assert isinstance(error.__cause__.__cause__, ToolRetry)
    assert sum(one.usage.total_tokens for one in error.attempts) == error.state.usage.total_tokens
    assert error.state.turns == 3
    assert [m.role for m in error.state.messages] == ["user"]
    result = agent.resume_sync(error.state.to_json())
    assert (result.output, len(result.attempts), result.turns) == (OSLO, 3, 4)


def test_an_output_beside_calls_counts_in_the_same_way_and_is_told_to_watchers():
    bad = call("final_result", {"name": "Oslo"})
    model = ScriptedModel([calls(call("look"), bad), bad, calls(call("look"), bad), call("final_result", GIVEN)])
    agent = Agent(model, tools=[look], output=OutputSpec(City, mode="tool"))

    async def main():
        events = []
        with pytest.raises(OutputError) as caught:
            async with agent.stream("x") as stream:
                async for event in stream:
                    events.append(event)
        return caught.value, [event for event in events if isinstance(event, AttemptFailed)]

    error, told = asyncio.run(main())
    assert [one.text for one in error.attempts] == [one.text for one in told] == ['{"name":"Oslo"}'] * 3
    assert [one.reason for one in error.attempts] == [one.reason for one in told]
    assert error.state.refused == {}
    assert [m.role for m in error.state.messages] == ["user", *["assistant", "tool", "tool"] * 2]
    check_request(ChatRequest(messages=error.state.messages))
    resumed(agent, error)


def test_several_outputs_of_one_reply_are_one_attempt():
    both = calls(call("final_result", {"name": 1}), call("final_result", "{"))
    model = ScriptedModel([both, call("final_result", GIVEN)])
    result = asked(model, "tool").run_sync("x")
    assert (result.output, len(result.attempts)) == (OSLO, 1)
    assert [m.role for m in model.requests[1].messages] == ["user", "assistant", "tool", "tool"]
    check_request(ChatRequest(messages=model.requests[1].messages))


def test_of_outputs_the_first_invalid_then_valid_both_are_answered_and_no_attempt_failed():
    batch = calls(call("final_result", {"name": "Oslo"}, id="a"), call("final_result", GIVEN, id="b"))
    result = asked(ScriptedModel([batch]), "tool").run_sync("x")
    told = [(m.tool_call_id, m.content) for m in result.messages if m.role == "tool"]
    assert told == [("a", MISSING), ("b", "The output was taken.")]
    assert (result.output, result.attempts, result.state.open_calls) == (OSLO, (), ())
    check_request(ChatRequest(messages=result.messages))


@pytest.mark.parametrize("mode", ["native", "json", "prompted"])
def test_a_text_beside_calls_is_no_output_yet_though_it_reads_as_one(mode):
    early = OSLO.model_copy(update={"people": 1}).model_dump_json()
    model = ScriptedModel([calls(call("look"), content=early), JSON])
    result = Agent(model, tools=[look], output=OutputSpec(City, mode=mode)).run_sync("x")
    assert (result.output, result.attempts) == (OSLO, ())
    assert [m.role for m in result.messages] == ["user", "assistant", "tool", "assistant"]


def test_an_output_that_stops_the_run_leaves_a_history_for_the_next_one():
    batch = calls(call("look", id="l"), call("final_result", GIVEN, id="o"), call("final_result", GIVEN, id="p"))
    model = ScriptedModel([batch, call("final_result", GIVEN)])
    agent = Agent(model, tools=[look], output=OutputSpec(City, mode="tool"))
    first = agent.run_sync("x")
    assert first.state.open_calls == ()
    assert agent.run_sync("y", history=first.messages).output == OSLO
    told = [m.content for m in model.requests[1].messages if m.role == "tool"]
    assert told == ["seen", "The output was taken.", "Not taken: an earlier output of the same reply was."]


def test_retries_are_of_one_run_and_of_one_output():
    model = ScriptedModel(["a", "b", JSON, "c", "d", JSON])
    agent = asked(model, "native", retries=2)
    assert [len(agent.run_sync("x").attempts), len(agent.run_sync("y").attempts)] == [2, 2]
    model = ScriptedModel(["a", "b", "c", JSON])
    with pytest.raises(OutputError) as caught:
        agent.replace(output=OutputSpec(City, retries=0)).run_sync("x", model=model)
    assert len(caught.value.attempts) == 1
    assert agent.run_sync("x", model=model).output == OSLO


def test_concurrent_runs_count_apart():
    class ByPrompt(ScriptedModel):
        def _next(self, request):
            prompt = request.messages[0].content
            tried = len(request.messages) > 1
            self._replies.append(prompt if prompt.startswith("{") or not tried else JSON)
            return super()._next(request)

    agent = asked(ByPrompt([]), "native", retries=1)

    async def main():
        prompts = ['{"name": "Oslo"}', "words", '{"people": 1}', JSON]
        return await asyncio.gather(*(agent.run(prompt) for prompt in prompts), return_exceptions=True)

    first, second, third, fourth = asyncio.run(main())
    assert [one.text for one in first.attempts] == ['{"name": "Oslo"}'] * 2
    assert [one.text for one in second.attempts] == ["words"]
    assert [one.text for one in third.attempts] == ['{"people": 1}'] * 2
    assert (second.output, fourth.output, fourth.attempts) == (OSLO, OSLO, ())
    assert (type(first), type(third)) == (OutputError, OutputError)
    assert first.__cause__ is not third.__cause__


def test_a_context_that_overflows_while_asking_again_says_what_made_it_longer():
    model = ScriptedModel(['{"name": "Oslo"}', ContextOverflowError("too long"), JSON])
    agent = asked(model, "native")
    with pytest.raises(ContextOverflowError) as caught:
        agent.run_sync("x")
    error = caught.value
    added = sum(len(message.encoded) for message in model.requests[1].messages[1:])
    (note,) = error.__notes__
    assert note == (
        f"This request asked again for the output: it was longer by {added} bytes, the last reply and what was said to "
        "it. Failed attempts: 1, in `error.state.attempts`. Shorten the history or the tools' results, or bound "
        "the reply by `max_completion_tokens`."
    )
    assert [one.text for one in error.state.attempts] == ['{"name": "Oslo"}']
    assert resumed(agent, error).attempts == error.state.attempts


def test_a_context_that_overflows_at_first_says_nothing_of_it():
    with pytest.raises(ContextOverflowError) as caught:
        asked(ScriptedModel([ContextOverflowError("too long")]), "native").run_sync("x")
    assert not getattr(caught.value, "__notes__", ())
