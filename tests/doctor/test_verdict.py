"""Judging the form of what came."""

from agentkit.doctor.patient import Answer
from agentkit.doctor.verdict import calls_seen, judge, text_seen
from agentkit.errors import APIConnectionError, BadRequestError, InternalServerError
from agentkit.wire import ChatCompletion


def answer(message, finish="stop"):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return Answer(reply=ChatCompletion.parse({"choices": [choice]}))


def refused(status, body, kind=BadRequestError):
    error = kind("told at length")
    error.status_code = status
    error.body = body
    return Answer(error=error)


def test_what_is_taken_changes_the_profile_one_way_and_what_is_refused_the_other():
    options = {"otherwise": "leaves it out", "taken": {"strict": True}, "refused": {"strict": False}}
    taken = judge(answer({"content": "Hi"}), "taken", **options)
    assert (taken.verdict, taken.seen, taken.done, taken.profile) == ("works", "taken", "", {"strict": True})
    not_taken = judge(refused(400, {"error": {"message": "No \x1b[31mstrict."}}), "taken", **options)
    assert (not_taken.verdict, not_taken.seen) == ("refused", "400: No [31mstrict.")
    assert (not_taken.done, not_taken.profile) == ("leaves it out", {"strict": False})


def test_a_failure_concludes_nothing():
    finding = judge(Answer(error=APIConnectionError("It broke.")), "taken", refused={"strict": False})
    assert (finding.verdict, finding.seen, finding.profile) == ("failed", "It broke.", {})


def test_a_500_is_a_refusal_and_a_503_is_not():
    assert refused(500, {"error": "template"}, InternalServerError).is_refused
    assert not refused(503, {"error": "busy"}, InternalServerError).is_refused
    assert not refused(200, {"error": "busy"}, InternalServerError).is_refused
    assert refused(200, {"error": "no such field"}).is_refused


def test_a_model_that_makes_no_call_has_still_taken_the_tools():
    assert calls_seen(answer({"content": "It rains."})) == "taken, but the model made no call"
    cut = answer({"content": "It"}, "length")
    assert calls_seen(cut) == "taken, but the model made no call: it was cut at the token limit"
    text = answer({"content": '<tool_call>{"name": "get_weather"}'})
    assert calls_seen(text) == (
        'taken, but the call came as text, which agentkit does not run: "<tool_call>{"name": "get_weather"}"'
    )


def test_texts_are_shown_short_and_clean():
    assert text_seen(answer({"content": "Hi\n\x1b[2Jthere"})) == 'answered "Hi [2Jthere"'
    assert text_seen(answer({"content": "x" * 70})) == f'answered "{"x" * 60}..."'
    assert text_seen(answer({"content": ""}, "length")) == "answered without text, cut at the token limit"
    assert text_seen(answer({"content": ""})) == "answered without text"
