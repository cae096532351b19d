"""A whole examination: its order, its bounds, its document, its profile."""

import json
from pathlib import Path

import pytest

from agentkit.doctor import PROBES, Bounds, Plan
from agentkit.doctor.deviation import DONE
from agentkit.http import ChatModel, Profile
from agentkit.testing.fault import Fault
from agentkit.testing.quirk import QUIRKS
from agentkit.wire import Settings

WELL = Profile(output_mode="native", formats_with_tools=True, source="agentkit doctor")


def test_an_honest_endpoint_is_well_and_takes_everything(examined):
    found, server = examined()
    assert found.is_well
    assert {finding.verdict for finding in found.findings} == {"works", "skipped", "deviates"}
    assert [finding.probe for finding in found.findings if finding.verdict == "deviates"] == ["unknown model"]
    assert found.profile == WELL.replace(checked=found.checked)
    assert found.requests == len(server.requests) <= Plan.of(Bounds()).requests


def test_the_document_has_its_shape(examined):
    found, _ = examined(quirks=["no_index"])
    document = json.loads(json.dumps(found.to_dict()))
    assert list(document) == [
        *("endpoint", "model", "checked", "requests", "input_tokens", "output_tokens", "seconds", "is_well"),
        *("findings", "profile"),
    ]
    assert {tuple(finding) for finding in document["findings"]} == {
        ("probe", "verdict", "seen", "done", "deviation", "profile", "needed")
    }
    assert Profile.from_json(document["profile"]) == found.profile
    (deviation,) = [finding for finding in document["findings"] if finding["deviation"] == "no_index"]
    assert deviation == {
        "probe": "streamed calls",
        "verdict": "deviates",
        "seen": "pieces of calls without an index",
        "done": "begins a new call at each new id or name",
        "deviation": "no_index",
        "profile": {},
        "needed": False,
    }


REFUSALS = {
    "refuses_stream_options": {"stream_usage": False},
    "refuses_max_tokens": {"max_tokens_field": "max_completion_tokens"},
    "refuses_parallel_tool_calls": {"parallel_tool_calls": False},
    "refuses_required_choice": {"tool_choices": ("none", "auto")},
    "refuses_strict": {"strict": False},
    "refuses_references": {"inline_refs": True},
    "refuses_json_schema": {"response_formats": ("text", "json_object"), "output_mode": "tool"},
    "refuses_json_object": {"response_formats": ("text", "json_schema")},
    "refuses_format_with_tools": {"formats_with_tools": False},
    "format_stops_tools": {"formats_with_tools": False},
    "refuses_developer_role": {"developer_role": False},
    "refuses_late_system": {"system_messages": "first"},
    "refuses_empty_content": {"empty_content": False},
    "demands_short_ids": {"call_ids": "nine_alphanumeric"},
    "demands_reasoning": {"echo": ("reasoning_content",), "echo_empty": True},
}


@pytest.mark.parametrize("quirk", REFUSALS)
def test_each_refusal_becomes_a_field_of_the_profile_by_which_agents_work(examined, quirk):
    found, _ = examined(quirks=[quirk])
    assert found.profile == WELL.replace(checked=found.checked, **REFUSALS[quirk])
    assert found.is_well


def test_all_deviations_of_names_that_the_fake_endpoint_plays_are_told_under_these_names(examined):
    quirks = ["no_index", "no_done", "usage_every_chunk", "no_usage", "null_tool_calls", "comments", "no_envelope"]
    assert set(quirks) <= set(QUIRKS)
    assert set(quirks) <= set(DONE)
    found, _ = examined(quirks=[quirk for quirk in quirks if quirk != "no_usage"])
    assert {finding.deviation for finding in found.findings} >= set(quirks) - {"no_usage"}


def test_each_deviation_is_told_once_after_the_probe_that_met_it_first(examined):
    found, _ = examined(quirks=["no_done"])
    assert [finding.probe for finding in found.findings if finding.deviation == "no_done"] == ["stream"]


@pytest.mark.parametrize("fault", [Fault.status(401), Fault.status(404), Fault.status(503), "disconnect"])
def test_a_first_reply_that_does_not_come_ends_it(examined, fault):
    found, server = examined(faults=[fault])
    assert len(server.requests) == 1
    assert [finding.probe for finding in found.findings] == ["plain"]
    assert (found.profile, found.is_well) == (None, False)


def test_an_endpoint_without_tools_is_not_asked_more_about_them(examined, refuses):
    found, server = examined(replies=refuses(lambda request: "tools" in request, "No tools here."))
    assert sum("tools" in request.body for request in server.requests) == 1
    skipped = [finding.probe for finding in found.findings if finding.seen == "tools are refused"]
    assert "streamed calls" in skipped
    assert "agentkit" in skipped
    assert not found.is_well


def test_the_bound_on_requests_is_kept_and_what_is_left_out_is_told(examined):
    found, server = examined(bounds=Bounds(requests=5))
    assert len(server.requests) <= 5
    (plain, *_, last) = found.findings
    assert plain.verdict == "works"
    assert (last.probe, last.verdict) == ("agentkit", "skipped")
    assert last.seen == "it may take 3 requests; 0 of 5 are left"


def test_the_bound_on_tokens_is_kept(examined):
    found, _ = examined(bounds=Bounds(tokens=1000))
    assert found.input_tokens + found.output_tokens <= 1000
    skipped = [finding for finding in found.findings if "of 1,000 are spent" in finding.seen]
    assert skipped


def test_the_bound_on_time_is_kept(examined):
    found, server = examined(bounds=Bounds(seconds=0.2), faults=[None, Fault.stall(times=99)])
    assert len(server.requests) < 8
    assert found.findings[-1].seen == "the bound of 0.2 s is reached"


def test_an_endpoint_that_asks_for_patience_is_left_in_peace(examined):
    found, server = examined(faults=[None, Fault.status(429, times=99)])
    assert len(server.requests) == 2
    assert found.findings[-1].seen == "the endpoint asks for patience: 429: Rate limit reached for requests."


def test_what_was_known_stays_where_nothing_is_found_out(examined):
    found, _ = examined(model={"profile": {"audio": "data_uri", "strict": False}}, bounds=Bounds(requests=3))
    assert (found.profile.audio, found.profile.strict) == ("data_uri", False)


def test_settings_of_the_model_are_not_sent(examined):
    _, server = examined(model={"settings": Settings(temperature=1, max_completion_tokens=5)})
    assert not [request for request in server.requests if "temperature" in request.body]
    assert not [request for request in server.requests if "max_completion_tokens" in request.body]


def test_each_probe_is_told_before_it_begins(examined):
    told = []
    examined(tell=told.append, vision=True)
    assert tuple(told) == PROBES


def test_the_profile_is_taken_by_a_model(examined, tmp_path):
    found, server = examined(quirks=["refuses_strict"])
    path = Path(tmp_path / "profile.json")
    path.write_text(found.profile.to_json(), encoding="utf-8")
    assert ChatModel("any", base_url=server.base_url, profile=path).profile == found.profile


def test_one_request_is_enough_for_a_profile(examined):
    found, server = examined(bounds=Bounds(requests=1))
    assert (len(server.requests), found.requests, found.profile is not None, found.is_well) == (1, 1, True, False)


def test_an_endpoint_that_counts_below_nothing_is_counted_by_estimate(examined):
    usage = {"prompt_tokens": -5, "completion_tokens": -5, "total_tokens": -10}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    found, _ = examined(replies=[{"choices": [choice], "usage": usage}] * 60)
    assert found.input_tokens > 0
    assert found.output_tokens >= 0
