"""Deviations round a reply: its envelope, usage, endings and roles; functions that change a ChatCompletion in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from agentkit.kind import is_object
from agentkit.testing.answer import Json

__all__ = ["ENVELOPE_QUIRKS"]

ENVELOPE_QUIRKS: Final[dict[str, Callable[[Json], None]]] = {}
"""Every such quirk by its name."""


def _quirk(change: Callable[[Json], None]) -> Callable[[Json], None]:
    ENVELOPE_QUIRKS[change.__name__.lstrip("_")] = change
    return change


def _choices(completion: Json) -> list[Json]:
    return completion.get("choices") or []


def _messages(completion: Json) -> Iterator[Json]:
    return (choice["message"] for choice in _choices(completion) if "message" in choice)


@_quirk
def _empty_envelope(completion: Json) -> None:
    """id, object and model are empty, created is 0 (Azure, Snowflake)."""
    completion |= {"id": "", "object": "", "created": 0, "model": ""}


@_quirk
def _null_envelope(completion: Json) -> None:
    """id, created, model and service_tier are null."""
    completion |= {"id": None, "created": None, "model": None, "service_tier": None}


@_quirk
def _no_object(completion: Json) -> None:
    """There is no `object` (AI21, Llama API)."""
    completion.pop("object", None)


@_quirk
def _created_milliseconds(completion: Json) -> None:
    """`created` counts milliseconds."""
    completion["created"] = 1_753_879_075_170


@_quirk
def _other_model(completion: Json) -> None:
    """`model` is another name than the one asked for (nearly all)."""
    completion["model"] = f"{completion.get('model') or 'model'}-2024-07-18"


@_quirk
def _other_tier(completion: Json) -> None:
    """service_tier is one of the server's own (Groq, Mistral)."""
    completion["service_tier"] = "on_demand"


@_quirk
def _unknown_fields(completion: Json) -> None:
    """Fields outside the contract stand everywhere (OpenRouter, Groq, Hugging Face, Perplexity)."""
    completion |= {"provider": "Fake", "x_groq": {"id": "req_fake"}, "time_info": {"total_time": 0.5}, "prompt": []}
    for choice in _choices(completion):
        choice |= {"native_finish_reason": "STOP", "content_filter_results": {}, "seed": 7, "token_ids": None}
    for message in _messages(completion):
        message |= {"provider_metadata": {"routing": {"attempts": [1, 2]}}, "executed_tools": None}
    if is_object(completion.get("usage")):
        completion["usage"] |= {"cost": 0.0001, "queue_time": 0.01, "is_byok": False, "cost_details": None}


@_quirk
def _empty_finish_reason(completion: Json) -> None:
    """finish_reason is an empty text (Snowflake)."""
    for choice in _choices(completion):
        choice["finish_reason"] = ""


@_quirk
def _unknown_finish_reason(completion: Json) -> None:
    """finish_reason is `eos` (Together)."""
    for choice in _choices(completion):
        choice["finish_reason"] = "eos"


@_quirk
def _finish_error(completion: Json) -> None:
    """finish_reason is `error`, and nothing else says so (OpenRouter)."""
    for choice in _choices(completion):
        choice["finish_reason"] = "error"


@_quirk
def _finish_network_error(completion: Json) -> None:
    """finish_reason is `network_error`, and nothing else says so (Z.ai)."""
    for choice in _choices(completion):
        choice["finish_reason"] = "network_error"


@_quirk
def _finish_abort(completion: Json) -> None:
    """finish_reason is `abort`, and nothing else says so (vLLM, SGLang)."""
    for choice in _choices(completion):
        choice["finish_reason"] = "abort"


@_quirk
def _finish_model_length(completion: Json) -> None:
    """finish_reason is `model_length`, another word for `length` (Mistral)."""
    for choice in _choices(completion):
        choice["finish_reason"] = "model_length"


@_quirk
def _finish_max_tokens(completion: Json) -> None:
    """finish_reason is `max_tokens`, another word for `length` (Gemini, watsonx)."""
    for choice in _choices(completion):
        choice["finish_reason"] = "max_tokens"


@_quirk
def _finish_reason_absent(completion: Json) -> None:
    """A document has no finish_reason; in a stream it is null to the end."""
    for choice in _choices(completion):
        choice.pop("finish_reason", None)


@_quirk
def _null_role(completion: Json) -> None:
    """The role is null."""
    for message in _messages(completion):
        message["role"] = None


@_quirk
def _empty_role(completion: Json) -> None:
    """The role is an empty text."""
    for message in _messages(completion):
        message["role"] = ""


@_quirk
def _placeholders(completion: Json) -> None:
    """A function_call, an audio and a refusal stand there, all empty, and the id is empty too (Snowflake)."""
    completion["id"] = ""
    for message in _messages(completion):
        message.setdefault("function_call", {"name": "", "arguments": ""})
        message |= {"audio": {"id": "", "data": "", "expires_at": 0, "transcript": ""}, "refusal": ""}


@_quirk
def _null_function_call(completion: Json) -> None:
    """function_call is null (Crusoe, LiteLLM)."""
    for message in _messages(completion):
        message.setdefault("function_call", None)


@_quirk
def _two_choices(completion: Json) -> None:
    """A second choice comes though one was asked for; in a stream their deltas take turns."""
    if len(_choices(completion)) == 1 and "message" in completion["choices"][0]:
        other = {"index": 1, "message": {"role": "assistant", "content": "Otherwise."}, "finish_reason": "stop"}
        completion["choices"].append(other)


@_quirk
def _filtered(completion: Json) -> None:
    """Only finish_reason says that the content filter stopped the reply, which is empty (Bedrock through LiteLLM)."""
    for choice in _choices(completion):
        choice |= {"message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}


@_quirk
def _no_message(completion: Json) -> None:
    """A choice that the content filter stopped has no message at all (Azure)."""
    for choice in _choices(completion):
        choice.pop("message", None)
        choice["finish_reason"] = "content_filter"


@_quirk
def _reasoning_beside_total(completion: Json) -> None:
    """Tokens of reasoning are in total_tokens, not in completion_tokens (xAI)."""
    if is_object(usage := completion.get("usage")):
        usage["completion_tokens_details"] = {"reasoning_tokens": 100}
        usage["total_tokens"] += 100


@_quirk
def _null_usage_details(completion: Json) -> None:
    """The details of the usage are null (OpenRouter, Hugging Face)."""
    if is_object(usage := completion.get("usage")):
        usage |= {"prompt_tokens_details": None, "completion_tokens_details": None}


@_quirk
def _other_counts(completion: Json) -> None:
    """The usage counts `input_tokens` and `output_tokens`, without a total (proxies of Anthropic's models)."""
    if is_object(usage := completion.get("usage")):
        completion["usage"] = {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}


@_quirk
def _all_null(completion: Json) -> None:
    """Every field is null, as some servers answer what they cannot read."""
    completion |= dict.fromkeys(completion)


@_quirk
def _base_resp_error(completion: Json) -> None:
    """`base_resp` tells of an error, beside choices that are null, under the status 200 (MiniMax)."""
    completion |= {"choices": None, "base_resp": {"status_code": 1000, "status_msg": "unknown error"}}
    completion.pop("usage", None)
