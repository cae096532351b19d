"""`Redact`: what is private is hidden from the model, and put back into what it says, as a middleware.

The same object is a function that hides it for good: for the mask of `Trace`, or as the check of a `Guard`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache, partial
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from agentkit.agent.run import Ask, Middleware, Run
from agentkit.errors import ConfigurationError, ToolUseFailedError
from agentkit.guard.pattern import PATTERNS, Pattern, pieces_of
from agentkit.guard.whole import ask_whole
from agentkit.kind import is_array, is_object
from agentkit.secret import scrub
from agentkit.wire.content import Part, RefusalPart, TextPart
from agentkit.wire.message import AssistantMessage, FunctionCall, Message, ToolCall
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Choice, ResponseMessage

__all__ = ["Redact"]

_Any = TypeVar("_Any", Message, ResponseMessage)
_Change = Callable[[str], str]
_NAME = "a name"  # the kind of what looks like one of our names, and stood in the text before


class Redact(Middleware):
    """Hide what is private in all texts of a request, as `[email 1]`, and put it back into the reply.

    So the model never sees it, while tools, the output and the history have it. Equal values of a request have one
    name, and what looks like a name beforehand gets one, too. Keys that this process was given become `[secret]` and
    are not put back. Images, audio and files are not looked into, nor the definitions of tools, the schema of the
    output, and fields that the contract has not. A reply that something may be put back into is shown whole in a
    stream.

    Called with a text, it gives the text with `[email]` in the place of each.

    Args:
        kinds: Of "key", "email", "iban", "card" and "phone", those that are hidden; all of them by default.
        patterns: Kinds of your own: a regular expression by its name, which is of letters.
        restore: Whether the values are put back.

    Raises:
        ConfigurationError: A kind is unknown, or a name is not of letters.
    """

    def __init__(
        self,
        kinds: Collection[str] = tuple(PATTERNS),
        *,
        patterns: Mapping[str, str | re.Pattern[str]] | None = None,
        restore: bool = True,
    ) -> None:
        own = {name: Pattern(re.compile(given)) for name, given in (patterns or {}).items()}
        wanted = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        for kind in wanted:
            if kind not in PATTERNS:
                raise ConfigurationError(
                    f"Redact knows no kind {kind!r}. Give some of {', '.join(PATTERNS)}, or "
                    f"patterns={{{kind!r}: r'...'}}."
                )
        for name in own:
            if not name.isalpha():
                raise ConfigurationError(
                    f"The name {name!r} of a pattern is not of letters only. Write e.g. 'customer'."
                )
        self._patterns = {**own, **{kind: PATTERNS[kind] for kind in PATTERNS if kind in wanted and kind not in own}}
        self._named = re.compile(rf"\[(?:{'|'.join(self._patterns)}) [0-9]+\]")
        before = {_NAME: Pattern(self._named)} if restore and self._patterns else {}
        patterns_and_names = {**before, **self._patterns}
        self._pieces = lru_cache(maxsize=4096)(partial(pieces_of, patterns=patterns_and_names))  # a history comes again
        self._restore = restore

    def __call__(self, text: str, _context: object = None, /) -> str:
        """Hide what is private for good."""
        return self._hide(text, lambda kind, found: found if kind is _NAME else f"[{kind}]")

    async def ask(self, request: ChatRequest, run: Run, next: Ask, /) -> ChatCompletion:  # noqa: A002 # as in starlette
        """Send the request without what is private."""
        names: dict[str, str] = {}
        counts = dict.fromkeys(self._patterns, 0)

        def name(kind: str, value: str) -> str:
            if value not in names:
                kind = value[1:].partition(" ")[0] if kind is _NAME else kind
                counts[kind] += 1
                names[value] = f"[{kind} {counts[kind]}]"
            return names[value]

        change = partial(self._hide, name=name)
        messages = tuple(_changed(message, change) for message in request.messages)
        if messages != request.messages:
            request = request.replace(messages=messages)
        if not (names and self._restore):
            return await next(request)

        put = partial(self._put_back, {name: value for value, name in names.items()})

        async def restored(reply: ChatCompletion) -> ChatCompletion:
            return reply.replace(choices=tuple(_restored(choice, put) for choice in reply.choices))

        try:
            return await ask_whole(request, run, next, restored)
        except ToolUseFailedError as error:
            error.failed_generation = error.failed_generation and put(error.failed_generation)
            raise

    def _hide(self, text: str, name: Callable[[str, str], str]) -> str:
        pieces = self._pieces(scrub(text))
        return "".join([name(kind, piece) if kind else piece for kind, piece in pieces])

    def _put_back(self, values: Mapping[str, str], text: str) -> str:
        is_json = _decoded(text) is not None
        shown = {name: json.dumps(value)[1:-1] if is_json else value for name, value in values.items()}
        return self._named.sub(lambda match: shown.get(match[0], match[0]), text)


def _changed(message: _Any, change: _Change) -> _Any:
    """Change all texts of a message; one that holds nothing to change is the same value, and keeps its bytes."""
    changes: dict[str, Any] = {}
    content = message.content
    if isinstance(content, str):
        changes["content"] = change(content)
    elif content is not None:
        changes["content"] = tuple(_changed_part(part, change) for part in content)
    if isinstance(message, AssistantMessage | ResponseMessage):
        changes["tool_calls"] = tuple(_changed_call(call, change) for call in message.tool_calls)
        for name in ("refusal", "reasoning_text", "reasoning_content"):
            changes[name] = change(value) if (value := getattr(message, name)) else value
        changes["function_call"] = message.function_call and _changed_function(message.function_call, change)
        if message.reasoning_details:
            changes["reasoning_details"] = tuple(_changed_json(one, change) for one in message.reasoning_details)
    changes = {name: value for name, value in changes.items() if value != getattr(message, name)}
    return message.replace(**changes) if changes else message


def _changed_part(part: Part, change: _Change) -> Part:
    if isinstance(part, TextPart):
        return part.replace(text=change(part.text))
    return part.replace(refusal=change(part.refusal)) if isinstance(part, RefusalPart) else part


def _changed_call(call: ToolCall, change: _Change) -> ToolCall:
    custom = call.custom and call.custom.replace(input=change(call.custom.input))
    return call.replace(function=_changed_function(call.function, change), custom=custom)


def _changed_function(function: FunctionCall, change: _Change) -> FunctionCall:
    decoded = _decoded(function.arguments)
    if decoded is None:
        return function.replace(arguments=change(function.arguments))
    inside = _changed_json(decoded, change)
    if inside == decoded:
        return function
    return function.replace(arguments=to_json(inside, inf_nan_mode="constants").decode())


def _changed_json(value: Any, change: _Change) -> Any:
    """Change the texts in decoded JSON, and the numbers that are one, which become texts."""
    if is_object(value):
        return {change(name): _changed_json(item, change) for name, item in value.items()}
    if is_array(value):
        return [_changed_json(item, change) for item in value]
    if isinstance(value, str):
        return change(value)
    number = isinstance(value, int) and not isinstance(value, bool)
    return value if not number or (text := change(str(value))) == str(value) else text


def _decoded(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return from_json(text)
    except ValueError:
        return None


def _restored(choice: Choice, put: _Change) -> Choice:
    return choice.replace(message=_changed(choice.message, put))
