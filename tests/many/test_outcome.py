"""An outcome gives its output or raises its error; a result is their sequence."""

import pytest

from agentkit.many import MapResult, Outcome, Summary


def result_of(*outcomes):
    return MapResult(tuple(outcomes), Summary(done=len(outcomes)))


def test_the_output_of_a_failed_outcome_raises_its_error():
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as raised:
        _ = Outcome(index=0, input="a", error=error).output
    assert raised.value is error


def test_an_output_may_be_none():
    assert Outcome(index=0, input="a").output is None


def test_a_result_is_a_sequence_of_outcomes():
    one, two = Outcome(index=0, input="a", _output=1), Outcome(index=1, input="b", _output=2)
    result = result_of(one, two)
    assert (len(result), result[0], result[-1], result[:1], list(result)) == (2, one, two, (one,), [one, two])
    assert result.outputs == [1, 2]
    assert two in result
    assert result == result_of(one, two)


def test_a_result_tells_what_was_done_from_what_failed():
    done, failed = Outcome(index=0, input="a", _output=1), Outcome(index=1, input="b", error=KeyError("x"))
    result = result_of(done, failed)
    assert (result.done, result.failed) == ((done,), (failed,))
    with pytest.raises(KeyError):
        _ = result.outputs
