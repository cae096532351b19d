import pytest

from agentkit.wire import ChatCompletion, ChatCompletionChunk
from agentkit.wire.count import USAGE
from agentkit.wire.deviation import ENVELOPE

OURS = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
OTHERS = {"input_tokens": 3, "output_tokens": 4}
TOLD = {
    "as the contract has it": ({"usage": OURS}, {}, OURS),
    "as text and floats": ({"usage": {"prompt_tokens": "3", "completion_tokens": 4.0}}, {}, OURS),
    "by other names": ({"usage": OTHERS}, {}, OURS | OTHERS),
    "by other names, the contract's null": ({"usage": {"prompt_tokens": None, **OTHERS}}, {}, OURS | OTHERS),
    "by both names": ({"usage": OURS | {"input_tokens": 9}}, {}, OURS | {"input_tokens": 9}),
    "one by another name": (
        {"usage": {"input_tokens": 3, "completion_tokens": 4}},
        {},
        OURS | {"input_tokens": 3},
    ),
    "in x_groq": ({"x_groq": {"usage": OURS}}, {}, OURS),
    "in x_groq, an empty one beside": ({"usage": {}, "x_groq": {"usage": OURS}}, {}, OURS),
    "in the choice": ({}, {"usage": OURS}, OURS),
    "in the choice, null beside": ({"usage": None}, {"usage": OURS}, OURS),
    "in the choice and beside": ({"usage": OURS}, {"usage": {"prompt_tokens": 9}}, OURS),
    "no object": ({"usage": "7"}, {"usage": 7}, None),
}


@pytest.mark.parametrize("part", ["message", "delta"])
@pytest.mark.parametrize(("envelope", "choice", "expected"), TOLD.values(), ids=TOLD)
def test_counts_are_read_wherever_and_however_they_are_told(envelope, choice, expected, part):
    parse = ChatCompletion.parse if part == "message" else ChatCompletionChunk.parse
    reply = parse({"choices": [{"index": 0, part: {"content": "Hi"}, "finish_reason": "stop", **choice}], **envelope})
    assert (reply.usage and reply.usage.to_dict()) == expected


def test_the_counts_are_a_part_of_the_catalogue():
    assert ENVELOPE[-len(USAGE) :] == USAGE
