"""The last probe, by the profile that was found."""

from agentkit.doctor.proof import ask_whole
from agentkit.testing.fault import Fault


def test_a_turn_as_agents_send_it_is_asked(asked):
    seen = []

    def reply(request):
        seen.append(request)
        return "It rains."

    (finding,), _ = asked(ask_whole, replies=[reply], profile={"system_messages": "first", "strict": False})
    assert (finding.verdict, finding.seen) == ("works", 'answered "It rains."')
    assert [message["role"] for message in seen[0]["messages"]] == ["system", "user", "assistant", "tool"]
    assert "strict" not in seen[0]["tools"][0]["function"]
    assert seen[0]["stream"]


def test_what_is_still_learned_goes_into_the_profile(asked):
    (finding,), patient = asked(ask_whole, quirks=["refuses_stream_options", "refuses_late_system"])
    assert (finding.verdict, finding.done) == (
        "deviates",
        "has learned more from refusals: stream_usage, system_messages",
    )
    assert (patient.profile.stream_usage, patient.profile.system_messages) == (False, "first")


def test_a_profile_that_is_not_enough_is_told(asked):
    (finding,), _ = asked(ask_whole, faults=[Fault.status(400)])
    assert (finding.verdict, finding.done) == (
        "refused",
        "raises this error; the profile found is not the whole truth",
    )
