"""Errors of requests that were sent and got no usable reply, named as users of the official SDK know them."""

from __future__ import annotations

from typing import Any

from agentkit.errors.root import AgentkitError

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "ContentFilterError",
    "ContextOverflowError",
    "InternalServerError",
    "InvalidResponseError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RedirectError",
    "ReplyRefusedError",
    "StreamCutError",
    "ToolUseFailedError",
]


class APIError(AgentkitError):
    """A request was sent and no usable reply came.

    Attributes:
        endpoint: The URL asked, without credentials and query.
        request_id: The endpoint's id of the exchange, if it gave one.
        attempts: How many requests were sent before this was raised.
    """

    def __init__(
        self, message: str, *, endpoint: str | None = None, request_id: str | None = None, attempts: int = 1
    ) -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.request_id = request_id
        self.attempts = attempts


class APIConnectionError(APIError):
    """No connection could be made, or it broke; `sent` is False where nothing was sent for sure."""

    sent: bool = True


class APITimeoutError(APIConnectionError, TimeoutError):
    """A clock ran out: connecting, between bytes, or the whole request."""


class StreamCutError(APIConnectionError):
    """A stream ended before the reply did; `partial` is what came, a `ChatCompletion`, None where nothing did."""

    partial: Any = None


class InvalidResponseError(APIError):
    """The endpoint answered with no Chat Completions reply: `body` is how it begins, `error` an object found there."""

    body: str | None = None
    error: dict[str, Any] | None = None


class ReplyRefusedError(APIError):
    """The test that a `Fallback` was given did not let a reply pass; it is in `reply`."""

    reply: Any = None


class RedirectError(APIError):
    """The endpoint answered with another address, `location`; agentkit does not send a key after it."""

    location: str | None = None


class APIStatusError(APIError):
    """The endpoint answered with an error, by its status or inside a 200.

    Attributes:
        status_code: The HTTP status; 200 where the error stood in the body or the stream.
        body: The decoded error body, or its text.
        code: The `error.code` or `error.type` of the body, as text, if any.
        retry_after: Seconds the endpoint asked to wait, if it did.
    """

    status_code: int = 0
    body: Any = None
    code: str | None = None
    retry_after: float | None = None


class BadRequestError(APIStatusError):
    """400 or 422: the endpoint refuses the request as it is."""


class ContextOverflowError(BadRequestError):
    """The messages are longer than the model's context."""


class ContentFilterError(BadRequestError):
    """The endpoint's content filter stopped the request or the reply.

    Attributes:
        partial: The text that came before the filter, if any.
        reply: The `ChatCompletion` that it stopped; None where it stopped the request.
    """

    partial: str | None = None
    reply: Any = None


class ToolUseFailedError(BadRequestError):
    """The endpoint's own parser refused the call that the model wrote, as `failed_generation` has it."""

    failed_generation: str | None = None


class AuthenticationError(APIStatusError):
    """401: no key, or a wrong one."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: no such model or path."""


class ConflictError(APIStatusError):
    """409: the endpoint is busy with a conflicting request."""


class RateLimitError(APIStatusError):
    """429: too many requests or tokens, or no quota left."""


class InternalServerError(APIStatusError):
    """500 and above: the endpoint failed."""
