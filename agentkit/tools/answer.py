"""What a tool's value becomes for the model: a tool message's text, and parts that only a user message can carry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from agentkit.errors import ToolDefinitionError
from agentkit.kind import new_list
from agentkit.secret import scrub
from agentkit.tools.context import ToolRetry
from agentkit.tools.result import ToolResult
from agentkit.wire.content import AudioPart, FilePart, ImagePart, Part, TextPart, text_of
from agentkit.wire.message import ToolCall, ToolMessage, UserMessage
from agentkit.wire.mime import part_of
from agentkit.wire.value import well_formed

__all__ = ["CARRIED", "MOST_CHARACTERS", "Answer", "Status", "answer_error", "answer_value", "carrier_of", "content_of"]

MOST_CHARACTERS = 100_000
"""A longer result is cut for the model, with a notice; the whole value stays on the answer."""

CARRIED = "Returned by the tools:"
"""What stands before a batch's images and files in the user message that carries them."""

_MOST_ERROR = 500

Status = Literal["ok", "refused", "retry", "error", "timeout", "denied", "given", "cancelled", "held"]
"""How a call ended: done; its name or arguments refused; ToolRetry; raised; ran out of time; denied by a decision;
its result given by a decision; the run ended before it; not yet, for calls of a run that it began wait."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one call.

    Attributes:
        message: What the model is told.
        status: How the call ended.
        tool_name: The name that the model called.
        value: What the tool returned, whole; also a `ToolResult` as it is.
        error: What the tool raised, if it did.
        parts: Images, audio and files of the value; they travel in a user message after the batch.
        seconds: How long the tool's body took.
    """

    message: ToolMessage
    status: Status
    tool_name: str
    value: Any = None
    error: BaseException | None = None
    parts: tuple[Part, ...] = ()
    seconds: float = 0.0

    @property
    def counts(self) -> bool:
        """Tell whether this answer uses up one of the tool's retries."""
        return self.status in ("refused", "retry")

    @property
    def data(self) -> Any:
        """Give what the program keeps: the data of a `ToolResult`, else the value."""
        return self.value.data if isinstance(self.value, ToolResult) else self.value


@dataclass(slots=True)
class _Content:
    texts: list[str] = field(default_factory=new_list)
    notes: list[str] = field(default_factory=new_list)
    parts: list[Part] = field(default_factory=new_list)


def answer_value(
    call_id: str, name: str, value: Any, *, seconds: float = 0.0, status: Status = "ok", most: int | None = None
) -> Answer:
    """Answer a call with what its tool returned; an exception that was returned is told like one that was raised.

    Args:
        call_id: The call.
        name: The tool.
        value: What it returned.
        seconds: How long it took.
        status: How the call ended, if the value does not say otherwise.
        most: Characters that the model is shown; None is `MOST_CHARACTERS`.

    Raises:
        ToolDefinitionError: The value has no JSON; the text says what to return instead.
    """
    if isinstance(value, BaseException):
        return answer_error(call_id, name, value, seconds=seconds)
    if isinstance(value, ToolResult):
        if isinstance(value.content, BaseException):
            told = answer_error(call_id, name, value.content, seconds=seconds)
            text, parts = content_of((TextPart(text=text_of(told.message.content)), *value.parts), name)
            return replace(told, message=told.message.replace(content=text), value=value, parts=parts)
        if value.error and status == "ok":
            status = "error"
    text, parts = content_of(value, name, MOST_CHARACTERS if most is None else most)
    message = ToolMessage.of_fields(role="tool", tool_call_id=call_id, content=text, name=None)
    return Answer(message, status, name, value=value, parts=parts, seconds=seconds)


def answer_error(
    call_id: str, name: str, error: BaseException, *, status: Status = "error", seconds: float = 0.0
) -> Answer:
    """Answer a call with what went wrong: class and text, at most 500 characters, known secrets hidden.

    Advice (`ToolRetry`) is told as it is, and its status is "retry".
    """
    if isinstance(error, ToolRetry):
        status = "retry"
    said = scrub(str(error)) or "no message"
    text = said if status in ("refused", "retry", "timeout") else f"{type(error).__name__}: {said}"
    if len(text) > _MOST_ERROR and status != "refused":
        text = text[: _MOST_ERROR - 1] + "…"
    content = text if status in ("refused", "retry") else f"The tool failed. {text}"
    message = ToolMessage(tool_call_id=call_id, content=content)
    return Answer(message, status, name, error=error, seconds=seconds)


