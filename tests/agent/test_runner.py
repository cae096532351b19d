"""Every way to run is there for async and for sync code with the same arguments."""

import inspect

import pytest

from agentkit import Agent

PAIRS = [
    ("run", "run_sync"),
    ("stream", "stream_sync"),
    ("resume", "resume_sync"),
    ("resume_stream", "resume_stream_sync"),
    ("map", "map_sync"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_sync_form_takes_the_same_arguments_with_the_same_defaults(one, other):
    parameters = [inspect.signature(getattr(Agent, name)).parameters for name in (one, other)]
    assert parameters[0] == parameters[1]


def test_every_public_way_to_run_has_both_forms():
    public = {name for name in vars(Agent.__mro__[1]) if not name.startswith("_")}
    assert public == {name for pair in PAIRS for name in pair} | {"recipe_for"}  # which runs nothing
