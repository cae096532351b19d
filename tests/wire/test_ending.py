import pytest

from agentkit.wire.ending import is_broken_off, is_cut, is_filtered, is_no_end

MEANT = {
    is_cut: ["length", "model_length", "max_tokens", "MAX_TOKENS", "model_context_window_exceeded"],
    is_filtered: ["content_filter", "content_filter: RECITATION", "sensitive", "SAFETY", "guardrail_intervened"],
    is_broken_off: ["error", "ERROR", "network_error", "insufficient_system_resource", "abort", "cancelled"],
    is_no_end: ["null", "None"],
}
ENDS = [None, "", "stop", "tool_calls", "function_call", "eos", "end_turn"]


@pytest.mark.parametrize("asked", MEANT, ids=lambda asked: asked.__name__)
def test_each_word_means_one_thing_at_most(asked):
    words = [word for told in MEANT.values() for word in told] + ENDS
    assert [word for word in words if asked(word)] == MEANT[asked]
