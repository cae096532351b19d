"""The contract's limits on a request, one table; the models that send ask it first."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from agentkit.errors import InvalidRequestError
from agentkit.kind import is_object
from agentkit.wire.content import text_of
from agentkit.wire.request import ChatRequest
from agentkit.wire.setting import CHOICES
from agentkit.wire.value import WireValue

__all__ = ["check_request"]

# https://platform.openai.com/docs/api-reference/chat/create names each limit at its field; docs/contract.md has more.
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "top_logprobs": (0, 20),
    "seed": (-(2**63), 2**63 - 1),
}
_AT_LEAST_ONE = ("n", "max_completion_tokens", "max_tokens")
_LISTS = ("modalities", "audio", "stop", "safety_identifier", "logit_bias", "metadata")
_BOUNDED = frozenset((*_RANGES, *_AT_LEAST_ONE, *_LISTS))
_MOST_TOOLS = 128
_MOST_STOPS = 4
_MOST_METADATA = 16
_MOST_IDENTIFIER = 128
_MOST_NEW = 64  # messages that come between two requests of one history; after more all are checked again
_SOFT = "Send fewer, or Settings(check_contract=False) where the endpoint takes more"
_NAMES = "names of 1 to 64 letters, digits, '_' and '-'"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_request(request: ChatRequest) -> None:
    """Check a request against the contract's limits, unless its `check_contract` is False.

    Raises:
        InvalidRequestError: For the first limit that is broken; the text names field, value and limit.
    """
    if request.check_contract is False:
        return
    if not request.is_plain:
        _check_options(request)
    if request.tools:
        _check_tools(request)
    _check_messages(request)


def _check_options(request: ChatRequest) -> None:
    if not _BOUNDED.isdisjoint(request.__pydantic_fields_set__):  # most requests set none of them
        _check_numbers(request)
        _check_together(request)
        _check_lists(request)
    if request.response_format is not None:
        _check_format(request)
    if request.__pydantic_extra__ or request.extra_body:
        _check_unknown(request)


def _check_numbers(request: ChatRequest) -> None:
    name, value, limit = "", None, ""
    try:
        for name, (low, high) in _RANGES.items():
            if (value := getattr(request, name)) is not None:
                limit = f"{low} to {high}"
                if not low <= value <= high:  # NaN is not
                    raise _broken(name, value, limit)
        for name in _AT_LEAST_ONE:
            if (value := getattr(request, name)) is not None:
                limit = "at least 1"
                if value < 1:
                    raise _broken(name, value, limit)
    except TypeError as error:  # put in by `replace`, which takes values as they are
        raise _broken(name, repr(value), limit) from error


def _broken(name: str, value: Any, limit: str) -> InvalidRequestError:
    return InvalidRequestError(f"Request field '{name}' is {str(value)[:200]}; the contract allows {limit}.")


def _check_together(request: ChatRequest) -> None:
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        raise InvalidRequestError(
            "Request fields 'max_tokens' and 'max_completion_tokens' are both set. Set only 'max_completion_tokens'."
        )
    if request.top_logprobs is not None and not request.logprobs:
        raise InvalidRequestError("Request field 'top_logprobs' needs 'logprobs': set logprobs=True too.")
    audible = "audio" in (request.modalities or ())
    if request.audio is not None and not audible:
        raise InvalidRequestError("Request field 'audio' needs the modality: set modalities=('text', 'audio') too.")
    if audible and request.audio is None:
        raise InvalidRequestError(
            "Request field 'modalities' asks for audio, which needs 'audio': "
            'set audio={"voice": "alloy", "format": "wav"} too.'
        )


def _check_format(request: ChatRequest) -> None:
    asked: Any = request.response_format
    if asked.type == "json_object":
        texts = (text_of(getattr(message, "content", None)) for message in request.messages)
        if not any("json" in text.lower() for text in texts):
            raise InvalidRequestError(
                "Response format 'json_object' needs a message that asks for JSON. Say 'JSON' in the instructions."
            )
    elif asked.type == "json_schema":
        schema = asked.json_schema
        if schema is None or not schema.definition:
            raise InvalidRequestError(
                "Response format 'json_schema' has no schema. "
                'Give json_schema={"name": "...", "schema": {"type": "object", ...}}.'
            )
        if not _NAME.fullmatch(schema.name):
            raise _broken("response_format.json_schema.name", repr(schema.name), _NAMES)


def _check_lists(request: ChatRequest) -> None:
    stops = (request.stop,) if isinstance(request.stop, str) else request.stop
    if stops is not None and not all(stops or ("",)):
        raise _broken("stop", repr(request.stop), "texts that are not empty")
    if stops is not None and len(stops) > _MOST_STOPS:
        raise _broken("stop", f"a list of {len(stops)}", f"at most {_MOST_STOPS}. {_SOFT}")
    if request.modalities is not None and not request.modalities:
        raise _broken("modalities", "an empty list", "at least one, such as 'text'")
    if len(request.safety_identifier or "") > _MOST_IDENTIFIER:
        seen = f"a text of {len(request.safety_identifier or '')} characters"
        raise _broken("safety_identifier", seen, f"at most {_MOST_IDENTIFIER}")
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
    tools, choice = request.tools, request.tool_choice
    if choice is None and _checked_until(tools) == len(tools):  # those of an earlier request
        return
    if len(tools) > _MOST_TOOLS:
        raise _broken("tools", f"a list of {len(tools)}", f"at most {_MOST_TOOLS}. {_SOFT}")
    names: set[str] = set()
    for tool in tools:
        if tool.function is None and tool.custom is None:
            continue  # an endpoint's own tool (`{"type": "web_search"}`), which has no name
        if not _NAME.fullmatch(tool.name):
            raise _broken("tools", f"a tool named {tool.name!r}", _NAMES)
        if tool.name in names:
            raise _broken("tools", f"two tools named {tool.name!r}", "unique names")
        names.add(tool.name)
    _mark(tools)
    if choice is not None:
        _check_choice(choice, names)


def _check_choice(choice: Any, names: set[str]) -> None:
    if not is_object(choice):
        _check_chosen("tool_choice", choice, names | {*CHOICES})
        return
    kind = choice.get("type")
    if kind in ("function", "custom"):
        _check_chosen(f"tool_choice.{kind}.name", _name_of(choice, kind), names)
    elif kind == "allowed_tools":
        allowed: Any = choice.get("allowed_tools")
        mode, tools = (allowed.get("mode"), allowed.get("tools")) if is_object(allowed) else (None, None)
        if mode not in ("auto", "required"):
            raise _broken("tool_choice.allowed_tools.mode", repr(mode), "'auto' or 'required'")
        if not isinstance(tools, list | tuple):
            raise _broken("tool_choice.allowed_tools.tools", repr(tools), "a list of tools")
        entries: list[Any] = [*tools]  # pyright: ignore[reportUnknownArgumentType] # looked at below
        for position, tool in enumerate(entries):
            kind = tool.get("type") if is_object(tool) else None
            if kind in ("function", "custom"):  # an endpoint's own tool has no name
                where = f"tool_choice.allowed_tools.tools.{position}.{kind}.name"
                _check_chosen(where, _name_of(tool, kind), names)


def _name_of(choice: Mapping[str, Any], kind: str) -> Any:
    named: Any = choice.get(kind)
    return named.get("name") if is_object(named) else None


def _check_chosen(where: str, name: Any, names: set[str]) -> None:
    if name not in names:
        known = sorted(names.difference(CHOICES))
        raise _broken(where, repr(name), f"the names of the tools sent: {', '.join(known) or 'none has one'}")


def _check_unknown(request: ChatRequest) -> None:
    """JSON has no NaN or infinity; deeper ones are the endpoint's to refuse."""
    for name, value in {**(request.model_extra or {}), **(request.extra_body or {})}.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise _broken(name, value, "numbers that JSON has")


