"""Every field of the contract's reply is reachable: whole, streamed, and on a run's result."""

import pytest

from agentkit.agent import Agent
from agentkit.testing.scripted import ScriptedModel
from agentkit.wire import ChatCompletion, ChatCompletionChunk, Settings, merge

TOKENS = {
    "content": [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -3}]}],
    "refusal": None,
}
SOUND = {"id": "audio_1", "data": "AAEC", "transcript": "Hi", "expires_at": 1_700_000_000}
CITATION = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "url": "https://example.org"}}
REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "m",
    "system_fingerprint": "fp_1",
    "service_tier": "flex",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi", "refusal": None, "annotations": [CITATION]},
            "logprobs": TOKENS,
            "finish_reason": "stop",
        },
        {
            "index": 1,
            "message": {"role": "assistant", "content": None, "refusal": "I will not.", "reasoning_content": "Hm."},
            "logprobs": None,
            "finish_reason": "content_filter",
        },
        {
            "index": 2,
            "message": {"role": "assistant", "content": None, "audio": SOUND},
            "finish_reason": "stop",
            "content_filter_results": {"hate": {"filtered": False}},
        },
    ],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 2},
        "completion_tokens_details": {
            "reasoning_tokens": 3,
            "audio_tokens": 4,
            "accepted_prediction_tokens": 5,
            "rejected_prediction_tokens": 6,
        },
    },
    "new": {"a": 1},
}


def streamed():
    """The reply as a stream that cuts what comes in pieces."""
    head = {name: REPLY[name] for name in ("id", "created", "model", "system_fingerprint", "service_tier", "new")}
    chunks = []
    for choice in REPLY["choices"]:
        message = {name: value for name, value in choice["message"].items() if value is not None}
        sound = message.pop("audio", None)
        rest = {name: value for name, value in choice.items() if name not in ("index", "message")}
        pieces = [message]
        if sound:
            pieces += [
                {"audio": {**sound, "data": "AA", "transcript": "H"}},
                {"audio": {"data": "EC", "transcript": "i"}},
            ]
        chunks += [{**head, "choices": [{"index": choice["index"], "delta": piece}]} for piece in pieces]
        chunks.append({**head, "choices": [{"index": choice["index"], "delta": {}, **rest}]})
    chunks.append({**head, "choices": [], "usage": REPLY["usage"]})
    return merge([ChatCompletionChunk.parse({**chunk, "object": "chat.completion.chunk"}) for chunk in chunks])


@pytest.mark.parametrize("reply", [ChatCompletion.parse(REPLY), streamed()], ids=["whole", "streamed"])
def test_every_field_of_a_reply_is_reachable(reply):
    first, second, third = reply.choices

    assert (reply.id, reply.created, reply.model) == ("chatcmpl-1", 1_700_000_000, "m")
    assert (reply.system_fingerprint, reply.service_tier, reply.new) == ("fp_1", "flex", {"a": 1})
    assert first.message.content == "Hi"
    assert first.message.annotations[0].url_citation.url == "https://example.org"
    assert first.logprobs.content[0].top_logprobs[0].token == "Ho"
    assert [choice.finish_reason for choice in reply.choices] == ["stop", "content_filter", "stop"]
    assert (second.message.refusal, second.message.reasoning) == ("I will not.", "Hm.")
    assert third.message.audio.to_dict() == SOUND
    assert third.content_filter_results == {"hate": {"filtered": False}}
    assert reply.usage.to_dict() == REPLY["usage"]


def test_all_of_a_reply_is_reachable_on_the_result_of_a_run():
    settings = Settings(n=3, logprobs=True, modalities=("text", "audio"), audio={"voice": "alloy", "format": "wav"})
    result = Agent(ScriptedModel([REPLY]), settings=settings).run_sync("Greet me.")

    assert result.output == "Hi"
    assert result.reply == ChatCompletion.parse(REPLY)
    assert [choice.index for choice in result.reply.choices] == [0, 1, 2]


def test_audio_out_is_sent_back_by_its_id():
    message = ChatCompletion.parse(REPLY).choices[2].message

    assert message.to_history().to_dict()["audio"] == {"id": "audio_1"}
