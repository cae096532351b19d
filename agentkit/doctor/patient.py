"""The endpoint under examination: `Patient` is asked by probes, each exactly what they say, and keeps to the bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic_core import to_json

from agentkit.doctor.deviation import Deviation
from agentkit.doctor.reply import in_reply
from agentkit.doctor.stream import in_error, in_stream
from agentkit.doctor.tap import Wiretap
from agentkit.errors import (
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
)
from agentkit.http.chat import ChatModel
from agentkit.http.clock import Timeout
from agentkit.http.fault import Fault, clean
from agentkit.http.profile import Profile
from agentkit.http.retry import Retry
from agentkit.wire.ending import is_cut
from agentkit.wire.merge import merge
from agentkit.wire.message import AssistantMessage, ToolCall
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion

__all__ = ["Answer", "Bounds", "Patient"]

_PASSING: Final = (408, 409, 425, 429, 502, 503, 504, 529)  # says nothing of the request
_REFUSALS: Final = (BadRequestError, AuthenticationError, PermissionDeniedError, NotFoundError)
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_SHORT: Final = 32
_LONGEST_WAIT: Final = 30.0
_SHARES: Final = 4  # so that one request that never ends leaves time for the others
_BYTES_A_TOKEN: Final = 4
_CARRIER: Final = {"messages": [{"role": "user", "content": "."}], "check_contract": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much an examination may take.

    Attributes:
        requests: How many requests; None for as many as the probes need at most.
        tokens: How many tokens in all, in and out; None for as many as the probes need at most. Probes for which not
            enough is left are skipped.
        seconds: How long in all; one request may take a quarter of it.
        reply_tokens: How many tokens one reply may have.
        result_bytes: How long the long result of a tool is; 0 leaves that probe out.
    """

    requests: int | None = None
    tokens: int | None = None
    seconds: float = 300.0
    reply_tokens: int = 128
    result_bytes: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one request.

    Attributes:
        reply: As agentkit reads it; None where there is none.
        error: Why there is none.
    """

    reply: ChatCompletion | None = None
    error: APIError | None = None

    @property
    def status(self) -> int | None:
        """Give the error's HTTP status; None where it has none."""
        return self.error.status_code if isinstance(self.error, APIStatusError) else None

    @property
    def is_refused(self) -> bool:
        """Tell whether the endpoint declined what was asked; 500 is how some servers say so (llama.cpp's templates)."""
        if self.status == 200:
            return isinstance(self.error, _REFUSALS)
        return self.status is not None and self.status not in _PASSING and self.status <= 501

    @property
    def words(self) -> str:
        """Give what went wrong on one line: the endpoint's status and own words, or our error's text."""
        error = self.error
        if not isinstance(error, APIStatusError):
            return clean(str(error or ""))
        return f"{error.status_code}: {_said(error)}"

    @property
    def text(self) -> str:
        """Give the text of the reply."""
        return (self.reply.message.content if self.reply else None) or ""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Give the calls of the reply."""
        return self.reply.message.tool_calls if self.reply else ()

    @property
    def is_cut(self) -> bool:
        """Tell whether the reply ended at the token limit, by whichever word."""
        return is_cut(self.finish_reason)

    @property
    def finish_reason(self) -> str | None:
        """Give the word that the reply ended with."""
        return self.reply.choices[0].finish_reason if self.reply else None


class Patient:
    """One model at one endpoint, asked without retries and without a profile's changes.

    Args:
        model: Where it is, and how it is addressed.
        bounds: How much may be asked.
        most: How many requests may be sent.

    Attributes:
        profile: What is known so far; the model's own at first.
        tokens: Spent so far, input and output; what the endpoint did not count is estimated.
        waits: What it said where it asked to wait.
        reasoning: The fields of reasoning of the first reply that had any, as they go back.
        called: The model's own messages with one call and with two, as they are kept in a history.
        proven: The modes of `Profile.output_mode` that were seen to work.
        deviations: What deviated, by name, in the order it was first seen.
        toolless: Whether it refused to be offered a tool.
        stopped: Why nothing more can be asked; None while something can.
    """

    def __init__(self, model: ChatModel, bounds: Bounds, most: int) -> None:
        timeout = Timeout(connect=min(10.0, bounds.seconds), read=bounds.seconds, total=bounds.seconds)
        self.bounds = bounds
        self.model = model
        self.profile = model.profile
        self.tokens = (0, 0)
        self.waits: list[str] = []
        self.reasoning: dict[str, Any] = {}
        self.called: dict[int, AssistantMessage] = {}
        self.proven: set[str] = set()
        self.deviations: dict[str, str] = {}
        self.toolless = False
        self.stopped: str | None = None
        self.tap = Wiretap(most)
        self._timeout = timeout
        self._bare = self.over(Profile(stream_usage=False))
        self._end = time.monotonic() + bounds.seconds

    def over(self, profile: Profile) -> ChatModel:
        """Give the model with another profile, its address kept, without settings and retries.

        What `ask` sends by it is all in `extra_body`, of which nothing is learned and nothing spelled otherwise.
        """
        own = self.model.profile
        placed = profile.replace(path=own.path, query=own.query, key_header=own.key_header)
        return self.model.replace(profile=placed, settings=None, retry=Retry(attempts=1), timeout=self._timeout)

    @property
    def seconds_left(self) -> float:
        """Give how long there still is."""
        return max(0.0, self._end - time.monotonic())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._bare.aclose()

    async def ask(self, body: dict[str, Any], *, stream: bool = False, tokens: int = _SHORT) -> Answer:
        """Send exactly this body with the model's name, and a token limit where it has none.

        Where the endpoint asks for patience, it is waited for and asked once more, within the bounds.
        """
        limits: dict[str, Any] = {self.profile.max_tokens_field: min(tokens, self.bounds.reply_tokens)}
        body = body if any(name in body for name in _LIMITS) else {**body, **limits}
        answer = await self._once(body, stream=stream)
        if answer.status not in (429, 503):
            return answer
        wait = answer.error.retry_after if isinstance(answer.error, APIStatusError) else None
        self.waits.append(f"{answer.words} (Retry-After: {'none' if wait is None else f'{wait:g} s'})")
        if wait is not None and wait <= min(_LONGEST_WAIT, self.seconds_left):
            await asyncio.sleep(wait)
            answer = await self._once(body, stream=stream)
        if answer.status == 429:
            self.stopped = f"the endpoint asks for patience: {answer.words}"
        return answer

    async def _once(self, body: dict[str, Any], *, stream: bool) -> Answer:
        request = ChatRequest.parse(_CARRIER).replace(extra_body=body, model=body.get("model"))  # the URL may hold it
        answer = await self.send(self._bare, request, stream=stream)
        self._count(len(to_json(body)), answer)
        return answer

    async def send(self, model: ChatModel, request: ChatRequest, *, stream: bool) -> Answer:
        """Send a request by a model that `over` made, and look at what came."""
        seconds = min(self.seconds_left, self.bounds.seconds / _SHARES)
        await model.aclose()  # a kept connection may be closed by the server just then (llama.cpp, after streams)
        try:
            async with asyncio.timeout(seconds):
                with self.tap:
                    reply = await _reply(model, request, stream=stream)
        except APIError as error:  # its own clocks are among these
            if isinstance(error, APIStatusError) and error.status_code == 200 and self.tap.heard is not None:
                self._note([in_error(bytes(self.tap.heard.body))])
            return Answer(error=error)
        except TimeoutError:
            return Answer(error=APITimeoutError(f"no whole answer within {seconds:.3g} s; the request was left"))
        heard = self.tap.heard
        assert heard is not None
        raw, usage_asked = bytes(heard.body), b'"stream_options"' in heard.request
        found = (
            in_stream(raw, heard.headers, reply, usage_asked=usage_asked)
            if stream
            else in_reply(raw, heard.headers, reply)
        )
        self._note(found)
        self._remember(reply)
        return Answer(reply=reply)

    def _note(self, found: Iterable[Deviation]) -> None:
        for deviation in found:
            self.deviations.setdefault(deviation.name, deviation.seen)

    def _remember(self, reply: ChatCompletion) -> None:
        """Keep the calls and the reasoning that came, in the dialect that it came in."""
        message = reply.message
        if message.tool_calls and not is_cut(reply.choices[0].finish_reason):
            self.called.setdefault(len(message.tool_calls), message.to_history())
        if {"think_tags", "thinking_parts"} & self.deviations.keys():  # then agentkit has put it in a field
            return
        fields = {
            "reasoning_content": message.reasoning_content,
            "reasoning": message.reasoning_text,
            "reasoning_details": message.reasoning_details,
        }
        self.reasoning = self.reasoning or {name: value for name, value in fields.items() if value}

    def _count(self, size: int, answer: Answer) -> None:
        usage = answer.reply.usage if answer.reply else None
        if usage is not None and usage.prompt_tokens > 0 and usage.completion_tokens >= 0:
            spent = (usage.prompt_tokens, usage.completion_tokens)
        else:  # a refused request costs nothing
            spent = (size // _BYTES_A_TOKEN, len(answer.text) // _BYTES_A_TOKEN) if answer.reply else (0, 0)
        self.tokens = (self.tokens[0] + spent[0], self.tokens[1] + spent[1])


async def _reply(model: ChatModel, request: ChatRequest, *, stream: bool) -> ChatCompletion:
    return merge([chunk async for chunk in model.stream(request)]) if stream else await model.complete(request)


def _said(error: APIStatusError) -> str:
    body: Any = error.body
    return clean(Fault.of(body).message if not isinstance(body, str) else body) or "no reason given"
