"""Which of several swapped models an agent asks."""

from agentkit.agent.swap import swapped, swaps


def test_the_last_swap_that_fits_counts(monkeypatch):
    mine, other = object(), object()
    assert swapped(mine, "own") == "own"
    monkeypatch.setattr("agentkit.agent.swap.swaps", [("all", ()), ("mine", (mine,))])
    assert (swapped(mine, "own"), swapped(other, None)) == ("mine", "all")
    monkeypatch.setattr("agentkit.agent.swap.swaps", [("mine", (mine,)), ("all", ())])
    assert swapped(mine, "own") == "all"
    monkeypatch.setattr("agentkit.agent.swap.swaps", [("mine", (mine,))])
    assert swapped(other, None) is None
    assert swaps == []
