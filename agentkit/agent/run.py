"""The one mutable thing of a run: its state so far, what its user gave it, and who watches.

Middleware get it; the driver and the batch write to it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from typing_extensions import TypeVar

from agentkit.agent.effect import Bounds, Finished, Paused, Turn
from agentkit.agent.event import MessageInjected, OutputAsked, Progress
from agentkit.agent.keeper import Keeper, Origin
from agentkit.agent.prompt import Prompt, injected_message
from agentkit.agent.steering import ENDED, Steering
from agentkit.errors import ConfigurationError
from agentkit.kind import new_dict, new_list, new_set
from agentkit.model import Model, ModelFellBack, Report, RequestRetried, RequestSent
from agentkit.output import Mode, OutputPlan
from agentkit.session import Session
from agentkit.state.decision import Decision
from agentkit.state.ledger import Ledger
from agentkit.state.reservation import Reservation
from agentkit.state.run import RunState
from agentkit.tools.answer import Answer
from agentkit.tools.context import Context
from agentkit.tools.execute import CallTool, OnToolError
from agentkit.tools.toolbox import Toolbox
from agentkit.wire.message import Message, ToolCall, UserMessage
from agentkit.wire.request import ChatRequest
from agentkit.wire.response import ChatCompletion
from agentkit.wire.setting import Settings

__all__ = ["Ask", "Call", "Instructions", "Middleware", "Perform", "Recipe", "Run", "Told", "context_of", "outermost"]

_Deps = TypeVar("_Deps", default=Any)

Told = Callable[[Context[Any]], str | Awaitable[str | None] | None]
"""Instructions that are found anew for each request."""

Instructions: TypeAlias = (
    str
    | Callable[[Context[_Deps]], str | Awaitable[str | None] | None]
    | Callable[[], str | Awaitable[str | None] | None]
)
"""A text, or a function (sync or async) of the context, or of nothing, that gives one; None adds nothing."""

Ask = Callable[[ChatRequest], Awaitable[ChatCompletion]]
Call = Callable[[CallTool], Awaitable[Answer]]
Perform = Callable[[RunState], Awaitable[Finished | Paused]]
Admit = Callable[[UserMessage], Awaitable[UserMessage]]


class Middleware:
    """What stands around a run and its two acts; override the methods that are wanted.

    Each gets what is about to happen, the run, and `next`, which lets it happen and gives the outcome. It may change
    either, or answer without `next`. The first of an agent's list is the outermost.
    """

    async def run(self, state: RunState, run: Run, next: Perform, /) -> Finished | Paused:  # noqa: A002, ARG002 # as in starlette; for those that override
        """Stand around one part of a run: from its start, or where it is resumed, to its end, a pause or an error.

        The time that it takes itself counts for `RunLimits(seconds=)`, which cuts it nowhere.
        """
        return await next(state)

    async def ask(self, request: ChatRequest, run: Run, next: Ask, /) -> ChatCompletion:  # noqa: A002, ARG002 # as in starlette; for those that override
        """Stand around one request to the model."""
        return await next(request)

    async def call(self, call: CallTool, run: Run, next: Call, /) -> Answer:  # noqa: A002, ARG002 # as in starlette; for those that override
        """Stand around one call; its name is known, its arguments are whole, valid and let through."""
        return await next(call)


outermost: list[Middleware] = []
"""Around every run of this process, outside an agent's own; filled at import where the environment asks for logs."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What of a run does not change while it runs; an agent makes it from its fields and the call's.

    Attributes:
        mode: How the output is asked for.
        output_tool: The name of the tool whose arguments are the output, in the mode "tool".
        instructions: Those of the output mode last.
        blank: A request without messages, of which each turn's is a copy: tools, output format, settings.
        final: The same for the last turn, where the output's format may not stand beside tools: they come first then.
        profile: What was known of the endpoint when this was made.
        renew: Makes the recipe again, from what is known of the endpoint now.
        name: The agent's, if it has one.
        choose: Gives the recipe of each turn, where tools or settings are functions of the context; else None.
        insists: Whether the choice among tools is this turn's own, and is sent though it was obeyed before.
        steady: What each request is made of besides the history, where that is the same for all of them; else None.
    """

    model: Model
    plan: OutputPlan[Any]
    mode: Mode
    output_tool: str | None
    toolbox: Toolbox
    blank: ChatRequest
    final: ChatRequest | None
    instructions: tuple[str | Told, ...]
    settings: Settings
    bounds: Bounds
    on_tool_error: OnToolError
    middleware: tuple[Middleware, ...]
    profile: Any
    renew: Callable[[], Recipe]
    name: str | None = None
    choose: Callable[[Context[Any]], Awaitable[Recipe]] | None = None
    insists: bool = False
    steady: Turn | None = None

    @property
    def way(self) -> tuple[Any, ...]:
        """Give what tells one way to ask for the output from another."""
        return self.mode, self.final is not None, self.blank.tool_choice

    def renewed(self) -> Recipe:
        """Give the recipe as the endpoint wants it by what was learned since; itself where that is nothing."""
        if self.plan.is_text:
            return self
        now = getattr(self.model, "profile", None)
        return self if now is self.profile or now == self.profile else self.renew()


@dataclass(slots=True)
class Run:
    """A run in progress.

    Attributes:
        recipe: What it runs with.
        state: As far as it came; every outcome lands here at once.
        deps: What tools get as `context.deps`.
        decisions: What was decided on held calls, by call id.
        passed: What was decided on calls that wait in sub-runs, by the call that began each.
        first: What the run began with, where it was handed over to another agent.
        watcher: Takes events; None where nobody watches, and then none is made.
        room: Gives what to wait for until the watcher has room for more events, None where it has; replies are
            streamed only where this is set.
        turn: The tools and instructions of the last request.
        told: What the functions among the instructions gave for it.
        asked_at: Turns and failed attempts when the functions of the context were last asked.
        answers: Of the calls, as they came.
        outputs: Outputs that were read and validated, by the id of their call.
        rejected: What made the last attempt no valid output.
        refusals: Ways to ask for the output that the endpoint refused since its last reply, each with its error.
        reply: The last reply of this part of the run.
        sent: Whether the request that is on was sent, where the model says so.
        under_way: The ids of the calls that run; what an abandoned thread tells of another one is dropped.
        sent_as: How the request that is on was sent last, where the model says so.
        chain: The run's ledger, and those around it.
        bounded: Whether one of them bounds what is counted, so that requests are reserved.
        reservation: Of the request that is on, where they are.
        known: The last request whose tokens the endpoint counted, with that count.
        started: When this part of the run began, by the monotonic clock.
        session: Where the history comes from and goes to, if anywhere.
        resumed: Whether the state is that of an earlier part.
        steering: What is put into it from outside, and its cancellation.
        admits: What each message passes that is put in; gives it, or another in its place.
        keeper: What writes it down while it goes, if anything.
        origin: What it was made of, for that.
        cut: The state before calls that were on their way were closed, for the run was cancelled or out of time.
    """

    recipe: Recipe
    state: RunState
    deps: Any = None
    decisions: Mapping[str, Decision] = field(default_factory=new_dict)
    passed: dict[str, dict[str, Decision]] = field(default_factory=new_dict)
    first: Recipe | None = None
    watcher: Callable[[Any], None] | None = None
    room: Callable[[], Awaitable[None] | None] | None = None
    turn: Turn = field(default_factory=Turn)
    told: list[str | None] = field(default_factory=new_list)
    asked_at: tuple[int, int] | None = None
    outputs: dict[str, Any] = field(default_factory=new_dict)
    answers: list[Answer] = field(default_factory=new_list)
    rejected: Exception | None = None
    refusals: list[tuple[tuple[Any, ...], Exception]] = field(default_factory=new_list)
    reply: ChatCompletion | None = None
    sent: bool = False
    sent_as: RequestSent | None = None
    chain: tuple[Ledger, ...] = ()
    bounded: bool = False
    reservation: Reservation | None = None
    under_way: set[str] = field(default_factory=new_set)
    known: tuple[ChatRequest, int] | None = None
    started: float = field(default_factory=time.monotonic)
    session: Session | None = None
    resumed: bool = False
    steering: Steering = field(default_factory=Steering)
    admits: list[Admit] = field(default_factory=new_list)
    keeper: Keeper[Run] | None = None
    origin: Origin | None = None
    cut: RunState | None = None
    _stacks: dict[str, Callable[[Any], Awaitable[Any]]] = field(default_factory=new_dict)

    def inject(self, message: Prompt | Message | Mapping[str, Any]) -> None:
        """Put what the user says into the run, from any thread: it is sent with the next request.

        Where the run would end with the reply that is on its way, it goes on instead.

        Args:
            message: Text, content parts, or a user message, ours or in OpenAI's dict format.

        Raises:
            InvalidRequestError: It is none of these.
            RunError: The run has ended, or waits for decisions.
        """
        self.steering.put(injected_message(message))

    def cancel(self) -> None:
        """Cancel the run, from any task or thread: it ends with `RunCancelledError`, and a history that is valid.

        Called again, or after the end, it does nothing.
        """
        self.steering.cancel()

    async def take_in(self, messages: tuple[UserMessage, ...]) -> RunState:
        """Take what was put into the run into the state, and show it; what is not let in waits in `state.injected`."""
        if not messages:
            return self.state
        asked = self.asked
        for place, given in enumerate(messages):
            message = given
            try:
                for admit in self.admits:
                    message = await admit(message)
            except BaseException:
                self.state = self.state.replace(injected=(*self.state.injected, *messages[place:]))
                raise
            self.state = self.state.with_injected((message,))
            self.emit(MessageInjected(message))
        if self.asked != asked:
            self.emit(self.asked)
        return self.state

    def settle(self, why: str = ENDED) -> None:
        """Take no message any more; those that were not sent go into the state, for a later part of the run."""
        if left := self.steering.close(why):
            self.state = self.state.replace(injected=(*self.state.injected, *left))
        self._stacks.clear()  # they hold the run: without a circle it is freed at once when nobody needs it

    def emit(self, event: Any) -> None:
        """Show an event to the watcher, if there is one; callable from any thread."""
        watcher = self.watcher
        if watcher is not None:
            watcher(event)

    def end(self, event: Any) -> None:
        """Show the last event: what comes after it, of a thread that was abandoned, is shown to nobody."""
        watcher, self.watcher = self.watcher, None
        if watcher is not None:
            watcher(event)

    def hear(self, event: Report) -> None:
        """Take what happened below the loop: note whether a request is on its way, and show it."""
        if isinstance(event, RequestSent):
            self.sent, self.sent_as = True, event
        elif isinstance(event, RequestRetried | ModelFellBack):
            self.sent = False
        if self.watcher is not None:
            self.watcher(event)

    @property
    def asked(self) -> OutputAsked:
        """Tell how the output is asked for now."""
        return OutputAsked(self.recipe.mode, self.recipe.output_tool, tools_first=self.tools_first)

    @property
    def tools_first(self) -> bool:
        """Tell whether the output is asked for only once the tools are done, and they are not yet."""
        return self.recipe.final is not None and not self.state.finishing

    @property
    def seconds(self) -> float:
        """Give the time spent, earlier parts included."""
        return self.state.seconds + time.monotonic() - self.started

    def change(self, recipe: Recipe) -> None:
        """Go on with what another agent runs with."""
        self.first = self.first or self.recipe
        self.recipe, self.turn, self.known = recipe, Turn(toolbox=recipe.toolbox), None
        self.asked_at = None
        self.refusals.clear()
        self._stacks.clear()

    def fold(self, method: str, core: Callable[[Run, Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        """Stack the middleware that have a method round one core, the first outermost; once for a run."""
        layers = (self.first or self.recipe).middleware
        if not layers:
            return partial(core, self)
        step = self._stacks.get(method)
        if step is None:
            step = partial(core, self)
            for layer in reversed(layers):
                if getattr(type(layer), method) is not getattr(Middleware, method):
                    step = partial(_through, getattr(layer, method), self, step)
            self._stacks[method] = step
        return step


async def _through(around: Callable[..., Awaitable[Any]], run: Run, step: Any, act: Any) -> Any:
    outcome = await around(act, run, step)
    if outcome is None:
        raise ConfigurationError(
            f"The middleware {type(getattr(around, '__self__', around)).__name__} gave None. "
            "Give what `next` gives, or another of its kind: `return await next(...)`."
        )
    return outcome


def context_of(run: Run, call: ToolCall | None = None) -> Context[Any]:
    """Make what a tool, an instruction or a validator gets to know of the run."""
    call_id, name, arguments, state = "", "", "", run.state
    if call is not None:
        call_id, function = call.id, call.function
        name, arguments = function.name, function.arguments
    return Context(
        deps=run.deps,
        run_id=state.run_id,
        call_id=call_id,
        tool_name=name,
        arguments=arguments,
        turn=state.turns,
        usage=state.usage,
        retry=state.refused.get(name, 0),
        emit=partial(_progress, run, call_id, name),
    )


def _progress(run: Run, call_id: str, name: str, value: Any) -> None:
    if call_id in run.under_way or not call_id:
        run.emit(Progress(call_id, name, value))
