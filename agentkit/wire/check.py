"""The contract's limits on a request, one table; the models that send ask it first."""

from __future__ import annotations

import re
from typing import Any

from agentkit.errors import InvalidRequestError
from agentkit.wire.content import text_of
from agentkit.wire.request import ChatRequest
from agentkit.wire.setting import CHOICES
from agentkit.wire.value import is_object

__all__ = ["check_request"]

# https://platform.openai.com/docs/api-reference/chat/create names each limit at its field.
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "top_logprobs": (0, 20),
}
_AT_LEAST_ONE = ("n", "max_completion_tokens", "max_tokens")
_MOST_TOOLS = 128
_MOST_STOPS = 4
_MOST_METADATA = 16
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_request(request: ChatRequest) -> None:
    """Check a request against the contract's limits, unless its `check_contract` is False.

    Raises:
        InvalidRequestError: For the first limit that is broken; the text names field, value and limit.
    """
    if request.check_contract is False:
        return
    for name, (low, high) in _RANGES.items():
        value = getattr(request, name)
        if value is not None and not low <= value <= high:
            raise _broken(name, value, f"{low} to {high}")
    for name in _AT_LEAST_ONE:
        value = getattr(request, name)
        if value is not None and value < 1:
            raise _broken(name, value, "at least 1")
    _check_together(request)
    _check_lists(request)
    if request.tools:
        _check_tools(request)
    _check_messages(request)


def _broken(name: str, value: Any, limit: str) -> InvalidRequestError:
    return InvalidRequestError(f"Request field '{name}' is {str(value)[:200]}; the contract allows {limit}.")


def _check_together(request: ChatRequest) -> None:
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        raise InvalidRequestError(
            "Request fields 'max_tokens' and 'max_completion_tokens' are both set. Set only 'max_completion_tokens'."
        )
    if request.top_logprobs is not None and not request.logprobs:
        raise InvalidRequestError("Request field 'top_logprobs' needs 'logprobs': set logprobs=True too.")
    if request.audio is not None and "audio" not in (request.modalities or ()):
        raise InvalidRequestError("Request field 'audio' needs the modality: set modalities=('text', 'audio') too.")
    response_format = request.response_format
    if response_format is not None and response_format.type == "json_object":
        texts = (text_of(getattr(message, "content", None)) for message in request.messages)
        if not any("json" in text.lower() for text in texts):
            raise InvalidRequestError(
                "Response format 'json_object' needs a message that asks for JSON. Say 'JSON' in the instructions."
            )


def _check_lists(request: ChatRequest) -> None:
    if isinstance(request.stop, tuple) and len(request.stop) > _MOST_STOPS:
        raise _broken("stop", f"a list of {len(request.stop)}", f"at most {_MOST_STOPS}")
    for token, bias in (request.logit_bias or {}).items():
        if not -100 <= bias <= 100:
            raise _broken(f"logit_bias.{token}", bias, "-100 to 100")
    metadata = request.metadata or {}
    if len(metadata) > _MOST_METADATA:
        raise _broken("metadata", f"a map of {len(metadata)} pairs", f"at most {_MOST_METADATA}")
    for key, value in metadata.items():
        if len(key) > 64:
            raise _broken("metadata", f"a key of {len(key)} characters", "at most 64")
        if len(value) > 512:
            raise _broken(f"metadata.{key}", f"a text of {len(value)} characters", "at most 512")


def _check_tools(request: ChatRequest) -> None:
    if len(request.tools) > _MOST_TOOLS:
        raise _broken("tools", f"a list of {len(request.tools)}", f"at most {_MOST_TOOLS}")
    names: set[str] = set()
    for tool in request.tools:
        if tool.function is None and tool.custom is None:
            continue  # an endpoint's own tool (`{"type": "web_search"}`), which has no name
        if not _NAME.fullmatch(tool.name):
            raise _broken("tools", f"a tool named {tool.name!r}", "names of 1 to 64 letters, digits, '_' and '-'")
        if tool.name in names:
            raise _broken("tools", f"two tools named {tool.name!r}", "unique names")
        names.add(tool.name)
    choice: Any = request.tool_choice
    if is_object(choice):
        named: Any = choice.get("function") or choice.get("custom")
        choice = named.get("name") if is_object(named) else None
    if isinstance(choice, str) and choice not in CHOICES and choice not in names:
        raise _broken("tool_choice", repr(choice), f"the names of the tools sent: {', '.join(sorted(names))}")


def _check_messages(request: ChatRequest) -> None:
    if not request.messages:
        raise InvalidRequestError("Request field 'messages' is empty; the contract allows at least one message.")
    waiting: dict[str, None] = {}
    for position, message in enumerate(request.messages):
        if message.role == "tool":  # of each message of each request: isinstance costs four times as much
            if message.tool_call_id not in waiting:
                raise InvalidRequestError(
                    f"messages[{position}] answers the tool call {message.tool_call_id!r}, which no assistant message "
                    "just before it makes. Keep each call and its result together."
                )
            del waiting[message.tool_call_id]
            continue
        if waiting:
            raise _unanswered(waiting)
        if message.role == "assistant" and message.tool_calls:
            waiting = dict.fromkeys(call.id for call in message.tool_calls)
    if waiting:
        raise _unanswered(waiting)


def _unanswered(waiting: dict[str, None]) -> InvalidRequestError:
    return InvalidRequestError(
        f"The tool calls {', '.join(waiting)} have no result. Add a tool message for each call before the next message."
    )
