"""How a run begins: from a prompt and a history, or from the state of an earlier part; the driver takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from agentkit.agent.effect import Turn
from agentkit.agent.prompt import Prompt, user_message
from agentkit.agent.ruling import rulings
from agentkit.agent.run import Recipe, Run
from agentkit.errors import ConfigurationError, InvalidRequestError, StateError
from agentkit.session import Session
from agentkit.state.decision import Decisions
from agentkit.state.run import RunState, new_run_id
from agentkit.tools.execute import running
from agentkit.wire.message import Message, parse_messages

__all__ = ["WENT_ON", "go_on", "start"]

WENT_ON = "Not run: the user went on."
"""What the model is told of calls that waited when the user said something else."""


def start(
    recipe: Recipe,
    prompt: Prompt,
    deps: Any,
    history: Iterable[Message | Mapping[str, Any]],
    session: Session | None = None,
) -> Run:
    """Make a run; calls of the history that still wait are answered with that the user went on.

    Raises:
        InvalidRequestError: A message of the history is not of the contract, the prompt is neither text nor parts, or
            a history is given beside a session, which has its own.
        ConfigurationError: What is given as session is none.
    """
    messages = parse_messages(history) if history != () else ()
    if session is not None:
        _check_session(session)
        if messages:
            raise InvalidRequestError(
                "Both `history` and `session` are given, and a session brings its own history. Give one of them; to "
                "put messages into a session: `async with session.turn() as turn: await turn.keep(messages)`."
            )
    if messages and prompt is not None:
        messages = RunState(messages=messages).with_closed_calls(WENT_ON).messages
    begin = len(messages)
    if prompt is not None:
        messages = (*messages, user_message(prompt))
    parent = running.get()
    run_id = parent.next_id() if parent else new_run_id()
    state = _blank().replace(run_id=run_id, messages=messages, start=begin, refused={}, subs={}, carried={})
    turn = recipe.steady or Turn((), recipe.toolbox, recipe.blank, recipe.bounds)
    return Run(recipe, state, deps=deps, turn=turn, session=session)


@cache
def _blank() -> RunState:
    """Give what each state is copied from: that costs a quarter of making one anew."""
    return RunState(run_id="")


def go_on(
    recipe: Recipe,
    state: RunState | str | bytes,
    decisions: Decisions | None,
    deps: Any,
    session: Session | None = None,
) -> Run:
    """Make a run of the state of an earlier part.

    Raises:
        StateError: The state cannot be read or was changed, or a decision is none, or not on a call that waits.
        ConfigurationError: What is given as session is none.
    """
    if session is not None:
        _check_session(session)
    saved = state if isinstance(state, RunState) else RunState.from_json(state)
    try:
        ruled = rulings(saved, {} if decisions is None else decisions)
    except StateError as error:
        error.state = saved
        raise
    run = Run(recipe, saved.resumed(), deps=deps, decisions=ruled, turn=Turn(toolbox=recipe.toolbox))
    run.session, run.resumed = session, True
    for message in saved.injected:
        run.inject(message)
    return run


def _check_session(given: Any) -> None:
    if not isinstance(given, Session):
        raise ConfigurationError(
            f"The session is {given!r}, which is none. Give one of a store: "
            '`SqliteStore("chat.db").session("id")` of agentkit.session.'
        )
