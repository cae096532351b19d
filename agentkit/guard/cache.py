"""`ToolCache`, a middleware: what a tool gave once is given again to the same call; a store of `around` keeps it."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Collection
from typing import Any

from pydantic_core import from_json, to_json

from agentkit.agent.run import Call, Middleware, Run
from agentkit.around.store import MemoryStore, Store
from agentkit.errors import ConfigurationError
from agentkit.kind import is_object
from agentkit.schema.argument import read_object
from agentkit.tools.answer import MOST_CHARACTERS, Answer
from agentkit.tools.context import Context
from agentkit.tools.execute import CallTool
from agentkit.tools.result import ToolResult
from agentkit.wire.content import text_of
from agentkit.wire.message import ToolMessage

__all__ = ["ToolCache"]

_NO_JSON = object()


class ToolCache(Middleware):
    """Keep the results of the named tools by their arguments, and answer the same call from there.

    Only for tools whose result depends on their arguments alone, and that change nothing. Kept is what went well, has
    text only, is no `ToolResult`, and was not cut; an answer from the cache has the same message, took 0 seconds, and
    its `value` is the text, or the JSON of what was no text. A call that is approved or refused is so before this is
    asked. The same call made twice at once is made twice. Give it last, so that what stands before it sees the kept
    answers too.

    Args:
        tools: Their names, as the model knows them.
        store: Where results are kept: `MemoryStore(seconds=...)`, `SqliteStore("results.db")`, or your own; None is a
            `MemoryStore()` of its own.
        by: Gives what else a result depends on, of the context: the user, whose results others must not get.

    Raises:
        ConfigurationError: No tools are named, or the store is none.
    """

    def __init__(
        self, tools: Collection[str], store: Store | None = None, *, by: Callable[[Context[Any]], str] | None = None
    ) -> None:
        if isinstance(tools, str) or not tools:
            raise ConfigurationError(
                f"ToolCache got {tools!r} for tools. Name those whose results may be kept: ToolCache(['get_weather'])."
            )
        given: Any = MemoryStore() if store is None else store
        if isinstance(given, type) or not isinstance(given, Store):
            raise ConfigurationError(
                f"ToolCache keeps results in a store, and got {given!r}. "
                "Give MemoryStore() or SqliteStore('results.db')."
            )
        self._tools, self._store, self._by = frozenset(tools), given, by

    async def call(self, call: CallTool, run: Run, next: Call, /) -> Answer:  # noqa: A002, ARG002 # as in starlette
        """Answer with the kept result, else with the tool's."""
        if call.name not in self._tools:
            return await next(call)
        key = self._key(call)
        kept = await self._find(key)
        if kept is not None:
            content = kept["content"]
            message = ToolMessage(tool_call_id=call.id, content=content)
            return Answer(message, "ok", call.name, value=content if kept["text"] else from_json(content))
        answer = await next(call)
        content = text_of(answer.message.content)
        most = call.tool.max_characters or MOST_CHARACTERS
        apart = isinstance(answer.value, ToolResult)  # its data would be lost
        if answer.status == "ok" and not answer.parts and not apart and len(content) <= most:
            text = isinstance(answer.value, str) or _decoded(content) is _NO_JSON
            await self._keep(key, to_json({"content": content, "text": text}))
        return answer

    def _key(self, call: CallTool) -> str:
        """Name the call by the tool as the model is told of it, the arguments in any order, and what `by` gives."""
        arguments = json.dumps(read_object(call.context.arguments), sort_keys=True)
        by: Any = self._by(call.context) if self._by else ""
        if not isinstance(by, str):
            raise ConfigurationError(
                f"ToolCache(by=...) gave {by!r} for a call of {call.name!r}. "
                "Give a text that names whose result it is: by=lambda context: context.deps.user."
            )
        parts = (call.tool.encoded.decode(), call.name, arguments, by)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    async def _find(self, key: str) -> dict[str, Any] | None:
        try:
            value = await self._store.get(key)
        except OSError as error:
            warnings.warn(f"A kept result could not be read, so the tool is called: {error}", RuntimeWarning, 3)
            return None
        kept = None if value is None else _decoded(value)
        if is_object(kept) and isinstance(kept.get("content"), str) and isinstance(kept.get("text"), bool):
            return kept
        return None  # another's, or damaged

    async def _keep(self, key: str, value: bytes) -> None:
        try:
            await self._store.put(key, value)
        except OSError as error:
            warnings.warn(f"A result could not be kept: {error}", RuntimeWarning, 3)


def _decoded(text: str | bytes) -> Any:
    try:
        return from_json(text)
    except ValueError:
        return _NO_JSON