def content_of(value: Any, name: str, most: int = MOST_CHARACTERS) -> tuple[str, tuple[Part, ...]]:
    """Give the text of a tool's value and the parts that no tool message can carry.

    Text stays as it is, None is `null`, bytes are an image, audio or a PDF where they begin like one, else UTF-8 text;
    everything else is JSON as pydantic writes it, data frames as a list of records. Of a `ToolResult` it is the
    content, and then its parts. What is cut keeps its notes of parts.
    """
    if type(value) is str and len(value) <= most and value.isascii():  # nothing to mend or to cut
        return value, ()
    content = _Content()
    for item in _items(value):
        _read(item, name, content)
    text = well_formed("\n".join(content.texts))
    if len(text) > most:
        lost = [note for note in content.notes if note not in text[:most]]
        notice = f"[Cut: the result has {len(text)} characters, the first {most} are shown.]"
        text = "\n".join((text[:most], notice, *lost))
    return text, tuple(content.parts)


def carrier_of(calls: Sequence[ToolCall], parts: Mapping[str, tuple[Part, ...]]) -> UserMessage:
    """Bring a batch's images and files, given by call id, in call order; of several calls, each is named."""
    content: list[Part] = [TextPart(text=CARRIED)]
    for call in calls:
        if call.id in parts:
            named = [TextPart(text=f"{call.function.name} ({call.id}):")] if len(parts) > 1 else []
            content += [*named, *parts[call.id]]
    return UserMessage(content=tuple(content))


_CARRIED = (ImagePart, AudioPart, FilePart)
_PARTS = (*_CARRIED, TextPart)


def _items(value: Any) -> list[Any]:
    """Give what is read one by one: the items of a list that has parts among them, else the value itself."""
    if isinstance(value, ToolResult):
        nothing = value.parts and isinstance(value.content, str) and not value.content
        return [*(() if nothing else _items(value.content)), *value.parts]
    items: list[Any] = list(cast("Any", value)) if isinstance(value, list | tuple) else []
    return items if any(map(_is_part, items)) else [value]


def _is_part(item: Any) -> bool:
    return isinstance(item, _PARTS) or (isinstance(item, bytes | bytearray) and part_of(bytes(item)) is not None)


def _read(value: Any, name: str, content: _Content) -> None:
    if isinstance(value, bytes | bytearray):
        value = _text_or_part(bytes(value), name)
    if isinstance(value, str):
        content.texts.append(value)
    elif isinstance(value, TextPart):
        content.texts.append(value.text)
    elif isinstance(value, _CARRIED):
        content.parts.append(value)
        kind = value.type.removeprefix("input_").removesuffix("_url")
        content.notes.append(f"[{kind} {len(content.parts)}: in the next user message]")
        content.texts.append(content.notes[-1])
    else:
        content.texts.append(_json(value, name))


def _text_or_part(value: bytes, name: str) -> str | Part:
    if (part := part_of(value)) is not None:
        return part
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ToolDefinitionError(
            f"Tool '{name}' returned {len(value)} bytes that are neither UTF-8 nor begin like an image, a wav, an mp3 "
            "or a PDF. Return text, or a part that agentkit.media makes with its media type."
        ) from error


def _json(value: Any, name: str) -> str:
    try:
        try:
            return to_json(value, fallback=_fallback, inf_nan_mode="strings").decode()
        except PydanticSerializationError:  # half of a surrogate pair, or really no JSON
            plain = to_jsonable_python(value, fallback=_fallback, inf_nan_mode="strings")
            return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        reason = str(error).removeprefix("Error calling function `_fallback`: TypeError: ")
        raise ToolDefinitionError(
            f"Tool '{name}' returned a value of type {type(value).__qualname__}, which has no JSON: {reason[:200]}. "
            "Return text, numbers, lists, dicts, dataclasses or pydantic models."
        ) from error


def _fallback(value: Any) -> Any:
    """Read what pydantic does not know: data frames and arrays by their own methods, else refuse."""
    if isinstance(value, Mapping):
        pairs: Mapping[Any, Any] = cast("Any", value)
        return {str(key): item for key, item in pairs.items()}
    if hasattr(value, "columns"):
        records: Callable[..., Any] | None = getattr(value, "to_dicts", None)  # polars
        return records() if records else value.to_dict(orient="records")  # pandas
    if isinstance(value, ToolResult):
        raise TypeError("it holds a ToolResult, which stands for a whole result")
    for method in ("tolist", "_asdict", "isoformat"):  # NumPy arrays and scalars, records, dates of other libraries
        if callable(read := getattr(value, method, None)):
            return read()
    if isinstance(value, BaseException):
        return scrub(f"{type(value).__name__}: {value}")
    if isinstance(value, Sequence):
        items: Sequence[Any] = cast("Any", value)
        return list(items)
    raise TypeError(f"it is or holds a {type(value).__qualname__}")
