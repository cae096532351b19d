"""Chunks of a stream joined to a whole reply, pure; the agent's stream and `merge` use it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic_core import to_json

from agentkit.kind import is_array, is_object
from agentkit.wire.chunk import ChatCompletionChunk, ChunkChoice, Delta
from agentkit.wire.ending import is_cut, is_filtered
from agentkit.wire.opencall import OpenCall, add_piece
from agentkit.wire.repair import repair_chunk
from agentkit.wire.response import ChatCompletion, Choice, ResponseMessage, Usage
from agentkit.wire.think import ThinkSplitter

__all__ = ["Merger", "merge"]

_ENVELOPE = ("id", "created", "model", "system_fingerprint", "service_tier")
_TEXTS = ("refusal", "reasoning_text", "reasoning_content")
_TEXT_ONLY = frozenset(("role", "content"))
_PADDING = {"obfuscation": ""}  # OpenAI's, so that the sizes of chunks tell nothing


_Added = list[tuple[str, str, OpenCall | None]]


class _OpenChoice:
    """A choice that is still coming; `think` is None where reasoning has a field of its own."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}
        self.calls: list[OpenCall] = []
        self.legacy: OpenCall | None = None
        self.details: list[Any] = []
        self.annotations: list[Any] = []
        self.audio: dict[str, Any] = {}
        self.logprobs: dict[str, list[Any]] = {}
        self.message_extra: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.finish_reason: str | None = None
        self.think: ThinkSplitter | None = ThinkSplitter()

    @property
    def is_plain(self) -> bool:
        """Tell whether text that comes now is said, and not thought."""
        return "content" in self.fields and (self.think is None or self.think.is_over)


class Merger:
    """Join chunks as they come.

    Attributes:
        usage: The last usage that was sent, never a sum over chunks; what it leaves out is taken from those before.
        finished: Whether choice 0 has said why it ended.
        started: Whether any chunk came.
    """

    __slots__ = ("_choices", "_envelope", "finished", "started", "usage")

    def __init__(self) -> None:
        self._choices: dict[int, _OpenChoice] = {}
        self._envelope: dict[str, Any] = {}
        self.usage: Usage | None = None
        self.finished = False
        self.started = False

    def add(self, chunk: ChatCompletionChunk) -> _Added:
        """Take a chunk; give what it adds to choice 0: ("text" | "reasoning" | "call", piece, call).

        Raises:
            InvalidResponseError: The calls of a choice are more than any real reply makes.
        """
        if (text := self._plain(chunk)) is not None:
            return [("text", text, None)]
        usage = chunk.usage
        if usage and usage.model_fields_set:
            self.usage = _last_usage(self.usage, usage)
        ends = bool(chunk.choices) and chunk.choices[0].finish_reason
        if not self.started or not self._envelope.get("id") or ends or usage is not None:
            self._envelope |= {k: v for k in _ENVELOPE if (v := getattr(chunk, k)) and not self._envelope.get(k)}
        self.started = True
        if chunk.model_extra:
            self._envelope |= {k: v for k, v in chunk.model_extra.items() if v is not None}
        added: _Added = []
        for piece in chunk.choices:
            choice = self._choices.get(piece.index)
            if choice is None:
                choice = self._choices[piece.index] = _OpenChoice()
            if piece.model_extra and "message" in piece.model_extra:
                piece = _whole_message(piece, choice)  # noqa: PLW2901 # read as the delta that it stands for
            pieces = _add(choice, piece)
            if piece.index == 0:
                added += pieces
                self.finished = self.finished or bool(piece.finish_reason)
        return added

    def _plain(self, chunk: ChatCompletionChunk) -> str | None:
        """Take a chunk that only goes on with the text of choice 0, as nearly all of them do; None of any other."""
        if (
            len(chunk.choices) != 1
            or chunk.usage is not None
            or (chunk.model_extra or _PADDING).keys() != _PADDING.keys()
        ):
            return None
        (piece,) = chunk.choices
        choice = self._choices.get(0)
        if choice is None or not choice.is_plain or piece.index or piece.finish_reason or piece.logprobs is not None:
            return None
        delta = piece.delta
        if not delta.content or not delta.model_fields_set <= _TEXT_ONLY or piece.model_extra:
            return None
        choice.fields["content"].append(delta.content)
        return delta.content

    def completion(self) -> ChatCompletion:
        """Give the reply as far as it came; call it once, at the end."""
        choices = [_choice(index, choice) for index, choice in sorted(self._choices.items())]
        if not choices:
            choices = [Choice(index=0, message=ResponseMessage())]
        known = {"object": "chat.completion", "choices": choices, "usage": self.usage}
        return ChatCompletion.model_validate(self._envelope | known)


def _add(choice: _OpenChoice, piece: ChunkChoice) -> _Added:
    delta = piece.delta
    added: _Added = []
    if delta.reasoning_text or delta.reasoning_content or delta.reasoning_details:
        added.append(("reasoning", delta.reasoning or "", None))
        if choice.think and not choice.think.started:
            choice.think = None  # tags in the text then are the model's own words
    for name in _TEXTS:
        if text := getattr(delta, name):
            choice.fields.setdefault(name, []).append(text)
    if delta.content:
        added += _say(choice, *(choice.think.feed(delta.content) if choice.think else (delta.content, "")))
    if delta.tool_calls:
        named: list[OpenCall] = []
        added += [step for call in delta.tool_calls if (step := add_piece(choice.calls, call, named))]
    if piece.finish_reason and not (is_cut(choice.finish_reason) or is_filtered(choice.finish_reason)):
        choice.finish_reason = piece.finish_reason
    if delta.model_extra or delta.audio or delta.reasoning_details or delta.annotations or delta.function_call:
        _add_rare(choice, delta)
    if is_object(piece.logprobs):
        for name, tokens in piece.logprobs.items():
            if is_array(tokens):
                choice.logprobs.setdefault(name, []).extend(tokens)
    if piece.model_extra:
        choice.extra |= {k: v for k, v in piece.model_extra.items() if v is not None}
    return [step for step in added if step[1] or step[2]]


