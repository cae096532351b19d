"""What tokens cost: `Price` in dollars, given with a model or found by `price_of`; runs count and reserve by it.

genai-prices, which the extra `cost` brings, knows the list prices; it is loaded at the first price that is asked for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from agentkit.errors import ConfigurationError

__all__ = ["FREE", "Counted", "Price", "dearest", "dollars", "output_of", "price_of", "told_cost"]

_MILLION = 1_000_000
_PERIOD = 900  # seconds that a price found is kept: some change at a date, or at an hour of the day
_ALSO = (("https://api.together.ai", "https://api.together.xyz"),)  # addresses that genai-prices has by another name
_OWN = ("input", "output", "cached_input", "audio_input", "audio_output", "request")


class Counted(Protocol):
    """The tokens of one request, as `Usage` of the contract has them."""

    @property
    def prompt_tokens(self) -> int:
        """Those of the prompt."""
        ...

    @property
    def completion_tokens(self) -> int:
        """Those of the reply."""
        ...

    @property
    def total_tokens(self) -> int:
        """All of them."""
        ...

    @property
    def prompt_tokens_details(self) -> Any:
        """Those of the prompt that were cached, and that were audio."""
        ...

    @property
    def completion_tokens_details(self) -> Any:
        """Those of the reply that were audio."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs, in dollars for a million tokens, as price lists have it.

    Attributes:
        input: Of the prompt.
        output: Of the reply, reasoning among it.
        cached_input: Of what the endpoint had in its cache; None is as `input`.
        audio_input: Of spoken input; None is as `input`.
        audio_output: Of spoken output; None is as `output`.
        request: Dollars for each request besides.
        above: Other prices, for requests whose prompt has more tokens than the number beside each; all of such a
            request is charged by it.

    Raises:
        ConfigurationError: A price is below 0, or no number.
    """

    input: float
    output: float
    cached_input: float | None = None
    audio_input: float | None = None
    audio_output: float | None = None
    request: float = 0.0
    above: tuple[tuple[int, Price], ...] = field(default=())

    def __post_init__(self) -> None:
        for name in _OWN:
            value: Any = getattr(self, name)
            known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
            if not known and (value is not None or name in ("input", "output", "request")):
                raise ConfigurationError(
                    f"Price: {name}={value!r} is no price. Give dollars for a million tokens, 0 or more."
                )

    def cost(self, usage: Counted) -> float:
        """Give what a request cost, in dollars."""
        price = self._for(usage.prompt_tokens)
        given, made = usage.prompt_tokens_details, usage.completion_tokens_details
        cached = min((given.cached_tokens if given else None) or 0, usage.prompt_tokens)
        spoken = min((given.audio_tokens if given else None) or 0, usage.prompt_tokens - cached)
        said, output = (made.audio_tokens if made else None) or 0, output_of(usage)
        dollars = (
            (usage.prompt_tokens - cached - spoken) * price.input
            + cached * _or(price.cached_input, price.input)
            + spoken * _or(price.audio_input, price.input)
            + max(0, output - said) * price.output
            + said * _or(price.audio_output, price.output)
        )
        return dollars / _MILLION + price.request

    def most(self, input_tokens: int, *, audio: bool = False) -> tuple[float, float]:
        """Give the most that a request with so long a prompt may cost: before its reply, and for each token of it.

        Args:
            input_tokens: Those of the prompt, at most.
            audio: Whether speech may be among what is sent and what comes.
        """
        prices = (self, *(price for start, price in self.above if start < input_tokens))
        given = max(_dearer(price.input, price.cached_input, price.audio_input if audio else None) for price in prices)
        made = max(_dearer(price.output, price.audio_output if audio else None) for price in prices)
        return given * input_tokens / _MILLION + max(price.request for price in prices), made / _MILLION

    def _for(self, prompt: int) -> Price:
        fitting = [step for step in self.above if step[0] < prompt]
        return max(fitting, key=_start)[1] if fitting else self


FREE = Price(input=0, output=0)
"""Of what runs on this machine."""


def _or(price: float | None, other: float) -> float:
    return other if price is None else price


def _dearer(*prices: float | None) -> float:
    return max(price for price in prices if price is not None)


def _start(step: tuple[int, Price]) -> int:
    return step[0]


def output_of(usage: Counted) -> int:
    """Give the tokens of a reply; some endpoints count reasoning in `total_tokens` only (Gemini, xAI)."""
    return max(usage.completion_tokens, usage.total_tokens - usage.prompt_tokens)


def dearest(prices: Iterable[Price | None]) -> Price | None:
    """Give the price that none of several goes over, None where one of them is not known."""
    known: list[Price] = []
    for price in prices:
        if price is None:
            return None
        known += (price, *(step for _, step in price.above))
    if not known:
        return None
    return Price(
        input=max(one.input for one in known),
        output=max(one.output for one in known),
        cached_input=max(_or(one.cached_input, one.input) for one in known),
        audio_input=max(_or(one.audio_input, one.input) for one in known),
        audio_output=max(_or(one.audio_output, one.output) for one in known),
        request=max(one.request for one in known),
    )


def told_cost(usage: Counted | None) -> float | None:
    """Give what the endpoint itself says that a request cost (`usage.cost`: OpenRouter and others)."""
    cost: Any = getattr(usage, "cost", None)
    return (
        float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < math.inf else None
    )


def dollars(usage: Counted | None, cost: float | str | None) -> float | None:
    """Give what a request cost, None where nobody knows.

    Args:
        usage: Of its reply.
        cost: What was known at once: a text is the endpoint, a space, and the model whose price is to be looked up.
    """
    if not isinstance(cost, str):
        return told_cost(usage) if cost is None else cost
    endpoint, _, model = cost.partition(" ")
    price = price_of(endpoint, model)
    return None if price is None or usage is None else price.cost(usage)


def price_of(endpoint: str, model: str) -> Price | None:
    """Find the list price of a model at an endpoint, by genai-prices.

    Args:
        endpoint: Its address, which tells the provider: a model's name alone tells nothing of who bills for it.
        model: The model's name there.

    Returns:
        None where it is not known, or the extra `cost` is not installed.
    """
    return _price_of(endpoint, model, int(time.time() // _PERIOD))


@lru_cache(maxsize=1024)
def _price_of(endpoint: str, model: str, _period: int) -> Price | None:
    try:
        import genai_prices  # noqa: PLC0415 # of an extra, and slow
    except ImportError:
        return None
    for ours, theirs in _ALSO:
        endpoint = theirs + endpoint.removeprefix(ours) if endpoint.startswith(ours) else endpoint
    nothing = genai_prices.Usage(input_tokens=0, output_tokens=0)
    try:
        found = genai_prices.calc_price(nothing, model, provider_api_url=endpoint).model_price
    except LookupError:
        return None
    return _read(found)


_NAMES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
    "request": "requests_kcount",
}


def _read(found: Any) -> Price | None:
    """Read a price of genai-prices; one that is not by tokens is none of ours."""
    listed = {name: getattr(found, theirs, None) for name, theirs in _NAMES.items()}
    if listed["input"] is None or listed["output"] is None:
        return None
    starts = sorted({tier.start for price in listed.values() for tier in getattr(price, "tiers", ())})
    steps = tuple((start, Price(**_at(listed, start + 1))) for start in starts)
    return Price(**_at(listed, 0), above=steps)


def _at(listed: dict[str, Any], prompt: int) -> dict[str, Any]:
    """Give the prices for a prompt of so many tokens."""
    prices: dict[str, Any] = {}
    for name, price in listed.items():
        if price is not None:
            tiers = [tier for tier in getattr(price, "tiers", ()) if tier.start < prompt]
            value = max(tiers, key=lambda tier: tier.start).price if tiers else getattr(price, "base", price)
            prices[name] = float(value) / (1000 if name == "request" else 1)
    return prices
