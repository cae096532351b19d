"""The embedded model as a `Model` like any other: no key, no network, tools and `response_format` alike.

`providers` gives it for the name "local". What it says is decided in `dialogue`, where it runs in `pool`.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from agentkit.local.dialogue import Reply, answer
from agentkit.local.pool import Pool, shared_pool
from agentkit.local.process import engine_folder
from agentkit.model import RequestSent, report
from agentkit.price import FREE, Price
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["LocalModel"]

_ENGINE = "local/needle3"


class LocalModel:
    """A 121M model for tool calls and extraction that runs beside this process.

    The same request gives the same reply, unless it counts from today.

    It calls tools, several at once, and goes on from their results; with a `response_format` json_schema it reads a
    record out of the text. It acts on what it is sure of (confidence 0.5 and above) and otherwise says which call or
    record it doubts, and how sure it was. It writes no prose: after tool results the text is put together from them
    by a template, and says so. It cannot chat. Sampling settings change nothing; instructions are read as facts.

    The reply's message has the extra fields `confidence` and `reasoning`. `usage` is an estimate (a token for four
    bytes) and says so in `usage.estimated`, for the engine does not count.

    Args:
        pool: The workers to run on. Default: one pool for the whole process.

    Raises:
        MissingExtraError: The extra `local` is not installed.
        LocalModelError: The extra has no engine for this platform.
    """

    name = "local"
    price: Price = FREE

    def __init__(self, *, pool: Pool | None = None) -> None:
        engine_folder()
        self._pool = pool or shared_pool()

    def __repr__(self) -> str:
        return "LocalModel()"

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Answer a request.

        Raises:
            UnsupportedRequestError: It wants what this model cannot do: images, custom tools, JSON without a schema.
            SchemaError: A schema recurs.
            LocalModelError: The worker did not start, died, or took too long.
        """
        report(RequestSent(endpoint=_ENGINE, model=self.name, price=FREE))
        reply = await self._pool.run(answer(request, datetime.now().astimezone()))
        return ChatCompletion.parse(_completion(request, reply))

    async def stream(self, request: ChatRequest, /) -> AsyncIterator[ChatCompletionChunk]:
        """Answer a request in two chunks, both at the end: the message, then how it ended and what it cost."""
        whole = (await self.complete(request)).to_dict()
        choice = whole["choices"][0]
        delta = choice["message"]
        for index, call in enumerate(delta.get("tool_calls", ())):
            call["index"] = index
        head = {
            "id": whole["id"],
            "object": "chat.completion.chunk",
            "created": whole["created"],
            "model": whole["model"],
        }
        yield ChatCompletionChunk.parse({**head, "choices": [{"index": 0, "delta": delta}]})
        end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
        yield ChatCompletionChunk.parse({**head, "choices": [end], "usage": whole["usage"]})

    async def aclose(self) -> None:
        """End the workers of the pool; a later request starts new ones."""
        self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _completion(request: ChatRequest, reply: Reply) -> dict[str, Any]:
    """Write the reply in the contract's form."""
    calls = [
        {
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for call in reply.calls
    ]
    message: dict[str, Any] = {"role": "assistant", "content": reply.content}
    if reply.refusal is not None:
        message["refusal"] = reply.refusal
    if calls:
        message["tool_calls"] = calls
    if reply.confidence is not None:
        message["confidence"] = reply.confidence
    if reply.reasoning is not None:
        message["reasoning"] = reply.reasoning
    asked = sum(len(value.encoded) for value in (*request.messages, *request.tools))
    said = len(json.dumps([message.get("tool_calls"), reply.content, reply.refusal]))
    prompt, completion = asked // 4 + 1, said // 4 + 1
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": _ENGINE,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "estimated": True,
        },
    }
