from agentkit.local import phrase
from agentkit.local.reading import Call
from agentkit.local.story import Answered
from agentkit.local.verdict import Verdict

OSLO = Call("get_weather", {"city": "Oslo"})


def test_without_tools_it_says_what_it_is():
    assert phrase.no_call(False) == (
        "I am a small embedded model that calls tools and reads data out of text; I cannot chat or answer from "
        "knowledge. Give me tools, or a response_format with a JSON Schema, or ask a larger model."
    )


def test_without_a_fitting_tool_it_says_so():
    assert phrase.no_call(True) == (
        "None of the tools fits this request, as far as I can tell. I am a small embedded model that calls tools and "
        "reads data out of text; I cannot chat or answer from knowledge."
    )


def test_a_doubted_call_is_named_with_its_confidence():
    assert phrase.doubt(Verdict((OSLO, Call("now", {})), 0.314)) == (
        'I am not sure enough to act. I would have called get_weather(city="Oslo") and now(), with a confidence of '
        "0.31; I act at 0.50 and above. Name the values plainly, one step at a time, or ask a larger model."
    )


def test_a_doubted_record_is_shown():
    assert phrase.no_record("City", Verdict((Call("City", {"name": "Oslo"}),), 0.31)) == (
        'I am not sure enough of what I read: City(name="Oslo"), with a confidence of 0.31; I answer at 0.50 and '
        "above, or at 0.20 where two ways of asking agree. A shorter text, described fields or a larger model may help."
    )


def test_no_record_is_said():
    assert phrase.no_record("City", Verdict()) == (
        "I found no City in the text that the text bears out. I am a small embedded model that calls tools and reads "
        "data out of text; I cannot chat or answer from knowledge."
    )


def test_results_are_put_together_by_a_template_that_says_so():
    assert phrase.results([Answered(OSLO, "4 C"), Answered(None, "lost")], Verdict()) == (
        'get_weather(city="Oslo"): 4 C\n'
        "lost\n"
        "(Put together from the tools' results by a template; this model writes no prose.)"
    )


def test_a_doubted_next_step_is_told_with_the_results():
    verdict = Verdict((Call("send", {"text": "4 C"}),), 0.26)
    assert phrase.results([Answered(OSLO, "4 C")], verdict) == (
        'get_weather(city="Oslo"): 4 C\n'
        'I was not sure whether to go on with send(text="4 C") (confidence 0.26), so I did not.\n'
        "(Put together from the tools' results by a template; this model writes no prose.)"
    )


def test_a_next_step_that_is_hardly_thought_of_is_not_told():
    verdict = Verdict((Call("send", {"text": "4 C"}),), 0.09)
    assert "send" not in phrase.results([Answered(OSLO, "4 C")], verdict)
