"""Probes of plain talk."""

import pytest

from agentkit.doctor.talk import (
    ask_bad_request,
    ask_developer,
    ask_image,
    ask_limit,
    ask_plain,
    ask_stream,
    ask_systems,
    ask_unknown_model,
    ask_usage,
    note_waits,
)
from agentkit.testing.fault import Fault


def test_a_plain_reply_and_a_stream_work(asked):
    (plain,), _ = asked(ask_plain, replies=["Hello."])
    assert (plain.verdict, plain.seen) == ("works", 'answered "Hello."')
    (stream,), _ = asked(ask_stream, replies=["Hello."])
    assert (stream.verdict, stream.seen) == ("works", 'answered "Hello.", finish_reason stop')


def test_a_limit_that_is_refused_by_name_is_spelled_the_other_way(asked):
    (finding,), patient = asked(ask_plain, quirks=["refuses_max_tokens"])
    assert (finding.verdict, finding.done) == ("works", "sends `max_completion_tokens`")
    assert patient.profile.max_tokens_field == "max_completion_tokens"


def test_a_first_failure_keeps_all_of_our_advice(asked):
    (finding,), _ = asked(ask_plain, faults=[Fault.status(404)])
    assert finding.verdict == "refused"
    assert "and that base_url ends in `/v1` as most do." in finding.seen


@pytest.mark.parametrize("quirk", ["refuses_max_tokens", "refuses_max_completion_tokens"])
def test_the_spelling_that_is_taken_is_seen_to_be_obeyed(asked, quirk):
    (finding,), patient = asked(ask_plain, ask_limit, quirks=[quirk])
    assert finding.seen == f"`{patient.profile.max_tokens_field}` is obeyed"


def test_a_spelling_that_is_ignored_is_left_for_the_one_that_is_obeyed(asked):
    def reply(request):
        cut = "max_completion_tokens" in request
        return {"content": "1 2 3" if cut else "1 " * 50, "finish_reason": "length" if cut else "stop"}

    (finding,), patient = asked(ask_limit, replies=[reply] * 2)
    assert (finding.verdict, finding.seen) == (
        "deviates",
        "`max_tokens` is ignored, `max_completion_tokens` is obeyed",
    )
    assert patient.profile.max_tokens_field == "max_completion_tokens"


def test_a_limit_that_nothing_obeys_is_told(asked):
    (finding,), _ = asked(ask_limit, replies=["1 " * 50] * 2)
    assert finding.seen == "a limit of 16 tokens was not seen to be obeyed: the reply has 51 tokens"
    assert finding.profile == {}


def test_stream_options_that_are_refused_are_left_out(asked):
    (finding,), patient = asked(ask_usage, quirks=["refuses_stream_options"])
    assert (finding.verdict, patient.profile.stream_usage) == ("refused", False)
    (finding,), patient = asked(ask_usage, profile={"stream_usage": False})
    assert (finding.verdict, patient.profile.stream_usage) == ("works", True)


def test_instructions_that_must_come_first_are_joined(asked):
    findings, patient = asked(ask_systems, quirks=["refuses_late_system"])
    assert [finding.verdict for finding in findings] == ["refused", "refused"]
    assert patient.profile.system_messages == "first"


def test_a_template_that_answers_500_has_refused_too(asked, refuses):
    late = refuses(lambda request: request["messages"][-2]["role"] == "system", "Jinja Exception", status=500)
    findings, patient = asked(ask_systems, replies=late, profile={"system_messages": "anywhere"})
    assert [finding.verdict for finding in findings] == ["refused", "refused"]
    assert findings[1].seen == "500: Jinja Exception"
    assert patient.profile.system_messages == "first"


def test_instructions_that_may_stand_anywhere_are_said_so(asked):
    _, patient = asked(ask_systems, profile={"system_messages": "first"})
    assert patient.profile.system_messages == "anywhere"


def test_a_role_that_is_not_known_is_noted(asked):
    (finding,), patient = asked(ask_developer, quirks=["refuses_developer_role"])
    assert (finding.done, patient.profile.developer_role) == ("sends such messages as `system`", False)


def test_an_image_is_shown(asked):
    (finding,), _ = asked(ask_image)
    assert finding.seen == 'answered "You said: Which colour is this square? One word. (image_url)"'


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault.status(404), "works"),
        (Fault.status(422), "works"),
        (Fault.status(500), "deviates"),
        (Fault.disconnect(), "failed"),
    ],
)
def test_what_must_be_refused_is_judged_by_its_status(asked, fault, verdict):
    (finding,), _ = asked(ask_unknown_model, replies=[fault])
    assert finding.verdict == verdict


def test_messages_that_are_no_list_must_be_refused(asked):
    (finding,), _ = asked(ask_bad_request)
    assert (finding.verdict, finding.seen[:4]) == ("works", "400:")
    (finding,), _ = asked(ask_bad_request, lenient=True, replies=["Hi."])
    assert (finding.verdict, finding.seen) == ("deviates", "messages that are no list: answered as if all were well")


def test_an_error_under_the_status_200_is_told(asked):
    (finding,), patient = asked(ask_unknown_model, quirks=["error_in_200"])
    assert finding.seen.startswith("a model that does not exist: an error under the status 200: ")
    assert list(patient.deviations) == ["error_in_200"]


def test_an_endpoint_that_answers_for_any_model_is_told(asked):
    (finding,), _ = asked(ask_unknown_model)
    assert (finding.verdict, finding.seen) == ("deviates", "a model that does not exist: answered as if all were well")


def test_a_wait_that_was_asked_for_is_told_and_none_is_provoked(asked):
    (finding,), patient = asked(note_waits)
    assert (finding.verdict, patient.tap.sent) == ("skipped", 0)
    (finding,), _ = asked(ask_plain, note_waits, faults=[Fault.status(429, retry_after=0)])
    assert finding.seen == (
        "asked for patience 1 times, first 429: Rate limit reached for requests. (Retry-After: 0 s)"
    )


def test_a_model_that_does_not_exist_is_asked_for_where_the_address_names_it(asked):
    _, patient = asked(ask_unknown_model, lenient=True, profile={"path": "/chat/completions", "query": [["v", "1"]]})
    assert b'"model":"agentkit-doctor-no-such-model"' in patient.tap.heard.request
