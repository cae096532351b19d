"""What a request cost that was cut before the endpoint counted its tokens, as an estimate; a turn uses it, pure."""

from __future__ import annotations

import re

from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Choice, Usage

__all__ = ["estimate"]

_BYTES_A_TOKEN = 4  # of English text and JSON: https://platform.openai.com/tokenizer
_MEDIA = re.compile(rb'(;base64,|"data":")[A-Za-z0-9+/=]+')


def estimate(request: ChatRequest, known: tuple[ChatRequest, int] | None, reply: ChatCompletion | None) -> Usage:
    """Estimate from sizes: of the prompt by an earlier request with its count where there is one, else 4 bytes a token.

    Args:
        request: The one that was cut.
        known: An earlier request of the same run, with the prompt tokens that the endpoint counted.
        reply: What came of the reply; the last usage that it told counts where it is more.

    Returns:
        The usage, with `estimated` set. Images, audio and files are not counted, but for what `known` shows of them.
    """
    size = _size(request)
    prompt = round(size * known[1] / _size(known[0])) if known else _tokens(size)
    completion = 0
    if reply is not None:
        completion = _tokens(sum(map(_written, reply.choices)))
        if reply.usage is not None:
            prompt = reply.usage.prompt_tokens or prompt
            completion = max(completion, reply.usage.completion_tokens)
    return Usage(prompt_tokens=prompt, completion_tokens=completion).replace(estimated=True)


def _size(request: ChatRequest) -> int:
    return len(_MEDIA.sub(b"", request.encode()))


def _tokens(size: int) -> int:
    return -(-size // _BYTES_A_TOKEN)


def _written(choice: Choice) -> int:
    message = choice.message
    calls = (call.function.name + call.function.arguments for call in message.tool_calls)
    said = "".join((message.content or "", message.reasoning or "", message.refusal or "", *calls))
    return len(said.encode("utf-8", "replace"))
