"""The demo's three jobs, played by a scripted model: what it proves, and that it cannot be fooled."""

import asyncio
import json

import pytest

from agentkit import Agent
from agentkit.cli import scene as scenes
from agentkit.cli.scene import make_scenes
from agentkit.testing import ScriptedModel, call, calls

INVOICE = {"vendor": "Northwind Traders", "total": 389.90, "due": "2026-04-02"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(scenes, "_LOOKUP", 0.05)


def play(scene, *replies):
    agent = Agent(ScriptedModel(replies), tools=scene.tools, output=scene.output)
    return [check.holds for check in scene.check(asyncio.run(agent.run(scene.prompt)))]


def weather(city="Oslo"):
    return call("get_weather", {"city": city})


def clock(city="Tokyo"):
    return call("get_time", {"city": city})


def track(request):
    """Call track_order with what find_order gave."""
    return call("track_order", {"order_number": int(request.messages[-1].content)})


def test_two_calls_in_one_reply_prove_the_first_job():
    assert play(make_scenes()[0], calls(weather(), clock()), "Done.") == [True, True, True]


def test_two_calls_one_after_the_other_do_not():
    assert play(make_scenes()[0], weather(), clock(), "Done.") == [False, False, False]


def test_one_tool_twice_is_not_two_tools():
    assert play(make_scenes()[0], calls(weather(), weather()), "Done.") == [False, True, True]


def test_no_call_proves_nothing():
    assert play(make_scenes()[0], "It snows.") == [False, False, False]
    assert play(make_scenes()[1], "In Hamburg.") == [False, False]


def test_one_call_did_not_run_beside_itself():
    scene = make_scenes()[0]
    result = asyncio.run(Agent(ScriptedModel([weather(), "Done."]), tools=scene.tools).run(scene.prompt))
    check = scene.check(result)[1]
    assert (check.holds, check.text) == (
        False,
        "the two ran at the same time: each for 0.05 s, 0.00 s of it together",
    )


def test_an_unknown_city_is_told_to_the_model():
    scene = make_scenes()[0]
    agent = Agent(ScriptedModel([weather("Atlantis"), "Sorry."]), tools=scene.tools)
    told = asyncio.run(agent.run(scene.prompt)).messages[2].content
    assert "Nothing is known of 'Atlantis'. Known: oslo, nairobi, tokyo." in told


def test_a_call_with_the_first_ones_result_proves_the_second_job():
    find = call("find_order", {"customer": "Ada Lovelace"})
    assert play(make_scenes()[1], find, track, "Done.") == [True, True]


def test_a_guessed_number_does_not():
    find = call("find_order", {"customer": "Ada Lovelace"})
    guess = call("track_order", {"order_number": 1})
    assert play(make_scenes()[1], calls(find, guess), "Done.") == [False, False]


def test_the_order_number_is_drawn_anew_for_each_run():
    seen = {make_scenes()[1].check(NOTHING)[1].text for _ in range(50)}
    assert len(seen) > 1


def test_the_typed_value_proves_the_third_job():
    assert play(make_scenes()[2], json.dumps(INVOICE)) == [True, True]


def test_another_value_does_not():
    assert play(make_scenes()[2], json.dumps({**INVOICE, "total": 1})) == [True, False]


class NOTHING:
    """A result without messages."""

    messages = ()
