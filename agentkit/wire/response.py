"""The reply of the contract, whole; models give it, the loop reads it.

The types demand what the loop relies on (choices, indexes, ids, arguments as text, no `error`); what deviates from
that is put right by `repair`, and kept in unknown fields where it means something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from agentkit.wire.message import AssistantMessage, FunctionCall, ToolCall, reasoning_of
from agentkit.wire.repair import as_bytes, needs_repair, repair_completion
from agentkit.wire.value import WireValue, is_empty

__all__ = [
    "Annotation",
    "AudioReply",
    "ChatCompletion",
    "Choice",
    "CompletionTokensDetails",
    "Logprobs",
    "PromptTokensDetails",
    "ResponseMessage",
    "TokenLogprob",
    "TopLogprob",
    "UrlCitation",
    "Usage",
    "reasoning_of",
]


_FIRST = Field(union_mode="left_to_right")  # what is not of the contract's form stays as it came


class _Counts(WireValue):
    """What can be summed, field by field; where one says nothing, the other counts."""

    def __add__(self, other: Self) -> Self:
        counts = self.__dict__
        if not (any(other.__dict__.values()) or None in counts.values() or self.__pydantic_extra__):
            return self  # most details are zeros
        sums = {**counts}
        for name, theirs in other.__dict__.items():
            if theirs is not None:
                mine = sums[name]
                sums[name] = theirs if mine is None else mine + theirs
        return self.of_fields(**sums)


class PromptTokensDetails(_Counts):
    """What of the prompt was cached or audio, in tokens."""

    cached_tokens: int | None = None
    audio_tokens: int | None = None


class CompletionTokensDetails(_Counts):
    """What of the completion was reasoning, audio or predicted, in tokens."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


class Usage(_Counts):
    """Tokens spent on one request, or on several when summed; endpoints that bill put `cost` beside them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = Field(default_factory=lambda counts: counts["prompt_tokens"] + counts["completion_tokens"])
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None


class TopLogprob(WireValue):
    """A token that might have stood in a place; `bytes` are those of its UTF-8, None where it is no text alone."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


class TokenLogprob(TopLogprob):
    """A token of the reply, and the likeliest ones of its place."""

    top_logprobs: tuple[TopLogprob, ...] = ()


class Logprobs(WireValue):
    """The tokens of the text, and of the refusal, with how likely each was (natural logarithm)."""

    content: tuple[TokenLogprob, ...] | None = None
    refusal: tuple[TokenLogprob, ...] | None = None


class AudioReply(WireValue):
    """What the model said aloud: `data` is base64 in the format asked for, `expires_at` the end of `id` (Unix time)."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class UrlCitation(WireValue):
    """A page that a stretch of the text, from `start_index` to `end_index` in characters, rests on."""

    url: str
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class Annotation(WireValue):
    """A note on the text; kinds other than `url_citation` are in fields of their own."""

    type: str
    url_citation: UrlCitation | None = None


class ResponseMessage(WireValue):
    """What the model said.

    `reasoning` is the reasoning text in whichever dialect it came (`reasoning`, `reasoning_content`,
    `reasoning_details`, thinking parts, `<think>` tags); the dialect's own field is kept for sending back.
    """

    role: str = "assistant"
    content: str | None = None
    refusal: str | None = None
    tool_calls: Annotated[tuple[ToolCall, ...], Field(exclude_if=is_empty)] = ()
    function_call: FunctionCall | None = None
    audio: Annotated[AudioReply | Any, _FIRST] | None = None
    annotations: tuple[Annotated[Annotation | Any, _FIRST], ...] | None = None
    reasoning_text: Annotated[str | None, Field(alias="reasoning")] = None
    reasoning_content: str | None = None
    reasoning_details: tuple[Any, ...] | None = None

    @property
    def reasoning(self) -> str | None:
        """Give the reasoning text, None where there is none."""
        return reasoning_of(self)

    def to_history(self) -> AssistantMessage:
        """Give the message as it is kept: what a request may carry, and what some endpoints want back.

        That is the reasoning in the field that it came in, and `extra_content` (Gemini's signatures), here and in the
        calls; which endpoint is sent it is decided where the request is spelled.
        """
        said = self.__dict__  # looked up in the value, each field costs as much as a call
        audio, calls = said["audio"], said["tool_calls"]
        made = AssistantMessage.of_fields(
            role="assistant",
            content=said["content"],
            refusal=said["refusal"] or None,
            name=None,
            tool_calls=_told_apart(tuple(map(_without_index, calls))) if calls else (),
            function_call=said["function_call"],
            audio={"id": audio.id} if isinstance(audio, AudioReply) and audio.id else None,
            reasoning_text=said["reasoning_text"] or None,
            reasoning_content=said["reasoning_content"] or None,
            reasoning_details=said["reasoning_details"] or None,
        )
        signed = (self.__pydantic_extra__ or {}).get("extra_content")
        return made.replace(extra_content=signed) if signed else made


def _told_apart(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Let no two calls have one id: `repair` sees to it for what an endpoint sent, not for what was made or changed."""
    if len(calls) == 1:
        return calls
    ids = [call.id for call in calls]
    if len(set(ids)) == len(ids):
        return calls
    return tuple(
        call.replace(id=f"{call.id}_{place}") if call.id in ids[:place] else call for place, call in enumerate(calls)
    )


def _without_index(call: ToolCall) -> ToolCall:
    """Leave out a place that means something in streams only (Mistral, OpenRouter); OpenAI refuses to take it back."""
    extra = call.__pydantic_extra__
    if not extra or "index" not in extra:
        return call
    fields = {"id": call.id, "type": call.type, "function": call.function, "custom": call.custom, **extra}
    del fields["index"]
    return ToolCall.model_validate(fields)


class Choice(WireValue):
    """One of `n` replies; logprobs of another form than the contract's stay as they came, decoded."""

    index: int
    message: ResponseMessage
    finish_reason: str | None = None
    logprobs: Annotated[Logprobs | Any, _FIRST] | None = None
    error: None = None


class ChatCompletion(WireValue):
    """A whole reply; `choices` has at least one."""

    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    choices: Annotated[tuple[Choice, ...], Field(min_length=1)]
    usage: Usage | None = None
    error: None = None

    @property
    def message(self) -> ResponseMessage:
        """Give the message of the first choice, the one that the loop follows."""
        return self.choices[0].message

    @classmethod
    def parse(cls, reply: Mapping[str, Any] | str | bytes) -> Self:
        """Read a reply, a dict or its JSON; known deviations are put right.

        Raises:
            InvalidResponseError: It is no reply, or an error in its place (`.error` then has that).
        """
        raw = reply if isinstance(reply, bytes) else as_bytes(reply)
        try:
            completion: Self = cls.__pydantic_validator__.validate_json(raw)
        except ValidationError:
            pass  # what deviates is read below, by name
        else:
            if not needs_repair(completion):
                return completion
        return cls.model_validate(repair_completion(raw))