def _check_messages(request: ChatRequest) -> None:
    if not request.messages:
        raise InvalidRequestError("Request field 'messages' is empty; the contract allows at least one message.")
    waiting: dict[str, None] = {}
    messages = request.messages
    known = _checked_until(messages)
    for position, message in enumerate(messages[known:], known):
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
            waiting = {call.id: None for call in message.tool_calls}
    if waiting:
        raise _unanswered(waiting)
    if known < len(messages):
        if known:
            _note(messages[known - 1], None)
        _mark(messages)


_look: Any = WireValue.__dict__["_checked"].__get__  # pydantic's own look-up takes longer where nothing is
_note: Any = WireValue.__dict__["_checked"].__set__


def _checked_until(values: tuple[WireValue, ...]) -> int:
    """Count the values at the head that were checked together before: a history grows at its end, tools stay.

    The last of them holds those before it; that they are the same is seen in a moment, and checking them is not done.
    """
    for position in range(len(values), max(len(values) - _MOST_NEW, 0), -1):
        try:
            before = _look(values[position - 1])
        except AttributeError:
            continue
        if before is not None:
            return position if values[: position - 1] == before else 0
    return 0


def _mark(values: tuple[WireValue, ...]) -> None:
    """Note on the last one that all are right together."""
    _note(values[-1], values[:-1])


def _unanswered(waiting: dict[str, None]) -> InvalidRequestError:
    return InvalidRequestError(
        f"The tool calls {', '.join(waiting)} have no result. Add a tool message for each call before the next message."
    )
