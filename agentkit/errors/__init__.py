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
│   ├── RunMismatchError          a journal's run of that id began with something else
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
│   ├── JournalError              the journal's file cannot be written or read
│   ├── RunInUseError             a run of a journal goes on elsewhere
│   ├── UnknownOutcomeError       a call was begun, and nothing says how it ended
│   ├── RunCancelledError         the run was cancelled by its own `cancel()`
│   └── StateError                a state that cannot be read or gone on from (also a ValueError)
├── LocalModelError               the embedded model could not start or answer
└── ScriptError                   a scripted model was asked what it did not expect (also an AssertionError)
    ├── NetworkShutError          a test asked for the network while that is shut
    └── RecordingError            a cassette does not hold what was asked, or cannot be read
```
"""

from agentkit.errors.api import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
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
    ReplyRefusedError,
    StreamCutError,
    ToolUseFailedError,
)
from agentkit.errors.configuration import (
    ConfigurationError,
    InvalidRequestError,
    MissingExtraError,
    MissingKeyError,
    RunMismatchError,
    SchemaError,
    StoreMismatchError,
    ToolDefinitionError,
    UnknownModelError,
    UnsupportedRequestError,
)
from agentkit.errors.model import (
    LocalModelError,
    NetworkShutError,
    RecordingError,
    ScriptError,
)
from agentkit.errors.root import AgentkitError
from agentkit.errors.run import (
    BlockedError,
    JournalError,
    LengthError,
    LimitExceededError,
    OutputError,
    PendingCallsError,
    RefusalError,
    RunCancelledError,
    RunError,
    RunInUseError,
    SessionBusyError,
    StateError,
    ToolFailedError,
    ToolRetriesExceededError,
    UnknownOutcomeError,
)

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
    "JournalError",
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
    "RunCancelledError",
    "RunError",
    "RunInUseError",
    "RunMismatchError",
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
    "UnknownOutcomeError",
    "UnsupportedRequestError",
]
