"""Tokens by sizes, pure: the most that a prompt may have, before it is sent, and what a request took that was cut."""

from __future__ import annotations

import math
import re
import string
from collections import OrderedDict
from typing import Any

from pydantic_core import to_json

from agentkit.wire.message import Message
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Choice, Usage

__all__ = ["Ratios", "at_most", "estimate", "image_of", "written"]

_BYTES_A_TOKEN = 4  # of English text and JSON: https://platform.openai.com/tokenizer
# Tokens a byte, more than measured with the tokenizers cl100k, o200k, of Claude 2 and of DeepSeek V3: words of Latin
# letters have 0.2 to 0.3; numbers in tables, minified JSON, UUIDs 0.63; other scripts 0.12 to 0.6, emoji 0.73.
# Not so letters at random (0.54), base64 (0.72), Amharic (up to 1).
_UNKNOWN, _OTHER = 0.5, 0.75  # letters and spaces of a model of which nothing is known; all else, of any model
_LEAST, _MARGIN = 1 / 3, 1.2  # the least that is taken for a model, and how much more than what was seen
_LETTERS = (string.ascii_letters + " ").encode()
_FRAME = 16  # tokens of a chat template round the messages
_IMAGE = (
    5000  # 1536 patches at 2.46 of gpt-4.1-nano: https://platform.openai.com/docs/guides/images-vision; Claude 4784
)
_IMAGES = (("gpt-4o-mini", 48_169),)  # the same page: 8 tiles of 5667, and 2833
_AUDIO, _FILE = 100, 20  # bytes of base64 a token: 32 tokens a second of low quality; a page of a PDF
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
        completion = _tokens(written(reply))
        if reply.usage is not None:
            prompt = reply.usage.prompt_tokens or prompt
            completion = max(completion, reply.usage.completion_tokens)
    return Usage(prompt_tokens=prompt, completion_tokens=completion).replace(estimated=True)


class Ratios:
    """The most tokens a byte that models were seen to have, by their names; of so many models, the last ones asked.

    Args:
        most: How many.
    """

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._seen: OrderedDict[str, float] = OrderedDict()

    def of(self, name: str) -> float:
        """Give what is reserved for each byte of a prompt."""
        seen = self._seen.get(name)
        return _UNKNOWN if seen is None else max(_LEAST, seen * _MARGIN)

    def learn(self, name: str, request: ChatRequest, tokens: int) -> None:
        """Take what an endpoint counted of a prompt; one with media tells nothing of text."""
        size = 0
        for message in request.messages:
            if not isinstance(getattr(message, "content", None), str | None):
                return
            size += len(message.encoded)
        size += sum(map(len, _fixed(request)))
        self._seen[name] = max(self._seen.pop(name, 0.0), tokens / max(1, size))  # put last
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)


def image_of(name: str) -> int:
    """Give the most tokens that a model, by its name, is taken to count for an image."""
    return next((tokens for part, tokens in _IMAGES if part in name.lower()), _IMAGE)


def at_most(request: ChatRequest, known: tuple[ChatRequest, int] | None, ratio: float, image: int = _IMAGE) -> int:
    """Give the most tokens that a prompt may have, but for scripts and media that are dearer than is known of any.

    Args:
        request: What is to be sent.
        known: An earlier request of the same run, with the tokens that the endpoint counted: where this one goes on
            from it, only what is new is estimated.
        ratio: Tokens a byte of words, where nothing else is known of them.
        image: Tokens of an image.
    """
    messages = request.messages
    if known is not None:
        before, count = known
        size = len(before.messages)
        if _fixed(before) == _fixed(request) and messages[:size] == before.messages:
            return count + _FRAME + sum(_most(one, max(ratio, _UNKNOWN), image) for one in messages[size:])
    text = sum(_most_text(one, ratio) for one in _fixed(request))
    return _FRAME + text + sum(_most(message, ratio, image) for message in messages)


def _fixed(request: ChatRequest) -> tuple[bytes, ...]:
    """Give what of a prompt is not said by its messages; in a body of one's own, documents may be."""
    encoded = [one.encoded for one in (*(request.tools or ()), request.response_format) if one is not None]
    return (*encoded, to_json(request.extra_body)) if request.extra_body else tuple(encoded)


def _most(message: Message, ratio: float, image: int) -> int:
    content: Any = getattr(message, "content", None)
    text, media = message.encoded, 0
    for part in () if isinstance(content, str | None) else content:
        if part.type in ("image_url", "input_audio", "file"):
            text = text.replace(part.encoded, b"", 1)
            size = len(part.encoded)
            media += image if part.type == "image_url" else -(-size // (_FILE if part.type == "file" else _AUDIO))
    return _most_text(text, ratio) + media


def _most_text(text: bytes, ratio: float) -> int:
    others = len(text.translate(None, _LETTERS))
    return math.ceil((len(text) - others) * ratio + others * max(ratio, _OTHER))


def _size(request: ChatRequest) -> int:
    return len(_MEDIA.sub(b"", request.encode()))


def _tokens(size: int) -> int:
    return -(-size // _BYTES_A_TOKEN)


def written(reply: ChatCompletion) -> int:
    """Count the bytes of what a reply says: text, reasoning and calls of all its choices."""
    return sum(map(_written, reply.choices))


def _written(choice: Choice) -> int:
    message = choice.message
    calls = (call.function.name + call.function.arguments for call in message.tool_calls)
    said = "".join((message.content or "", message.reasoning or "", message.refusal or "", *calls))
    return len(said.encode("utf-8", "replace"))
