"""What the user says, in the forms that callers have it in, as one message; runs begin with it, and take more of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit import media
from agentkit.errors import InvalidRequestError
from agentkit.kind import is_map
from agentkit.wire.content import Part, TextPart
from agentkit.wire.message import UserMessage, parse_messages

__all__ = ["Prompt", "injected_message", "user_message"]

Prompt = str | Sequence[Part | Mapping[str, Any] | media.Source] | None
"""What the user says: text; a list of texts, content parts (ours or the contract's dicts), paths, bytes and open files,
which `media.part` reads; or None to go on from the history."""

_BYTES = (bytes, bytearray, memoryview)


def user_message(prompt: Any) -> UserMessage:
    """Make the message of a prompt that is there.

    Raises:
        InvalidRequestError: It is neither text nor parts.
    """
    if type(prompt) is str:  # there is nothing to refuse
        return UserMessage.of_fields(role="user", content=prompt, name=None)
    if isinstance(prompt, str):
        return UserMessage(content=prompt)
    parts: list[Any] = [*prompt] if isinstance(prompt, Sequence) and not isinstance(prompt, _BYTES) else [prompt]
    parts = [_part(part) for part in parts]
    for position, part in enumerate(parts):
        kind = part.get("type") if is_map(part) else getattr(part, "type", None)
        if not kind:
            raise InvalidRequestError(
                f"prompt[{position}] is no content part: {repr(part)[:200]}. "
                'Write the prompt as one text, or as a list of texts and parts such as media.image("cat.png"). '
                "Messages are given as `history`, and `agent.run(None, history=messages)` goes on from them."
            )
    return cast("UserMessage", parse_messages([{"role": "user", "content": parts}])[0])


def injected_message(given: Any) -> UserMessage:
    """Make the message that is put into a run: of a prompt, or a user message, ours or in OpenAI's dict format.

    Raises:
        InvalidRequestError: It is none of these; a message of another role is refused by its role.
    """
    role = given.get("role") if is_map(given) else getattr(given, "role", None)
    if role is None and given is not None:
        return user_message(given)
    if role != "user":
        seen = "None" if given is None else f"a message of the role {role!r}"
        raise InvalidRequestError(
            f"Only what the user says can be put into a run, and this is {seen}. Give a text, content parts, or a "
            "user message; what the agent must know for good belongs into its instructions."
        )
    return cast("UserMessage", parse_messages([given])[0])


def _part(given: Any) -> Any:
    if isinstance(given, str):
        return TextPart(text=given)
    if isinstance(given, (*_BYTES, os.PathLike)) or callable(getattr(given, "read", None)):
        return media.part(cast("media.Source", given))
    return given
