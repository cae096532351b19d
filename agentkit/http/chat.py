"""`ChatModel`, the model behind an address: it prepares a request as the endpoint wants it and has it sent and read.

Everything else under `http` is used from here; agents know it only as a `Model`.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from agentkit.errors import (
    APIError,
    APIStatusError,
    ConfigurationError,
)
from agentkit.http.address import Address
from agentkit.http.clock import Timeout
from agentkit.http.coding import ACCEPTED
from agentkit.http.correction import Correction
from agentkit.http.dialect import spell
from agentkit.http.exchange import Exchange, Route
from agentkit.http.header import check_header
from agentkit.http.key import Key
from agentkit.http.memory import Memory
from agentkit.http.profile import Profile
from agentkit.http.retry import Retry, send
from agentkit.http.status import Asked
from agentkit.http.transport import Client, Transport
from agentkit.price import Price, price_of
from agentkit.secret import is_secret_header, remember_header
from agentkit.wire.check import check_request
from agentkit.wire.chunk import ChatCompletionChunk
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion
from agentkit.wire.setting import Settings

__all__ = ["ChatModel"]

_T = TypeVar("_T")

_MOST_ROUTES = 16  # kept of one model; a request may name another model each


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
        profile: What the endpoint wants otherwise than most: a `Profile`, its fields, or the path of its JSON. What the
            endpoint refuses by name is learned besides, told (`ProfileLearned`) and logged.
        headers: Added to every request.
        settings: For requests that do not set them themselves.
        price: What it costs; by default the list price of the provider at that address, if the extra `cost` knows it.
        allow_plain_http: Whether a key may go over plain http to a host that is not this machine.
        no_key: What an error says where the endpoint misses a key, in place of our usual advice.

    Raises:
        ConfigurationError: At once, for an address, key, header, profile or client that cannot work or would not be
            safe.
    """

    name: str
    base_url: str
    _given: dict[str, Any]
    _address: Address
    _key: Key | None
    _timeout: Timeout
    _retry: Retry
    _headers: dict[str, tuple[str, str]]
    _settings: Settings | None
    _no_key: str | None
    _transport: Transport
    _memory: Memory
    _routes: dict[str, tuple[Profile, Route]]

    def __init__(
        self,
        name: str,
        *,
        base_url: str = "https://api.openai.com/v1",
        api_key: str | Callable[[], str | Awaitable[str]] | Key | None = None,
        http_client: Client | None = None,
        timeout: Timeout | float | None = None,
        retry: Retry | None = None,
        profile: Profile | Mapping[str, Any] | Path | None = None,
        headers: Mapping[str, str] | None = None,
        settings: Settings | None = None,
        price: Price | None = None,
        allow_plain_http: bool = False,
        no_key: str | None = None,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "self"}
        key = Key.of(api_key)
        address = Address.parse(base_url)
        obeyed = Profile.of(profile)
        own = _own_headers(headers or {})
        if (key is not None or _hold_secret(own)) and not allow_plain_http:
            _check_safe(address)
        _check_price(price)
        vars(self).update(
            name=name,
            base_url=str(address),
            _given={**given, "api_key": key, "profile": obeyed},
            _address=address,
            _key=key,
            _timeout=Timeout.of(timeout),
            _retry=Retry.of(retry),
            _headers=own,
            _settings=settings if settings is None else Settings().merge(settings),
            _no_key=no_key,
            _transport=Transport(address.origin, http_client),
            _memory=Memory(obeyed),
            _routes={},
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"A ChatModel does not change. Make another: model.replace({name}=...).")

    def __repr__(self) -> str:
        learned = f", learned={self._memory.learned!r}" if self._memory.learned else ""
        return f"ChatModel({self.name!r}, base_url={self.base_url!r}{learned})"

    @property
    def profile(self) -> Profile:
        """What the endpoint wants, as it was given and as it was learned since."""
        return self._memory.profile

    @property
    def price(self) -> Price | None:
        """What it costs, as it was given or as genai-prices lists it; None where neither says."""
        given: Price | None = self._given["price"]
        return given or price_of(self.base_url, self.name)

    @property
    def settings(self) -> Settings | None:
        """What requests that do not set them themselves are sent with."""
        return self._settings

    def replace(self, **changes: Any) -> Self:
        """Copy with some arguments changed; the copy has connections of its own.

        A key stays with its host: where `base_url` goes to another one, give `api_key` too, or none is sent. So do
        `headers` that hold one. What was learned is kept, unless `base_url` changes or `profile` is given.
        """
        given = dict(self._given)
        address = Address.parse(changes.get("base_url", self.base_url))
        if address.origin != self._address.origin:
            given["api_key"] = None
            headers: Mapping[str, str] = given["headers"] or {}
            given["headers"] = {name: value for name, value in headers.items() if not _hold_secret((name,))}
        made = type(self)(**given | changes)
        if address == self._address and "profile" not in changes:
            made._memory.profile = self.profile  # noqa: SLF001 # of our own class
        return made

    async def complete(self, request: ChatRequest, /) -> ChatCompletion:
        """Answer with the whole reply.

        Raises:
            InvalidRequestError: The request breaks the contract; nothing was sent.
            APIError: No usable reply came; the classes are those of the contract's statuses.
        """
        return await self._send(request, Exchange.completion, stream=False)

    async def stream(self, request: ChatRequest, /) -> AsyncGenerator[ChatCompletionChunk]:
        """Answer with the reply in pieces, as they come; closing the generator closes the connection at once.

        A failure is tried again only before the first chunk was given out.

        Raises:
            InvalidRequestError: The request breaks the contract; nothing was sent.
            StreamCutError: The stream ended before the reply did; `partial` has what came.
            APIError: No usable reply came; the classes are those of the contract's statuses.
        """
        incoming = await self._send(request, Exchange.start, stream=True)
        try:
            while chunks := await incoming.read():
                for chunk in chunks:
                    yield chunk
        except APIError as error:
            error.attempts = incoming.attempts
            raise
        finally:
            await incoming.aclose()

    async def fingerprint(self, request: ChatRequest, /) -> str:
        """Give a digest of the URL, the key and the exact body, by which a cache knows the reply.

        Raises:
            InvalidRequestError: The request breaks the contract.
        """
        request = _with_settings(request, self._settings)
        exchange = self._exchange(request, self.profile, stream=False)
        route = exchange.route
        key = (await route.key.read() if route.key is not None else None) or ""
        headers = json.dumps(route.headers)  # one may hold a key, or choose an organization
        digest = hashlib.sha256()
        for part in (route.url.encode(), key.encode(), headers.encode(), exchange.body):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()

    async def aclose(self) -> None:
        """Close the connections of the running event loop; those of other loops are closed with their loops."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _send(self, request: ChatRequest, way: Callable[[Exchange, int], Awaitable[_T]], *, stream: bool) -> _T:
        """Send, and send again where the endpoint's refusal clearly says how it wants the same to be asked."""
        if self._settings is not None:
            request = _with_settings(request, self._settings)
        exchange = self._exchange(request, self._memory.profile, stream=stream)
        correction: Correction | None = None
        while True:
            try:
                reply = await send(partial(way, exchange), self._retry)
            except APIStatusError as error:
                if correction is None:
                    correction = Correction(self._memory, request, partial(self._exchange, request, stream=stream))
                corrected = correction.after(error, exchange)
                if corrected is None:
                    raise
                exchange = corrected
            else:
                self._memory.confirm(request)
                return reply

    def _exchange(self, request: ChatRequest, profile: Profile, *, stream: bool) -> Exchange:
        spelled, name = spell(request, profile, stream=stream), request.model or self.name
        check_request(spelled)
        return Exchange(self._route(profile, name, spelled.extra_headers), spelled.encode(model=name))

    def _route(self, profile: Profile, model: str, added: Mapping[str, str] | None) -> Route:
        """Give the way that requests go; it is the same until the endpoint teaches more, or one has its own headers."""
        known = None if added else self._routes.get(model)
        if known is not None and known[0] is profile:
            return known[1]
        headers = self._headers
        if added:
            own = _checked_headers(added)
            if _hold_secret(own) and not self._given["allow_plain_http"]:
                _check_safe(self._address)
            headers = headers | own
        key = None if profile.key_header in headers else self._key
        asked = Asked(
            endpoint=self._address.endpoint(profile, model),
            model=model,
            key_source=key.source if key else None,
            no_key=self._no_key,
        )
        route = Route(
            transport=self._transport,
            timeout=self._timeout,
            asked=asked,
            url=self._address.url(profile, model),
            headers=list(headers.values()),
            key=key,
            key_header=profile.key_header,
            price=self._given["price"],
        )
        if not added and (model in self._routes or len(self._routes) < _MOST_ROUTES):
            self._routes[model] = (profile, route)
        return route


def _check_price(price: Any) -> None:
    if not isinstance(price, Price | None):
        raise ConfigurationError(
            f"price={price!r} does not say of what. Write price=Price(input=2.5, output=10), in dollars for a million "
            "tokens."
        )


def _with_settings(request: ChatRequest, settings: Settings | None) -> ChatRequest:
    """Put settings under those of a request."""
    return request if settings is None else request.replace(**settings.merge(request).set_fields())


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
        remember_header(name, value)
    return {name.lower(): (name, value) for name, value in given.items()}


def _hold_secret(headers: Iterable[str]) -> bool:
    return any(map(is_secret_header, headers))


def _check_safe(address: Address) -> None:
    if address.scheme == "http" and not address.is_loopback:
        raise ConfigurationError(
            f"A key would go to {address.origin} over plain http, where anyone on the way can read it. Use https, or "
            "say allow_plain_http=True if the network is your own."
        )
