"""`ChatModel`, the model behind an address: it prepares a request as the endpoint wants it and has it sent and read.

Everything else under `http` is used from here; agents know it only as a `Model`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn, Self

from agentkit.errors import ConfigurationError
from agentkit.http.address import Address
from agentkit.http.clock import Timeout
from agentkit.http.coding import ACCEPTED
from agentkit.http.exchange import Exchange
from agentkit.http.header import check_header
from agentkit.http.key import Key
from agentkit.http.profile import Profile
from agentkit.http.retry import Retry, send
from agentkit.http.status import Asked
from agentkit.http.transport import Client, Transport, check_client
from agentkit.secret import remember_secret
from agentkit.wire.check import check_request
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion
from agentkit.wire.setting import Settings

__all__ = ["ChatModel"]

_SECRET_HEADER = re.compile(r"auth|cookie|secret|token$|(api|access|subscription)-?key")


class ChatModel:
    """A model at any endpoint that speaks the Chat Completions contract.

    It is an immutable value, shared freely among tasks, threads and event loops. Connections belong to one event loop
    and are closed with it, or by `aclose` (`async with`); a later request opens new ones.

    ```python
    model = ChatModel("llama3.2", base_url="http://127.0.0.1:11434/v1")
    ```

    Args:
        name: The model's name at the endpoint; a request that names another wins.
        base_url: Where `/chat/completions` follows, usually in `/v1`.
        api_key: The key, or a function that gives it before each request, sync or async; None or "" sends none. No
            environment variable is read here: `providers` does that, for the providers' own hosts.
        http_client: An `httpx.AsyncClient` (or httpx2's) that sends instead; it is never closed here.
        timeout: The clocks, or seconds in total; by default 10 to connect, 120 between reads, 600 in total.
        retry: How often is tried again; by default 4 attempts within 60 s.
        profile: What the endpoint wants otherwise than most.
        headers: Added to every request.
        settings: For requests that do not set them themselves.
        allow_plain_http: Whether a key may go over plain http to a host that is not this machine.
        no_key: What an error says where the endpoint misses a key, in place of our usual advice.

    Raises:
        ConfigurationError: At once, for an address, key, header or client that cannot work or would not be safe.
    """

    name: str
    base_url: str
    profile: Profile
    _given: dict[str, Any]
    _address: Address
    _key: Key | None
    _timeout: Timeout
    _retry: Retry
    _headers: dict[str, tuple[str, str]]
    _settings: Settings | None
    _no_key: str | None
    _transport: Transport

    def __init__(
        self,
        name: str,
        *,
        base_url: str = "https://api.openai.com/v1",
        api_key: str | Callable[[], str | Awaitable[str]] | Key | None = None,
        http_client: Client | None = None,
        timeout: Timeout | float | None = None,
        retry: Retry | None = None,
        profile: Profile | None = None,
        headers: Mapping[str, str] | None = None,
        settings: Settings | None = None,
        allow_plain_http: bool = False,
        no_key: str | None = None,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "self"}
        key = Key.of(api_key)
        address = Address.parse(base_url)
        own = _own_headers(headers or {})
        if (key is not None or _hold_secret(own)) and not allow_plain_http:
            _check_safe(address)
        if http_client is not None:
            check_client(http_client)
        vars(self).update(
            name=name,
            base_url=str(address),
            profile=profile or Profile(),
            _given={**given, "api_key": key},
            _address=address,
            _key=key,
            _timeout=Timeout.of(timeout),
            _retry=retry or Retry(),
            _headers=own,
            _settings=settings,
            _no_key=no_key,
            _transport=Transport(address.origin, http_client),
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"A ChatModel does not change. Make another: model.replace({name}=...).")

    def __repr__(self) -> str:
        return f"ChatModel({self.name!r}, base_url={self.base_url!r})"

    def replace(self, **changes: Any) -> Self:
        """Copy with some arguments changed; the copy has connections of its own.

        A key stays with its host: where `base_url` goes to another one, give `api_key` too, or none is sent. So do
        `headers` that hold one.
        """
        given = dict(self._given)
        if Address.parse(changes.get("base_url", self.base_url)).origin != self._address.origin:
            given["api_key"] = None
            headers: Mapping[str, str] = given["headers"] or {}
            given["headers"] = {name: value for name, value in headers.items() if not _hold_secret((name,))}
        return type(self)(**given | changes)

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Answer with the whole reply.

        Raises:
            InvalidRequestError: The request breaks the contract; nothing was sent.
            APIError: No usable reply came; the classes are those of the contract's statuses.
        """
        return await send(self._exchange(request, stream=False).completion, self._retry)

    async def stream(self, request: ChatRequest, /) -> AsyncGenerator[ChatCompletionChunk]:
        """Answer with the reply in pieces, as they come; closing the generator closes the connection at once.

        A failure is tried again only before the first chunk was given out.

        Raises:
            InvalidRequestError: The request breaks the contract; nothing was sent.
            StreamCutError: The stream ended before the reply did; `partial` has what came.
            APIError: No usable reply came; the classes are those of the contract's statuses.
        """
        incoming = await send(self._exchange(request, stream=True).start, self._retry)
        try:
            while chunks := await incoming.read():
                for chunk in chunks:
                    yield chunk
        finally:
            await incoming.aclose()

    async def fingerprint(self, request: ChatRequest, /) -> str:
        """Give a digest of the URL, the key and the exact body, by which a cache knows the reply.

        Raises:
            InvalidRequestError: The request breaks the contract.
        """
        exchange = self._exchange(request, stream=False)
        key = (await exchange.key.read() if exchange.key is not None else None) or ""
        headers = json.dumps(exchange.headers)  # one may hold a key, or choose an organization
        digest = hashlib.sha256()
        for part in (exchange.url.encode(), key.encode(), headers.encode(), exchange.body):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()

    async def aclose(self) -> None:
        """Close the connections of the running event loop; those of other loops are closed with their loops."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _exchange(self, request: ChatRequest, *, stream: bool) -> Exchange:
        request = self._spelled(request, stream=stream)
        check_request(request)
        model = request.model or self.name
        headers = self._headers
        if request.extra_headers:
            added = _checked_headers(request.extra_headers)
            if _hold_secret(added) and not self._given["allow_plain_http"]:
                _check_safe(self._address)
            headers = headers | added
        key = None if self.profile.key_header in headers else self._key
        asked = Asked(
            endpoint=self._address.endpoint(self.profile, model),
            model=model,
            key_source=key.source if key else None,
            no_key=self._no_key,
        )
        return Exchange(
            transport=self._transport,
            timeout=self._timeout,
            asked=asked,
            url=self._address.url(self.profile, model),
            headers=list(headers.values()),
            key=key,
            key_header=self.profile.key_header,
            body=request.encode(),
        )

    def _spelled(self, request: ChatRequest, *, stream: bool) -> ChatRequest:
        """Put in the model's name and settings, and spell what endpoints spell differently."""
        if self._settings is not None:
            request = _with_settings(request, self._settings)
        changes: dict[str, Any] = {"model": request.model or self.name, "stream": stream or None}
        wanted = self.profile.max_tokens_field
        other = "max_tokens" if wanted == "max_completion_tokens" else "max_completion_tokens"
        limit = getattr(request, other)
        if limit is not None and getattr(request, wanted) is None:
            changes |= {wanted: limit, other: None}
        if stream and self.profile.stream_usage and request.stream_options is None:
            changes["stream_options"] = {"include_usage": True}
        return request.replace(**changes)


_LIMITS = ("max_tokens", "max_completion_tokens")


def _with_settings(request: ChatRequest, settings: Settings) -> ChatRequest:
    """Put settings under those of a request; a token limit in either spelling is one."""
    changes = settings.set_fields()
    for name in list(changes):
        held = getattr(request, name, None)
        if name in ("extra_body", "extra_headers") and held:
            changes[name] = {**changes[name], **held}
        elif held is not None or (name in _LIMITS and any(getattr(request, limit) is not None for limit in _LIMITS)):
            del changes[name]
    return request.replace(**changes)


@functools.cache
def _agent_name() -> str:
    try:
        return f"agentkit/{version('agentkit-chat')}"
    except PackageNotFoundError:  # run from its source
        return "agentkit"


def _own_headers(given: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Give all headers but the key's, by name in small letters; what is given wins."""
    headers = {
        "accept": ("Accept", "application/json"),
        "accept-encoding": ("Accept-Encoding", ACCEPTED),
        "content-type": ("Content-Type", "application/json"),
        "user-agent": ("User-Agent", _agent_name()),
    }
    return headers | _checked_headers(given)


def _checked_headers(given: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    for name, value in given.items():
        check_header(name, value)
        if _hold_secret((name,)):
            remember_secret(value)
            remember_secret(value.rpartition(" ")[2])  # what stands behind "Bearer", which a server may tell alone
    return {name.lower(): (name, value) for name, value in given.items()}


def _hold_secret(headers: Iterable[str]) -> bool:
    return any(_SECRET_HEADER.search(name.lower()) for name in headers)


def _check_safe(address: Address) -> None:
    if address.scheme == "http" and not address.is_loopback:
        raise ConfigurationError(
            f"A key would go to {address.origin} over plain http, where anyone on the way can read it. Use https, or "
            "say allow_plain_http=True if the network is your own."
        )
