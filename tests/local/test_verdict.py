import pytest

from agentkit.local.offer import make_offer
from agentkit.local.reading import Call, Response
from agentkit.local.story import Answered
from agentkit.local.verdict import Verdict, fresh_calls, weigh

CITY = make_offer("get_weather", "", {"properties": {"city": {"type": "string"}}, "required": ["city"]})
PAY = make_offer("Pay", "", {"properties": {"sum": {"type": "number"}}, "required": ["sum"]})


def weather(city):
    return Call("get_weather", {"city": city})


def test_each_call_is_kept_once():
    verdict = weigh(Response((weather("Oslo"), weather("Oslo"), weather("Rome")), 0.9, "two"), [CITY], "")
    assert verdict == Verdict((weather("Oslo"), weather("Rome")), 0.9, "two")


def test_a_call_of_a_tool_that_is_not_offered_is_dropped():
    assert weigh(Response((Call("other", {}),), 0.9), [CITY], "").calls == ()


def test_names_are_written_back_as_they_were_given():
    assert weigh(Response((Call("pay", {"sum": 3.0}),), 0.9), [PAY], "").calls == (Call("Pay", {"sum": 3.0}),)


def test_a_request_not_to_do_it_is_no_call():
    assert weigh(Response((weather("Oslo"),), 0.9, negated=True), [CITY], "Oslo").calls == ()


def test_what_is_only_read_may_be_negated():
    response = Response((weather("Oslo"),), 0.9, negated=True)
    assert weigh(response, [CITY], "No snow in Oslo", acts=False).calls == (weather("Oslo"),)


def test_a_doubted_value_that_stands_in_the_text_is_kept():
    response = Response((weather("oslo"),), 0.9, ungrounded=("get_weather.city",))
    assert weigh(response, [CITY], "Weather in Oslo?").calls == (weather("oslo"),)


def test_a_doubted_value_that_does_not_stand_there_drops_its_call_only():
    response = Response((weather("Oslo"), weather("Oslo, snow")), 0.9, ungrounded=("get_weather.city",))
    assert weigh(response, [CITY], "Weather in Oslo?").calls == (weather("Oslo"),)


@pytest.mark.parametrize(
    ("text", "kept"), [("$1,200.00 due", True), ("1200", True), ("12.00", False), ("no 91200", False)]
)
def test_a_doubted_number_is_looked_for_as_a_number(text, kept):
    response = Response((Call("Pay", {"sum": 1200.0}),), 0.9, ungrounded=("pay.sum",))
    assert bool(weigh(response, [PAY], text).calls) is kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("at 09:30, sharp", True),
        ("9:30: lunch", True),
        ("09:30:00", True),
        ("19:30", False),
        ("09:30:15", False),
        ("11:09:30", False),
        ("9:30 pm", False),
        ("9:30p.m.", False),
    ],
)
def test_a_doubted_time_on_the_minute_stands_there_without_its_seconds(text, kept):
    response = Response((weather("09:30:00"),), 0.9, ungrounded=("get_weather.city",))
    assert bool(weigh(response, [CITY], text).calls) is kept


def test_half_sure_is_sure():
    assert Verdict((weather("Oslo"),), 0.5).sure
    assert not Verdict((weather("Oslo"),), 0.49).sure
    assert not Verdict((), 0.9).sure


def test_two_ways_that_agree_need_less():
    assert Verdict((weather("Oslo"),), 0.2, agreed=True).sure
    assert not Verdict((weather("Oslo"),), 0.19, agreed=True).sure


def test_a_next_step_carries_what_a_result_brought():
    answered = [Answered(Call("get_capital", {"country": "Norway"}), "Oslo")]
    question = "Weather in the capital of Norway?"
    assert fresh_calls([weather("Oslo"), weather("Norway")], question, answered) == (weather("Oslo"),)


def test_a_tool_goes_on_once():
    answered = [Answered(weather("Oslo"), '{"near": "Drammen"}')]
    assert fresh_calls([weather("Drammen")], "Weather?", answered) == ()


def test_values_inside_lists_and_objects_count():
    answered = [Answered(None, '{"ids": [7, 8]}')]
    call = Call("fetch", {"wanted": {"ids": [7]}, "all": True, "note": ""})
    assert fresh_calls([call], "Fetch them", answered) == (call,)
    assert fresh_calls([Call("fetch", {"all": True, "note": ""})], "Fetch them", answered) == ()
