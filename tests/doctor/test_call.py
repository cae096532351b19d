"""Probes of tool calls."""

import json

import pytest

from agentkit.doctor.call import (
    ROUNDS,
    ask_allowed,
    ask_keywords,
    ask_named,
    ask_no_tools,
    ask_parallel,
    ask_references,
    ask_required,
    ask_streamed_calls,
    ask_strict_tool,
    ask_tools,
)
from agentkit.doctor.history import ask_results
from agentkit.testing import call


def test_calls_are_shown_and_prove_the_mode_tool(asked):
    (finding,), patient = asked(ask_tools, replies=[call("get_weather", {"city": "Oslo"})])
    assert (finding.verdict, finding.seen) == ("works", 'called get_weather({"city":"Oslo"})')
    assert patient.proven == {"tool"}


def test_a_weak_model_is_no_fault_of_the_endpoint(asked):
    (finding,), patient = asked(ask_tools, replies=["It rains."])
    assert (finding.verdict, finding.seen) == ("works", "taken, but the model made no call")
    assert (patient.proven, finding.profile) == (set(), {"tools": True})


def test_an_endpoint_that_refuses_tools_is_noted(asked, refuses):
    (finding,), patient = asked(ask_tools, replies=refuses(lambda request: "tools" in request, "No tools here."))
    assert (finding.verdict, finding.seen, patient.toolless) == ("refused", "400: No tools here.", True)
    assert (finding.done, patient.profile.tools) == (
        "cannot call tools here; typed outputs are asked for in another way",
        False,
    )


def test_keywords_that_are_taken_are_left_in(asked):
    (finding,), patient = asked(ask_keywords, profile={"unsupported_keywords": ["title"]})
    assert (finding.verdict, finding.seen, finding.done) == ("works", "taken", "")
    assert (patient.profile.unsupported_keywords, patient.tap.sent) == ((), 1)


def test_keywords_that_a_refusal_names_are_left_out_until_the_rest_is_taken(asked, refuses):
    def found(request):
        return '"$schema"' in (text := json.dumps(request)) or '"oneOf"' in text

    names = ("$schema", "oneOf")
    text = "\n".join(
        f"Unknown name \"{name}\" at 'tools[0].function_declarations[0]': Cannot find field." for name in names
    )
    (finding,), patient = asked(ask_keywords, replies=refuses(found, text))
    assert (finding.verdict, finding.done) == (
        "deviates",
        "leaves them out of schemas, says what they say in the descriptions, and checks it itself",
    )
    assert finding.seen.startswith("taken without $schema, oneOf; refused before: 400: Unknown name")
    assert (patient.profile.unsupported_keywords, patient.tap.sent) == (names, 2)


def test_keywords_that_are_named_one_by_one_are_asked_for_a_few_times_only(asked):
    (finding,), patient = asked(ask_keywords, quirks=["refuses_keywords"])
    assert (finding.verdict, finding.seen) == (
        "refused",
        "400: Invalid schema: In context=(), 'maxLength' is not permitted.",
    )
    assert (patient.profile.unsupported_keywords, patient.tap.sent) == (("$schema", "title", "minLength"), ROUNDS)


def test_a_refusal_that_names_no_keyword_says_nothing_of_keywords(asked, refuses):
    (finding,), patient = asked(ask_keywords, replies=refuses(lambda _: True, "The schema is too complex."))
    assert (finding.verdict, finding.seen, finding.done) == ("refused", "400: The schema is too complex.", "")
    assert (patient.profile.unsupported_keywords, patient.tap.sent) == ((), 1)


def test_the_word_any_is_tried_where_required_is_refused(asked, refuses):
    def obeying(request):
        return call("get_weather", {"city": "Oslo"}) if request["tool_choice"] == "any" else "It rains."

    replies = refuses(lambda request: request["tool_choice"] == "required", "Say any.", otherwise=obeying)
    (finding,), patient = asked(ask_required, lenient=True, replies=replies)
    assert (finding.verdict, finding.done) == ("deviates", "sends `any`")
    assert finding.seen == (
        'the word is `any`: called get_weather({"city":"Oslo"}); `required` is refused: 400: Say any.'
    )
    assert patient.profile.required_word == "any"
    assert "required" in patient.profile.tool_choices


@pytest.mark.parametrize(
    ("probe", "form"), [(ask_required, "required"), (ask_named, "function"), (ask_allowed, "allowed_tools")]
)
def test_a_form_that_is_taken_is_among_those_of_the_profile_and_else_not(asked, probe, form):
    _, patient = asked(probe, profile={"tool_choices": ["auto"]})
    assert patient.profile.tool_choices == tuple(
        name for name in ("none", "auto", "required", "function", "allowed_tools") if name in ("auto", form)
    )
    (finding,), patient = asked(probe, quirks=["refuses_required_choice"])
    assert finding.verdict == "refused"
    assert form not in patient.profile.tool_choices


@pytest.mark.parametrize("probe", [ask_required, ask_named, ask_allowed])
def test_a_required_call_that_does_not_come_is_the_endpoints_part(asked, probe):
    (finding,), _ = asked(probe, replies=["It rains."])
    assert (finding.verdict, finding.seen) == ("deviates", "taken, but not obeyed: the model made no call")
    assert finding.done == "takes the text as the answer"
    (finding,), _ = asked(probe, replies=[{"content": "It", "finish_reason": "length"}])
    assert finding.verdict == "works"


def test_a_choice_of_none_that_is_not_obeyed_is_not_used(asked):
    (finding,), patient = asked(ask_no_tools, replies=[call("get_weather", {"city": "Oslo"})])
    assert (finding.verdict, finding.done) == ("deviates", "leaves the tools out")
    assert "none" not in patient.profile.tool_choices
    (finding,), patient = asked(ask_no_tools)
    assert (finding.verdict, finding.seen) == ("works", "obeyed: no call")


def test_two_calls_at_once_are_shown(asked):
    (finding,), _ = asked(ask_parallel)
    assert finding.seen == 'called get_weather({"city":"example"}), get_time({"city":"example"})'
    (finding,), patient = asked(ask_parallel, quirks=["refuses_parallel_tool_calls"])
    assert (finding.verdict, patient.profile.parallel_tool_calls) == ("refused", False)


def test_streamed_calls_are_required_only_where_that_is_taken(asked):
    (finding,), _ = asked(ask_required, ask_streamed_calls, quirks=["refuses_required_choice"])
    assert finding.verdict == "works"


def test_schemas_with_references_are_tried(asked):
    (finding,), patient = asked(ask_references, quirks=["refuses_references"])
    assert (finding.verdict, patient.profile.inline_refs) == ("refused", True)


def test_a_strict_tool_is_offered(asked):
    seen = []

    async def probe(patient):
        seen.append(await ask_strict_tool(patient))
        return []

    asked(probe, ask_results)
    assert seen[0].calls[0].function.name == "get_weather"
