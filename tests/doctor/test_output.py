"""Probes of typed outputs."""

from agentkit.doctor.call import ask_tools
from agentkit.doctor.output import ask_beside_tools, ask_json, ask_output, ask_schema, ask_strict

REPORT = '{"city": "Oslo", "degrees": 4}'


def test_json_that_comes_proves_its_mode(asked):
    (finding,), patient = asked(ask_json, replies=[REPORT])
    assert (finding.verdict, finding.seen, patient.proven) == ("works", "one JSON object", {"json"})
    (finding,), patient = asked(ask_schema, replies=[REPORT])
    assert (finding.verdict, finding.seen, patient.proven) == ("works", "JSON by the schema", {"native"})


def test_a_format_that_is_taken_and_ignored_proves_nothing(asked):
    (finding,), patient = asked(ask_schema, replies=['{"city": "Oslo", "degrees": true}'])
    assert finding.seen == 'taken, but this is not JSON by the schema: answered "{"city": "Oslo", "degrees": true}"'
    assert (finding.verdict, finding.done) == (
        "deviates",
        "finds the JSON in the text, or asks again with what is wrong",
    )
    assert (patient.proven, "json_schema" in patient.profile.response_formats) == (set(), True)


def test_a_strict_schema_that_is_taken_and_ignored_is_told(asked):
    findings, patient = asked(ask_strict, replies=["Rain."] * 2)
    assert [finding.verdict for finding in findings] == ["works", "deviates"]
    assert findings[1].seen == ('a strict schema is taken; what came is not JSON by the schema: answered "Rain."')
    assert patient.profile.strict


def test_json_that_our_own_limit_cut_is_no_deviation(asked):
    (finding,), patient = asked(ask_json, replies=[{"content": '{"city', "finish_reason": "length"}])
    assert (finding.verdict, patient.proven) == ("works", set())
    assert finding.seen == 'taken, but this is not one JSON object: answered "{"city", cut at the token limit'


def test_a_format_that_is_refused_is_taken_out_of_the_profile(asked):
    (finding,), patient = asked(ask_schema, quirks=["refuses_json_schema"])
    assert (finding.verdict, patient.profile.response_formats) == ("refused", ("text", "json_object"))
    (finding,), patient = asked(ask_json, quirks=["refuses_json_object"])
    assert (finding.verdict, patient.profile.response_formats) == ("refused", ("text", "json_schema"))


def test_strictness_is_one_thing_of_tools_and_schemas(asked, refuses):
    findings, patient = asked(ask_strict, profile={"strict": False})
    assert ([finding.verdict for finding in findings], patient.profile.strict) == (["works", "works"], True)
    only_tools = refuses(lambda request: "tools" in request, "No strict tools.")
    findings, patient = asked(ask_strict, replies=only_tools)
    assert ([finding.verdict for finding in findings], patient.profile.strict) == (["refused", "works"], False)


def test_strictness_of_schemas_is_not_asked_for_where_they_are_not_taken(asked):
    findings, patient = asked(ask_strict, profile={"response_formats": ["text"]})
    assert (len(findings), patient.tap.sent) == (1, 1)


FIRST_TOOLS = "asks for the format only once no more tools are called, or for the output by a tool"


def test_a_tool_that_is_called_though_json_is_asked_for_proves_both_at_once(asked):
    (finding,), patient = asked(ask_tools, ask_beside_tools)
    assert (finding.verdict, finding.seen) == ("works", 'called get_weather({"city":"example"})')
    assert (patient.profile.formats_with_tools, patient.tap.sent) == (True, 2)


def test_a_format_that_is_refused_beside_tools_is_not_sent_with_them(asked):
    (finding,), patient = asked(
        ask_beside_tools, quirks=["refuses_format_with_tools"], profile={"formats_with_tools": True}
    )
    assert (finding.verdict, finding.seen, finding.done) == (
        "refused",
        "400: json mode cannot be combined with tool/function calling",
        FIRST_TOOLS,
    )
    assert not patient.profile.formats_with_tools


def test_a_format_that_keeps_a_model_from_calling_is_told(asked):
    (finding,), patient = asked(
        ask_tools, ask_beside_tools, quirks=["format_stops_tools"], profile={"formats_with_tools": True}
    )
    assert (finding.verdict, finding.done) == ("deviates", FIRST_TOOLS)
    assert finding.seen == 'taken, but then the model calls no tool: answered "{"city":"example","degrees":1}"'
    assert not patient.profile.formats_with_tools


def test_a_model_that_calls_nothing_anyway_says_nothing_of_formats_beside_tools(asked):
    (finding,), _ = asked(ask_tools, ask_beside_tools, replies=["Rain.", REPORT])
    assert (finding.verdict, finding.seen, finding.profile) == ("works", "taken, but the model made no call", {})


def test_formats_beside_tools_are_not_asked_for_where_none_is_taken(asked):
    (finding,), patient = asked(ask_beside_tools, profile={"response_formats": ["text"]})
    assert (finding.verdict, finding.seen, patient.tap.sent) == ("skipped", "no format is taken", 0)
    (finding,), patient = asked(ask_beside_tools, profile={"response_formats": ["json_object"]})
    assert (finding.verdict, patient.tap.sent) == ("works", 1)


def test_the_best_mode_that_worked_is_chosen(asked):
    (finding,), patient = asked(ask_tools, ask_json, ask_schema, ask_output)
    assert (finding.seen, finding.done) == ("worked: native, tool, json", "asks in the mode 'native'")
    assert patient.profile.output_mode == "native"
    _, patient = asked(ask_tools, ask_json, ask_output)
    assert (patient.profile.output_mode, patient.tap.sent) == ("tool", 2)


def test_words_alone_are_tried_where_nothing_else_worked(asked):
    _, patient = asked(ask_output, replies=[REPORT])
    assert patient.profile.output_mode == "prompted"
    (finding,), patient = asked(ask_output, replies=["Rain."])
    assert (finding.verdict, patient.profile.output_mode) == ("skipped", "tool")
    assert finding.seen == "the model gave none in any way; the mode stays 'tool'"
