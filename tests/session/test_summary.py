import asyncio
import json

import pytest

from agentkit.errors import ConfigurationError, InvalidResponseError
from agentkit.session import Summary
from agentkit.testing import ScriptedModel


def history(turns):
    return [
        message
        for count in range(1, turns + 1)
        for message in ({"role": "user", "content": f"ask {count}"}, {"role": "assistant", "content": f"say {count}"})
    ]


def seen(summary, messages):
    return [json.loads(message.encoded) for message in asyncio.run(summary(messages))]


def asked(model):
    return [request.messages[1].content for request in model.requests]


def test_older_turns_become_notes_before_what_the_user_says_in_the_first_that_is_kept():
    model = ScriptedModel(["They asked 1 and 2."])
    given = seen(Summary(model, keep=2), history(4))
    assert given[0] == {
        "role": "user",
        "content": "Notes of the conversation before this message:\n\nThey asked 1 and 2.\n\n---\n\nask 3",
    }
    assert given[1:] == history(4)[5:]
    assert asked(model) == [
        (
            "# Notes so far\n\nNone.\n\n# What was said since\n\n"
            "## User\n\nask 1\n\n## Assistant\n\nsay 1\n\n## User\n\nask 2\n\n## Assistant\n\nsay 2"
        )
    ]
    assert model.requests[0].messages[0].content.startswith("You keep the notes of a conversation")


def test_a_short_history_asks_for_no_summary():
    summary = Summary(ScriptedModel([]), keep=2)
    assert seen(summary, history(3)) == history(3)
    assert seen(summary, []) == []


def test_a_summary_is_kept_until_enough_turns_have_become_old_and_then_goes_on():
    model = ScriptedModel(["A", "B"])
    summary = Summary(model, keep=2)
    for turns in (4, 4, 5, 6, 6, 7):
        seen(summary, history(turns))
    assert [text.partition("# What was said since")[0] for text in asked(model)] == [
        "# Notes so far\n\nNone.\n\n",
        "# Notes so far\n\nA\n\n",
    ]
    assert "ask 3" in asked(model)[1]
    assert "ask 2" not in asked(model)[1]


def test_a_history_that_differs_gets_a_summary_of_its_own():
    model = ScriptedModel(["A", "B"])
    summary = Summary(model, keep=1)
    seen(summary, history(2))
    other = [{"role": "user", "content": "else"}, *history(2)[1:]]
    assert "\n\nB\n\n" in seen(summary, other)[0]["content"]


def test_a_long_history_is_summarised_in_pieces():
    model = ScriptedModel(["A", "B", "C"])
    given = seen(Summary(model, keep=2, most=80), history(8))
    assert len(given) == 4
    assert "\n\nC\n\n" in given[0]["content"]
    assert [text.count("## User") for text in asked(model)] == [2, 2, 2]


def test_instructions_stay_and_parts_get_the_notes_as_a_part():
    system = {"role": "system", "content": "Be brief."}
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    given = seen(Summary(ScriptedModel(["A"]), keep=1), [system, *history(1), {"role": "user", "content": [image]}])
    assert given[0] == system
    assert given[1]["content"][0]["text"].endswith("\n\nA\n\n---\n\n")
    assert given[1]["content"][1] == image


def test_a_model_that_writes_nothing_is_an_error():
    with pytest.raises(InvalidResponseError) as caught:
        seen(Summary(ScriptedModel([""], name="mute"), keep=1), history(2))
    assert str(caught.value) == (
        "The model 'mute' wrote no summary (finish_reason 'stop'). "
        "Give `Summary` another model, or keep turns by `LastTurns`."
    )


def test_bounds_that_bound_nothing_are_refused():
    with pytest.raises(ConfigurationError) as caught:
        Summary(ScriptedModel([]), keep=0)
    assert str(caught.value) == "Summary(keep=0, most=20000) is no bound. Give 1 or more for each."
