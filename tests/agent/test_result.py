"""What a run gives back."""

import pytest

from agentkit.agent import Agent
from agentkit.testing.reply import call, completion
from agentkit.testing.scripted import ScriptedModel
from agentkit.tools import tool


@tool
def now() -> str:
    return "noon"


def priced(text, cost):
    body = completion(text, {"model": "m"}, number=1, size=40)
    return {**body, "usage": {**body["usage"], **({} if cost is None else {"cost": cost})}}


def test_a_result_has_messages_usage_reason_turns_and_id():
    model = ScriptedModel([call("now"), "It is noon."])
    result = Agent(model, tools=[now]).run_sync("x", history=[{"role": "user", "content": "earlier"}])
    assert [m.role for m in result.messages] == ["user", "user", "assistant", "tool", "assistant"]
    assert [m.role for m in result.new_messages] == ["user", "assistant", "tool", "assistant"]
    assert (result.finish_reason, result.turns, len(result.run_id)) == ("stop", 2, 32)
    assert result.usage.total_tokens == sum(usage.total_tokens for usage in result.usages)
    assert (result.pending, result.attempts) == ((), ())
    assert str(result) == "It is noon."


def test_usage_counts_failed_attempts_and_requests_without_one():
    silent = {key: value for key, value in priced("{}", None).items() if key != "usage"}
    result = Agent(ScriptedModel(["no", silent]), output=dict[str, int]).run_sync("x")
    assert [usage is None for usage in result.usages] == [False, True]
    assert result.usage == result.usages[0]
    assert [attempt.text for attempt in result.attempts] == ["no"]


@pytest.mark.parametrize(("costs", "total"), [((0.25, 0.5), 0.75), ((0.25, None), None), ((None, None), None)])
def test_cost_is_what_the_endpoint_billed_for_every_request(costs, total):
    first = {**priced("", costs[0])}
    first["choices"][0]["message"] = {"role": "assistant", **call("now", id="c")}
    result = Agent(ScriptedModel([first, priced("done", costs[1])]), tools=[now]).run_sync("x")
    assert result.cost == total


def test_a_result_is_a_value():
    result = Agent(ScriptedModel(["done"])).run_sync("x")
    with pytest.raises(AttributeError):
        result.state = None
    assert repr(result) == f"Result(state=RunState(run_id='{result.run_id}', 2 messages, 1 turns))"


def test_answers_keep_whole_values_and_what_tools_raised():
    rows = list(range(100))

    @tool
    def read_rows() -> list[int]:
        return rows

    @tool
    def fail() -> str:
        raise ValueError("no luck")

    result = Agent(ScriptedModel([call("read_rows"), call("fail"), "done"]), tools=[read_rows, fail]).run_sync("x")
    first, second = result.answers
    assert (first.tool_name, first.status, first.value is rows) == ("read_rows", "ok", True)
    assert (second.status, repr(second.error)) == ("error", "ValueError('no luck')")
    assert second.error.__traceback__ is not None


def test_runs_started_by_one_call_have_ids_of_their_own_below_its():
    sub = Agent(ScriptedModel(["a", "b"]))

    @tool
    async def ask_twice() -> list[str]:
        return [(await sub.run("x")).run_id for _ in range(2)]

    result = Agent(ScriptedModel([call("ask_twice", id="c1"), "done"]), tools=[ask_twice]).run_sync("x")
    assert result.answers[0].value == [f"{result.run_id}/c1", f"{result.run_id}/c1.2"]


def test_the_last_reply_is_there_whole_with_all_that_the_history_does_not_keep():
    body = completion("one", {"model": "m"}, number=1, size=40)
    first = body["choices"][0]
    first["logprobs"] = {"content": [{"token": "one", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
    first["message"] |= {
        "annotations": [{"type": "url_citation", "url_citation": {"url": "http://e"}}],
        "audio": {"id": "a", "data": "UklGRg==", "transcript": "one", "expires_at": 1},
        "reasoning_content": "Because.",
    }
    body["choices"].append({"index": 1, "message": {"role": "assistant", "content": "two"}, "finish_reason": "stop"})
    result = Agent(ScriptedModel([call("now"), body]), tools=[now]).run_sync("x")
    assert [choice.message.content for choice in result.reply.choices] == ["one", "two"]
    assert result.reply.choices[0].logprobs.content[0].token == "one"
    message = result.reply.message
    assert message.annotations[0].url_citation.url == "http://e"
    assert message.audio.transcript == "one"
    assert result.reasoning == message.reasoning == "Because."
    assert "UklGRg" not in result.state.to_json()


def test_a_streamed_reply_is_there_whole_too():
    with Agent(ScriptedModel([{"content": "done", "reasoning_content": "Easy."}])).stream_sync("x") as stream:
        list(stream)
    assert (stream.result.reply.message.content, stream.result.reasoning) == ("done", "Easy.")


def test_a_finished_state_that_is_resumed_has_no_reply():
    agent = Agent(ScriptedModel(["done"]))
    result = agent.resume_sync(agent.run_sync("x").state)
    assert (result.output, result.reply, result.reasoning, result.cut_usage) == ("done", None, None, None)
