"""The part of a request that a caller chooses freely; model, agent and run each may carry some, the nearer one wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, PlainSerializer

from agentkit.wire.value import WireValue

__all__ = ["CHOICES", "Settings", "choice_json"]

CHOICES = ("none", "auto", "required", "any")

Number = int | float  # both, so that 0 is not sent as 0.0
Stop = str | tuple[str, ...]


def choice_json(choice: Any) -> Any:
    """Spell a tool choice for the wire: a function's name becomes the contract's object."""
    if isinstance(choice, str) and choice not in CHOICES:
        return {"type": "function", "function": {"name": choice}}
    return choice


class Settings(WireValue):
    """Optional request fields, each sent exactly as the contract spells it; None is not sent.

    Limits are those of the contract's table and are checked by `check_request` before anything is sent. Fields
    that the contract does not know may be given too, directly or in `extra_body`, and are sent as they are.

    Attributes:
        temperature: 0 to 2.
        top_p: 0 to 1.
        max_completion_tokens: At least 1; `max_tokens` is its older name. The model spells it as its endpoint wants.
        tool_choice: none, auto, required (any: Mistral's word for it), a function's name, or the contract's object.
        parallel_tool_calls: Sent only when set and tools are sent.
        extra_body: Added to the JSON body, over fields of the same name.
        extra_headers: Added to the HTTP headers.
        check_contract: Whether `check_request` runs before sending.
    """

    temperature: Number | None = None
    top_p: Number | None = None
    n: int | None = None
    stop: Stop | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    logit_bias: Mapping[str, Number] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    metadata: Mapping[str, str] | None = None
    store: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None
    modalities: tuple[str, ...] | None = None
    audio: Any = None
    prediction: Any = None
    web_search_options: Any = None
    tool_choice: Annotated[Any, PlainSerializer(choice_json)] = None
    parallel_tool_calls: bool | None = None
    extra_body: Annotated[Mapping[str, Any] | None, Field(exclude=True)] = None
    extra_headers: Annotated[Mapping[str, str] | None, Field(exclude=True)] = None
    check_contract: Annotated[bool | None, Field(exclude=True)] = None

    def merge(self, nearer: Settings | None) -> Self:
        """Give these settings with those of `nearer` over them; `extra_body` and `extra_headers` are joined."""
        if nearer is None:
            return self
        changes = nearer.set_fields()
        for name in ("extra_body", "extra_headers"):
            if (mine := getattr(self, name)) and name in changes:
                changes[name] = {**mine, **changes[name]}
        return self.replace(**changes)

    def set_fields(self) -> dict[str, Any]:
        """Give the fields that are set, unknown ones too, as they are held."""
        found = {name: value for name in self.__pydantic_fields_set__ if (value := getattr(self, name)) is not None}
        return found | (self.model_extra or {})
