"""One row of an examination."""

import pytest

from agentkit.doctor import Finding


@pytest.mark.parametrize(
    ("verdict", "met"),
    [("works", True), ("deviates", True), ("refused", False), ("failed", False), ("skipped", False)],
)
def test_what_works_or_deviates_is_met(verdict, met):
    assert Finding(verdict=verdict, seen="it").is_met is met


def test_a_finding_has_all_its_fields_in_their_order():
    finding = Finding(probe="stream", verdict="deviates", seen="no end", done="reads it", deviation="no_done")
    assert finding.to_dict() == {
        "probe": "stream",
        "verdict": "deviates",
        "seen": "no end",
        "done": "reads it",
        "deviation": "no_done",
        "profile": {},
        "needed": False,
    }
