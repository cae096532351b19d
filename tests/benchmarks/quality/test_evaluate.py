"""The evaluation itself: the cases are well-formed, scripted answers get the scores that they must, the script runs."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.testing import ScriptedModel, call, calls
from agentkit.testing.endpoint import FakeEndpoint

HERE = Path(__file__).resolve().parent
LAMPS = {"customer": "Lena Fischer", "lines": [{"product": "Lamp", "quantity": 2, "unit_price": 20}]}
TABLE = {"product": "table", "quantity": 1, "unit_price": 150}


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """Import the modules beside as the script does, and leave nothing of them behind."""
    monkeypatch.syspath_prepend(str(HERE))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(HERE) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def case_of(name):
    from case import PARTS, load

    return next(case for part in PARTS for case in load(part) if case.id == name)


def outcome_of(name, *replies, **asking):
    """Put a case to a model that follows a script; give both outcomes and their marks."""
    from ask import Asking
    from evaluate import evaluate

    model = ScriptedModel(replies)
    (row,) = asyncio.run(evaluate([case_of(name)], model, Asking(**asking)))
    model.assert_complete()
    return row


def exact(row):
    return {kind: row.mark(kind).exact for kind in row.outcomes}


def test_there_are_enough_cases_of_each_sort_and_each_label_fits_its_type():
    from case import load
    from toolset import TOOLSETS

    extraction, function = load("extraction"), load("calls")
    ids = [case.id for case in (*extraction, *function)]
    assert len(set(ids)) == len(ids)
    assert len(extraction) >= 40
    assert len(function) >= 25
    assert len(ids) >= 60
    assert {case.level for case in (*extraction, *function)} == {"easy", "medium", "hard"}
    assert all(case.id.startswith(f"{case.kind}-") for case in (*extraction, *function))
    assert {case.kind for case in function} == {"choose", "arguments", "parallel", "none", "missing"}
    assert all(3 <= len(tools) <= 6 for tools in TOOLSETS.values())
    for case in (*extraction, *function):
        json.dumps(case.label)  # reading a label validates it


def test_other_wordings_lead_to_texts_that_stand_in_the_label():
    from case import PARTS, load

    for case in (case for part in PARTS for case in load(part)):
        label = json.dumps(case.label, ensure_ascii=False)
        for meant in (text for wordings in case.also.values() for text in wordings.values()):
            assert json.dumps(meant, ensure_ascii=False) in label, f"{case.id}: {meant}"


def test_the_label_itself_gets_full_marks_everywhere():
    from case import PARTS, load
    from score import mark

    for case in (case for part in PARTS for case in load(part)):
        one = mark(case.label, case.label, answered=True, also=case.also)
        assert (one.exact, one.named, one.wanted, one.kept) == (True, True, one.given, one.nulls), case.id


def test_case_order_and_other_wordings_do_not_count_but_values_do():
    from score import mark

    label = {"customer": "Ann", "lines": [{"product": "lamps", "quantity": 2}, {"product": "desk", "quantity": 1}]}
    answer = {"customer": "ANN.", "lines": [{"product": "Desk", "quantity": 1.0}, {"product": "lamp", "quantity": 2}]}
    also = {"lines[].product": {"lamp": "lamps"}}
    assert mark(label, answer, answered=True, also=also).exact
    assert not mark(label, answer, answered=True).exact
    answer["lines"][0]["quantity"] = 3
    assert not mark(label, answer, answered=True, also=also).exact


def test_fields_count_what_is_wanted_given_and_right_and_what_was_left_null():
    from score import Tally, mark

    label = {"name": "Ann", "mail": None, "phone": None, "tags": ["a", "b"]}
    answer = {"name": "Bob", "mail": "x@y.example", "phone": None, "tags": ["b", "c", "c"]}
    tally = Tally.of([mark(label, answer, answered=True), mark(label, None, answered=False)], ["one", "one"])
    assert tally.fields == {"one.name": [2, 1, 0], "one.mail": [0, 1, 0], "one.tags[]": [4, 3, 1]}
    assert (tally.count, tally.exact, tally.answered, tally.total) == (2, 0, 1, (6, 5, 1))
    assert (tally.nulls, tally.kept) == (2, 1)


def test_the_interval_is_wilsons():
    from score import wilson

    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_a_right_answer_is_right_both_ways_and_costs_one_request():
    answer = {**LAMPS, "lines": [*LAMPS["lines"], TABLE]}
    row = outcome_of("order-1", json.dumps(answer))
    assert exact(row) == {"without": True, "with": True}
    assert [outcome.requests for outcome in row.outcomes.values()] == [1, 1]
    assert all(outcome.tokens > 0 for outcome in row.outcomes.values())


def test_words_around_the_json_are_read_with_help_only():
    answer = json.dumps({**LAMPS, "lines": [*LAMPS["lines"], TABLE]})
    row = outcome_of("order-1", f"Here it is:\n```json\n{answer}\n```")
    assert exact(row) == {"without": False, "with": True}
    assert row.outcomes["without"].failure == "no JSON"
    assert row.outcomes["with"].requests == 1


def test_an_invalid_answer_is_asked_for_again_with_help_only():
    row = outcome_of("measure-1", '{"value": 3.5, "unit": "kilo"}', '{"value": 3.5, "unit": "kg"}')
    assert exact(row) == {"without": False, "with": True}
    assert row.outcomes["without"].failure == "invalid"
    assert [outcome.requests for outcome in row.outcomes.values()] == [1, 2]


def test_a_wrong_but_valid_answer_is_wrong_both_ways():
    row = outcome_of("measure-1", '{"value": 35, "unit": "kg"}')
    assert exact(row) == {"without": False, "with": False}
    mark = row.mark("with")
    assert (sum(mark.wanted.values()), sum(mark.given.values()), sum((mark.wanted & mark.given).values())) == (2, 2, 1)


def test_a_model_that_never_answers_validly_fails_both_ways_and_is_no_answer():
    row = outcome_of("measure-1", "No.", "No.", retries=1)
    assert {kind: one.failure for kind, one in row.outcomes.items()} == {"without": "no JSON", "with": "OutputError"}
    assert not row.mark("with").answered


@pytest.mark.parametrize(
    ("name", "reply"),
    [("answer-1", '{"response": true}'), ("department-1", "billing"), ("names-5", '{"response": []}')],
)
def test_what_is_no_object_comes_in_a_field_of_its_own(name, reply):
    row = outcome_of(name, reply)
    assert exact(row) == {"without": reply.startswith("{"), "with": True}


def test_with_help_off_one_request_is_sent():
    row = outcome_of("measure-1", "No.", helped=False)
    assert list(row.outcomes) == ["without"]
    assert row.outcomes["without"].requests == 1


def test_right_calls_are_right_in_any_order_and_defaults_need_not_be_given():
    rome, oslo = call("get_weather", {"city": "Rome"}), call("get_weather", {"city": "Oslo", "unit": "celsius"})
    row = outcome_of("parallel-1", calls(rome, oslo))
    assert exact(row) == {"without": True, "with": True}


def test_a_call_that_is_missing_makes_the_case_wrong_though_its_tools_may_be_right():
    row = outcome_of("parallel-1", call("get_weather", {"city": "Oslo"}))
    assert exact(row) == {"without": False, "with": False}
    assert not row.mark("with").named
    row = outcome_of("choose-2", call("get_weather", {"city": "Porto"}))
    assert (row.mark("with").exact, row.mark("with").named) == (False, True)


def test_arguments_of_the_wrong_type_are_asked_for_again_with_help_only():
    wrong, right = (
        call("switch_light", {"room": "cellar", "on": True}),
        call("switch_light", {"room": "kitchen", "on": True}),
    )
    row = outcome_of("choose-1", wrong, right)
    assert exact(row) == {"without": False, "with": True}
    assert row.outcomes["without"].failure == "invalid"
    assert row.outcomes["with"].requests == 2


def test_only_the_refused_one_of_two_calls_is_made_again():
    bath = call("switch_light", {"room": "bathroom", "on": False})
    both = calls(bath, call("set_temperature", {"room": "lounge", "celsius": 21}))
    row = outcome_of("parallel-2", both, call("set_temperature", {"room": "living room", "celsius": 21}))
    assert exact(row) == {"without": False, "with": True}


def test_fenced_arguments_and_unknown_tools():
    fenced = call("get_balance", '```json\n{"account": "savings"}\n```')
    row = outcome_of("choose-4", fenced)
    assert exact(row) == {"without": False, "with": True}
    row = outcome_of("choose-4", call("show_balance", {}), call("get_balance", {"account": "savings"}))
    assert exact(row) == {"without": False, "with": True}
    assert row.outcomes["without"].failure == "unknown tool"


def test_where_no_call_is_right_a_text_is_right_and_a_call_is_not():
    assert exact(outcome_of("none-2", "Herman Melville.")) == {"without": True, "with": True}
    assert exact(outcome_of("missing-3", "Which order?")) == {"without": True, "with": True}
    guessed = outcome_of("missing-3", call("cancel_order", {"order_id": "A-1234", "reason": "changed_mind"}))
    assert exact(guessed) == {"without": False, "with": False}


def test_few_cases_are_spread_over_all_kinds():
    from case import load, thin

    cases = load("calls")
    assert len({case.kind for case in thin(cases, 10)}) == 5
    assert thin(cases, None) == thin(cases, 1000) == cases


def test_the_script_prints_tables_and_writes_json(tmp_path):
    path = tmp_path / "out.json"
    with FakeEndpoint() as endpoint:
        command = [sys.executable, str(HERE / "evaluate.py"), "--model", "fake", "--base-url", endpoint.base_url]
        command += ["--limit", "4", "--json", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "## Extraction, 4 cases" in done.stdout
    assert "## Calls, 4 cases" in done.stdout
    assert "| with | " in done.stdout
    told = json.loads(path.read_text(encoding="utf-8"))
    assert len(told["cases"]) == 8
    assert {part: told["sums"][part]["with"]["count"] for part in told["sums"]} == {"extraction": 4, "calls": 4}
