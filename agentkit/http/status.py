"""An endpoint's error as one of ours, pure: by status and body, or by the code of an error inside a 200.

What servers write where is read in `fault`; here it is decided which class that is and what there is to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from agentkit.errors import (
    APIError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContentFilterError,
    ContextOverflowError,
    InternalServerError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
    ToolUseFailedError,
)
from agentkit.http.fault import Fault, clean
from agentkit.http.header import request_id, retry_after
from agentkit.secret import scrub

__all__ = ["Asked", "inner_error", "redirect_error", "status_error"]

_CLASSES: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: RateLimitError,  # no credit left: OpenRouter, DeepSeek
    403: PermissionDeniedError,
    404: NotFoundError,
    405: NotFoundError,
    409: ConflictError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where a request went, as far as errors tell it.

    Attributes:
        endpoint: The URL without query.
        model: The model's name in the request.
        key_source: Where the key came from; None where none was sent.
        no_key: Why none was sent, if there is more to say than that.
    """

    endpoint: str
    model: str
    key_source: str | None = None
    no_key: str | None = None


def status_error(status: int, headers: Mapping[str, str], body: bytes, asked: Asked) -> APIStatusError:
    """Make the error that an answer with an error status stands for.

    Args:
        status: The HTTP status, 400 and above.
        headers: The answer's headers, by name in small letters.
        body: What came with it, JSON or not.
        asked: Where the request went.
    """
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text))  # else escapes (`\u0073k-...`) hide a key that is read again below
    return _error(status, status, headers, Fault.read(scrub(text)), asked)


def inner_error(error: InvalidResponseError, headers: Mapping[str, str], asked: Asked) -> APIError:
    """Make the error that an error object inside a 200 stands for; what holds none stays as it is, with its place."""
    if error.error is None:
        named = InvalidResponseError(scrub(str(error)), endpoint=asked.endpoint, request_id=request_id(headers))
        named.body = scrub(error.body or "")
        return named
    fault = Fault.read(scrub(json.dumps(error.error)))
    return _error(200, fault.status, headers, fault, asked)


def redirect_error(status: int, headers: Mapping[str, str], asked: Asked) -> RedirectError:
    """Make the error for an answer that names another address."""
    location = clean(scrub(headers.get("location", ""))) or None
    error = RedirectError(
        f"{asked.endpoint} answered {status}, a redirect to {location or 'no address'}. agentkit does not follow it, "
        "for it would send the key and the messages there. If that address is right, give it as base_url.",
        endpoint=asked.endpoint,
        request_id=request_id(headers),
    )
    error.location = location
    return error


def _error(shown: int, status: int, headers: Mapping[str, str], fault: Fault, asked: Asked) -> APIStatusError:
    kind = _class(status, fault)
    wait = retry_after(headers)
    if wait is None:
        wait = retry_after(fault.headers)
    code = f" ({fault.code})" if fault.code and fault.code != str(shown) else ""
    answered = f"{asked.endpoint} answered {shown}{' with an error' if shown == 200 else ''}{code}"
    said = fault.message.rstrip(".") or "it gave no reason"
    text = " ".join((f"{answered}: {said}.", *_advice(kind, status, fault, asked, wait))).rstrip()
    error = kind(text, endpoint=asked.endpoint, request_id=request_id(headers))
    error.status_code = shown
    error.body = fault.body
    error.code = fault.code
    error.retry_after = wait
    if isinstance(error, ToolUseFailedError):
        error.failed_generation = fault.failed_generation
    return error


def _class(status: int, fault: Fault) -> type[APIStatusError]:
    if status in (400, 403, 413, 422, 500):
        if fault.tool_use_failed:
            return ToolUseFailedError
        if fault.content_filtered:
            return ContentFilterError
        if fault.too_long and status != 403:
            return ContextOverflowError
    return InternalServerError if status >= 500 else _CLASSES.get(status, APIStatusError)


def _advice(kind: type[APIStatusError], status: int, fault: Fault, asked: Asked, wait: float | None) -> tuple[str, ...]:
    """Say what there is to do."""
    if kind is BadRequestError and fault.refused:
        return (_field_advice(fault.refused[0]),)
    if kind in _ADVICE:
        return (_ADVICE[kind],)
    if kind is AuthenticationError:
        return (_key_advice(asked),)
    if kind is PermissionDeniedError:
        return (f"The key ({asked.key_source or 'none was sent'}) may not do this; check its project and its models.",)
    if kind is NotFoundError:
        usual = "" if "/v1" in asked.endpoint else " (this one has no `/v1`)"
        return (f"Check the model name {asked.model!r}, and that base_url ends in `/v1` as most do{usual}.",)
    if kind is RateLimitError and (fault.quota_used_up or status == 402):
        return ("No quota is left, so waiting does not help; check plan and billing at the provider.",)
    if wait is not None:
        return (f"It asks to wait {wait:g} s.",)
    return ("Send fewer requests at once, or ask for a higher limit.",) if kind is RateLimitError else ()


_ADVICE: dict[type[APIStatusError], str] = {
    BadRequestError: "The request cannot be sent again as it is; change what the endpoint names.",
    ContextOverflowError: "The messages are longer than the model's context; shorten the history or tool results.",
    ContentFilterError: "The endpoint's content filter stopped it; word the messages differently.",
    ToolUseFailedError: "The endpoint refused the tool call that the model wrote; let the model try again.",
}


def _field_advice(name: str) -> str:
    if name in ("tool_choice", "response_format"):
        other = ", or ask for a typed output by OutputSpec(type, mode='tool')" if name == "response_format" else ""
        return f"Tell the model by its profile which ones this endpoint takes, Profile({name}s=(...)){other}."
    return (
        f"Leave {name!r} out where it was set (Settings, extra_body, a message, a tool). What this endpoint wants "
        "otherwise than most is told by the model's profile: ChatModel(..., profile=Profile(...))."
    )


def _key_advice(asked: Asked) -> str:
    if asked.key_source is None:
        return asked.no_key or (
            "No key was sent. Give api_key=..., or name the model as 'provider:model' to use the provider's variable."
        )
    return f"The key came from {asked.key_source}; check that it is whole, valid and of this endpoint."
