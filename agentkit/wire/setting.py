"""The part of a request that a caller chooses freely; model, agent and run each may carry some, the nearer one wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import ConfigDict, Field, PlainSerializer, ValidationError

from agentkit.errors import InvalidRequestError
from agentkit.wire.option import (
    AudioOutput,
    Flag,
    Integer,
    Number,
    Prediction,
    ResponseFormat,
    Stop,
    StreamOptions,
    Texts,
    TokenId,
    ToolChoice,
    WebSearchOptions,
)
from agentkit.wire.value import WireValue

__all__ = ["CHOICES", "LIMITS", "Settings", "choice_json", "refused"]

CHOICES = ("none", "auto", "required", "any")
LIMITS = ("max_completion_tokens", "max_tokens")
_NO_SETTINGS = {
    "messages": "Give the prompt and the history to `agent.run`",
    "model": "Name the model where the agent is made or run",
    "tools": "Give them to the agent: Agent(tools=[...])",
    "stream": "Use `agent.stream` or `model.stream`",
}


def choice_json(choice: Any) -> Any:
    """Spell a tool choice for the wire: a function's name becomes the contract's object."""
    if isinstance(choice, str) and choice not in CHOICES:
        return {"type": "function", "function": {"name": choice}}
    return choice


def refused(error: ValidationError) -> InvalidRequestError:
    """Say which field is of the wrong type, what was seen, and what it should be."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return InvalidRequestError(f"Request field '{where}': {first['msg']}; seen: {repr(first['input'])[:200]}.")


class Settings(WireValue):
    """Optional request fields, each sent exactly as the contract spells it; None is not sent.

    A field that is given as None is switched off: in nearer settings it undoes what farther ones set.

    Types are checked at once, limits by `check_request` before anything is sent; docs/contract.md has them all with
    their sources. Fields that the contract does not know may be given too, directly or in `extra_body`, and are sent
    as they are.

    Attributes:
        temperature: 0 to 2.
        top_p: 0 to 1.
        n: At least 1; all choices are on the completion, a run follows the first.
        stop: At most 4 texts.
        max_completion_tokens: At least 1; `max_tokens` is its older name. The model spells it as its endpoint wants.
        tool_choice: none, auto, required (any: Mistral's word for it), a function's name, or the contract's object.
        parallel_tool_calls: Sent only when set and tools are sent.
        response_format: An agent's typed output sets it by itself.
        stream_options: Sent only with a stream.
        extra_body: Added to the JSON body, over fields of the same name.
        extra_headers: Added to the HTTP headers.
        check_contract: Whether `check_request` runs before sending; False for an endpoint that lifts a limit.

    Raises:
        InvalidRequestError: A field is of the wrong type.
    """

    model_config = ConfigDict(coerce_numbers_to_str=False)  # what a caller gives is sent as it is, or refused

    temperature: Number | None = None
    top_p: Number | None = None
    n: Integer | None = None
    stop: Stop | None = None
    max_completion_tokens: Integer | None = None
    max_tokens: Integer | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    logit_bias: Mapping[TokenId, Number] | None = None
    logprobs: Flag | None = None
    top_logprobs: Integer | None = None
    seed: Integer | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    metadata: Mapping[str, str] | None = None
    store: Flag | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None
    modalities: Texts | None = None
    audio: AudioOutput | None = None
    prediction: Prediction | None = None
    web_search_options: WebSearchOptions | None = None
    tool_choice: Annotated[ToolChoice | None, PlainSerializer(choice_json)] = None
    parallel_tool_calls: Flag | None = None
    response_format: ResponseFormat | None = None
    stream_options: StreamOptions | None = None
    extra_body: Annotated[Mapping[str, Any] | None, Field(exclude=True)] = None
    extra_headers: Annotated[Mapping[str, str] | None, Field(exclude=True)] = None
    check_contract: Annotated[Flag | None, Field(exclude=True)] = None

    if not TYPE_CHECKING:  # a checker sees the fields

        def __init__(self, /, **fields: Any) -> None:
            misplaced = _NO_SETTINGS.keys() & fields.keys() if type(self) is Settings else ()
            for name in sorted(misplaced):
                raise InvalidRequestError(f"'{name}' is no setting. {_NO_SETTINGS[name]}.")
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise refused(error) from error

        # What pydantic marks its own with: a validator then builds instances itself, without this detour.
        __init__.__pydantic_base_init__ = True

    def merge(self, nearer: Settings | None) -> Self:
        """Give these settings with those of `nearer` over them; `extra_body` and `extra_headers` are joined.

        A None that `nearer` was given switches a field off. A token limit in either spelling replaces one in the
        other, a header one of the same name in any case.

        Raises:
            InvalidRequestError: `nearer` is of another type.
        """
        if nearer is None:
            return self
        if not isinstance(nearer, Settings):  # pyright: ignore[reportUnnecessaryIsInstance] # users may not check types
            raise InvalidRequestError(
                f"Settings are given as {repr(nearer)[:200]}, a {type(nearer).__name__}. "
                "Write Settings(temperature=0.2)."
            )
        changes: dict[str, Any] = nearer.set_fields()
        if any(name in changes for name in LIMITS):
            changes = dict.fromkeys(LIMITS) | changes
        if self.extra_body and nearer.extra_body:
            changes["extra_body"] = {**self.extra_body, **nearer.extra_body}
        if self.extra_headers and nearer.extra_headers:
            named = {name.lower() for name in nearer.extra_headers}
            kept = {name: value for name, value in self.extra_headers.items() if name.lower() not in named}
            changes["extra_headers"] = {**kept, **nearer.extra_headers}
        return self.replace(**changes)

    def set_fields(self) -> dict[str, Any]:
        """Give the fields that were given, unknown ones too, as they are held; None where one is switched off."""
        return {name: getattr(self, name) for name in self.__pydantic_fields_set__} | (self.model_extra or {})