def _say(choice: _OpenChoice, said: str, thought: str) -> _Added:
    if said:
        choice.fields.setdefault("content", []).append(said)
    if thought:
        choice.fields.setdefault("reasoning_content", []).append(thought)
    return [("text", said, None), ("reasoning", thought, None)]


def _last_usage(before: Usage | None, usage: Usage) -> Usage:
    """Give the last usage; counts and details that it leaves out were told before (proxies of Anthropic's models)."""
    if before is None:
        return usage
    prompt = usage.prompt_tokens or before.prompt_tokens
    completion = usage.completion_tokens or before.completion_tokens
    changes: dict[str, Any] = {}
    if prompt != usage.prompt_tokens or completion != usage.completion_tokens:
        changes = {"prompt_tokens": prompt, "completion_tokens": completion}
        told = before.total_tokens if prompt + completion == before.prompt_tokens + before.completion_tokens else 0
        changes["total_tokens"] = max(usage.total_tokens, prompt + completion, told)
    if usage.prompt_tokens_details is None and prompt == before.prompt_tokens:
        changes["prompt_tokens_details"] = before.prompt_tokens_details
    if usage.completion_tokens_details is None and completion == before.completion_tokens:
        changes["completion_tokens_details"] = before.completion_tokens_details
    return usage.replace(**changes) if any(changes.values()) else usage


def _whole_message(piece: ChunkChoice, choice: _OpenChoice) -> ChunkChoice:
    """Read the message of a chunk that has no delta as one: what of a whole reply no delta told before.

    A whole reply may come as one event, or again as the last one (MiniMax).
    """
    whole = (piece.model_extra or {}).get("message")
    delta = piece.delta
    if delta.role or delta.tool_calls or delta.model_fields_set - {"tool_calls"} or not is_object(whole):
        return piece
    read = repair_chunk(to_json({"choices": [{"index": piece.index, "delta": whole}]}))
    said: dict[str, Any] = read["choices"][0]["delta"]
    told: set[str] = {*choice.fields}
    if choice.think and choice.think.started:
        told.add("content")
    text, all_text = "".join(choice.fields.get("content", ())), said.get("content") or ""
    if choice.is_plain and all_text.startswith(text):
        said["content"] = all_text[len(text) :]
        told.discard("content")
    if told & {"reasoning_text", "reasoning_content"} or choice.details:
        told |= {"reasoning", "reasoning_content", "reasoning_details"}
    if choice.calls:
        told.add("tool_calls")
    return piece.replace(delta=Delta.model_validate({name: value for name, value in said.items() if name not in told}))


def _add_rare(choice: _OpenChoice, delta: Delta) -> None:
    if delta.reasoning_details:
        choice.details.extend(delta.reasoning_details)
    if delta.annotations:
        choice.annotations.extend(delta.annotations)
    if is_object(delta.audio):
        for name, value in delta.audio.items():
            before = choice.audio.get(name, "")
            joined = name in ("data", "transcript") and isinstance(value, str) and isinstance(before, str)
            choice.audio[name] = f"{before}{value}" if joined else value
    if delta.function_call and (delta.function_call.name or delta.function_call.arguments):
        choice.legacy = choice.legacy or OpenCall(0, None)
        choice.legacy.say(delta.function_call.name or "", delta.function_call.arguments or "")
    for name, value in (delta.model_extra or {}).items():
        parts: Any = choice.message_extra.get(name) if name == "content_parts" else None
        choice.message_extra[name] = [*parts, *value] if is_array(parts) and is_array(value) else value


def _choice(index: int, choice: _OpenChoice) -> Choice:
    if choice.think:
        _say(choice, *choice.think.end())
    fields: dict[str, Any] = {name: "".join(pieces) for name, pieces in choice.fields.items()}
    if "reasoning_text" in fields:
        fields["reasoning"] = fields.pop("reasoning_text")
    message = ResponseMessage.model_validate(
        {
            **choice.message_extra,
            **fields,
            "tool_calls": _calls(choice.calls),
            "function_call": choice.legacy and choice.legacy.to_dict()["function"],
            "reasoning_details": choice.details or None,
            "annotations": choice.annotations or None,
            "audio": choice.audio or None,
        }
    )
    known = {
        "index": index,
        "message": message,  # over the whole message so far that Perplexity puts beside its deltas
        "finish_reason": choice.finish_reason,
        "logprobs": choice.logprobs or None,
    }
    return Choice.model_validate(choice.extra | known)


def _calls(calls: list[OpenCall]) -> list[dict[str, Any]]:
    seen: set[str] = set()
    for call in calls:
        if call.id in seen:  # the same id on several calls
            call.id = ""
        seen.add(call.id)
    return [call.to_dict() for call in calls]


def merge(chunks: Iterable[ChatCompletionChunk]) -> ChatCompletion:
    """Join the chunks of one stream to the reply that they are pieces of."""
    merger = Merger()
    for chunk in chunks:
        merger.add(chunk)
    return merger.completion()
