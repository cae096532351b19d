"""A history put right: `repair` makes one that every endpoint takes of what a crash, a cut or another library left.

Windows and sessions pass all they give through it; it is pure and knows nothing of either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from agentkit.wire.message import AssistantMessage, Message, ToolCall, ToolMessage, parse_messages

__all__ = ["INTERRUPTED", "repair"]

INTERRUPTED = "Interrupted: this call has no result. Its effect may or may not have happened."
"""What the model is told of a call that nothing answers."""

_LONGEST_ID = 40  # of a call, where we lengthen one: OpenAI refuses longer ones


def repair(messages: Iterable[Message | Mapping[str, Any]]) -> tuple[Message, ...]:
    """Give the same history with each call answered once, right after the message that makes it, in call order.

    A call without a result is answered with `INTERRUPTED`. A result may stand anywhere after its call, and moves there;
    one without a call before it, or of a call that has one, is dropped. An id that an earlier call has becomes another,
    in the call and its result: `call_1`, `call_1_2`. An assistant message that says nothing gets an empty text.
    Everything else, unknown fields too, stays as it is; the legacy `function_call` is left alone.

    The same history always gives the same, a repaired one itself, and a longer one begins as the shorter did, but for
    calls that are answered since.

    Args:
        messages: Ours, or dicts in OpenAI's format.

    Raises:
        InvalidRequestError: A message is not of the contract.
    """
    repaired: list[Message] = []
    places: dict[str, deque[int]] = {}  # by the id as it was: where results of the last calls with it belong
    ids: set[str] = set()
    for message in parse_messages(messages):
        if isinstance(message, ToolMessage):
            if free := places.get(message.tool_call_id):
                place = free.popleft()
                stand_in: Any = repaired[place]
                repaired[place] = _with(message, "tool_call_id", stand_in.tool_call_id)
        elif isinstance(message, AssistantMessage):
            calls = tuple(_unlike(call, ids) for call in message.tool_calls)
            repaired.append(_with(_saying(message), "tool_calls", calls))
            places.update((call.id, deque()) for call in message.tool_calls)
            for before, call in zip(message.tool_calls, calls, strict=True):
                places[before.id].append(len(repaired))
                repaired.append(ToolMessage(tool_call_id=call.id, content=INTERRUPTED))
        else:
            repaired.append(message)
    return tuple(repaired)


def _unlike(call: ToolCall, ids: set[str]) -> ToolCall:
    """Give the call with an id that is not among those before it, and add that."""
    made, count = call.id, 1
    while made in ids:
        count += 1
        suffix = f"_{count}"
        made = call.id[: _LONGEST_ID - len(suffix)] + suffix
    ids.add(made)
    return call if made == call.id else call.replace(id=made)


def _saying(message: AssistantMessage) -> AssistantMessage:
    says = message.tool_calls or message.refusal or message.audio or message.function_call
    return message if says or message.content is not None else message.replace(content="")


def _with(message: Any, name: str, value: Any) -> Any:
    """Change a field, and keep the message, with its bytes that are encoded already, where it has that value."""
    return message if getattr(message, name) == value else message.replace(**{name: value})
