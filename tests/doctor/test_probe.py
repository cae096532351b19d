"""The table of probes."""

from agentkit.doctor import PROBES, Bounds
from agentkit.doctor.history import ask_long_result
from agentkit.doctor.probe import chosen
from agentkit.doctor.talk import ask_image


def test_names_are_unique_and_each_says_what_it_asks():
    assert len({probe.name for probe in PROBES}) == len(PROBES)
    assert all(probe.asks for probe in PROBES)


def test_images_and_the_long_result_are_left_out_unless_wished_for():
    assert ask_image not in [probe.run for probe in chosen(Bounds(), vision=False)]
    assert [probe.run for probe in chosen(Bounds(), vision=True)] == [probe.run for probe in PROBES]
    assert ask_long_result not in [probe.run for probe in chosen(Bounds(result_bytes=0), vision=True)]


def test_what_a_probe_takes_follows_from_the_bounds():
    small, large = Bounds(reply_tokens=10, result_bytes=100), Bounds(reply_tokens=500, result_bytes=100_000)
    assert all(probe.tokens(small) <= probe.tokens(large) for probe in PROBES)
    (long,) = [probe for probe in PROBES if probe.run is ask_long_result]
    assert long.tokens(large) > 100_000 // 4
