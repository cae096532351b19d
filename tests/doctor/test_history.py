"""Probes of histories."""

import json

from agentkit.doctor import Bounds
from agentkit.doctor.call import ask_parallel, ask_tools
from agentkit.doctor.history import (
    ask_empty_content,
    ask_long_result,
    ask_odd_ids,
    ask_reasoning,
    ask_results,
    ask_two_results,
)
from agentkit.testing import call
from agentkit.testing.fault import Fault


def test_the_models_own_call_is_answered_where_it_made_one(asked):
    sent = []

    def reply(request):
        sent.append(request)
        return call("get_weather", {"city": "Bergen"}, id="own") if len(sent) == 1 else "4 degrees."

    (finding,), _ = asked(ask_tools, ask_results, replies=[reply] * 2)
    assert (finding.verdict, finding.seen) == ("works", 'answered "4 degrees."')
    assert [message.get("tool_call_id") for message in sent[1]["messages"]] == [None, None, "own"]


def test_a_model_that_made_none_is_given_one_of_ours(asked):
    (finding,), _ = asked(ask_results, replies=["4 degrees."])
    assert finding.seen == 'answered "4 degrees.", to a call of ours, for the model made none'


def test_signatures_come_back_with_the_models_own_call(asked):
    (finding,), _ = asked(ask_tools, ask_results, quirks=["thought_signature", "demands_signatures"])
    assert finding.verdict == "works"


def test_ids_of_nine_letters_are_tried_where_others_are_refused(asked):
    (finding,), patient = asked(ask_tools, ask_results, quirks=["demands_short_ids"])
    assert (finding.verdict, finding.profile) == ("deviates", {"call_ids": "nine_alphanumeric"})
    (finding,), patient = asked(ask_tools, ask_results, ask_odd_ids, quirks=["demands_short_ids"])
    assert (finding.verdict, patient.tap.sent) == ("skipped", 3)


def test_odd_ids_alone_may_be_refused(asked, refuses):
    replies = refuses(lambda request: "tool/call" in json.dumps(request), "Bad id.")
    (finding,), patient = asked(ask_odd_ids, replies=replies)
    assert finding.seen.endswith(" but only otherwise: 400: Bad id.")
    assert patient.profile.call_ids == "nine_alphanumeric"


def test_reasoning_that_is_demanded_back_is_learned(asked):
    (finding,), _ = asked(ask_tools, ask_results, quirks=["demands_reasoning"])
    assert (finding.verdict, finding.profile) == ("deviates", {"echo": ("reasoning_content",), "echo_empty": True})
    (finding,), _ = asked(ask_tools, ask_results, ask_reasoning, quirks=["demands_reasoning", "reasoning_content"])
    assert finding.seen == "it comes in `reasoning_content`; `reasoning_content` is wanted back"


def test_reasoning_that_is_refused_back_stays_here(asked, refuses):
    def thinking(request):
        return {"content": "Hi.", "reasoning": "Hm."}

    replies = refuses(lambda request: '"reasoning"' in json.dumps(request), "Unknown field.", otherwise=thinking)
    (finding,), _ = asked(ask_results, ask_reasoning, replies=replies)
    assert (finding.verdict, finding.profile) == ("refused", {"echo": ()})
    assert finding.done == "it comes in `reasoning`; it is read, and not sent back"
    (finding,), _ = asked(ask_results, ask_reasoning, replies=[thinking] * 2)
    assert finding.seen == "it comes in `reasoning`, and is taken back, though not demanded"
    (finding,), _ = asked(ask_reasoning)
    assert finding.verdict == "skipped"


def test_results_that_are_refused_in_every_way_are_told(asked):
    (finding,), patient = asked(ask_results, faults=[Fault.status(400, times=2)])
    assert (finding.verdict, finding.done) == ("refused", "cannot give results of tools here")
    assert patient.tap.sent == 2


def test_an_empty_text_that_is_refused_is_noted(asked):
    (finding,), patient = asked(ask_empty_content, quirks=["refuses_empty_content"])
    assert (finding.verdict, patient.profile.empty_content) == ("refused", False)
    _, patient = asked(ask_empty_content, profile={"empty_content": False})
    assert patient.profile.empty_content


def test_two_results_of_one_turn_are_given(asked):
    (finding,), _ = asked(ask_parallel, ask_two_results)
    assert finding.seen == 'answered "The tools say: 4 degrees, rain; 4 degrees, rain"'
    (finding,), _ = asked(ask_two_results, faults=[Fault.status(500)])
    assert finding.verdict == "refused"


def test_a_long_result_has_the_size_of_the_bounds(asked):
    (finding,), _ = asked(ask_long_result, bounds=Bounds(result_bytes=1234), replies=["Rain."])
    assert finding.seen == 'taken, 1,234 bytes: answered "Rain."'
