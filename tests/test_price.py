"""What tokens cost: by a price that is given, by a price list, by the endpoint's own word."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import Price
from agentkit.errors import ConfigurationError
from agentkit.price import FREE, _price_of, _read, dearest, dollars, output_of, price_of, told_cost
from agentkit.wire.response import Usage

OPENAI = "https://api.openai.com/v1/chat/completions"


def usage(prompt, completion, **more):
    return Usage.model_validate({"prompt_tokens": prompt, "completion_tokens": completion, **more})


def test_prompt_and_reply_are_charged_by_the_million():
    price = Price(input=2.5, output=10, request=0.01)
    assert price.cost(usage(1_000_000, 100_000)) == pytest.approx(2.5 + 1.0 + 0.01)
    assert FREE.cost(usage(10**9, 10**9)) == 0


def test_what_was_cached_and_what_was_spoken_have_prices_of_their_own():
    price = Price(input=10, output=20, cached_input=1, audio_input=100, audio_output=200)
    told = usage(
        1000,
        100,
        prompt_tokens_details={"cached_tokens": 600, "audio_tokens": 300},
        completion_tokens_details={"audio_tokens": 40},
    )
    assert price.cost(told) == pytest.approx((100 * 10 + 600 * 1 + 300 * 100 + 60 * 20 + 40 * 200) / 1e6)
    assert Price(input=10, output=20).cost(told) == pytest.approx((1000 * 10 + 100 * 20) / 1e6)


def test_reasoning_that_is_in_the_total_only_is_charged_as_output():
    told = usage(10, 5, total_tokens=115)
    assert output_of(told) == 105
    assert output_of(usage(10, 5)) == 5
    assert Price(input=0, output=1_000_000).cost(told) == 105


def test_a_long_prompt_is_charged_by_another_price_from_its_first_token_on():
    price = Price(input=1, output=10, above=((200_000, Price(input=2, output=15)),))
    assert price.cost(usage(200_000, 0)) == pytest.approx(0.2)
    assert price.cost(usage(200_001, 1000)) == pytest.approx((200_001 * 2 + 1000 * 15) / 1e6)


@given(
    st.integers(0, 400_000),
    st.integers(0, 50_000),
    st.floats(0, 1),
    st.booleans(),
)
def test_no_request_costs_more_than_its_most(prompt, output, share, audio):
    price = Price(
        input=3,
        output=9,
        cached_input=0.5,
        audio_input=30,
        audio_output=60,
        request=0.002,
        above=((128_000, Price(input=6, output=12, cached_input=8)),),
    )
    before, each = price.most(prompt, audio=audio)
    details = {"cached_tokens": int(prompt * share), "audio_tokens": int(prompt * (1 - share)) if audio else 0}
    told = usage(prompt, output, prompt_tokens_details=details)
    assert price.cost(told) <= before + each * output + 1e-12


def test_the_dearest_of_several_has_the_highest_of_each_and_none_is_known_where_one_is_not():
    cheap, dear = (
        Price(input=1, output=9, cached_input=0.1),
        Price(input=2, output=4, above=((10, Price(input=3, output=1)),)),
    )
    most = dearest([cheap, dear])
    assert (most.input, most.output, most.cached_input, most.above) == (3, 9, 3, ())
    assert dearest([cheap, None]) is None
    assert dearest([]) is None


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ({"input": -1, "output": 1}, "Price: input=-1 is no price. Give dollars for a million tokens, 0 or more."),
        ({"input": 1, "output": None}, "Price: output=None is no price. Give dollars for a million tokens, 0 or more."),
        (
            {"input": 1, "output": 1, "cached_input": float("nan")},
            "Price: cached_input=nan is no price. Give dollars for a million tokens, 0 or more.",
        ),
        ({"input": "1", "output": 1}, "Price: input='1' is no price. Give dollars for a million tokens, 0 or more."),
    ],
)
def test_what_is_no_price_is_refused(price, text):
    with pytest.raises(ConfigurationError) as refused:
        Price(**price)
    assert str(refused.value) == text


@pytest.mark.parametrize(("cost", "told"), [(0.5, 0.5), (0, 0.0), (None, None), ("1", None), (True, None), (-1, None)])
def test_the_endpoints_own_word_is_taken_where_it_is_a_number(cost, told):
    assert told_cost(usage(1, 1, cost=cost)) == told
    assert told_cost(None) is None


def test_list_prices_are_found_by_the_address_and_the_name():
    pytest.importorskip("genai_prices")
    price = price_of(OPENAI, "gpt-4o-mini")
    assert (price.input, price.output, price.cached_input) == (0.15, 0.6, 0.075)
    assert price_of("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-2.5-pro").above[0][0] == 200_000
    assert price_of("https://api.together.ai/v1", "meta-llama/Llama-3.3-70B-Instruct-Turbo") is not None
    assert price_of("http://127.0.0.1:8000/v1", "gpt-4o-mini") is None  # who bills is not known by a name
    assert price_of(OPENAI, "no-such-model") is None
    assert price_of(OPENAI, "text-embedding-3-small") is None or price_of(OPENAI, "text-embedding-3-small").output >= 0


def test_a_cost_that_is_to_be_looked_up_is_found_later():
    pytest.importorskip("genai_prices")
    told = usage(1_000_000, 0)
    assert dollars(told, f"{OPENAI} gpt-4o-mini") == pytest.approx(0.15)
    assert dollars(told, f"{OPENAI} no such model") is None
    assert dollars(told, 0.25) == 0.25
    assert dollars(usage(1, 1, cost=0.5), None) == 0.5
    assert dollars(None, None) is None


def test_without_the_extra_no_price_is_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    _price_of.cache_clear()
    try:
        assert price_of(OPENAI, "gpt-4o-mini") is None
    finally:
        _price_of.cache_clear()


def test_a_price_by_other_units_than_tokens_is_none_of_ours():
    class Pages:
        input_document_kpages = 1

    assert _read(Pages()) is None
