"""The endpoint under examination, asked within bounds."""

import pytest

from agentkit.doctor import Bounds
from agentkit.doctor.sample import HELLO, said
from agentkit.testing.fault import Fault


def asking(body, **options):
    answers = []

    async def probe(patient):
        answers.append(await patient.ask(body, **options))
        return []

    return probe, answers


def test_what_is_asked_is_sent_exactly_whatever_the_profile_says(asked):
    body = {"messages": [said(HELLO)], "strange": [1], "temperature": 9, "max_tokens": 3}
    probe, answers = asking(body)
    _, patient = asked(probe, replies=[lambda request: f"{request['strange']} {request['model']}"], profile={})
    assert answers[0].status == 400  # the endpoint's own check of the temperature, which ours would have refused
    assert patient.tap.sent == 1


def test_a_reply_is_bound_by_the_limit_in_the_spelling_that_is_known(asked):
    seen = []
    probe, _ = asking({"messages": [said(HELLO)]}, tokens=1000)

    def reply(request):
        seen.append({name: request.get(name) for name in ("max_tokens", "max_completion_tokens")})
        return "Hi."

    asked(probe, replies=[reply], bounds=Bounds(reply_tokens=50), profile={"max_tokens_field": "max_completion_tokens"})
    assert seen == [{"max_tokens": None, "max_completion_tokens": 50}]


def test_nothing_is_tried_again_but_where_the_endpoint_asks_to_wait(asked):
    probe, answers = asking({"messages": [said(HELLO)]})
    _, patient = asked(probe, probe, faults=[Fault.status(500), Fault.status(429, retry_after=0)])
    assert [answer.status for answer in answers] == [500, None]
    assert (patient.tap.sent, patient.stopped) == (3, None)
    assert patient.waits == ["429: Rate limit reached for requests. (Retry-After: 0 s)"]


def test_an_endpoint_that_goes_on_asking_for_patience_is_left_in_peace(asked):
    probe, _ = asking({"messages": [said(HELLO)]})
    _, patient = asked(probe, faults=[Fault.status(429)])
    assert patient.stopped == "the endpoint asks for patience: 429: Rate limit reached for requests."
    assert patient.tap.sent == 1


def test_a_request_that_never_ends_is_left_after_a_quarter_of_the_time(asked):
    probe, answers = asking({"messages": [said(HELLO)]})
    asked(probe, probe, faults=["stall"], bounds=Bounds(seconds=4))
    assert answers[0].words == "no whole answer within 1 s; the request was left"
    assert answers[1].reply is not None


def test_spent_tokens_are_counted_and_where_they_are_not_told_estimated(asked):
    probe, _ = asking({"messages": [said(HELLO)]})
    _, told = asked(probe, replies=["Hi there."])
    assert told.tokens[0] > 0
    assert told.tokens[1] == 3
    _, untold = asked(probe, replies=["Hi there."], quirks=["no_usage"])
    assert untold.tokens[1] == len("Hi there.") // 4
    _, refused = asked(probe, faults=[Fault.status(400)])
    assert refused.tokens == (0, 0)


def test_reasoning_is_kept_in_the_field_that_it_came_in(asked):
    probe, _ = asking({"messages": [said(HELLO)]})
    _, patient = asked(probe, quirks=["reasoning_content"])
    assert list(patient.reasoning) == ["reasoning_content"]
    _, tagged = asked(probe, quirks=["think_tags"])
    assert tagged.reasoning == {}


@pytest.mark.parametrize(
    ("word", "cut"), [("length", True), ("max_tokens", True), ("model_length", True), ("stop", False)]
)
def test_a_reply_is_cut_by_whichever_word_says_so_and_its_calls_are_not_kept(asked, word, cut):
    probe, answers = asking({"messages": [said(HELLO)]})
    function = {"name": "f", "arguments": "{}"}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }
    reply = {"choices": [{"index": 0, "message": message, "finish_reason": word}]}
    _, patient = asked(probe, replies=[reply])
    assert answers[0].is_cut is cut
    assert list(patient.called) == ([] if cut else [1])
