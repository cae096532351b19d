"""Every error that agentkit raises, drawn as one tree; all floors use it, and it knows nothing of them.

```
AgentkitError
├── ConfigurationError            what was written cannot work, said before anything is sent
│   ├── ToolDefinitionError       a function cannot be a tool (also a TypeError)
│   ├── SchemaError               a JSON Schema cannot be made, or not in strict mode (also a ValueError)
│   ├── InvalidRequestError       a request breaks the contract (also a ValueError)
│   │   └── UnsupportedRequestError   the endpoint's profile says that it does not take this
│   ├── UnknownModelError         a model name that no provider owns, or no model at all
│   ├── MissingKeyError           a provider's key is not set
│   ├── StoreMismatchError        a map's store holds what another agent was asked
│   └── MissingExtraError         an optional package is not installed (also an ImportError)
├── APIError                      a request was sent and no usable reply came
│   ├── APIConnectionError        no connection, or it broke
│   │   ├── APITimeoutError       a clock ran out (also a TimeoutError)
│   │   └── StreamCutError        a stream ended in the middle; carries what came
│   ├── InvalidResponseError      a reply that is no Chat Completions reply
│   ├── ReplyRefusedError         a reply that the test of a `Fallback` did not let pass
│   ├── RedirectError             the endpoint answered with another address
│   └── APIStatusError            the endpoint answered with an error
│       ├── BadRequestError       400, 422
│       │   ├── ContextOverflowError
│       │   ├── ContentFilterError    also a 200 whose finish_reason says content_filter
│       │   └── ToolUseFailedError    the endpoint's own parser refused the model's tool call
│       ├── AuthenticationError   401
│       ├── PermissionDeniedError 403
│       ├── NotFoundError         404
│       ├── ConflictError         409
│       ├── RateLimitError        429
│       └── InternalServerError   500 and above
├── RunError                      the run cannot go on; its state can be resumed
│   ├── BlockedError              a guard did not let a text pass
│   ├── LimitExceededError        a limit of RunLimits
│   ├── ToolFailedError           a tool raised and `on_tool_error` is "raise"
│   ├── ToolRetriesExceededError  a tool's calls were refused too often
│   ├── OutputError               no valid output within the retries
│   │   ├── LengthError           the reply was cut at the token limit
│   │   └── RefusalError          the model declined
│   ├── PendingCallsError         the output was read while calls are pending
│   ├── SessionBusyError          another run goes on in the session, or took it over
│   └── StateError                a state that cannot be read or gone on from (also a ValueError)
├── LocalModelError               the embedded model could not start or answer
└── ScriptError                   a scripted model was asked what it did not expect (also an AssertionError)
    ├── NetworkShutError          a test asked for the network while that is shut
    └── RecordingError            a cassette does not hold what was asked, or cannot be read
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AgentkitError",
    "AuthenticationError",
    "BadRequestError",
    "BlockedError",
    "ConfigurationError",
    "ConflictError",
    "ContentFilterError",
    "ContextOverflowError",
    "InternalServerError",
    "InvalidRequestError",
    "InvalidResponseError",
    "LengthError",
    "LimitExceededError",
    "LocalModelError",
    "MissingExtraError",
    "MissingKeyError",
    "NetworkShutError",
    "NotFoundError",
    "OutputError",
    "PendingCallsError",
    "PermissionDeniedError",
    "RateLimitError",
    "RecordingError",
    "RedirectError",
    "RefusalError",
    "ReplyRefusedError",
    "RunError",
    "SchemaError",
    "ScriptError",
    "SessionBusyError",
    "StateError",
    "StoreMismatchError",
    "StreamCutError",
    "ToolDefinitionError",
    "ToolFailedError",
    "ToolRetriesExceededError",
    "ToolUseFailedError",
    "UnknownModelError",
    "UnsupportedRequestError",
]


class AgentkitError(Exception):
    """Root of the tree.

    Attributes:
        state: The run as far as it came, for `agent.resume(error.state)`; None outside a run.
    """

    state: Any = None


class ConfigurationError(AgentkitError):
    """Something written cannot work; nothing was sent."""


class ToolDefinitionError(ConfigurationError, TypeError):
    """A function cannot be a tool; the text says what to write instead."""


class SchemaError(ConfigurationError, ValueError):
    """A JSON Schema cannot be made, or not in strict mode; the text gives the path and the reason."""


class InvalidRequestError(ConfigurationError, ValueError):
    """A request breaks the contract; the text names field, value and limit."""


class UnsupportedRequestError(InvalidRequestError):
    """The endpoint does not take what is asked, by its profile; another one may."""


class UnknownModelError(ConfigurationError):
    """No model is named, or no provider owns the name."""


class MissingKeyError(ConfigurationError):
    """A provider's key is not set; the text names its environment variable."""


class StoreMismatchError(ConfigurationError):
    """The store of a map holds outcomes of an agent that asked for something else; the text shows what differs."""


class MissingExtraError(ConfigurationError, ImportError):
    """A package of an extra is missing; the text has the install command."""


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
    """No connection could be made, or it broke."""


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


class RunError(AgentkitError):
    """The run cannot go on as it is; `state` can be resumed."""


class BlockedError(RunError):
    """A guard did not let a text pass; `place` is "input" or "output", `reason` what the check said."""

    place: str = ""
    reason: str = ""


class LimitExceededError(RunError):
    """A limit of `RunLimits` was reached before the next step; `limit` is its name there."""

    limit: str = ""


class ToolFailedError(RunError):
    """A tool raised in the call `call_id`, and `on_tool_error` is "raise"; `__cause__` is what it raised."""

    tool_name: str = ""
    call_id: str = ""


class ToolRetriesExceededError(RunError):
    """A tool's calls were refused more often than its `retries` allow; `arguments` are the last, as they came."""

    tool_name: str = ""
    arguments: str = ""


class OutputError(RunError):
    """No valid output came within the retries.

    Attributes:
        attempts: The failed attempts, oldest first, each with its raw text and the reason.
        text: The last raw text.
    """

    attempts: Sequence[Any] = ()
    text: str = ""


class LengthError(OutputError):
    """The reply was cut at the token limit before its output was whole."""


class RefusalError(OutputError):
    """The model declined; `text` is its refusal, `reply` the whole `ChatCompletion`."""

    reply: Any = None


class PendingCallsError(RunError):
    """`result.output` was read while calls wait for a decision."""


class SessionBusyError(RunError):
    """Another run goes on in the session, or took it over; `messages` are those that could not be kept."""

    messages: Sequence[Any] = ()


class StateError(RunError, ValueError):
    """A state cannot be read, or does not fit the agent it was given to."""


class LocalModelError(AgentkitError):
    """The embedded model could not start or answer."""


class ScriptError(AgentkitError, AssertionError):
    """A scripted model was asked what its script did not expect."""


class NetworkShutError(ScriptError):
    """A test asked for the network while that is shut."""


class RecordingError(ScriptError):
    """A cassette does not hold what was asked, or cannot be read."""
