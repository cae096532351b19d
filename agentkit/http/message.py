"""A request's messages as an endpoint wants them, pure; `dialect` asks here, and knows nothing of how.

What is sent in a message's place is made once and kept on the message, so that a long history costs a look at each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter, is_
from string import ascii_letters, digits
from typing import Any, TypeVar

from agentkit.http.profile import Profile
from agentkit.wire.content import AudioPart, Content, TextPart
from agentkit.wire.message import AssistantMessage, DeveloperMessage, Message, SystemMessage, ToolCall
from agentkit.wire.value import WireValue, known_until

__all__ = ["messages_for", "spoken_by"]

_T = TypeVar("_T", bound=WireValue)

_SPOKEN = attrgetter("_spoken")
_note: Callable[[WireValue, Any], None] = WireValue.__dict__["_spoken"].__set__
_LETTERS = digits + ascii_letters
_FIELDS = {"reasoning": "reasoning_text"}  # the field of the contract and ours, where they differ
_DETAILS = "reasoning_details"
_SILENT = (None, None, None)
_MEDIA_TYPES = {"mp3": "audio/mpeg"}


def messages_for(messages: tuple[Message, ...], profile: Profile) -> tuple[Message, ...]:
    """Give the messages as the endpoint wants them; the same tuple where it takes them as they are."""
    ids = _colliding_ids(messages) if profile.call_ids == "nine_alphanumeric" else None
    if ids:  # practically never, so nothing is kept
        spoken = tuple(made for one in messages if (made := _message_for(one, profile, ids)) is not None)
    else:
        spoken = spoken_by(messages, profile, _message_for)
    return _joined_at_first(spoken) if profile.system_messages == "first" else spoken


def spoken_by(values: tuple[_T, ...], profile: Profile, speak: Callable[[_T, Profile], _T | None]) -> tuple[_T, ...]:
    """Give what stands for each value at an endpoint, None for nothing; made once for a profile and kept on the value.

    A value's mark is the profile where it stands for itself, else the profile and what stands for it.
    """
    for value in values[known_until(values, "_spoken") :]:
        _mark(value, profile, speak)
    try:
        if [*map(_SPOKEN, values)].count(profile) == len(values):  # the fastest look at each of a long history
            return values
    except AttributeError:  # one in between is new
        pass
    spoken: list[_T] = []
    for value in values:
        mark: Any = getattr(value, "_spoken", None)
        if mark is not profile and (mark.__class__ is not tuple or mark[0] is not profile):
            mark = _mark(value, profile, speak)
        made: Any = value if mark is profile else mark[1]
        if made is not None:
            spoken.append(made)
    return values if all(map(is_, spoken, values)) and len(spoken) == len(values) else tuple(spoken)


def _mark(value: _T, profile: Profile, speak: Callable[[_T, Profile], _T | None]) -> Any:
    made = speak(value, profile)
    mark = profile if made is value else (profile, made)  # never the value itself: that would be a circle
    _note(value, mark)
    return mark


def _message_for(message: Message, profile: Profile, ids: dict[str, str] | None = None) -> Message | None:
    # of each message once: isinstance, and so a pattern of a class, costs several times as much as a look at the role
    if message.role == "assistant":
        return _assistant(message, profile, ids)
    if message.role == "tool" and profile.call_ids == "nine_alphanumeric":
        wanted = (ids or {}).get(message.tool_call_id) or _short(message.tool_call_id)
        return message if wanted == message.tool_call_id else message.replace(tool_call_id=wanted)
    if message.role == "developer" and not profile.developer_role:
        return SystemMessage(content=message.content, name=message.name, **(message.model_extra or {}))
    if message.role == "user" and profile.audio == "data_uri" and isinstance(message.content, tuple):
        parts = message.content
        if any(isinstance(part, AudioPart) for part in parts):
            return message.replace(content=tuple(map(_as_data_uri, parts)))
    return message


def _assistant(message: AssistantMessage, profile: Profile, ids: dict[str, str] | None) -> AssistantMessage | None:
    changes: dict[str, Any] = {}
    if profile.echo or (message.reasoning_text, message.reasoning_content, message.reasoning_details) != _SILENT:
        wanted = _reasoning(message, profile).items()
        changes = {name: value for name, value in wanted if value != getattr(message, name)}
    if message.tool_calls and (profile.call_ids == "nine_alphanumeric" or not profile.extra_content):
        calls = tuple(_call(call, profile, ids) for call in message.tool_calls)
        if any(made is not call for made, call in zip(calls, message.tool_calls, strict=True)):
            changes["tool_calls"] = calls
    if not profile.extra_content and (message.__pydantic_extra__ or {}).get("extra_content") is not None:
        changes["extra_content"] = None
    if not profile.empty_content and _says_nothing(message.content):
        if not (message.tool_calls or message.refusal or message.audio or message.function_call):
            return None  # it tells the model nothing, and no server takes it without a text
        if message.content is not None:
            changes["content"] = None
    if not profile.null_content and message.tool_calls and changes.get("content", message.content) is None:
        changes["content"] = ""
    return message.replace(**changes) if changes else message


def _reasoning(message: AssistantMessage, profile: Profile) -> dict[str, Any]:
    """Give the three fields of reasoning as they are sent: under the names that the endpoint wants back, or not."""
    sent: dict[str, Any] = {"reasoning_text": None, "reasoning_content": None, _DETAILS: None}
    for name in profile.echo:
        field = _FIELDS.get(name, name)
        own = getattr(message, field)
        sent[field] = own if own is not None or name == _DETAILS else message.reasoning
    if profile.echo_empty and profile.echo and message.tool_calls and not any(sent.values()):
        first = profile.echo[0]
        sent[_FIELDS.get(first, first)] = () if first == _DETAILS else ""
    return sent


def _call(call: ToolCall, profile: Profile, ids: dict[str, str] | None) -> ToolCall:
    changes: dict[str, Any] = {}
    if profile.call_ids == "nine_alphanumeric":
        wanted = (ids or {}).get(call.id) or _short(call.id)
        if wanted != call.id:
            changes["id"] = wanted
    if not profile.extra_content and (call.__pydantic_extra__ or {}).get("extra_content") is not None:
        changes["extra_content"] = None
    return call.replace(**changes) if changes else call


def _says_nothing(content: Content | None) -> bool:
    if isinstance(content, tuple):
        return all(isinstance(part, TextPart) and not part.text for part in content)
    return not content


def _as_data_uri(part: Any) -> Any:
    if not isinstance(part, AudioPart) or part.input_audio.data.startswith("data:"):
        return part
    audio = part.input_audio
    kind = _MEDIA_TYPES.get(audio.format, f"audio/{audio.format}")
    return part.replace(input_audio=audio.replace(data=f"data:{kind};base64,{audio.data}"))


@lru_cache(4096)
def _short(call_id: str, salt: int = 0) -> str:
    """Give nine letters and digits that always stand for the same id; one that is such already stays."""
    if not salt and len(call_id) == 9 and call_id.isascii() and call_id.isalnum():
        return call_id
    number = int.from_bytes(hashlib.sha256(f"{salt}:{call_id}".encode("utf-8", "replace")).digest())
    letters: list[str] = []
    for _ in range(9):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(letters)


def _colliding_ids(messages: tuple[Message, ...]) -> dict[str, str] | None:
    """Give an own short id to each id of the request, where two of them would share one; else nothing."""
    # of each message of each request: isinstance costs several times as much as a look at the role
    calls = [message.tool_calls for message in messages if message.role == "assistant" and message.tool_calls]
    given = dict.fromkeys([call.id for several in calls for call in several])
    if len(set(map(_short, given))) == len(given):
        return None
    taken: dict[str, str] = {_short(one): one for one in given if _short(one) == one}
    for one in given:
        salt = 0
        while taken.setdefault(_short(one, salt), one) != one:
            salt += 1
    return {one: short for short, one in taken.items()}


def _joined_at_first(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Join all instructions into one message at the first place, the parts of it in their order."""
    roles = [message.role for message in messages]
    if roles.count("system") + roles.count("developer") == (roles[:1] in (["system"], ["developer"])):
        return messages
    said = [message for message in messages if isinstance(message, SystemMessage | DeveloperMessage)]
    others = [message for message in messages if message.role not in ("system", "developer")]
    return (said[0].replace(content=_joined(message.content for message in said)), *others)


def _joined(contents: Iterable[Content]) -> Content:
    several = tuple(contents)
    if all(isinstance(content, str) for content in several):
        return "\n\n".join(content for content in several if isinstance(content, str) and content)
    return tuple(
        part for content in several for part in ((TextPart(text=content),) if isinstance(content, str) else content)
    )
