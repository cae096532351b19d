"""What a request may take, reserved from the run's ledgers before it is sent, and what it took, settled after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from agentkit.agent.estimate import Ratios, at_most, image_of, written
from agentkit.agent.run import Run
from agentkit.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    BadRequestError,
    ConfigurationError,
    LimitExceededError,
    ReplyRefusedError,
)
from agentkit.model import RequestSent, meter
from agentkit.price import Price, dollars, output_of, told_cost
from agentkit.providers.maximum import maximum_of
from agentkit.state.ledger import Need, count
from agentkit.state.reservation import Reservation, reserve
from agentkit.state.spent import Spent
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion, Usage
from agentkit.wire.setting import LIMITS

__all__ = ["ask_within", "cost_of", "count_reply"]

_UNSURE = frozenset((200, 502, 504, 520, 524))  # an error within a reply, or of a proxy: what is behind it may go on
_BYTES_A_TOKEN = 2  # of a reply whose usage nobody said
_ratios = Ratios()


async def ask_within(
    run: Run, request: ChatRequest, ask: Callable[[ChatRequest], Awaitable[ChatCompletion]]
) -> ChatCompletion:
    """Reserve what a request may take, have it asked with that as its bound, and settle what it took.

    Raises:
        LimitExceededError: Too little is left; nothing was sent.
        ConfigurationError: Its cost is bounded, and the model's price is not known.
    """
    wanted = _Wanted(run.recipe.model, request)
    reservation = await reserve(run.chain, _need(run, request, wanted), wait=meter.get() is None)
    token = meter.set(partial(_again, reservation))
    run.reservation = reservation
    try:
        completion = await ask(wanted.within(request, reservation.output // wanted.choices))
        _settle(run, request, completion, reservation)
    except BaseException as error:
        if wanted.tokens is None and isinstance(error, BadRequestError):
            error.add_note(
                f"A limit is in force, so at most {reservation.output // wanted.choices} tokens were asked for. If "
                "that is too much for the model, set max_completion_tokens, or give it a "
                "Profile(max_output_tokens=...)."
            )
        if _may_be_billed(error, sent=run.sent):
            reservation.cut()
        else:
            reservation.release()
        raise
    finally:
        meter.reset(token)
        run.reservation = None
    return completion


def cost_of(run: Run, usage: Usage | None) -> float | str | None:
    """Give the dollars of a reply, where they are known at once; else a text by which `dollars` finds its price."""
    if usage is None:
        return None
    sent: RequestSent | None = run.sent_as
    if usage.__pydantic_extra__ and (told := told_cost(usage)) is not None:
        return told
    price: Price | None = getattr(run.recipe.model, "price", None) if sent is None else sent.price
    if price is not None:
        return price.cost(usage)
    return None if sent is None else f"{sent.endpoint} {sent.model}"


def count_reply(run: Run, completion: ChatCompletion) -> None:
    """Count a reply in the ledgers around a run where none of them bounds it."""
    usage = completion.usage or Usage()
    cost = dollars(completion.usage, cost_of(run, completion.usage))
    count(run.chain, Spent(1, 0, usage.prompt_tokens, output_of(usage), cost or 0.0, int(cost is None)))


class _Wanted:
    """How long the replies may be that are asked for: the request says it, or its model; nearer ones win.

    Attributes:
        choices: How many replies.
        tokens: Of each; None where nothing says it.
        name: The field that says it.
    """

    def __init__(self, model: Any, request: ChatRequest) -> None:
        extra: Any = request.extra_body or {}
        settings = getattr(model, "settings", None)
        fields: list[tuple[str, Any]] = [(name, extra.get(name)) for name in LIMITS]
        fields += [(name, getattr(request, name)) for name in LIMITS]
        fields += [(name, getattr(settings, name, None)) for name in LIMITS]
        said = [(name, value) for name, value in fields if isinstance(value, int) and value > 0]  # -1 bounds nothing
        self.name: str = said[0][0] if said else LIMITS[0]
        self.tokens: int | None = said[0][1] if said else None
        choices = extra.get("n") or request.n or getattr(settings, "n", None)
        self.choices = choices if isinstance(choices, int) and choices > 0 else 1

    def within(self, request: ChatRequest, tokens: int) -> ChatRequest:
        """Give the request with a bound for each reply; itself where it has that already."""
        if self.tokens is not None and tokens >= self.tokens:
            return request
        changes: dict[str, Any] = dict.fromkeys(LIMITS) | {self.name: tokens}
        if extra := request.extra_body:
            changes["extra_body"] = {name: value for name, value in extra.items() if name not in LIMITS} or None
        return request.replace(**changes)


def _need(run: Run, request: ChatRequest, wanted: _Wanted) -> Need:
    model = run.recipe.model
    given = at_most(request, run.known, _ratios.of(model.name), image_of(model.name))
    longest = wanted.tokens
    if longest is None:
        longest = getattr(getattr(model, "profile", None), "max_output_tokens", None) or maximum_of(model.name)
    bounded = [ledger for ledger in run.chain if ledger.bounded]
    least = max(ledger.floor for ledger in bounded)
    least = least if longest is None else min(least, longest)
    cost, rate = 0.0, 0.0
    if any(ledger.priced for ledger in bounded):
        price = getattr(model, "price", None)
        if price is None:
            raise ConfigurationError(
                f"A limit of cost is in force, and what {model.name!r} costs is not known; nothing was sent. Give its "
                "price, ChatModel(..., price=Price(input=2.5, output=10)), in dollars for a million tokens. List "
                'prices come with an extra: pip install "agentkit-chat[cost]".'
            )
        cost, rate = price.most(given, audio=_has_audio(request))
    output = None if longest is None else longest * wanted.choices
    return Need(input_tokens=given, output_tokens=output, least=least * wanted.choices, cost=cost, rate=rate)


def _has_audio(request: ChatRequest) -> bool:
    return request.audio is not None or any(b'"input_audio"' in message.encoded for message in request.messages)


def _may_be_billed(error: BaseException, *, sent: bool) -> bool:
    """Tell whether an endpoint may charge for a request that brought no reply."""
    if isinstance(error, APIStatusError):
        return error.status_code in _UNSURE
    if isinstance(error, APIConnectionError):
        return error.sent
    return not isinstance(error, ConfigurationError) and (sent or isinstance(error, APIError | LimitExceededError))


async def _again(reservation: Reservation, error: Exception) -> None:
    refused = isinstance(error, ReplyRefusedError) and error.reply is not None and error.reply.usage is not None
    if refused or _may_be_billed(error, sent=True):
        try:
            await reservation.again(lost=not refused)
        except LimitExceededError as limit:
            raise limit from error


def _settle(run: Run, request: ChatRequest, completion: ChatCompletion, reservation: Reservation) -> None:
    usage, need = completion.usage, reservation.need
    told = told_cost(usage)
    said = usage is not None and min(usage.prompt_tokens, usage.completion_tokens) >= 0
    if usage is None or not said or not (usage.total_tokens or told is not None):  # some say 0 of everything
        output = min(reservation.output, -(-written(completion) // _BYTES_A_TOKEN))
        guess = need.cost + need.rate * output
        reservation.settle(Spent(1, 0, need.input_tokens, output, guess, 1), guessed=True)
        return
    if usage.prompt_tokens and told != 0:
        _ratios.learn(run.recipe.model.name, request, usage.prompt_tokens)
    given, output = usage.prompt_tokens, output_of(usage)
    cost = dollars(usage, cost_of(run, usage))
    if cost is None and (need.cost or need.rate):
        cost = need.cost + need.rate * output
    spent = Spent(reservation.attempts, 0, given, output, cost or 0.0, int(cost is None))
    reservation.settle(spent)
