"""The chunks of a streamed reply, pure: `ChunkDecoder` is fed what came and knows whether the reply came to its end."""

from __future__ import annotations

from pydantic_core import from_json

from agentkit.errors import InvalidResponseError, StreamCutError
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.merge import merge
from agentkit.wire.response import ChatCompletion
from agentkit.wire.sse import DONE, Event, SSEDecoder

__all__ = ["ChunkDecoder", "completion_of", "is_events", "one_chunk"]

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b"error:", b":")
_NO_MARK = "neither a finish_reason nor [DONE] came"
_BOM = b"\xef\xbb\xbf"


def is_events(begin: bytes) -> bool | None:
    """Tell by its first bytes whether a body is server-sent events; None where they are too few to tell.

    The content-type does not tell: recorded servers label either body as the other.
    """
    begin = begin.removeprefix(_BOM).lstrip()
    if any(begin.startswith(name) for name in _FIELDS):
        return True
    return None if any(name.startswith(begin) for name in _FIELDS) else False


class ChunkDecoder:
    """Turn network reads into chunks.

    Attributes:
        done: Whether `[DONE]` came after a reply had begun.
        failure: What stood in the place of a chunk; it is raised after the chunks before it were given out.
    """

    __slots__ = ("_begun", "_decoder", "_early", "_ended", "_reads", "done", "failure")

    def __init__(self) -> None:
        self._decoder = SSEDecoder()
        self._reads: list[bytes] = []
        self._begun: set[int] = set()  # choices
        self._ended: set[int] = set()
        self._early = False
        self.done = False
        self.failure: InvalidResponseError | None = None

    def feed(self, read: bytes) -> list[ChatCompletionChunk]:
        """Take what came and give the chunks that it ends."""
        self._reads.append(read)
        try:
            return self._chunks(self._decoder.feed(read))
        except InvalidResponseError as error:
            self.failure = error
            return []

    def end(self) -> list[ChatCompletionChunk]:
        """Give the chunks that only the end of the body ends; half an event there is no fault, but shows the cut."""
        return [] if self.failure is not None else self._chunks(self._decoder.end(), last=True)

    def _chunks(self, events: list[Event], *, last: bool = False) -> list[ChatCompletionChunk]:
        chunks: list[ChatCompletionChunk] = []
        parse = ChatCompletionChunk.parse
        for name, data in events:
            if data[:1] != b"{" and (not data or data.isspace() or data.strip() == DONE):
                if data.strip():
                    self.done, self._early = self.done or bool(self._begun), not self._begun
                continue
            try:
                chunk = parse(data)
            except InvalidResponseError as error:
                if last and error.error is None:
                    self._ended.clear()
                else:
                    self.failure = error
                break
            if name == "error":  # an error that is not under `error`: some proxies
                self.failure = _named_error(data)
                break
            for choice in chunk.choices:
                self._begun.add(choice.index)
                if choice.finish_reason:
                    self._ended.add(choice.index)
            chunks.append(chunk)
        return chunks

    @property
    def finished(self) -> bool:
        """Tell whether chunks said of each choice that came why it ended."""
        return bool(self._ended) and self._ended == self._begun

    @property
    def whole(self) -> bool:
        """Tell whether the reply came to its end; of a reply that was cut off both marks are missing."""
        return self.done or self.finished

    @property
    def lack(self) -> str:
        """Say what a stream that is not whole lacks."""
        return "[DONE] came before anything else" if self._early else _NO_MARK

    def cut(self, reason: str, endpoint: str) -> StreamCutError:
        """Make the error of a stream that ended too soon, with what came until then."""
        again = ChunkDecoder()
        chunks = again.feed(b"".join(self._reads)) + again.end()
        error = StreamCutError(
            f"The stream of {endpoint} was cut off: {reason}. What came is in `error.partial`.", endpoint=endpoint
        )
        error.partial = merge(chunks) if chunks else None
        return error


def _named_error(data: bytes) -> InvalidResponseError:
    text = data[:500].decode("utf-8", "replace")
    error = InvalidResponseError(f"The endpoint sent an event named 'error': {text}.")
    error.body = text
    error.error = from_json(data)  # an object, or it would have been no chunk
    return error


def completion_of(body: bytes) -> ChatCompletion:
    """Read a whole reply: the contract's JSON, or the events of a stream, which some servers send unasked.

    Raises:
        InvalidResponseError: It is no reply.
        StreamCutError: The events end before the reply does.
    """
    if not is_events(body[:64]):
        return ChatCompletion.parse(body)
    decoder = ChunkDecoder()
    chunks = decoder.feed(body) + decoder.end()
    if decoder.failure is not None:
        raise decoder.failure
    if not decoder.whole:
        raise decoder.cut(decoder.lack, "the endpoint")
    return merge(chunks)


def one_chunk(completion: ChatCompletion) -> ChatCompletionChunk:
    """Give a whole reply as the one chunk of a stream, for servers that do not stream."""
    reply = completion.to_dict()
    for choice in reply["choices"]:
        message = choice.pop("message")
        calls = message.get("tool_calls") or ()
        message["tool_calls"] = [{**call, "index": position} for position, call in enumerate(calls)]
        choice["delta"] = message
    return ChatCompletionChunk.parse({**reply, "object": "chat.completion.chunk"})
