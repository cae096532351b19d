"""What was spent, as one value."""

from agentkit.state import Spent
from agentkit.wire.response import Usage


def test_sums_are_field_by_field():
    assert Spent(1, 2, 3, 4, 0.5, 1) + Spent(10, 20, 30, 40, 0.25, 0) == Spent(11, 22, 33, 44, 0.75, 1)
    assert Spent(input_tokens=3, output_tokens=4).tokens == 7


def test_it_is_added_to_a_usage_and_nothing_leaves_that_as_it_is():
    usage = Usage(prompt_tokens=10, completion_tokens=1)
    assert Spent().added_to(usage) is usage
    assert Spent(1, 0, 5, 6).added_to(usage).total_tokens == 22
